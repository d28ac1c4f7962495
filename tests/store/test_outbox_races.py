"""Two processes work off one outbox: whoever comes too late changes nothing."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from store.db import Store
from store.outbox import LEASE
from tests.store.builders import NOW, alert, rows
from watcher.types import Delivery, DeliveryState

LATER = NOW + LEASE
HOUR = timedelta(hours=1)


@pytest.fixture
def delivery(store: Store) -> Delivery:
    with store.write() as tx:
        tx.save_alert(alert(), [], ["ops"], NOW)
    [found] = store.due(NOW)
    return found


def _state(path: Path) -> tuple[object, ...]:
    [row] = rows(path, "SELECT state, attempts, next_attempt_at IS NULL AS done FROM deliveries")
    return tuple(row.values())


def _taken_over(store: Store, delivery: Delivery) -> Delivery:
    """The first attempt is begun and hangs; the second is begun when the first's time is over."""
    assert store.begin(delivery, NOW)
    [again] = store.due(LATER)
    assert store.begin(again, LATER)
    return again


@pytest.mark.parametrize(
    ("state", "next_attempt_at"),
    [
        pytest.param(DeliveryState.PENDING, LATER + HOUR, id="a failure"),
        pytest.param(DeliveryState.UNKNOWN, LATER + HOUR, id="a timeout"),
        pytest.param(DeliveryState.DEAD, None, id="a refusal"),
    ],
)
@pytest.mark.parametrize("second", [DeliveryState.SENT, None], ids=["was sent since", "is under way"])
def test_a_late_outcome_does_not_touch_a_later_attempt_that(
    store: Store,
    path: Path,
    delivery: Delivery,
    state: DeliveryState,
    next_attempt_at: datetime | None,
    second: DeliveryState | None,
) -> None:
    again = _taken_over(store, delivery)
    if second:
        assert store.settle(again, second, None, None, LATER)
    before = _state(path)
    assert not store.settle(delivery, state, next_attempt_at, "reset", LATER)
    assert _state(path) == before
    assert rows(path, "SELECT outcome FROM attempts WHERE number = 1") == [{"outcome": state.value}]


def test_a_late_success_ends_the_attempts(store: Store, path: Path, delivery: Delivery) -> None:
    again = _taken_over(store, delivery)
    assert store.settle(delivery, DeliveryState.SENT, None, None, LATER)
    assert not store.settle(again, DeliveryState.PENDING, LATER + HOUR, "HTTP 500", LATER)
    assert _state(path) == ("sent", 2, 1)


@pytest.mark.parametrize("sent", [True, False], ids=["was sent since", "is being sent"])
def test_holding_back_leaves_alone_what(store: Store, path: Path, delivery: Delivery, sent: bool) -> None:
    assert store.begin(delivery, NOW)
    if sent:
        assert store.settle(delivery, DeliveryState.SENT, None, None, NOW)
    before = _state(path)
    assert not store.settle(delivery, DeliveryState.PENDING, NOW + HOUR, "no such channel", NOW, begun=False)
    assert _state(path) == before
