"""Alerts go in with the change that caused them, and with one delivery to make per channel."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import insert, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from store.codec import ALERT
from store.rows import change_of, verdict_of
from store.schema import alert_changes, alerts, changes, deliveries, verdicts
from store.tx_base import TxBase, chunks
from watcher.types import Action, Alert, Change, DeliveryState, Verdict


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

    def alerted_since(self, since: datetime) -> list[tuple[str, Verdict]]:
        """(alert id, verdict) for every decision to alert since that moment, in order."""
        v, c, caused = verdicts.c, changes.c, alert_changes.c
        statement = (
            select(verdicts, caused.alert_id)
            .join(alert_changes, caused.change_id == v.change_id)
            .where(v.action == Action.ALERT.value, v.at >= since)
            .order_by(v.at, v.id)
        )
        rows = self._rows(statement)
        wanted = {row.change_id for row in rows}
        known: dict[str, Change] = {}
        for chunk in chunks(wanted):
            known |= {row.id: change_of(row) for row in self._rows(select(changes).where(c.id.in_(chunk)))}
        return [(row.alert_id, verdict_of(row, known[row.change_id])) for row in rows]
