"""Which part of a history is a baseline: recorded, and no news to anybody. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from watcher.types import Observation, Sight


class Silence:
    """Silent are everything up to until, and what an account showed when it was read for the first time.

    The history says when that was; where it does not, it was the first sight of a watched account. Of an
    account that had shown nothing before, what was created since is news, as in a round.
    """

    def __init__(self, sights: Iterable[Sight], until: datetime | None, watched: Collection[str]) -> None:
        self.watched = frozenset(name.casefold() for name in watched)
        self._until = until
        self._first_looks: dict[str, dict[datetime, datetime | None]] = defaultdict(dict)
        self._met: set[str] = set()
        for sight in sights:
            if sight.first_look:
                self._first_looks[sight.account][sight.seen_at] = sight.empty_at

    def holds(self, moment: datetime) -> bool:
        """Whether nothing of that moment is news, whoever's it is."""
        return self._until is not None and moment <= self._until

    def begins(self, account: str) -> bool:
        """Whether an account is watched, and neither seen nor said to be read before; asked before parted."""
        return account in self.watched and account not in self._first_looks and account not in self._met

    def parted(
        self, account: str, moment: datetime, seen: Sequence[Observation]
    ) -> tuple[Sequence[Observation], Sequence[Observation] | None]:
        """What is recorded in silence, and what is news: None where everything else is silent too."""
        begins, looks = self.begins(account), self._first_looks.get(account, {})
        self._met.add(account)
        if self.holds(moment) or begins:
            return seen, None
        if moment not in looks:
            return (), seen
        empty_at = looks[moment]
        return (seen, None) if empty_at is None else _born(seen, empty_at)


def _born(seen: Sequence[Observation], empty_at: datetime) -> tuple[list[Observation], list[Observation]]:
    born = [o for o in seen if o.facts.created_at is not None and o.facts.created_at > empty_at]
    names = {o.key.folded for o in born}
    return [o for o in seen if o.key.folded not in names], born
