"""From changes to verdicts, fits and alerts, inside one transaction: gather the situation, then judge."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from watcher import assess
from watcher.changes import releases
from watcher.families import Registry
from watcher.ports import Tx
from watcher.quants import loads, matches_quant, weights_complete
from watcher.report import Warranted, build_alert, build_summary
from watcher.situation import Candidate, Evidence, Policy, Situation
from watcher.triggers import judge
from watcher.types import Action, Alert, Change, ChangeKind, Deployment, Entry, Member, Stack, Verdict
from watcher.uses import quant_repo


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What does not change during a round: whom we serve, what we know of the world, how patient we are.

    channels: the deployments each channel wants to hear of; empty for all. catching_up: nobody has
    looked for so long that what changed is told in one message.
    """

    stack: Stack
    registry: Registry
    policy: Policy
    channels: Mapping[str, frozenset[str]]
    trending: frozenset[str] = frozenset()
    catching_up: bool = False


MOST_ALERTS_AT_ONCE = 5  # more from one poll of one account are one message


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What a step wrote: counted for the report, listed for the demo."""

    changes: list[tuple[str, Change]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        self.changes += other.changes
        self.verdicts += other.verdicts
        self.alerts += other.alerts


def decide(tx: Tx, changes: Sequence[Change], rules: Rules, now: datetime) -> Outcome:
    """Records changes, one verdict per change and deployment, and the alerts they warrant."""
    identified = [(tx.save_change(change), change) for change in changes]
    outcome = rejudge(tx, [(change_id, change, None) for change_id, change in identified], rules, now)
    outcome.changes = identified
    return outcome


def rejudge(tx: Tx, items: Sequence[tuple[str, Change, str | None]], rules: Rules, now: datetime) -> Outcome:
    """Judges (change id, change, deployment) items; deployment None: every one of the team's."""
    outcome = Outcome()
    if not items:
        return outcome
    view = _View(tx, [change for _, change, _ in items], rules, now)
    warranted: dict[tuple[str, str], list[tuple[str, Warranted]]] = defaultdict(list)
    for change_id, change, only in items:
        verdicts = []
        for deployment in _places(rules.stack, only):
            situation = view.situation(change, deployment)
            verdict = judge(change, situation)
            verdicts.append(verdict)
            if verdict.action is Action.ALERT:
                topic = (change.lineage.thread, verdict.trigger)
                warranted[topic].append((change_id, Warranted(verdict=verdict, situation=situation)))
        tx.save_verdicts(change_id, verdicts, now)
        outcome.verdicts += verdicts
    for alert, change_ids in _alerts(list(warranted.values()), rules, now):
        targets = [
            name for name, wants in rules.channels.items() if not wants or wants & set(alert.deployments)
        ]
        if tx.save_alert(alert, change_ids, targets, now):
            outcome.alerts.append(alert)
    return outcome


def _alerts(
    groups: Sequence[Sequence[tuple[str, Warranted]]], rules: Rules, now: datetime
) -> Iterator[tuple[Alert, list[str]]]:
    """One alert per release and trigger; after a long absence, or when there are many, one for all."""
    if len(groups) > (1 if rules.catching_up else MOST_ALERTS_AT_ONCE):
        ids = [change_id for group in groups for change_id, _ in group]
        yield build_summary([[item for _, item in group] for group in groups], now), list(dict.fromkeys(ids))
        return
    for group in groups:
        yield build_alert([item for _, item in group], now), list(dict.fromkeys(i for i, _ in group))


def _places(stack: Stack, only: str | None) -> Iterable[Deployment | None]:
    if not stack.deployments:
        return (None,)
    return tuple(d for d in stack.deployments if only is None or d.name == only)


def is_news(quant: Member, baselines: Mapping[str, datetime]) -> bool:
    """Whether a quant came after the first sight of its publisher."""
    baseline = baselines.get(f"hub:{quant.lineage.publisher}")
    return baseline is None or quant.first_seen > baseline


