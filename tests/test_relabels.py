"""One move of many repos is one piece of news."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.factories import NOW, change, lineage
from watcher.relabels import bulks_of, told_once
from watcher.types import Action, Change, ChangeKind, Verdict

HOUR = timedelta(hours=1)


def _moves(count: int, start: int = 0, **more: object) -> list[Change]:
    fields = {"before": "bsd-3-clause", "after": "mit"} | more
    kind = fields.pop("kind", ChangeKind.LICENCE)
    account = fields.pop("account", "lab")
    return [change(kind, f"{account}/m{n}", **fields) for n in range(start, start + count)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("now", "before", "size"),
    [
        pytest.param(_moves(69), [], 69, id="69 repos in one look"),
        pytest.param(_moves(4), [], 0, id="four are four"),
        pytest.param(
            _moves(3), _moves(3, 10, detected_at=NOW - 20 * HOUR), 6, id="six over a day, in two looks"
        ),
        pytest.param(_moves(3), _moves(3, 10, detected_at=NOW - 30 * HOUR), 0, id="not over two days"),
        pytest.param([*_moves(4), *_moves(4, 10, after="apache-2.0")], [], 0, id="not the same way"),
        pytest.param([*_moves(4), *_moves(4, account="another")], [], 0, id="not the same account"),
        pytest.param(
            _moves(6, kind=ChangeKind.GATED, before="none", after="auto"), [], 6, id="gated together"
        ),
        pytest.param(
            [
                change(ChangeKind.RENAMED, f"zai-org/m{n}", before=f"THUDM/m{n}", after=f"zai-org/m{n}")
                for n in range(7)
            ],
            [],
            7,
            id="an account that moves house",
        ),
        pytest.param(
            _moves(6, kind=ChangeKind.QUANT_REPLACED, before="a", after="b"),
            [],
            0,
            id="weights are each repo's own",
        ),
        pytest.param(_moves(6, degree="release"), [], 0, id="what new releases bring is no relabelling"),
    ],
)
def test_when_moves_are_a_bulk(now: list[Change], before: list[Change], size: int) -> None:
    assert [len(repos) for repos in bulks_of(now, before).values()] == ([size] if size else [])


def _verdict(
    about: Change, action: Action, deployment: str | None = "helpdesk", trigger: str = "t"
) -> Verdict:
    return Verdict(action=action, trigger=trigger, reason="so", change=about, deployment=deployment)


def _said(verdicts: list[Verdict]) -> list[tuple[str, str]]:
    return [(v.action.value, v.trigger) for v in verdicts]


REST = ("ignore", "bulk-relabel")


def test_the_strongest_decision_speaks_and_names_the_others() -> None:
    moves = _moves(7)
    actions = [
        Action.IGNORE,
        Action.DIGEST,
        Action.DIGEST,
        Action.ALERT,
        Action.ALERT,
        Action.IGNORE,
        Action.HOLD,
    ]
    verdicts = [_verdict(m, a) for m, a in zip(moves, actions, strict=True)]
    told = told_once(verdicts, [], bulks_of(moves, []), in_use={"helpdesk": {"lab/m4"}})
    assert _said(told) == [REST, REST, REST, REST, ("alert", "t"), REST, REST]
    assert (
        told[4].reason
        == "so; so did 6 more repos of the account: lab/m0, lab/m1, lab/m2, lab/m3, lab/m5 and 1 more"
    )
    assert told[0].reason == (
        "one of 7 repos of lab that moved from bsd-3-clause to mit together: "
        "part of the bulk relabel told with lab/m4"
    )


def test_each_deployment_hears_of_it_once() -> None:
    moves = _moves(5)
    verdicts = [
        _verdict(m, Action.ALERT if m is moves[n] else Action.DIGEST, d)
        for n, d in ((1, "helpdesk"), (3, "code"))
        for m in moves
    ]
    told = told_once(verdicts, [], bulks_of(moves, []))
    assert [(v.deployment, v.change.key.id) for v in told if v.trigger == "t"] == [
        ("helpdesk", "lab/m1"),
        ("code", "lab/m3"),
    ]


def test_what_was_told_of_it_before_stands() -> None:
    old, new = _moves(3, detected_at=NOW - 5 * HOUR), _moves(4, 10)
    bulks = bulks_of(new, old)
    earlier = [_verdict(m, Action.ALERT) for m in old]
    assert _said(told_once([_verdict(m, Action.ALERT) for m in new], earlier, bulks)) == [REST] * 4


def test_a_model_in_use_that_follows_a_line_of_the_digest_is_still_an_alert() -> None:
    old, new = _moves(5, detected_at=NOW - 5 * HOUR), _moves(2, 10)
    earlier = [_verdict(m, Action.DIGEST) for m in old]
    verdicts = [_verdict(new[0], Action.DIGEST), _verdict(new[1], Action.ALERT)]
    assert _said(told_once(verdicts, earlier, bulks_of(new, old))) == [REST, ("alert", "t")]


def test_other_changes_are_left_as_they_are() -> None:
    moves = [*_moves(6), change(ChangeKind.NEW_QUANT, "lab/quant", lineage=replace(lineage(), quant=True))]
    verdicts = [_verdict(m, Action.DIGEST) for m in moves]
    assert told_once(verdicts, [], bulks_of(moves, []))[-1] is verdicts[-1]
