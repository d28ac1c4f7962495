"""Members by what they are asked for, kept in memory while a history is played: nothing is read twice."""

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from watcher.types import Member

_Place = tuple[str, str]  # "family", "publisher" or "quants", and which


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelved:
    """A repo's member and under which headings it is found."""

    member: Member
    places: tuple[_Place, ...]


@dataclass(kw_only=True, slots=True)
class Shelf:
    """Members under each heading, by folded id."""

    _kept: dict[str, Shelved] = field(default_factory=dict)
    _names: dict[_Place, list[str]] = field(default_factory=lambda: defaultdict(list))

    def put(self, folded: str, shelved: Shelved | None) -> None:
        """What is known of a repo now; None: it is there no longer."""
        before = self._kept.pop(folded, None)
        old, new = (frozenset(s.places if s else ()) for s in (before, shelved))
        for place in old - new:
            names = self._names[place]
            del names[bisect_left(names, folded)]
        for place in new - old:
            insort(self._names[place], folded)
        if shelved is not None:
            self._kept[folded] = shelved

    def under(self, heading: str, values: Iterable[str]) -> list[Member]:
        """Everyone under these values of a heading, by folded id."""
        lists = [names for value in set(values) if (names := self._names.get((heading, value)))]
        wanted = lists[0] if len(lists) == 1 else sorted({name for names in lists for name in names})
        return [self._kept[name].member for name in wanted]
