"""Errors are ratios, sources count once, and no source grades itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.accuracy.bars import Bar
from tests.accuracy.scores import (
    Compared,
    Score,
    bias,
    inside,
    range_width,
    row_median,
    source_median,
    within,
)


def compared(source: str, estimated: float, measured: float, spread: float = 0.2) -> Compared:
    return Compared(
        measure="decode_dense",
        row_id=f"{source}{estimated}",
        source=source,
        model="m",
        family="f",
        device="d",
        engine="e",
        estimated=estimated,
        measured=measured,
        low=estimated * (1 - spread),
        high=estimated * (1 + spread),
    )


def test_twice_and_half_are_equally_wrong() -> None:
    assert row_median([compared("a", 20, 10)]) == pytest.approx(1.0)
    assert row_median([compared("a", 5, 10)]) == pytest.approx(1.0)


def test_a_long_benchmark_does_not_decide() -> None:
    rows = [*(compared("long", 10, 10) for _ in range(50)), compared("b", 15, 10), compared("c", 15, 10)]
    assert row_median(rows) == pytest.approx(0.0)
    assert source_median(rows) == pytest.approx(0.5)


def test_ranges_and_shares() -> None:
    rows = [compared("a", 10, 11), compared("a", 10, 13)]
    assert (inside(rows), within(rows)) == (0.5, 0.5)
    assert range_width(rows) == pytest.approx(0.4)
    assert bias([compared("a", 8, 10)]) == pytest.approx(0.8)


def test_nothing_measured_is_no_score() -> None:
    assert (row_median([]), source_median([]), bias([]), within([]), inside([]), range_width([])) == (
        None,
    ) * 6


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.1, 1e6), st.floats(0.1, 1e6)), min_size=1))
def test_errors_are_never_negative(rows: list[tuple[str, float, float]]) -> None:
    made = [compared(*row) for row in rows]
    assert (row_median(made) or 0) >= 0
    assert (source_median(made) or 0) >= 0


@pytest.mark.parametrize(
    ("bar", "value", "met"),
    [
        pytest.param(Bar("an error", "x", most=0.1), 0.1, True, id="an error at its bar"),
        pytest.param(Bar("an error", "x", most=0.1), 0.11, False, id="an error above it"),
        pytest.param(Bar("a share", "x", least=0.8), 0.79, False, id="a share below its bar"),
        pytest.param(Bar("a count", "x", most=0, count=True), 0.0, True, id="none of them"),
        pytest.param(Bar("an error", "x", most=0.1), None, None, id="nothing measured is neither"),
    ],
)
def test_bars(bar: Bar, value: float | None, met: bool | None) -> None:
    assert bar.met(Score(value=value, n=1)) is met
