"""Decode of one user, each source predicted by constants that the others fitted."""

from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec

from tests.accuracy.answer import Case, NoAnswerError, speed_case
from tests.accuracy.crossfit import cross_validate
from tests.accuracy.result import CROSS, DECODE
from tests.accuracy.rows import SpeedRow
from tests.accuracy.scores import Compared
from tests.accuracy.speed_scores import compare, not_scored

Answered = tuple[SpeedRow, Case, Compared]


def held_out_rows(rows: Sequence[SpeedRow]) -> list[Compared]:
    """By tests/accuracy/calibrate.py; empty where there is none, or a single source."""
    if find_spec("tests.accuracy.calibrate") is None:
        return []
    calibrate = import_module("tests.accuracy.calibrate")
    held = cross_validate(
        one_user_rows(rows),
        source=lambda item: item[2].source,
        fit=calibrate.fit,
        predict=calibrate.predict,
    )
    return [
        replace(item[2], measure=item[2].measure + CROSS, estimated=said, low=None, high=None)
        for source in held
        for item, said in zip(source.rows, source.predicted, strict=True)
    ]


def one_user_rows(rows: Sequence[SpeedRow]) -> list[Answered]:
    """Rows that the bars are about, with what the product was asked and said."""
    answered: list[Answered] = []
    for row in rows:
        if not_scored(row):
            continue
        try:
            case = speed_case(row)
            compared = compare(row, case)
        except NoAnswerError:
            continue
        if compared.measure in DECODE:
            answered.append((row, case, compared))
    return answered
