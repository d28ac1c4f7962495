"""Which models are worth weighing for a deployment: makers' own releases of its kind, with trusted quants.

Base models, fine-tunes by others, drafts and other kinds of model are left out; of a series in one size the
newest is what counts, and an older one steps in only where the newer is refused.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import isclose

from watcher.families import Registry
from watcher.ports import Tx
from watcher.tasks import Task, serves, specialist
from watcher.types import Entry, Member, Stack
from watcher.uses import trusted_publisher
from watcher.versions import version_key

_SAME_SIZE = 0.10  # of the parameters: 31B and 32B are one size to whoever chooses, 27B and 32B are two


@dataclass(frozen=True, kw_only=True, slots=True)
class Contender:
    """A model with its trusted quants. newer: later releases of its series in its size, by case-folded id."""

    entry: Entry
    quants: tuple[Entry, ...] = ()
    newer: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        return self.entry.known.facts.repo_id


def contenders(
    tx: Tx,
    stack: Stack,
    registry: Registry,
    task: Task,
    *,
    named: Iterable[str] = (),
    fetched: Entry | None = None,
) -> list[Contender]:
    """The catalog's models that could do a task, by id.

    named: those to weigh whatever they are. fetched: one more, which the catalog does not have.
    """
    always = {name.casefold() for name in (*named, *stack.shortlist)}
    members = [m for m in tx.originals(official=not task.narrow) if _is_choice(m, task)]
    newer = _newer(members)
    entries = tx.entries({m.repo_id for m in members} | always)
    models = {
        entry.known.key.folded: entry
        for asked, entry in entries.items()
        if entry.known.removed_at is None
        and (asked in always or (not entry.lineage.quant and serves(task, entry.lineage, entry.known.facts)))
    }
    if fetched is not None:
        models.setdefault(fetched.known.key.folded, fetched)
    quants = _quants(tx, stack, registry, models)
    return [
        Contender(entry=entry, quants=tuple(quants[key]), newer=newer.get(key, frozenset()) - {key})
        for key, entry in sorted(models.items())
    ]


def _is_choice(member: Member, task: Task) -> bool:
    """A release that one would serve: of its maker, and tuned to follow instructions."""
    lineage = member.lineage
    if task.narrow:
        return lineage.official or specialist(member.repo_id) is not None
    maker = (lineage.base_repo or member.repo_id).partition("/")[0]
    return lineage.variant != "base" and maker.casefold() == member.repo_id.partition("/")[0].casefold()


def _newer(members: Sequence[Member]) -> dict[str, frozenset[str]]:
    """For each model the later releases of its series in the same size, by case-folded id."""
    series: dict[tuple[str | None, ...], list[Member]] = defaultdict(list)
    for member in members:
        line = member.lineage
        series[line.family, line.series, _mixed(line.size)].append(member)
    return {
        member.repo_id.casefold(): frozenset(
            other.repo_id.casefold() for other in line if _later(other, member) and _same_size(other, member)
        )
        for line in series.values()
        for member in line
        if member.lineage.series
    }


def _mixed(size: str | None) -> str:
    """30B-A3B and 32B are of different make, however near their totals are."""
    return "mixture" if size and "-A" in size.upper() else "dense"


def _later(other: Member, member: Member) -> bool:
    keys = version_key(other.lineage.version or ""), version_key(member.lineage.version or "")
    return keys[0] > keys[1]


def _same_size(other: Member, member: Member) -> bool:
    ours, theirs = member.parameters_total, other.parameters_total
    if ours and theirs:
        return isclose(ours, theirs, rel_tol=_SAME_SIZE)
    return other.lineage.size is not None and other.lineage.size == member.lineage.size


def _quants(tx: Tx, stack: Stack, registry: Registry, models: Iterable[str]) -> dict[str, list[Entry]]:
    """Trusted quants by their model's case-folded id, the maker's own first."""
    trusted = [
        m
        for m in tx.quants_of(models)
        if m.lineage.base_repo and trusted_publisher(m.lineage, stack, registry)
    ]
    entries = tx.entries({m.repo_id for m in trusted})
    found: dict[str, list[Entry]] = defaultdict(list)
    for member in sorted(trusted, key=lambda m: (not m.lineage.official, m.repo_id.casefold())):
        if entry := entries.get(member.repo_id.casefold()):
            found[(member.lineage.base_repo or "").casefold()].append(entry)
    return found
