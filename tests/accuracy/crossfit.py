"""Hold sources out: constants fitted on the others predict them, so that no source grades itself."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Row = TypeVar("Row")
Constants = TypeVar("Constants")


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldOut(Generic[Row]):
    """Sources held out together and the predictions that the others make for their rows, in order."""

    sources: tuple[str, ...]
    rows: tuple[Row, ...]
    predicted: tuple[float, ...]


def cross_validate(
    rows: Sequence[Row],
    further: Sequence[Row] = (),
    *,
    source: Callable[[Row], str],
    fit: Callable[[Sequence[Row]], Constants],
    predict: Callable[[Constants, Row], float],
    folds: int = 0,
) -> list[HeldOut[Row]]:
    """Every row once, predicted by constants that never saw its source.

    further: rows that help to fit, and are not predicted. folds: into how many groups sources are put
    that are held out together, 0 for each source by itself. Nothing where nobody else measured.
    """
    held: list[HeldOut[Row]] = []
    for names in groups_of([source(row) for row in rows], folds):
        others = [row for row in (*rows, *further) if source(row) not in names]
        if not others:
            continue
        constants = fit(others)
        own = tuple(row for row in rows if source(row) in names)
        predicted = tuple(predict(constants, row) for row in own)
        held.append(HeldOut(sources=tuple(sorted(names)), rows=own, predicted=predicted))
    return held


def groups_of(sources: Sequence[str], folds: int) -> list[set[str]]:
    """Whole sources in so many groups of about as many rows; at least two, so that there are others."""
    rows = Counter(sources)
    if folds <= 0 or folds >= len(rows):
        return [{name} for name in sorted(rows)]
    size: dict[int, int] = dict.fromkeys(range(max(2, folds)), 0)
    groups: dict[int, set[str]] = defaultdict(set)
    for name, count in sorted(rows.items(), key=lambda item: (-item[1], item[0])):
        least = min(size, key=lambda index: (size[index], index))
        groups[least].add(name)
        size[least] += count
    return [groups[index] for index in sorted(groups)]
