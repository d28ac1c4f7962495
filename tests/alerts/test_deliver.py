"""What deliver does with the outbox, on scripted channels: states, waits, order, crashes."""

import random
import threading
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.channels import Channel, DeliveryError
from alerts.deliver import FIRST_WAIT, LONGEST_WAIT, Outcome, backoff, deliver
from tests.alerts.fakes import NOW, FakeOutbox, ScriptedChannel, alert, down, hung, refused
from watcher.types import Alert, DeliveryState

START = NOW + timedelta(minutes=1)


def run(outbox: FakeOutbox, *channels: Channel, at: datetime = START) -> list[Outcome]:
    return deliver(outbox, {channel.name: channel for channel in channels}, lambda: at, random.Random(1))


@pytest.mark.parametrize(
    ("before", "answer", "after", "again", "says"),
    [
        pytest.param("pending", None, "sent", False, None, id="accepted"),
        pytest.param("held", None, "sent", False, None, id="quiet hours are over"),
        pytest.param("pending", down(), "pending", True, "503", id="down: later"),
        pytest.param("held", down(), "pending", True, "503", id="down after quiet hours: later"),
        pytest.param("pending", refused(), "dead", False, "403", id="refused: dead, with the reason"),
        pytest.param("pending", hung(), "unknown", True, "may have arrived", id="no answer: once more"),
        pytest.param("unknown", None, "sent", False, None, id="the second try is accepted"),
        pytest.param("unknown", hung(), "unknown", False, "tried twice", id="no answer twice: left as it is"),
        pytest.param("unknown", down(), "unknown", True, "earlier attempt may", id="unknown, then down"),
        pytest.param("unknown", refused(), "dead", False, "earlier attempt may", id="unknown, then refused"),
        pytest.param("pending", KeyError("slack://secret"), "pending", True, "a bug", id="a bug: later"),
    ],
)  # fmt: skip
def test_an_answer_leads_to_a_state(
    before: str, answer: Exception | None, after: str, again: bool, says: str | None
) -> None:
    outbox = FakeOutbox()
    outbox.add(alert(), state=DeliveryState(before))
    [outcome] = run(outbox, ScriptedChannel(script=[answer]))
    row = outbox.rows["alert-1", "ops"]
    assert (outcome.state, row.state) == (after, after)
    assert (outcome.next_attempt_at is not None) is again is (("alert-1", "ops") in outbox.waiting)
    assert outcome.attempts == row.attempts == 1
    assert (says or "") in (outcome.error or "")
    assert (outcome.error is None) is (says is None)
    assert "secret" not in (outcome.error or "")


@pytest.mark.parametrize(
    ("asked", "least", "most"),
    [
        pytest.param(None, timedelta(minutes=1), timedelta(minutes=2), id="nothing asked: the first wait"),
        pytest.param(
            1.0, timedelta(minutes=1), timedelta(minutes=2), id="a second asked: still the first wait"
        ),
        pytest.param(
            1800.0, timedelta(minutes=30), timedelta(minutes=30), id="half an hour asked and granted"
        ),
        pytest.param(9e9, LONGEST_WAIT, LONGEST_WAIT, id="centuries asked: six hours"),
    ],
)
def test_retry_after_is_honoured_within_a_cap(asked: float | None, least: timedelta, most: timedelta) -> None:
    outbox = FakeOutbox()
    outbox.add(alert())
    busy = DeliveryError("ops: Slack answered 429", retry_after_s=asked)
    [outcome] = run(outbox, ScriptedChannel(script=[busy]))
    assert outcome.next_attempt_at is not None
    assert least <= outcome.next_attempt_at - START <= most


@given(st.integers(0, 10_000), st.randoms(use_true_random=False))
def test_waits_grow_from_a_minute_to_six_hours(attempts: int, chance: random.Random) -> None:
    assert FIRST_WAIT <= backoff(attempts, chance) <= LONGEST_WAIT
    if attempts >= 11:
        assert backoff(attempts, chance) >= LONGEST_WAIT * 0.75


def test_four_days_of_failures_end_in_dead_with_the_reason() -> None:
    outbox = FakeOutbox()
    outbox.add(alert())
    channel = ScriptedChannel(script=[down()] * 1000)
    at = START
    while outbox.waiting:
        run(outbox, channel, at=at)
        at = outbox.rows["alert-1", "ops"].next_attempt_at
    row = outbox.rows["alert-1", "ops"]
    assert row.state is DeliveryState.DEAD
    assert row.last_error is not None
    assert "given up after" in row.last_error
    assert "503" in row.last_error
    assert timedelta(days=4) <= at - NOW <= timedelta(days=4, hours=6, minutes=1)
    assert 20 <= channel.tries <= 35


def test_a_machine_that_slept_for_a_week_does_not_give_up_at_once() -> None:
    outbox = FakeOutbox()
    outbox.add(alert())
    [outcome] = run(outbox, ScriptedChannel(script=[down()]), at=NOW + timedelta(days=7))
    assert outcome.state is DeliveryState.PENDING


def test_a_channel_down_for_three_polls_loses_nothing_and_keeps_the_order() -> None:
    outbox = FakeOutbox()
    alerts = [alert(number) for number in (3, 1, 2)]
    outbox.add(*alerts)
    channel = ScriptedChannel(script=[down()] * 3)
    for poll in range(3):
        run(outbox, channel, at=START + timedelta(minutes=30 * poll))
        assert channel.sent == []
        assert channel.tries == poll + 1
    run(outbox, channel, at=START + timedelta(hours=12))
    assert channel.sent == ["alert-1", "alert-2", "alert-3"]
    assert set(outbox.states().values()) == {"sent"}


