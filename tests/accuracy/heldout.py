"""Speeds of each source predicted by constants that the other sources fitted."""

import math
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module

from tests.accuracy.answer import Case, NoAnswerError, speed_case
from tests.accuracy.crossfit import cross_validate
from tests.accuracy.result import CROSS
from tests.accuracy.rows import SpeedRow
from tests.accuracy.scores import Compared
from tests.accuracy.speed_scores import compare, not_scored

Answered = tuple[SpeedRow, Case, Compared]


def held_out_rows(
    rows: Sequence[SpeedRow], further: Sequence[SpeedRow] = (), *, folds: int = 0
) -> list[Compared]:
    """The rows' comparisons with held-out estimates. further: rows that only help to fit the others.

    Fitting takes NumPy and SciPy; empty without them, and where there is a single source.
    """
    try:
        calibrate = import_module("tests.accuracy.calibrate")
    except ImportError:
        return []
    own = answered(rows)
    ids = {(row.row_id, row.source) for row, _, _ in own}
    others = [item for item in answered(further) if (item[0].row_id, item[0].source) not in ids]
    held = cross_validate(
        own,
        others,
        source=lambda item: item[2].source,
        fit=calibrate.fit,
        predict=calibrate.predict,
        folds=folds,
    )
    return [
        replace(item[2], measure=item[2].measure + CROSS, estimated=said, low=None, high=None)
        for group in held
        for item, said in zip(group.rows, group.predicted, strict=True)
        if math.isfinite(said) and said > 0
    ]


def answered(rows: Sequence[SpeedRow]) -> list[Answered]:
    """Plain measurements of known shapes, with what the product was asked and said."""
    found: list[Answered] = []
    for row in rows:
        if not_scored(row):
            continue
        try:
            case = speed_case(row)
            compared = compare(row, case)
        except NoAnswerError:
            continue
        if not case.model.guessed:
            found.append((row, case, compared))
    return found
