"""Alerts go in with the change that caused them, and with one delivery to make per channel."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from store.codec import ALERT
from store.schema import alert_changes, alerts, deliveries
from store.tx_base import TxBase
from watcher.types import Alert, DeliveryState


class AlertsTx(TxBase):
    def save_alert(
        self, alert: Alert, change_ids: Sequence[str], channels: Sequence[str], now: datetime
    ) -> bool:
        """Write an alert and one pending delivery per channel; False, queueing nothing, for a known id."""
        values = {
            "id": alert.id,
            "thread": alert.thread,
            "trigger": alert.trigger,
            "title": alert.title,
            "created_at": alert.created_at,
            "saved_at": now,
            "document": ALERT.encode(alert),
        }
        statement = sqlite_insert(alerts).on_conflict_do_nothing(index_elements=["id"])
        if not self._connection.execute(statement, values).rowcount:
            return False
        causes = [{"alert_id": alert.id, "change_id": change_id} for change_id in dict.fromkeys(change_ids)]
        self._many(insert(alert_changes), causes)
        queued = {
            "alert_id": alert.id,
            "state": DeliveryState.PENDING.value,
            "attempts": 0,
            "next_attempt_at": now,
        }
        self._many(insert(deliveries), [queued | {"channel": channel} for channel in dict.fromkeys(channels)])
        return True

    def alerts_since(self, since: datetime) -> dict[tuple[str, str], str]:
        """(thread, trigger) -> id of the latest alert created at or after that moment."""
        statement = select(alerts.c.thread, alerts.c.trigger, alerts.c.id).where(alerts.c.created_at >= since)
        rows = self._rows(statement.order_by(alerts.c.created_at, alerts.c.id))
        return {(row.thread, row.trigger): row.id for row in rows}
