"""Speeds of each source predicted by constants that the other sources fitted."""

import math
from collections.abc import Sequence
from dataclasses import replace

from tests.accuracy.answer import Case, NoAnswerError, speed_case
from tests.accuracy.result import CROSS
from tests.accuracy.rows import SpeedRow
from tests.accuracy.scores import Compared
from tests.accuracy.speed_scores import compare, not_scored

Answered = tuple[SpeedRow, Case, Compared]


def held_out_rows(rows: Sequence[SpeedRow], further: Sequence[SpeedRow] = ()) -> list[Compared]:
    """The rows' comparisons with held-out estimates. further: rows that only help to fit the others.

    Fitting takes NumPy and SciPy; empty without them, and where there is a single source.
    """
    try:
        from tests.accuracy.calibrate import held_out
        from tests.accuracy.measured import measured_of
    except ImportError:
        return []
    own = answered(rows)
    ids = {(row.row_id, row.source) for row, _, _ in own}
    others = [item for item in answered(further) if (item[0].row_id, item[0].source) not in ids]
    pairs = [(compared, m) for row, case, compared in (*own, *others) if (m := measured_of(row, case))]
    seconds = held_out([m for _, m in pairs])
    return [
        replace(
            compared,
            measure=compared.measure + CROSS,
            estimated=m.tokens_per_second(said),
            low=None,
            high=None,
        )
        for (compared, m), said in list(zip(pairs, seconds, strict=True))[: len(own)]
        if math.isfinite(said)
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