class _View:
    """The catalog as one batch of changes needs it, read once."""

    def __init__(self, tx: Tx, changes: Sequence[Change], rules: Rules, now: datetime) -> None:
        self._tx, self._rules, self._now = tx, rules, now
        bases = {c.lineage.base_repo for c in changes if c.lineage.base_repo}
        deployed = {d.model for d in rules.stack.deployments}
        deployed |= {repo for d in rules.stack.deployments if (repo := quant_repo(d))}
        self._entries = dict(tx.entries({c.key.id for c in changes} | bases | deployed))
        quants = tx.quants_of(
            bases | deployed | {c.key.id for c in changes if c.kind is ChangeKind.NEW_FAMILY}
        )
        self._baselines = tx.baselines()
        self._quants: dict[str, list[Member]] = defaultdict(list)
        for quant in quants:
            self._quants[(quant.lineage.base_repo or "").casefold()].append(quant)
        self._entries |= dict(tx.entries({q.repo_id for q in quants}))
        self._members = releases(tx.members({c.lineage.family for c in changes if c.lineage.family}))
        self._told = tx.alerts_since(now - rules.policy.told_recently)
        self._fits: dict[tuple[str, str], Candidate | None] = {}

    def situation(self, change: Change, deployment: Deployment | None) -> Situation:
        entry = self._entries[change.key.folded]
        base = self._entry(change.lineage.base_repo)
        facts = entry.known.facts
        offers, elsewhere = self._wanted(entry, deployment)
        return Situation(
            stack=self._rules.stack,
            registry=self._rules.registry,
            policy=self._rules.policy,
            now=self._now,
            facts=facts,
            licence=entry.licence,
            complete=weights_complete(facts, entry.known.details),
            deployment=deployment,
            first_seen=entry.known.first_seen,
            candidate=self._candidate(entry, change, deployment),
            incumbent=self._incumbent(deployment, before=self._before(entry, change)),
            incumbent_family=self._family(deployment),
            relatives=tuple(m for m in self._members if m.lineage.family == change.lineage.family),
            loadable=self._loadable(entry, deployment),
            offers_wanted=offers,
            wanted_elsewhere=elsewhere,
            base_created_at=base.known.facts.created_at if base else None,
            evidence=self._evidence(change),
            told=self._told,
        )

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

    def _evidence(self, change: Change) -> Evidence:
        quants = self._quants.get(change.key.folded, [])
        return Evidence(
            quantised_by=frozenset(q.lineage.publisher for q in quants if self._independent(q)),
            trending=change.key.folded in self._rules.trending,
            fresh=any(is_news(q, self._baselines) for q in quants),
        )

    def _independent(self, quant: Member) -> bool:
        """A trusted quantiser other than the maker."""
        named = {q.casefold() for q in self._rules.stack.quantisers}
        publisher = quant.lineage.publisher.casefold()
        trusted = publisher in named or publisher in self._rules.registry.trusted_quantisers
        return trusted and not quant.lineage.official

    def _trusted(self, quant: Member) -> bool:
        return quant.lineage.official or self._independent(quant)

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

    def _best(self, entry: Entry, deployment: Deployment) -> Candidate | None:
        topic = (entry.known.key.folded, deployment.name)
        if topic not in self._fits:
            base = self._entry(entry.lineage.base_repo)
            self._fits[topic] = assess.best_for(entry, base.known if base else None, deployment)
        return self._fits[topic]

    def _candidate(self, entry: Entry, change: Change, deployment: Deployment | None) -> Candidate | None:
        if deployment is None:
            return None
        own = self._best(entry, deployment)
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
        real = own if own and not own.hypothetical else None
        if exact:
            return real
        quants = self._earlier(deployment.model, before)
        return assess.best_of([*(self._best(quant, deployment) for quant in quants), real])
