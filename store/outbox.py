"""Deliveries still to make: each step is a short transaction of its own, so that sending holds no lock.

begin writes the attempt down before anything is sent. A process that dies in between leaves an
attempt without an outcome, and the delivery is due again LEASE later: at most one duplicate, never a loss.
"""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from store.codec import ALERT
from store.schema import alerts, attempts, deliveries
from watcher.types import Delivery, DeliveryState

# Longer than the slowest attempt (several messages, each with the channels' own timeout of 20 s), so
# that a slow one is not made twice.
LEASE = timedelta(minutes=10)

_OPEN = (DeliveryState.PENDING.value, DeliveryState.HELD.value, DeliveryState.UNKNOWN.value)
_WITH_ALERT = select(deliveries, alerts.c.document, alerts.c.created_at).join(
    alerts, alerts.c.id == deliveries.c.alert_id
)


class Outbox(ABC):
    @abstractmethod
    def _writing(self) -> AbstractContextManager[Connection]: ...

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Connection]: ...

    def due(self, now: datetime, limit: int = 100) -> list[Delivery]:
        """What should be tried now, the longest due first. Sent and dead ones never are."""
        d = deliveries.c
        statement = _WITH_ALERT.where(d.state.in_(_OPEN), d.next_attempt_at <= now)
        with self._reading() as connection:
            rows = connection.execute(statement.order_by(d.next_attempt_at, d.id).limit(limit)).all()
        return [_delivery(row) for row in rows]

    def begin(self, delivery: Delivery, now: datetime) -> bool:
        """Write down that an attempt begins. False: another process took it since, so do not send."""
        d = deliveries.c
        claim = (
            update(deliveries)
            .where(d.alert_id == delivery.alert.id, d.channel == delivery.channel)
            .where(d.attempts == delivery.attempts, d.state.in_(_OPEN))
            .values(attempts=d.attempts + 1, begun_at=now, next_attempt_at=now + LEASE)
            .returning(d.id, d.attempts)
        )
        with self._writing() as connection:
            row = connection.execute(claim).first()
            if row is None:
                return False
            begun = {"delivery_id": row.id, "number": row.attempts, "begun_at": now}
            connection.execute(insert(attempts), begun)
        return True

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
        """Write down how it went; without next_attempt_at it is not tried again by itself.

        The delivery is the one that due gave, so that its attempt is known; begun False: it was held back
        without one. Whoever comes too late changes nothing and gets False: the delivery is settled for
        good, or another attempt was begun since. Only that it was sent counts whenever it is known.
        """
        d, a = deliveries.c, attempts.c
        number = delivery.attempts + begun
        which = (d.alert_id == delivery.alert.id, d.channel == delivery.channel)
        mine = () if begun and state is DeliveryState.SENT else (d.attempts == number,)
        outcome = {"state": state.value, "begun_at": None, "settled_at": now, "last_error": error}
        with self._writing() as connection:
            settled = connection.execute(
                update(deliveries)
                .where(*which, *mine, d.state.in_(_OPEN), d.next_attempt_at.is_not(None))
                .values(**outcome, next_attempt_at=next_attempt_at)
            )
            if begun:
                connection.execute(
                    update(attempts)
                    .where(a.delivery_id == select(d.id).where(*which).scalar_subquery())
                    .where(a.number == number, a.settled_at.is_(None))
                    .values(settled_at=now, outcome=state.value, error=error)
                )
        return bool(settled.rowcount)

    def counts(self) -> dict[DeliveryState, int]:
        """How many deliveries are in each state; every state is there."""
        statement = select(deliveries.c.state, func.count().label("n")).group_by(deliveries.c.state)
        with self._reading() as connection:
            found = {row.state: row.n for row in connection.execute(statement)}
        return {state: found.get(state.value, 0) for state in DeliveryState}

    def deliveries_of(self, alert_id: str) -> list[Delivery]:
        """Every delivery of an alert, by channel; next_attempt_at of a settled one is when it was settled."""
        statement = _WITH_ALERT.where(deliveries.c.alert_id == alert_id).order_by(deliveries.c.channel)
        with self._reading() as connection:
            return [_delivery(row) for row in connection.execute(statement)]


def _delivery(row: Row[Any]) -> Delivery:
    return Delivery(
        alert=ALERT.decode(row.document),
        channel=row.channel,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_attempt_at=row.next_attempt_at or row.settled_at or row.created_at,
        last_error=row.last_error,
    )
