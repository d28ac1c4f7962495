"""What the team measured on its own machines: one factor per device, engine and term of the estimate."""

from datetime import date
from itertools import groupby

from sqlalchemy import delete, select

from store.schema import corrections, fits
from store.tx_base import TxBase, upsert
from watcher.types import Correction


class CorrectionsTx(TxBase):
    """A correction that changes anything drops the stored fits with it: they were made without it.

    The next round (or watcher.refit) computes them anew; no question is answered from stale ones.
    """

    def corrections(self) -> list[Correction]:
        """Every correction in force, by device and engine; terms of one log come together."""
        c = corrections.c
        rows = self._rows(
            select(corrections).order_by(c.device, c.engine, c.measured_on.desc(), c.source, c.term)
        )
        return [
            Correction(
                device=device,
                engine=engine,
                measured_on=date.fromisoformat(measured_on),
                source=source,
                factors={row.term: row.factor for row in group},
            )
            for (device, engine, measured_on, source), group in groupby(
                rows, key=lambda row: (row.device, row.engine, row.measured_on, row.source)
            )
        ]

    def save_correction(self, correction: Correction) -> bool:
        """Write each term over an earlier measurement of it; a term measured later stays as it is.

        True when anything was replaced or added.
        """
        c = corrections.c
        there = {
            row.term: row
            for row in self._rows(
                select(corrections).where(c.device == correction.device, c.engine == correction.engine)
            )
        }
        values = [
            {
                "device": correction.device,
                "engine": correction.engine,
                "term": term,
                "factor": factor,
                "measured_on": correction.measured_on.isoformat(),
                "source": correction.source,
            }
            for term, factor in correction.factors.items()
        ]
        new = [v for v in values if _replaces(v, there.get(str(v["term"])))]
        self._many(upsert(corrections), new)
        if new:
            self._connection.execute(delete(fits))
        return bool(new)

    def forget_corrections(self, device: str, engine: str | None = None) -> int:
        """Go back to the tables for a device, with one engine or with all; how many terms there were."""
        c = corrections.c
        gone = delete(corrections).where(c.device == device)
        if engine is not None:
            gone = gone.where(c.engine == engine)
        count = int(self._connection.execute(gone).rowcount)
        if count:
            self._connection.execute(delete(fits))
        return count


def _replaces(value: dict[str, object], row: object | None) -> bool:
    """Dates as ISO text sort as dates do."""
    if row is None:
        return True
    older = str(getattr(row, "measured_on", "")) <= str(value["measured_on"])
    same = all(getattr(row, name) == value[name] for name in ("factor", "measured_on", "source"))
    return older and not same
