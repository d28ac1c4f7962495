"""A log of looks, understood line by line, and taken into a catalog as what was known before."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from watcher.catalog import Recorder, remembered
from watcher.ports import Tx
from watcher.rules import Rules
from watcher.types import Details, Key, Observation


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """One line of a history, understood: a look at a repo, its details alone, or a list of what trends."""

    key: Key
    seen_at: datetime
    observation: Observation | None = None
    details: Details | None = None
    trending: tuple[str, ...] = ()

    @property
    def account(self) -> str:
        return self.key.folded.partition("/")[0]


def by_account(sights: Sequence[Sight]) -> Iterator[tuple[str, list[Sight]]]:
    """By account, in the order in which they first come."""
    accounts: dict[str, list[Sight]] = {}
    for sight in sights:
        if not sight.trending:
            accounts.setdefault(sight.account, []).append(sight)
    yield from accounts.items()


def observed(tx: Tx, sights: Sequence[Sight]) -> tuple[list[Observation], list[str]]:
    """Looks of one moment with their details, and a sentence for each that says nothing.

    Details that came alone hang on what is remembered of the repo.
    """
    details = {s.key.folded: s.details for s in sights if s.details is not None}
    looks = {s.key.folded: s.observation for s in sights if s.observation is not None}
    late = tx.known(s.key.id for s in sights if s.key.folded not in looks)
    found, problems = [], []
    for sight in {s.key.folded: s for s in sights}.values():
        name = sight.key.folded
        look = looks.get(name) or (remembered(late[name], sight.seen_at) if name in late else None)
        if look is None:
            problems.append(f"{sight.key.id}: its files were seen before the repo: left out")
            continue
        found.append(replace(look, details=details.get(name)))
    return found, problems


def take(tx: Tx, rules: Rules, sights: Iterable[Sight]) -> int:
    """Records in silence what was seen of repos that the catalog does not know; returns how many lines."""
    sights = list(sights)
    names = tx.entries({s.key.id for s in sights})
    moved = tx.known_by_hub_id({o.facts.hub_id for s in sights if (o := s.observation) and o.facts.hub_id})
    strange = {
        s.key.folded
        for s in sights
        if (o := s.observation) and s.key.folded not in names and o.facts.hub_id not in moved
    }
    fresh = sorted((s for s in sights if s.key.folded in strange), key=lambda s: s.seen_at)
    for moment, looks in groupby(fresh, key=lambda s: s.seen_at):
        Recorder(rules=rules, now=moment).baseline(tx, observed(tx, list(looks))[0])
    return len(fresh)
