"""Works off the outbox: one attempt per due delivery and run, each outcome written down at once.

    pending, held -- sent
                  -- pending, later     the target failed: back-off with jitter, Retry-After honoured
                  -- unknown, later     no answer in time: it may have arrived, so it is tried once more
                  -- dead               refused for good, or failing for 4 days
    unknown       -- sent               possibly the second copy
                  -- unknown, for good  no answer again: no further attempt
                  -- unknown, later     the retry failed otherwise; goes on like pending
                  -- dead               as above

An attempt is written down before it is made (`begin`) and after (`settle`). A crash between the two
leaves the delivery due, which makes for the one duplicate that is possible per crash.

A channel that fails is left alone for the rest of the run: its other deliveries stay due, in order,
and the first of them tries the channel again in the next run. Channels that failed last time come
after those that did not. A channel that is no longer configured keeps its deliveries pending, said
so in their error, for the 4 days in which somebody may put it back (a typo must not lose alerts).
"""

import random
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from alerts.channels import Channel, DeliveryError
from watcher.types import Delivery, DeliveryState

FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=6)
JITTER = 0.25
GIVE_UP_AFTER = timedelta(days=4)
GIVE_UP_ATTEMPTS = 12
"""A machine that slept for a week still makes this many attempts before it gives an alert up."""
UNCONFIGURED_WAIT = timedelta(hours=1)
BATCH = 1000
"""Deliveries per run: far above any backlog, so that a broken channel's can not crowd out the others."""


class Outbox(Protocol):
    """What delivering needs of the store. Each call is a transaction of its own."""

    def due(self, now: datetime, limit: int = 100) -> Sequence[Delivery]:
        """Deliveries that are not settled for good and whose next attempt is due, the longest due first."""

    def begin(self, delivery: Delivery, now: datetime) -> bool:
        """Write the attempt down before it is made. False: another process has it, do not send."""

    def settle(
        self,
        delivery: Delivery,
        state: DeliveryState,
        next_attempt_at: datetime | None,
        error: str | None,
        now: datetime,
        *,
        begun: bool = True,
    ) -> bool:
        """Write down how it went; next_attempt_at None: no further attempt. begun False: none was made.

        False, and nothing written, when another process settled it or took it over since.
        """


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What became of one delivery in this run. error has no secret in it and is None for a plain success."""

    alert_id: str
    channel: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime | None
    error: str | None


def deliver(
    outbox: Outbox,
    channels: Mapping[str, Channel],
    now: Callable[[], datetime],
    chance: random.Random,
    stop: threading.Event | None = None,
) -> list[Outcome]:
    """Try everything that is due, once. Ends early, between attempts, when stop is set."""
    outcomes: list[Outcome] = []
    for name, deliveries in _by_channel(outbox.due(now(), limit=BATCH)):
        for delivery in deliveries:
            if stop is not None and stop.is_set():
                return outcomes
            channel = channels.get(name)
            if channel is None:
                outcomes.append(_unconfigured(outbox, delivery, now()))
                continue
            if not outbox.begin(delivery, now()):
                continue
            outcome = _attempt(outbox, channel, delivery, now, chance)
            outcomes.append(outcome)
            if outcome.state in (DeliveryState.PENDING, DeliveryState.UNKNOWN):
                break
    return outcomes


def backoff(attempts: int, chance: random.Random) -> timedelta:
    """The wait after this many attempts (>= 1): doubling from 1 minute to 6 hours, a quarter up or down."""
    doublings = min(max(attempts, 1) - 1, 16)  # far beyond the cap already
    wait = min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT) * chance.uniform(1 - JITTER, 1 + JITTER)
    return min(max(wait, FIRST_WAIT), LONGEST_WAIT)


def _by_channel(due: Sequence[Delivery]) -> list[tuple[str, list[Delivery]]]:
    """Deliveries of each channel, oldest alert first; healthy channels before failing ones."""
    groups: dict[str, list[Delivery]] = {}
    for delivery in sorted(due, key=lambda d: d.alert.created_at):
        groups.setdefault(delivery.channel, []).append(delivery)
    return sorted(groups.items(), key=lambda group: any(d.last_error for d in group[1]))


def _attempt(
    outbox: Outbox, channel: Channel, delivery: Delivery, now: Callable[[], datetime], chance: random.Random
) -> Outcome:
    try:
        channel.send(delivery.alert, now())
    except DeliveryError as error:
        failure = error
    except Exception as error:  # a bug in one channel must not keep the others from being served
        failure = DeliveryError(f"{channel.name}: {_where(error)}")
    else:
        return _settle(outbox, delivery, DeliveryState.SENT, None, None, now())
    after = now()
    state, next_attempt_at, reason = _verdict(delivery, failure, after, chance)
    return _settle(outbox, delivery, state, next_attempt_at, reason, after)


def _verdict(
    delivery: Delivery, failure: DeliveryError, now: datetime, chance: random.Random
) -> tuple[DeliveryState, datetime | None, str]:
    """The state a failed attempt leads to, when to try again, and why."""
    unknown = delivery.state is DeliveryState.UNKNOWN
    attempts = delivery.attempts + 1
    reason = str(failure)
    if failure.timed_out and unknown:
        return DeliveryState.UNKNOWN, None, f"{reason}; tried twice"
    before = "; an earlier attempt may have arrived" if unknown else ""
    if failure.permanent:
        return DeliveryState.DEAD, None, reason + before
    if not failure.timed_out and attempts >= GIVE_UP_ATTEMPTS and _too_old(delivery, now):
        days = GIVE_UP_AFTER.days
        return (
            DeliveryState.DEAD,
            None,
            f"given up after {attempts} attempts in {days} days: {reason}{before}",
        )
    asked = timedelta(seconds=min(max(failure.retry_after_s or 0.0, 0.0), LONGEST_WAIT.total_seconds()))
    state = DeliveryState.UNKNOWN if unknown or failure.timed_out else DeliveryState.PENDING
    return state, now + max(backoff(attempts, chance), asked), reason + before


def _unconfigured(outbox: Outbox, delivery: Delivery, now: datetime) -> Outcome:
    reason = f"{delivery.channel}: this channel is no longer in the configuration"
    if _too_old(delivery, now):
        return _settle(outbox, delivery, DeliveryState.DEAD, None, reason, now, attempted=False)
    state = DeliveryState.UNKNOWN if delivery.state is DeliveryState.UNKNOWN else DeliveryState.PENDING
    return _settle(outbox, delivery, state, now + UNCONFIGURED_WAIT, reason, now, attempted=False)


def _too_old(delivery: Delivery, now: datetime) -> bool:
    return now - delivery.alert.created_at >= GIVE_UP_AFTER


def _settle(
    outbox: Outbox,
    delivery: Delivery,
    state: DeliveryState,
    next_attempt_at: datetime | None,
    error: str | None,
    now: datetime,
    *,
    attempted: bool = True,
) -> Outcome:
    outbox.settle(delivery, state, next_attempt_at, error, now, begun=attempted)
    return Outcome(
        alert_id=delivery.alert.id,
        channel=delivery.channel,
        state=state,
        attempts=delivery.attempts + attempted,
        next_attempt_at=next_attempt_at,
        error=error,
    )


def _where(error: Exception) -> str:
    """A bug's kind and place. Its message stays out: it may quote an address."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"a bug in modelwatch or Apprise: {type(error).__name__}{place}"
