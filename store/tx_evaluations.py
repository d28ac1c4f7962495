"""What models scored on which tasks, by date; the latest of a model, task and metric is the current one."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select

from store import logged
from store.codec import ITEMS
from store.rows import Values, fold
from store.schema import evaluations
from store.tx_base import TxBase, chunks, upsert
from watcher.types import Evaluation


class EvaluationsTx(TxBase):
    def evaluations(self, tasks: Iterable[str]) -> list[Evaluation]:
        """Every result on these tasks (in any case), earlier ones included, the oldest first."""
        c = evaluations.c
        wanted = sorted({fold(task) for task in tasks})
        return [
            _evaluation(row)
            for chunk in chunks(wanted)
            for row in self._rows(
                select(evaluations).where(c.task_folded.in_(chunk)).order_by(c.at, c.saved_at, c.model_folded)
            )
        ]

    def save_evaluations(self, results: Sequence[Evaluation], now: datetime) -> None:
        """Write each over one of the same model, task, metric and time; one without a time is of now."""
        values = {
            (v["model_folded"], v["task_folded"], v["metric"], v["at"]): v for v in _values(results, now)
        }
        self._many(upsert(evaluations), list(values.values()))
        self._append(logged.line_of_result(result, now) for result in results)


def _values(results: Sequence[Evaluation], now: datetime) -> Iterable[Values]:
    for e in results:
        yield {
            "model_folded": fold(e.model),
            "task_folded": fold(e.task),
            "metric": e.metric,
            "at": e.at or now,
            "model": e.model,
            "task": e.task,
            "score": e.score,
            "samples": e.samples,
            "stderr": e.stderr,
            "source": e.source,
            "items": ITEMS.encode(e.items) if e.items else None,
            "position": e.position,
            "saved_at": now,
        }


def _evaluation(row: Row[Any]) -> Evaluation:
    return Evaluation(
        model=row.model,
        task=row.task,
        metric=row.metric,
        score=row.score,
        samples=row.samples,
        stderr=row.stderr,
        source=row.source,
        at=row.at,
        items=ITEMS.decode(row.items) if row.items else (),
        position=row.position,
    )
