"""The configuration that was accepted last: what the next one is compared with."""

from datetime import datetime

from sqlalchemy import insert, select

from store.codec import STACK
from store.schema import accepted
from store.tx_base import TxBase
from watcher.types import Stack


class AcceptedTx(TxBase):
    def accepted(self) -> Stack | None:
        """What save_accepted wrote last; None before the first time."""
        newest = select(accepted.c.document).order_by(accepted.c.id.desc()).limit(1)
        row = self._connection.execute(newest).first()
        return STACK.decode(row.document) if row else None

    def save_accepted(self, stack: Stack, now: datetime) -> None:
        """Append: earlier configurations stay, to be looked at."""
        self._connection.execute(insert(accepted), {"document": STACK.encode(stack), "at": now})
