"""What models scored: the current result of every model, task and metric."""

import json
from pathlib import Path
from typing import Any

from store.files import reading
from store.moments import for_people

_CURRENT = """SELECT e.* FROM evaluations e WHERE (:task IS NULL OR e.task_folded = :task)
    AND NOT EXISTS (SELECT 1 FROM evaluations n WHERE n.model_folded = e.model_folded
        AND n.task_folded = e.task_folded AND n.metric = e.metric AND n.at > e.at)
    ORDER BY e.task_folded, e.model_folded, e.position, e.metric"""
_PLAIN = ("model", "task", "metric", "score", "samples", "stderr", "source", "position")


def evaluations(path: Path | str, *, task: str | None = None) -> list[dict[str, Any]]:
    """Rows with model, task, metric, score, samples, stderr, source, position, at and items.

    items: [prompt, right] of every prompt, where answers are known one by one.
    """
    with reading(path) as connection:
        found = connection.execute(_CURRENT, {"task": task.casefold() if task else None}).fetchall()
    return [
        {key: row[key] for key in _PLAIN}
        | {
            "at": for_people(row["at"]),
            "items": [(i["prompt"], i["right"]) for i in json.loads(row["items"] or "[]")],
        }
        for row in found
    ]
