"""How modelwatch itself does: sources, open problems, the queue, and how much is known."""

import sqlite3
from pathlib import Path
from typing import Any

from store.files import reading
from store.moments import for_people
from store.read_changes import delivery_row

_STATES = ("pending", "sent", "held", "unknown", "dead")
_OLDEST = """SELECT min(a.saved_at) FROM deliveries d JOIN alerts a ON a.id = d.alert_id
    WHERE d.state NOT IN ('sent', 'dead') AND d.next_attempt_at IS NOT NULL"""
_WAITING = """SELECT * FROM deliveries WHERE state NOT IN ('sent', 'dead') AND next_attempt_at IS NOT NULL
    ORDER BY next_attempt_at, id LIMIT 10"""
_DEAD = """SELECT * FROM deliveries
    WHERE state = 'dead' OR (state = 'unknown' AND next_attempt_at IS NULL)
    ORDER BY settled_at DESC, id LIMIT 10"""
_MOMENTS = (
    "last_success_at",
    "last_attempt_at",
    "failing_since",
    "watermark",
    "baseline_at",
    "swept_at",
    "not_before",
)
_REPOS = """SELECT coalesce(sum(removed_at IS NULL), 0) AS total,
    coalesce(sum(quant AND removed_at IS NULL), 0) AS quants,
    coalesce(sum(NOT quant AND removed_at IS NULL), 0) AS models,
    coalesce(sum(removed_at IS NOT NULL), 0) AS removed,
    count(DISTINCT family) AS families FROM repos"""


def status(path: Path | str) -> dict[str, Any]:
    """Everything `modelwatch status` shows; a source that never succeeded has last_success_at None."""
    with reading(path) as connection:
        return {
            "sources": _sources(connection),
            "problems": _problems(connection),
            "deliveries": _deliveries(connection),
            "last_alert": _last(connection, "\"trigger\" <> 'digest'"),
            "last_digest": _last(connection, "\"trigger\" = 'digest'"),
            "repos": dict(connection.execute(_REPOS).fetchone()),
            "observations": connection.execute("SELECT count(*) FROM observations").fetchone()[0],
        }


def _sources(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    open_problems = dict(
        connection.execute(
            "SELECT lower(source), count(*) FROM problems WHERE closed_at IS NULL GROUP BY source"
        ).fetchall()
    )
    return [
        {
            "source": row["source"],
            **{name: for_people(row[name]) for name in _MOMENTS},
            "last_error": row["last_error"],
            "open_problems": open_problems.get(row["source"].lower(), 0),
        }
        for row in connection.execute(
            "SELECT * FROM source_states WHERE unwatched_since IS NULL ORDER BY source"
        )
    ]


def _problems(connection: sqlite3.Connection) -> list[dict[str, Any]]:
    rows = connection.execute("SELECT * FROM problems WHERE closed_at IS NULL ORDER BY first_seen, id")
    return [
        {
            "source": row["source"],
            "key": row["key"],
            "message": row["message"],
            "count": row["count"],
            "first_seen": for_people(row["first_seen"]),
            "last_seen": for_people(row["last_seen"]),
        }
        for row in rows
    ]


def _deliveries(connection: sqlite3.Connection) -> dict[str, Any]:
    """counts per state; oldest_pending_at is when the alert was written; next and dead hold ten each.

    dead are those that will not be tried again, also because they timed out and may have arrived.
    """
    counts = dict(connection.execute("SELECT state, count(*) FROM deliveries GROUP BY state").fetchall())
    oldest = connection.execute(_OLDEST).fetchone()[0]
    waiting = connection.execute(_WAITING).fetchall()
    dead = connection.execute(_DEAD).fetchall()
    return {
        "counts": {state: counts.get(state, 0) for state in _STATES},
        "oldest_pending_at": for_people(oldest),
        "next": [delivery_row(row) for row in waiting],
        "dead": [delivery_row(row) for row in dead],
    }


def _last(connection: sqlite3.Connection, condition: str) -> dict[str, Any] | None:
    row = connection.execute(
        f"SELECT * FROM alerts WHERE {condition} ORDER BY created_at DESC, id LIMIT 1"  # noqa: S608 - a constant
    ).fetchone()
    if row is None:
        return None
    return {"id": row["id"], "title": row["title"], "created_at": for_people(row["created_at"])}
