"""The catalog as one batch of changes needs it, read once: every change's situation for every deployment."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from watcher import assess
from watcher.decisions import of_release
from watcher.designs import has_own_class
from watcher.elders import TABLE_SPEAKS_AFTER
from watcher.licence_checks import effective_licence
from watcher.moves import Moves
from watcher.ports import Tx
from watcher.quants import loads, matches_quant, weights_complete
from watcher.rules import Rules
from watcher.situation import Candidate, Evidence, Situation
from watcher.types import (
    Change,
    ChangeKind,
    Comparison,
    Consequences,
    Deployment,
    Entry,
    FitVerdict,
    Key,
    Member,
    RepoFacts,
)
from watcher.uses import independent_quantiser, names_in_use, quant_repo, told_as, trusted_publisher


def is_news(quant: Member, baselines: Mapping[str, datetime]) -> bool:
    """Whether a quant came after the first sight of its publisher; of strangers nothing counts as news."""
    baseline = baselines.get(f"hub:{quant.lineage.publisher}".casefold())
    return baseline is not None and quant.first_seen > baseline


# What a change that is not about a repo means, by its key and the deployment's name.
Findings = Mapping[tuple[Key, str | None], Comparison | Consequences]


# Sources whose keys are ids of repos; others (config, releases, feeds) name things of their own.
_OF_REPOS = frozenset({"hub", "eval"})


class View:
    """The catalog as one batch of changes needs it, read once."""

    def __init__(
        self, tx: Tx, changes: Sequence[Change], rules: Rules, now: datetime, findings: Findings
    ) -> None:
        self._tx, self._rules, self._now, self._findings = tx, rules, now, findings
        bases = {c.lineage.base_repo for c in changes if c.lineage.base_repo}
        deployed = set(names_in_use(rules.stack))
        self._entries = dict(tx.entries({c.key.id for c in changes} | bases | deployed))
        quants = tx.quants_of(bases | deployed | {c.key.id for c in changes if c.key.source in _OF_REPOS})
        self._baselines = tx.baselines()
        self._quants: dict[str, list[Member]] = defaultdict(list)
        for quant in quants:
            self._quants[(quant.lineage.base_repo or "").casefold()].append(quant)
        self._entries |= dict(tx.entries({q.repo_id for q in quants}))
        self._told = {
            (told_as(v), v.deployment): alert_id
            for alert_id, v in tx.alerted_since(now - rules.policy.told_recently)
            if of_release(v.change)
        }
        self.moves = Moves.of_late(tx, changes, rules)
        self._corrections = tx.corrections()
        found = (self._family(d) for d in rules.stack.deployments)
        self._families = frozenset(family for family in found if family)
        self._fits: dict[tuple[str, str, bool], Candidate | None] = {}

    def situation(self, change: Change, deployment: Deployment | None) -> Situation:
        entry = self._entries.get(change.key.folded) if change.key.source in _OF_REPOS else None
        if entry is None:
            return self._without_repo(change, deployment)
        base = self._entry(change.lineage.base_repo)
        facts = entry.known.facts
        offers, elsewhere = self._wanted(entry, deployment)
        return Situation(
            stack=self._rules.stack,
            registry=self._rules.registry,
            policy=self._rules.policy,
            now=self._now,
            facts=facts,
            licence=effective_licence(entry, base)[0] or entry.licence,
            complete=weights_complete(facts, entry.known.details),
            missing=entry.known.missing_since is not None,
            gone=entry.known.removed_at is not None,
            deployment=deployment,
            first_seen=entry.known.first_seen,
            candidate=self._candidate(entry, change, deployment),
            incumbent=self._incumbent(deployment, before=self._before(entry, change)),
            incumbent_family=self._family(deployment),
            incumbent_total=self._total(deployment),
            other_families=self._families,
            context_tokens=assess.context_of(entry, base),
            runs_already=self._runs_already(entry, change, base),
            loadable=self._loadable(entry, deployment),
            offers_wanted=offers,
            wanted_elsewhere=elsewhere,
            family_since=self._rules.releases.first(change.lineage.family or ""),
            family_largest=self._largest(change),
            base_created_at=base.known.facts.created_at if base else None,
            evidence=self._evidence(change, facts),
            moves=self.moves.of_repo(change),
            told=self._told,
            finding=self._finding(change, deployment),
        )

    def _without_repo(self, change: Change, deployment: Deployment | None) -> Situation:
        """The situation of a change that is not about a repo of the catalog."""
        return Situation(
            stack=self._rules.stack,
            registry=self._rules.registry,
            policy=self._rules.policy,
            now=self._now,
            facts=RepoFacts(repo_id=change.key.id),
            licence=None,
            complete=None,
            deployment=deployment,
            first_seen=change.detected_at,
            incumbent=self._incumbent(deployment, before=self._now),
            incumbent_family=self._family(deployment),
            told=self._told,
            finding=self._finding(change, deployment),
        )

    def _largest(self, change: Change) -> float | None:
        until = change.detected_at - TABLE_SPEAKS_AFTER
        return self._rules.releases.largest(change.lineage.family or "", until)

    def _finding(self, change: Change, deployment: Deployment | None) -> Comparison | Consequences | None:
        return self._findings.get((change.key, deployment.name if deployment else None))

    def _before(self, entry: Entry, change: Change) -> datetime:
        """A newcomer is compared with what was there before it; any other change with what there is."""
        newcomer = change.kind is ChangeKind.NEW_QUANT
        return entry.known.first_seen if newcomer else self._now

    def _entry(self, repo_id: str | None) -> Entry | None:
        return self._entries.get(repo_id.casefold()) if repo_id else None

    def _family(self, deployment: Deployment | None) -> str | None:
        if deployment is None:
            return None
        entry = self._entry(deployment.model)
        if entry is not None:
            return entry.lineage.family
        family = self._rules.registry.of_organisation(deployment.model.partition("/")[0])
        return family.key if family else None

    def _total(self, deployment: Deployment | None) -> float | None:
        """How large the model in use is, as far as its repo, its name or the known shapes tell."""
        if deployment is None:
            return None
        return assess.size_in_use(self._entry(deployment.model), deployment.model)

    def _runs_already(self, entry: Entry, change: Change, base: Entry | None) -> bool | None:
        """Whether the base of a quant fits a machine of the team without it: as published, or by an elder."""
        if change.kind is not ChangeKind.NEW_QUANT or not change.lineage.base_repo:
            return None
        places = [d for d in self._rules.stack.deployments if not d.hardware.planned]
        elders = self._earlier(change.lineage.base_repo, entry.known.first_seen)
        fits = [assess.as_published(base or entry, d, self._corrections) for d in places]
        fits += [c.fit.verdict for d in places for e in elders if (c := self._best(e, d))]
        known = [verdict for verdict in fits if verdict is not None]
        return any(verdict is not FitVerdict.NO for verdict in known) if known else None

    def _evidence(self, change: Change, facts: RepoFacts) -> Evidence:
        quants = [q for q in self._quants.get(change.key.folded, []) if self._independent(q)]
        return Evidence(
            quantised_by=frozenset(q.lineage.publisher for q in quants),
            trending=change.key.folded in self._rules.trending,
            supported=has_own_class(facts),
            fresh=any(is_news(q, self._baselines) for q in quants),
        )

    def _independent(self, quant: Member) -> bool:
        return independent_quantiser(quant.lineage, self._rules.stack, self._rules.registry)

    def _trusted(self, quant: Member) -> bool:
        return trusted_publisher(quant.lineage, self._rules.stack, self._rules.registry)

    def _wanted(self, entry: Entry, deployment: Deployment | None) -> tuple[bool, bool]:
        """Whether the repo has the deployment's format, and whether an earlier trusted one has."""
        wanted = deployment.quant if deployment else None
        if deployment is None or not wanted or "/" in wanted:
            return False, False
        offers = self._offers(entry, deployment, wanted)
        earlier = self._earlier(deployment.model, entry.known.first_seen)
        return offers, any(self._offers(other, deployment, wanted) for other in earlier)

    def _loadable(self, entry: Entry, deployment: Deployment | None) -> bool:
        if deployment is None or not entry.variants:
            return True
        return any(loads(deployment.engine, v) for v in entry.variants)

    def _offers(self, entry: Entry, deployment: Deployment, wanted: str) -> bool:
        return any(matches_quant(v, wanted) and loads(deployment.engine, v) for v in entry.variants)

    def _earlier(self, base: str, than: datetime | None) -> list[Entry]:
        """Trusted quants of a base; those seen at the same time as a newcomer are no elders of it."""
        members = self._quants.get(base.casefold(), [])
        elders = (q for q in members if self._trusted(q) and (than is None or q.first_seen < than))
        return [entry for q in elders if (entry := self._entry(q.repo_id))]

    def _best(self, entry: Entry, deployment: Deployment, *, assume: bool = False) -> Candidate | None:
        """The best way to run a repo's own weights; with assume, also weights that nobody published yet."""
        topic = (entry.known.key.folded, deployment.name, assume)
        if topic not in self._fits:
            base = self._entry(entry.lineage.base_repo)
            known = base.known if base else None
            self._fits[topic] = assess.best_for(
                entry, known, deployment, assume=assume, corrections=self._corrections
            )
        return self._fits[topic]

    def _candidate(self, entry: Entry, change: Change, deployment: Deployment | None) -> Candidate | None:
        if deployment is None:
            return None
        own = self._best(entry, deployment, assume=True)
        if entry.lineage.quant or change.kind is ChangeKind.NEW_QUANT:
            return own
        quants = self._earlier(entry.known.facts.repo_id, None)
        return assess.best_of([*(self._best(quant, deployment) for quant in quants), own])

    def _incumbent(self, deployment: Deployment | None, *, before: datetime) -> Candidate | None:
        """How the model in use runs today: its exact quant where one is named, else the best there was."""
        if deployment is None:
            return None
        exact = self._entry(quant_repo(deployment))
        entry = exact or self._entry(deployment.model)
        own = self._best(entry, deployment) if entry else None
        if exact:
            return own
        quants = self._earlier(deployment.model, before)
        return assess.best_of([*(self._best(quant, deployment) for quant in quants), own])
