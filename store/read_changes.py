"""What changed and what was told."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from store.files import reading
from store.moments import for_people, to_text
from store.read_repos import Rows, select_in

CURRENT = """NOT EXISTS (SELECT 1 FROM verdicts n
    WHERE n.change_id = v.change_id AND n.deployment IS v.deployment AND n.id > v.id)"""

_CONDITIONS = {
    "since": "c.detected_at >= :since",
    "kind": "c.kind = :kind",
    "family": "c.family = :family COLLATE NOCASE",
    "repo": "c.folded = :repo OR :repo NOT LIKE '%/%' AND instr(c.folded, :repo) > 0",
    "action": f"c.id IN (SELECT v.change_id FROM verdicts v WHERE v.action = :action AND {CURRENT})",  # noqa: S608 - constants
}


def changes(
    path: Path | str,
    *,
    since: datetime | None = None,
    kind: str | None = None,
    family: str | None = None,
    repo: str | None = None,
    action: str | None = None,
    limit: int | None = None,
) -> Rows:
    """Changes with their current verdicts, the newest first.

    repo is a whole id, or without a slash any part of one; action is alert, digest, hold or ignore.
    """
    wanted = {"since": to_text(since) if since else None, "kind": kind, "family": family, "action": action}
    wanted["repo"] = repo.casefold() if repo else None
    conditions = [f"({sql})" for name, sql in _CONDITIONS.items() if wanted[name] is not None]
    statement = f"""SELECT c.* FROM changes c WHERE {" AND ".join(conditions) or "true"}
        ORDER BY c.detected_at DESC, c.id LIMIT :limit"""  # noqa: S608 - constants
    with reading(path) as connection:
        found = connection.execute(statement, {**wanted, "limit": -1 if limit is None else limit}).fetchall()
        return change_rows(connection, found)


def change_rows(connection: sqlite3.Connection, found: Sequence[sqlite3.Row]) -> Rows:
    """Rows of the table changes as answers."""
    sql = f"SELECT * FROM verdicts v WHERE v.change_id IN ({{}}) AND {CURRENT} ORDER BY v.deployment, v.id"  # noqa: S608 - constants
    verdicts = defaultdict(list)
    for v in select_in(connection, sql, [c["id"] for c in found]):
        verdicts[v["change_id"]].append({k: v[k] for k in ("deployment", "action", "trigger", "reason")})
    return [
        {
            "id": c["id"],
            "kind": c["kind"],
            "repo_id": c["repo_id"],
            "lineage": {**json.loads(c["lineage"]), "thread": c["thread"]},
            "before": c["before"],
            "after": c["after"],
            "degree": c["degree"],
            "evidence": json.loads(c["evidence"]),
            "detected_at": for_people(c["detected_at"]),
            "verdicts": verdicts[c["id"]],
        }
        for c in found
    ]


def alerts(path: Path | str, *, since: datetime | None = None, limit: int | None = None) -> Rows:
    """Alerts with their changes and deliveries, the newest first."""
    statement = "SELECT * FROM alerts WHERE created_at >= ? ORDER BY created_at DESC, id LIMIT ?"
    with reading(path) as connection:
        wanted = [to_text(since) if since else "", -1 if limit is None else limit]
        return alert_rows(connection, connection.execute(statement, wanted).fetchall())


def alert_rows(connection: sqlite3.Connection, found: Sequence[sqlite3.Row]) -> Rows:
    """Rows of the table alerts as answers."""
    ids = [alert["id"] for alert in found]
    causes = defaultdict(list)
    for row in select_in(
        connection, "SELECT * FROM alert_changes WHERE alert_id IN ({}) ORDER BY rowid", ids
    ):
        causes[row["alert_id"]].append(row["change_id"])
    deliveries = defaultdict(list)
    for row in select_in(connection, "SELECT * FROM deliveries WHERE alert_id IN ({}) ORDER BY channel", ids):
        deliveries[row["alert_id"]].append(delivery_row(row))
    rows = []
    for alert in found:
        said = json.loads(alert["document"])
        rows.append(
            {
                "id": alert["id"],
                "thread": alert["thread"],
                "trigger": alert["trigger"],
                "title": alert["title"],
                "deployments": said.get("deployments", []),
                "sections": said.get("sections", []),
                "links": said.get("links", []),
                "created_at": for_people(alert["created_at"]),
                "changes": causes[alert["id"]],
                "deliveries": deliveries[alert["id"]],
            }
        )
    return rows


def delivery_row(row: sqlite3.Row) -> dict[str, Any]:
    """A delivery as an answer; begun_at is set while an attempt is under way."""
    moments = {name: for_people(row[name]) for name in ("begun_at", "settled_at", "next_attempt_at")}
    plain = {name: row[name] for name in ("channel", "state", "attempts", "last_error")}
    return {"alert": row["alert_id"], **plain, **moments}
