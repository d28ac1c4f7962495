"""Leave one source out: constants fitted on all others predict it, so that no source grades itself."""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Generic, TypeVar

Row = TypeVar("Row")
Constants = TypeVar("Constants")


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldOut(Generic[Row]):
    """One source and the predictions that the others make for its rows, in the order of rows."""

    source: str
    rows: tuple[Row, ...]
    predicted: tuple[float, ...]

    def error(self, truth: Callable[[Row], float]) -> float:
        """Median of |ln(predicted / truth)|."""
        return median(
            abs(math.log(said / truth(row))) for row, said in zip(self.rows, self.predicted, strict=True)
        )


def cross_validate(
    rows: Sequence[Row],
    *,
    source: Callable[[Row], str],
    fit: Callable[[Sequence[Row]], Constants],
    predict: Callable[[Constants, Row], float],
) -> list[HeldOut[Row]]:
    """Each source once, predicted by constants that never saw it. With one source there is nothing to do."""
    by_source: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_source[source(row)].append(row)
    if len(by_source) < 2:
        return []
    held: list[HeldOut[Row]] = []
    for name, own in sorted(by_source.items()):
        constants = fit([row for other, theirs in by_source.items() if other != name for row in theirs])
        held.append(
            HeldOut(source=name, rows=tuple(own), predicted=tuple(predict(constants, row) for row in own))
        )
    return held
