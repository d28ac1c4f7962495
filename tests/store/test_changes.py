"""Changes are recorded once, verdicts pile up, and the outbox loses nothing."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from store.db import Store
from store.errors import StoreError
from store.outbox import LEASE
from tests.store.builders import NOW, alert, change, fit, fit_record, rows, verdict
from watcher.types import Action, ChangeKind, Delivery, DeliveryState, FitVerdict, Key

HOUR = timedelta(hours=1)


def test_the_same_change_is_recorded_once(store: Store, path: Path) -> None:
    with store.write() as tx:
        first = tx.save_change(change())
        assert tx.save_change(change(detected_at=NOW + HOUR, evidence=("again",))) == first
        assert tx.change(first) == change()
        assert tx.change("nothing") is None
    assert len(rows(path, "SELECT * FROM changes")) == 1
    assert len(first) == 12


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"kind": ChangeKind.GATED}, id="another kind"),
        pytest.param({"key": Key(source="hub", id="Qwen/Qwen3-4B")}, id="another repo"),
        pytest.param({"before": None}, id="another value before"),
        pytest.param({"after": "mit"}, id="another value after"),
        pytest.param({"detected_at": NOW + timedelta(days=1)}, id="another day"),
    ],
)
def test_another_change_has_another_id(store: Store, other: dict[str, Any]) -> None:
    with store.write() as tx:
        assert tx.save_change(change()) != tx.save_change(change(**other))


def test_case_of_the_id_does_not_make_another_change(store: Store) -> None:
    with store.write() as tx:
        assert tx.save_change(change("Qwen/Qwen3-8B")) == tx.save_change(change("qwen/qwen3-8b"))


def test_holds_come_due_while_they_are_the_current_verdict(store: Store) -> None:
    moved = change()
    fits = fit("spark", FitVerdict.TIGHT)
    with store.write() as tx:
        change_id = tx.save_change(moved)
        soon = verdict(moved, Action.HOLD, until=NOW + HOUR, fit=fits)
        team = verdict(moved, Action.HOLD, deployment=None, until=NOW + 2 * HOUR)
        endless = verdict(moved, Action.HOLD, deployment="other")
        tx.save_verdicts(change_id, [soon, team, endless], NOW)
        assert tx.due_holds(NOW) == []
        assert tx.due_holds(NOW + HOUR) == [(change_id, soon)]
        assert tx.due_holds(NOW + 2 * HOUR) == [(change_id, soon), (change_id, team)]
        tx.save_verdicts(change_id, [verdict(moved, Action.ALERT)], NOW + HOUR)
        assert tx.due_holds(NOW + 2 * HOUR) == [(change_id, team)]
        tx.save_verdicts(change_id, [verdict(moved, Action.IGNORE, deployment=None)], NOW + 2 * HOUR)
        assert tx.due_holds(NOW + 99 * HOUR) == []


def test_a_verdict_needs_its_change(store: Store) -> None:
    with pytest.raises(StoreError, match="FOREIGN KEY"), store.write() as tx:
        tx.save_verdicts("nothing", [verdict(change(), Action.HOLD)], NOW)


def test_fits_are_overwritten_per_load(store: Store, path: Path) -> None:
    one = fit_record("a/Q-GGUF", "Q4_K_M", "spark", FitVerdict.TIGHT)
    with store.write() as tx:
        tx.save_fits([one, fit_record("a/Q-GGUF", "Q4_K_M", "spark", FitVerdict.NO, "helpdesk")], NOW)
        tx.save_fits([fit_record("A/q-gguf", "Q4_K_M", "spark", FitVerdict.FITS)], NOW)
    stored = rows(path, "SELECT deployment, verdict FROM fits ORDER BY deployment")
    assert [tuple(row.values()) for row in stored] == [("", "fits"), ("helpdesk", "no")]


def _queue(store: Store, channels: Sequence[str] = ("ops",), **said: Any) -> bool:
    with store.write() as tx:
        return tx.save_alert(alert(**said), [tx.save_change(change())], channels, NOW)


def test_an_alert_is_saved_once_with_one_delivery_per_channel(store: Store, path: Path) -> None:
    assert _queue(store, ["ops", "mail", "ops"]) is True
    assert _queue(store, ["ops", "third"]) is False
    assert [(d.channel, d.state, d.alert) for d in store.due(NOW)] == [
        ("ops", DeliveryState.PENDING, alert()),
        ("mail", DeliveryState.PENDING, alert()),
    ]
    assert len(rows(path, "SELECT * FROM alert_changes")) == 1


def test_an_alert_goes_in_with_its_change_or_not_at_all(store: Store, path: Path) -> None:
    with pytest.raises(StoreError, match="FOREIGN KEY"), store.write() as tx:
        tx.save_alert(alert(), ["nothing"], ["ops"], NOW)
    assert rows(path, "SELECT * FROM alerts") == []


def test_alerted_since_names_each_decision_to_alert_with_its_alert(store: Store) -> None:
    moved = change()
    for_helpdesk = verdict(moved, Action.ALERT)
    with store.write() as tx:
        change_id = tx.save_change(moved)
        tx.save_verdicts(change_id, [for_helpdesk, verdict(moved, Action.DIGEST, deployment="rag")], NOW)
        tx.save_alert(alert(), [change_id], ["ops"], NOW)
    with store.read() as tx:
        assert tx.alerted_since(NOW) == [(alert().id, for_helpdesk)]
        assert tx.alerted_since(NOW + HOUR) == []
        assert tx.judged(change_id) == {"helpdesk", "rag"}


def _only(store: Store, now: datetime) -> Delivery:
    [delivery] = store.due(now)
    return delivery


def test_the_attempt_is_written_before_sending(store: Store, path: Path) -> None:
    _queue(store)
    assert store.begin(_only(store, NOW), NOW) is True
    [delivery] = rows(path, "SELECT state, attempts, begun_at FROM deliveries")
    assert delivery == {"state": "pending", "attempts": 1, "begun_at": "2026-08-22T10:00:00.000000Z"}
    [attempt] = rows(path, "SELECT number, begun_at, outcome FROM attempts")
    assert attempt == {"number": 1, "begun_at": "2026-08-22T10:00:00.000000Z", "outcome": None}


def test_a_process_that_dies_while_sending_leaves_a_delivery_that_is_due_again(
    store: Store, path: Path
) -> None:
    _queue(store)
    store.begin(_only(store, NOW), NOW)
    assert store.due(NOW) == []
    again = _only(store, NOW + LEASE)
    assert again.attempts == 1
    assert store.begin(again, NOW + LEASE) is True
    store.settle(again, DeliveryState.SENT, None, None, NOW + LEASE)
    assert store.due(NOW + 99 * HOUR) == []
    tries = rows(path, "SELECT number, outcome FROM attempts ORDER BY number")
    assert [tuple(t.values()) for t in tries] == [(1, None), (2, "sent")]


def test_two_processes_can_not_begin_the_same_attempt(store: Store, path: Path) -> None:
    _queue(store)
    delivery = _only(store, NOW)
    with Store.open(f"sqlite:///{path}") as other:
        assert other.begin(delivery, NOW) is True
        assert store.begin(delivery, NOW) is False
    assert len(rows(path, "SELECT * FROM attempts")) == 1


@pytest.mark.parametrize(
    ("state", "next_attempt_at", "due_later"),
    [
        pytest.param(DeliveryState.PENDING, NOW + HOUR, True, id="failed, tried again"),
        pytest.param(DeliveryState.HELD, NOW + HOUR, True, id="held until the quiet hours end"),
        pytest.param(DeliveryState.UNKNOWN, NOW + HOUR, True, id="timed out, tried again"),
        pytest.param(DeliveryState.UNKNOWN, None, False, id="timed out for good"),
        pytest.param(DeliveryState.SENT, None, False, id="sent"),
        pytest.param(DeliveryState.DEAD, None, False, id="dead"),
    ],
)
def test_what_is_due_after_settling(
    store: Store, state: DeliveryState, next_attempt_at: datetime | None, due_later: bool
) -> None:
    _queue(store)
    delivery = _only(store, NOW)
    store.begin(delivery, NOW)
    store.settle(delivery, state, next_attempt_at, "HTTP 500", NOW)
    assert store.due(NOW + HOUR - timedelta(seconds=1)) == []
    assert len(store.due(NOW + HOUR)) == due_later
    assert store.counts() == {s: int(s is state) for s in DeliveryState}
    [settled] = store.deliveries_of(alert().id)
    assert (settled.state, settled.attempts, settled.last_error) == (state, 1, "HTTP 500")
    assert settled.next_attempt_at == (next_attempt_at or NOW)


def test_holding_back_is_no_attempt(store: Store, path: Path) -> None:
    _queue(store)
    assert store.settle(_only(store, NOW), DeliveryState.HELD, NOW + HOUR, None, NOW, begun=False)
    assert rows(path, "SELECT state, attempts FROM deliveries") == [{"state": "held", "attempts": 0}]
    assert rows(path, "SELECT * FROM attempts") == []


def test_the_longest_due_come_first_up_to_a_limit(store: Store) -> None:
    for n in range(3):
        with store.write() as tx:
            tx.save_alert(alert(f"a{n}"), [], ["ops"], NOW - n * HOUR)
    assert [d.alert.id for d in store.due(NOW, limit=2)] == ["a2", "a1"]


def test_times_come_back_in_utc(store: Store) -> None:
    _queue(store)
    assert _only(store, NOW).next_attempt_at.tzinfo is UTC


def test_a_decision_is_evaluate_adopt_or_reject(store: Store, path: Path) -> None:
    with store.write() as tx:
        tx.record_decision(
            thread="qwen3-3", choice="adopt", reason="passed", by="ana", now=NOW, until=NOW + HOUR
        )
    assert [d["choice"] for d in rows(path, "SELECT * FROM decisions")] == ["adopt"]
    with pytest.raises(StoreError, match="CHECK"), store.write() as tx:
        tx.record_decision(thread="qwen3-3", choice="maybe", reason="", by="ana", now=NOW)
