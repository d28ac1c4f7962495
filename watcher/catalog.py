"""From observations to catalog rows and changes, inside one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from watcher import assess, changes, flapping, licences, methods, relabels, uses
from watcher.judging import decide
from watcher.licence_checks import effective_licence
from watcher.moves import account_of
from watcher.names import lineage_of
from watcher.newcomers import newcomer, releases
from watcher.ports import Tx
from watcher.quants import variants_of
from watcher.rules import Outcome, Rules
from watcher.types import (
    Change,
    ChangeKind,
    Details,
    Entry,
    Known,
    Lineage,
    Look,
    Member,
    Observation,
    Presence,
    RepoFacts,
)

SECOND_LOOK_AFTER = timedelta(hours=6)  # a repo is gone when its page says so twice, this far apart


class Recorder:
    """Writes one source's observations; rules and clock are fixed for the round.

    fits: also what fits where, for those who ask the catalog; deciding does not need it.
    """

    def __init__(self, *, rules: Rules, now: datetime, fits: bool = True) -> None:
        self.rules, self._now, self._fits = rules, now, fits

    def baseline(self, tx: Tx, observations: Sequence[Observation], looks: Sequence[Look] = ()) -> None:
        """First sight of a source, or a log taken over: everything is recorded, nothing is a change."""
        self._answers(tx, looks)
        known = self._known(tx, observations) | self._redirected(tx, looks)
        bases = self._bases(tx, observations)
        entries = [self.entry(o, known.get(o.key.folded), bases) for o in observations]
        for observation in observations:
            self._follow(tx, known.get(observation.key.folded), observation)
        tx.save_entries(entries, self._now)
        self._inherit(tx, entries)
        tx.log(observations)
        tx.log_looks(looks, self._now)
        self._save_fits(tx, entries, bases)

    def record(self, tx: Tx, observations: Sequence[Observation], looks: Sequence[Look]) -> Outcome:
        """Later sights: compare, write what is new, decide."""
        found = self._answers(tx, looks)
        answered = [look.observation for look in looks if look.observation is not None]
        observations = list({o.key.folded: o for o in [*answered, *observations]}.values())
        known = self._known(tx, observations) | self._redirected(tx, looks)
        bases = self._bases(tx, observations)
        entries: list[Entry] = []
        logged: list[Observation] = []
        unchanged: list[Observation] = []
        unsettled: list[Change] = []
        newcomers: list[tuple[Observation, Entry]] = []
        for observation in observations:
            before = known.get(observation.key.folded)
            if before is not None and self._is_quiet(before, observation):
                unchanged.append(observation)
                continue
            entry = self.entry(observation, before, bases)
            entries.append(entry)
            logged.append(observation)
            if before is None:
                newcomers.append((observation, entry))
                continue
            self._follow(tx, before, observation)
            late, early = self._compare(before, observation, entry.lineage)
            found += late
            unsettled += early
        recorded = self._recorded(tx, [*found, *unsettled])
        # What an account does to five repos and more at once is no finishing touch to one of them.
        found += relabels.in_bulk(unsettled, [*found, *recorded])
        found = flapping.fresh(found, recorded)
        found += self._classify(tx, newcomers, bases)
        found += self._methods(tx, logged, entries)
        tx.save_entries(entries, self._now)
        self._inherit(tx, entries)
        tx.touch([(o.key.id, o.facts.popularity) for o in unchanged], self._now)
        tx.log(logged)
        tx.log_looks(looks, self._now)
        self._save_fits(tx, entries, bases)
        return decide(tx, found, self.rules, self._now)

    def _recorded(self, tx: Tx, found: Sequence[Change]) -> list[Change]:
        """What moved within a day in the accounts of some changes."""
        accounts = {account_of(change) for change in found}
        recorded = tx.moves(accounts, self._now - relabels.WITHIN) if found else ()
        return [change for _, change in recorded]

    def _methods(self, tx: Tx, seen: Sequence[Observation], entries: Sequence[Entry]) -> list[Change]:
        """Methods that a maker or trusted quantiser is the first to use; the catalog is asked if need be."""
        stack, registry = self.rules.stack, self.rules.registry
        found: dict[str, Change] = {}
        had: set[str] | None = None
        for look, entry in zip(seen, entries, strict=True):
            trusted = uses.trusted_publisher(entry.lineage, stack, registry)
            if not trusted or not methods.unknown_methods(entry):
                continue
            if had is None:
                had = tx.quant_methods({*registry.trusted_quantisers, *stack.quantisers})
            for change in methods.first_uses(look, entry, had):
                found.setdefault(change.after or "", change)
        return list(found.values())

    @staticmethod
    def _inherit(tx: Tx, entries: Sequence[Entry]) -> None:
        """Quants that the catalog had before their base, or before its licence moved, get its licence."""
        bases = {e.known.key.folded: e for e in entries if e.licence and not e.lineage.quant}
        stale = [
            m.repo_id
            for m in tx.quants_of(bases)
            if (base := bases.get((m.lineage.base_repo or "").casefold())) and m.licence != base.licence
        ]
        found = []
        for entry in tx.entries(stale).values():
            bound = with_licence(entry, bases.get((entry.lineage.base_repo or "").casefold()))
            found += [(entry.known.facts.repo_id, bound.licence)] if bound.licence != entry.licence else []
        tx.save_licences(found)

    def reconsider(self, tx: Tx, repo_ids: Iterable[str]) -> Outcome:
        """Repos that a baseline recorded in silence and that others took up since: they are news now."""
        entries = tx.entries(repo_ids).values()
        waiting = [e for e in entries if e.known.key.folded not in tx.new_families([e.known.facts.repo_id])]
        found: list[Change] = []
        for entry in waiting:
            seen = remembered(entry.known, self._now)
            found += [c for c in newcomer(seen, entry.lineage, []) if c.kind is ChangeKind.NEW_FAMILY]
        return decide(tx, found, self.rules, self._now)

    @staticmethod
    def _known(tx: Tx, observations: Sequence[Observation]) -> dict[str, Known]:
        """What was known of each, by its folded id of today.

        The Hub's own id wins over the name: a repo that moved onto the name of another is itself,
        and what had the name before gives way.
        """
        known = dict(tx.known(o.key.id for o in observations))
        hub_ids = {
            o.key.folded: o.facts.hub_id
            for o in observations
            if o.facts.hub_id
            and (o.key.folded not in known or known[o.key.folded].facts.hub_id not in (None, o.facts.hub_id))
        }
        by_hub_id = tx.known_by_hub_id(set(hub_ids.values()))
        return known | {name: by_hub_id[hub_id] for name, hub_id in hub_ids.items() if hub_id in by_hub_id}

    @staticmethod
    def _redirected(tx: Tx, looks: Sequence[Look]) -> dict[str, Known]:
        """Repos whose page led to another name: the redirect is the proof, also without a Hub id."""
        moved = [look for look in looks if look.presence is Presence.RENAMED and look.observation]
        known = tx.known(look.repo_id for look in moved)
        return {
            look.observation.key.folded: known[look.repo_id.casefold()]
            for look in moved
            if look.observation and look.repo_id.casefold() in known
        }

    @staticmethod
    def _follow(tx: Tx, before: Known | None, seen: Observation) -> None:
        if before is not None and before.key.folded != seen.key.folded:
            tx.rename(before.facts.repo_id, seen.key.id)

    def _is_quiet(self, before: Known, seen: Observation) -> bool:
        """Nothing lasting to write: same facts, same revision, no new details, not coming back."""
        return (
            before.removed_at is None
            and before.missing_since is None
            and seen.details is None
            and (not seen.revision or before.revision == seen.revision)
            and before.facts.hub_id in (None, seen.facts.hub_id)
            and changes.same(before.facts, seen.facts)
        )

    def _compare(
        self, before: Known, seen: Observation, lineage: Lineage
    ) -> tuple[list[Change], list[Change]]:
        """What changed: for itself, and while the repo is still being written."""
        policy = self.rules.policy
        found = changes.compare(before, seen, lineage)
        return changes.settled(found, before, seen, settle=policy.settle, growing=policy.quant_settle)

    def entry(self, seen: Observation, before: Known | None, bases: dict[str, Entry]) -> Entry:
        """The catalog's row for a look: facts merged over what we knew, lineage, licence and variants."""
        facts = changes.merge(before.facts, seen.facts) if before else seen.facts
        if before and changes.recreated(before.facts, seen.facts):
            facts, before = seen.facts, None
        details = _details(seen, before)
        parent = _parent(facts, bases)
        lineage = lineage_of(facts, self.rules.registry, parent.lineage if parent else None)
        total = facts.parameters.total or (parent.known.facts.parameters.total if parent else None)
        entry = Entry(
            known=Known(
                key=seen.key,
                facts=facts,
                revision=seen.revision or (before.revision if before else ""),
                first_seen=before.first_seen if before else seen.seen_at,
                details=details,
            ),
            lineage=lineage,
            licence=licences.canonical(facts.licence),
            variants=variants_of(facts, details, total),
        )
        return with_licence(entry, parent)

    def _bases(self, tx: Tx, observations: Sequence[Observation]) -> dict[str, Entry]:
        """The parents of a batch, by folded id: those in the catalog, and those in the batch itself."""
        names = {b.repo_id for o in observations for b in o.facts.base_models}
        bases = dict(tx.entries(names))
        folded = {name.casefold() for name in names}
        inside = [o for o in observations if o.key.folded in folded and o.key.folded not in bases]
        return bases | {o.key.folded: self.entry(o, None, bases) for o in inside}

    def _save_fits(self, tx: Tx, entries: Iterable[Entry], bases: dict[str, Entry]) -> None:
        if not self._fits:
            return
        stack, measured = self.rules.stack, tx.corrections()
        found = []
        for entry in entries:
            if entry.lineage.derived and not entry.lineage.quant:
                continue
            parent = bases.get((entry.lineage.base_repo or "").casefold())
            found += assess.records(
                entry, parent.known if parent else None, stack.hardware, stack.deployments, measured
            )
        tx.save_fits(found, self._now)

    def _classify(
        self, tx: Tx, newcomers: Sequence[tuple[Observation, Entry]], bases: dict[str, Entry]
    ) -> list[Change]:
        """Newcomers against their families, oldest first, each joining the family for the next."""
        families: dict[str, list[Member]] = defaultdict(list)
        for member in releases(tx.members({e.lineage.family for _, e in newcomers if e.lineage.family})):
            families[member.lineage.family or ""].append(member)
        found: list[Change] = []
        for observation, entry in sorted(newcomers, key=lambda pair: _born(pair[0], self._now)):
            lineage = entry.lineage
            if lineage.family and lineage.official:
                family = families[lineage.family]
            else:
                family = releases(tx.members_of_publisher(lineage.publisher), official=False)
            notes = effective_licence(entry, _parent(entry.known.facts, bases))[1]
            found += [
                replace(change, evidence=(*change.evidence, *notes))
                for change in newcomer(observation, lineage, family, self.rules.releases)
            ]
            if lineage.official and not lineage.quant and not lineage.derived:
                families[lineage.family or ""].append(_member(observation, lineage, entry))
        return found

    def _answers(self, tx: Tx, looks: Sequence[Look]) -> list[Change]:
        """What the pages of missing repos said: gone twice is removed, gone once is remembered."""
        known = tx.known(look.repo_id for look in looks)
        found: list[Change] = []
        for look in looks:
            before = known.get(look.repo_id.casefold())
            if before is None:
                continue
            if look.presence not in (Presence.GONE, Presence.DISABLED):
                tx.mark_missing(before.facts.repo_id, None)
            elif before.missing_since is None:
                tx.mark_missing(before.facts.repo_id, self._now)
            elif self._now - before.missing_since >= SECOND_LOOK_AFTER:
                tx.mark_removed(before.facts.repo_id, self._now)
                how = "disabled by the Hub" if look.presence is Presence.DISABLED else "gone or private"
                found.append(changes.removed(before, self._now, self._lineage(tx, before), how))
        return found

    def _lineage(self, tx: Tx, known: Known) -> Lineage:
        entry = tx.entries([known.facts.repo_id]).get(known.key.folded)
        return entry.lineage if entry else lineage_of(known.facts, self.rules.registry, None)