def test_a_failing_channel_is_left_alone_for_the_rest_of_the_run() -> None:
    outbox = FakeOutbox()
    outbox.add(alert(1), alert(2), alert(3))
    channel = ScriptedChannel(script=[hung()])
    outcomes = run(outbox, channel)
    assert [(o.alert_id, o.state) for o in outcomes] == [("alert-1", "unknown")]
    assert outbox.rows["alert-2", "ops"].attempts == 0
    assert outbox.rows["alert-2", "ops"].next_attempt_at <= START


def test_a_refused_alert_does_not_stop_the_next_one() -> None:
    outbox = FakeOutbox()
    outbox.add(alert(1), alert(2))
    channel = ScriptedChannel(script=[refused()])
    run(outbox, channel)
    assert outbox.states() == {"alert-1": "dead", "alert-2": "sent"}


def test_a_broken_channel_delays_no_other_and_comes_last_next_time() -> None:
    outbox = FakeOutbox()
    tried: list[str] = []

    class Noting(ScriptedChannel):
        def send(self, alert: Alert, now: datetime) -> None:
            tried.append(self.name)
            super().send(alert, now)

    broken, healthy = Noting("broken", script=[down()] * 9), Noting("healthy")
    outbox.add(alert(1), channel="broken")
    outbox.add(alert(2), channel="healthy")
    run(outbox, broken, healthy)
    outbox.add(alert(3), channel="healthy")
    run(outbox, broken, healthy, at=START + timedelta(hours=1))
    assert tried == ["broken", "healthy", "healthy", "broken"]
    assert healthy.sent == ["alert-2", "alert-3"]


def test_a_crash_between_send_and_settle_makes_one_duplicate_and_no_loss() -> None:
    outbox = FakeOutbox()
    outbox.add(alert())
    channel = ScriptedChannel()

    class Crash(BaseException):
        """Stands for kill -9: nobody catches it."""

    class Dying(FakeOutbox):
        def settle(self, *_: object, begun: bool = True) -> bool:
            raise Crash

    with pytest.raises(Crash):
        run(Dying(outbox.rows, outbox.waiting), channel)
    assert outbox.rows["alert-1", "ops"].attempts == 1
    run(outbox, channel)
    run(outbox, channel)
    assert channel.sent == ["alert-1", "alert-1"]
    assert outbox.states() == {"alert-1": "sent"}


def test_an_attempt_is_written_down_before_it_is_made() -> None:
    outbox = FakeOutbox()
    outbox.add(alert())
    seen: list[int] = []

    class Looking(ScriptedChannel):
        def send(self, alert: Alert, now: datetime) -> None:
            seen.append(outbox.rows[alert.id, "ops"].attempts)

    run(outbox, Looking())
    assert seen == [1]


def test_what_another_process_has_taken_is_not_sent() -> None:
    class Taken(FakeOutbox):
        def begin(self, *_: object) -> bool:
            return False

    outbox, channel = Taken(), ScriptedChannel()
    outbox.add(alert())
    assert run(outbox, channel) == []
    assert channel.tries == 0


def test_a_channel_that_left_the_configuration_keeps_its_alerts_for_four_days() -> None:
    outbox = FakeOutbox()
    outbox.add(alert())
    [outcome] = run(outbox)
    assert outcome.state is DeliveryState.PENDING
    assert outcome.attempts == 0
    assert outcome.error is not None
    assert "no longer in the configuration" in outcome.error
    [back] = run(outbox, ScriptedChannel(), at=START + timedelta(hours=1))
    assert back.state is DeliveryState.SENT
    outbox.add(alert(2))
    [dead] = run(outbox, at=NOW + timedelta(days=5))
    assert dead.state is DeliveryState.DEAD


def test_stopping_ends_between_attempts_and_leaves_the_rest_due() -> None:
    outbox = FakeOutbox()
    outbox.add(alert(1), alert(2))
    stop = threading.Event()

    class Stopping(ScriptedChannel):
        def send(self, alert: Alert, now: datetime) -> None:
            stop.set()
            super().send(alert, now)

    channel = Stopping()
    deliver(outbox, {"ops": channel}, lambda: START, random.Random(1), stop)
    assert outbox.states() == {"alert-1": "sent", "alert-2": "pending"}


@given(st.lists(st.sampled_from(["ok", "down", "hung", "refused", "bug"]), max_size=60), st.integers(1, 6))
def test_whatever_the_target_answers_nothing_is_lost(answers: list[str], count: int) -> None:
    script: list[Exception | None] = [
        {"ok": None, "down": down(), "hung": hung(), "refused": refused(), "bug": KeyError("x")}[answer]
        for answer in answers
    ]
    outbox, channel = FakeOutbox(), ScriptedChannel(script=script)
    outbox.add(*(alert(number) for number in range(count)))
    at = START
    for _ in range(200):
        run(outbox, channel, at=at)
        at += timedelta(minutes=20)
    rows = outbox.rows.values()
    assert len(rows) == count
    assert sorted(channel.sent) == sorted(r.alert.id for r in rows if r.state is DeliveryState.SENT)
    assert all(r.last_error for r in rows if r.state is not DeliveryState.SENT)
