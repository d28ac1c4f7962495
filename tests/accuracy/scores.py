"""What is compared, and how: estimated over measured, by the median of sources."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """One estimate beside its measured value, in the same unit. working: the arithmetic, in words.

    refused: we say that it does not fit, though it ran.
    """

    measure: str
    row_id: str
    source: str
    model: str
    family: str
    device: str
    engine: str
    estimated: float
    measured: float
    low: float | None = None
    high: float | None = None
    guessed: bool = False
    refused: bool = False
    working: str = ""

    @property
    def log_error(self) -> float:
        """ln(estimated / measured); both are positive."""
        return math.log(max(self.estimated, 1e-12) / self.measured)

    @property
    def inside(self) -> bool | None:
        if self.low is None or self.high is None:
            return None
        return self.low <= self.measured <= self.high


@dataclass(frozen=True, kw_only=True, slots=True)
class Unanswered:
    """A row that was not answered or not scored, and why."""

    row_id: str
    reason: str
    what: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Score:
    """value is a share (0.05 for 5 %) unless the measure is a count or seconds; n rows or boots."""

    value: float | None
    n: int

    def as_json(self) -> dict[str, float | int | None]:
        return {"value": None if self.value is None else round(self.value, 5), "n": self.n}


def row_median(rows: Sequence[Compared]) -> float | None:
    """Median absolute log error of all rows, as a share: 0.10 is off by a factor of 1.10."""
    return math.expm1(median(abs(row.log_error) for row in rows)) if rows else None


def source_median(rows: Iterable[Compared]) -> float | None:
    """The same with each source once, so that one long benchmark does not decide."""
    by_source: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        by_source[row.source].append(abs(row.log_error))
    return math.expm1(median(median(errors) for errors in by_source.values())) if by_source else None


def bias(rows: Sequence[Compared]) -> float | None:
    """Median of estimated over measured: above 1 is too much."""
    return math.exp(median(row.log_error for row in rows)) if rows else None


def within(rows: Sequence[Compared], share: float = 0.25) -> float | None:
    most = math.log1p(share)
    return sum(abs(row.log_error) <= most for row in rows) / len(rows) if rows else None


def inside(rows: Sequence[Compared]) -> float | None:
    """Share of measured values within the stated range."""
    told = [row.inside for row in rows if row.inside is not None]
    return sum(told) / len(told) if told else None


def range_width(rows: Sequence[Compared]) -> float | None:
    """Median of (high - low) / estimated."""
    widths = [(row.high - row.low) / row.estimated for row in rows if row.high and row.low is not None]
    return median(widths) if widths else None


def grouped(rows: Iterable[Compared], by: Callable[[Compared], str]) -> dict[str, list[Compared]]:
    groups: dict[str, list[Compared]] = defaultdict(list)
    for row in rows:
        groups[by(row)].append(row)
    return dict(sorted(groups.items()))


def score(rows: Sequence[Compared]) -> Score:
    return Score(value=row_median(rows), n=len(rows))
