"""Values that move away and come back, as tables."""

from datetime import timedelta
from typing import Any

import pytest

from tests.factories import NOW, change, facts, lineage, situation
from watcher.flapping import Turn, fresh, turn_of
from watcher.triggers import judge
from watcher.types import Change, ChangeKind, Gate

HOUR = timedelta(hours=1)
STRANGER = lineage(family=None, publisher="a", official=False)
WINDOW = 72 * HOUR
GATED, LICENCE, REMOVED, RESTORED = (
    ChangeKind.GATED,
    ChangeKind.LICENCE,
    ChangeKind.REMOVED,
    ChangeKind.RESTORED,
)


def _move(hours_ago: float, kind: ChangeKind, before: str | None = None, after: str | None = None) -> Change:
    return change(kind, before=before, after=after, detected_at=NOW - hours_ago * HOUR)


@pytest.mark.parametrize(
    ("moves", "turn"),
    [
        pytest.param([_move(0, GATED, "none", "manual")], Turn.NEW, id="a first move"),
        pytest.param(
            [_move(30, GATED, "none", "manual"), _move(0, GATED, "manual", "none")],
            Turn.BACK,
            id="back to what it was",
        ),
        pytest.param(
            [_move(100, GATED, "none", "manual"), _move(0, GATED, "manual", "none")],
            Turn.NEW,
            id="back after the window is a move like any",
        ),
        pytest.param(
            [
                _move(60, GATED, "none", "manual"),
                _move(30, GATED, "manual", "none"),
                _move(0, GATED, "none", "manual"),
            ],
            Turn.AS_TOLD,
            id="again what was told",
        ),
        pytest.param(
            [
                _move(120, GATED, "none", "manual"),
                _move(60, GATED, "manual", "none"),
                _move(0, GATED, "none", "manual"),
            ],
            Turn.AS_TOLD,
            id="a spell lasts while its moves follow each other",
        ),
        pytest.param(
            [
                _move(60, LICENCE, "mit", "apache-2.0"),
                _move(30, LICENCE, "apache-2.0", "mrl"),
                _move(0, LICENCE, "mrl", "apache-2.0"),
            ],
            Turn.BACK,
            id="back to a value between",
        ),
        pytest.param(
            [_move(30, LICENCE, "mit", "apache-2.0"), _move(0, LICENCE, "apache-2.0", "mrl")],
            Turn.NEW,
            id="two moves to values it never had",
        ),
        pytest.param(
            [_move(30, REMOVED), _move(0, RESTORED)], Turn.BACK, id="gone for a day and there again"
        ),
        pytest.param(
            [_move(60, REMOVED), _move(30, RESTORED), _move(0, REMOVED)],
            Turn.AS_TOLD,
            id="gone once more, as was told",
        ),
        pytest.param(
            [_move(30, ChangeKind.QUANT_REPLACED, "a", "b"), _move(0, ChangeKind.QUANT_REPLACED, "b", "c")],
            Turn.AGAIN,
            id="weights that are replaced twice",
        ),
        pytest.param(
            [_move(30, LICENCE, "mit", "mrl"), _move(0, GATED, "none", "auto")],
            Turn.NEW,
            id="fields flap for themselves",
        ),
    ],
)
def test_what_a_move_is_to_those_before_it(moves: list[Change], turn: Turn) -> None:
    assert turn_of(moves[-1], moves, WINDOW)[0] is turn


def test_another_repos_moves_are_nothing_to_it() -> None:
    other = change(GATED, "mistralai/Other", before="none", after="manual", detected_at=NOW - 5 * HOUR)
    assert turn_of(_move(0, GATED, "manual", "none"), [other], WINDOW) == (Turn.NEW, None)


AWAY, BACK = _move(30, GATED, "none", "manual"), _move(0, GATED, "manual", "none")


@pytest.mark.parametrize(
    ("moves", "world", "action", "trigger"),
    [
        pytest.param(
            [AWAY],
            {"facts": facts(gated=Gate.MANUAL)},
            "alert",
            "model-in-use-gated",
            id="the first move is told",
        ),
        pytest.param(
            [AWAY, BACK],
            {"facts": facts(gated=Gate.NONE)},
            "hold",
            "flapping",
            id="the way back waits until it stays",
        ),
        pytest.param(
            [AWAY, BACK],
            {"facts": facts(gated=Gate.NONE), "now": NOW + WINDOW},
            "digest",
            "went-back",
            id="when it has stayed, it is a line",
        ),
        pytest.param(
            [AWAY, BACK],
            {"facts": facts(gated=Gate.MANUAL), "now": NOW + WINDOW},
            "ignore",
            "flapping",
            id="when it has moved on, it is nothing",
        ),
        pytest.param(
            [
                _move(60, GATED, "none", "manual"),
                _move(30, GATED, "manual", "none"),
                _move(0, GATED, "none", "manual"),
            ],
            {"facts": facts(gated=Gate.MANUAL)},
            "ignore",
            "flapping",
            id="what was told is not told again",
        ),
        pytest.param(
            [_move(30, REMOVED, "available", "gone"), _move(0, RESTORED, "gone since", "back")],
            {"now": NOW + WINDOW},
            "digest",
            "went-back",
            id="a model that is there again and stays",
        ),
        pytest.param(
            [_move(30, REMOVED, "available", "gone"), _move(0, RESTORED, "gone since", "back")],
            {"now": NOW + WINDOW, "gone": True},
            "ignore",
            "flapping",
            id="one that is gone again by then",
        ),
        pytest.param(
            [_move(30, ChangeKind.QUANT_REPLACED, "a", "b"), _move(0, ChangeKind.QUANT_REPLACED, "b", "c")],
            {},
            "digest",
            "model-in-use-replaced",
            id="weights replaced once more join the first alert",
        ),
    ],
)
def test_a_value_that_flaps_is_told_once(
    moves: list[Change], world: dict[str, Any], action: str, trigger: str
) -> None:
    verdict = judge(moves[-1], situation(of=world.pop("facts", None), moves=tuple(moves), **world))
    assert (verdict.action.value, verdict.trigger) == (action, trigger)
    assert (verdict.until is not None) == (action == "hold")


def test_what_nobody_here_uses_is_not_made_more_of_by_flapping() -> None:
    moves = [
        change(GATED, "a/b", before=before, after=after, detected_at=NOW - hours * HOUR, lineage=STRANGER)
        for hours, before, after in ((30, "none", "manual"), (0, "manual", "none"))
    ]
    verdict = judge(moves[-1], situation(of=facts("a/b"), moves=tuple(moves)))
    assert (verdict.action.value, verdict.trigger) == ("ignore", "not-in-use")


def test_a_move_is_recorded_once_a_day() -> None:
    morning, noon = _move(6, GATED, "none", "auto"), _move(0, GATED, "none", "auto")
    back, new = _move(0, GATED, "auto", "none"), change(ChangeKind.NEW_QUANT)
    assert fresh([noon, back, new], [morning]) == [back, new]
    assert fresh([noon], [_move(24, GATED, "none", "auto")]) == [noon]