def _details(seen: Observation, before: Known | None) -> Details | None:
    """The details of a look; a config.json that could not be read this time is the one we knew."""
    known = before.details if before else None
    if seen.details is None or known is None or seen.details.config is not None or known.config is None:
        return seen.details or known
    listed = any(file.path == "config.json" for file in seen.details.files)
    return replace(seen.details, config=known.config) if listed else seen.details


def _parent(facts: RepoFacts, bases: dict[str, Entry]) -> Entry | None:
    """The first base that the catalog knows."""
    names = (base.repo_id.casefold() for base in facts.base_models)
    return next((bases[name] for name in names if name in bases), None)


def with_licence(entry: Entry, base: Entry | None) -> Entry:
    """Somebody else's copy or child of a model is bound by that model's licence, whatever its tag says."""
    if not entry.lineage.quant and not entry.lineage.derived:
        return entry
    return replace(entry, licence=effective_licence(entry, base)[0])


def remembered(known: Known, now: datetime) -> Observation:
    """A look at what we remember: to judge it again, or to hang late details on."""
    return Observation(key=known.key, seen_at=now, revision=known.revision, facts=known.facts, row={})


def _born(observation: Observation, now: datetime) -> datetime:
    return observation.facts.created_at or now


def _member(observation: Observation, lineage: Lineage, entry: Entry) -> Member:
    return Member(
        repo_id=observation.key.id,
        lineage=lineage,
        created_at=observation.facts.created_at,
        first_seen=entry.known.first_seen,
        model_type=observation.facts.model_type,
        parameters_total=observation.facts.parameters.total,
        licence=entry.licence,
    )
