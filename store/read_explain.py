"""Everything that is known of one repo, change or alert: also the answer to "why was I not told?"."""

import json
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from store.errors import NothingKnown, StoreError
from store.files import reading
from store.moments import for_people
from store.read_changes import alert_rows, change_rows, delivery_row
from store.read_names import nearest
from store.read_repos import files_of, select_in

# Shorter ones are rather words than the beginning of an id.
_SHORTEST_PREFIX = 4
_HEX = frozenset("0123456789abcdef")


def explain(path: Path | str, what: str) -> dict[str, Any]:
    """All about a repo id (a former one too), or a change or alert id or the beginning of one.

    Keys: what, kind (repo, change or alert), repos (with aliases and variants), observations,
    changes, verdicts (all of them in time order), fits, alerts, deliveries (with every attempt).
    Raises NothingKnown with the nearest names, StoreError for a beginning that several ids share.
    """
    with reading(path) as connection:
        kind, changes, repos = _scope(connection, what.strip())
        ids = [change["id"] for change in changes]
        alerts = _alerts(connection, ids, what.strip() if kind == "alert" else None)
        return {
            "what": what,
            "kind": kind,
            "repos": _repos(connection, repos),
            "observations": _observations(connection, repos),
            "changes": change_rows(connection, changes),
            "verdicts": _verdicts(connection, ids),
            "fits": _fits(connection, repos),
            "alerts": alert_rows(connection, alerts),
            "deliveries": _deliveries(connection, [alert["id"] for alert in alerts]),
        }


def _scope(connection: sqlite3.Connection, what: str) -> tuple[str, list[sqlite3.Row], list[str]]:
    """What is meant: its kind, the changes it is about, and the repos' folded ids, former ones included."""
    if names := _names_of(connection, what.casefold()):
        return "repo", _changes(connection, "folded", names), names
    if change_id := _by_prefix(connection, "changes", what):
        kind, changes = "change", _changes(connection, "id", [change_id])
    elif alert_id := _by_prefix(connection, "alerts", what):
        causes = connection.execute("SELECT change_id FROM alert_changes WHERE alert_id = ?", [alert_id])
        kind, changes = "alert", _changes(connection, "id", [row[0] for row in causes])
    else:
        raise NothingKnown(what, nearest(connection, what.casefold()))
    return kind, changes, sorted({c["folded"] for c in changes})


def _names_of(connection: sqlite3.Connection, folded: str) -> list[str]:
    """The repo's id of today and its former ones; the id alone for one known by its log or changes only."""
    sql = "SELECT target FROM aliases WHERE folded = :id UNION SELECT folded FROM repos WHERE folded = :id"
    if row := connection.execute(sql, {"id": folded}).fetchone():
        former = connection.execute("SELECT folded FROM aliases WHERE target = ? ORDER BY folded", [row[0]])
        return [row[0], *(alias[0] for alias in former)]
    seen = "SELECT 1 FROM changes WHERE folded = :id UNION SELECT 1 FROM observations WHERE folded = :id"
    return [folded] if connection.execute(seen, {"id": folded}).fetchone() else []


def _by_prefix(connection: sqlite3.Connection, table: str, what: str) -> str | None:
    prefix = what.casefold()
    if len(prefix) < _SHORTEST_PREFIX or not _HEX.issuperset(prefix):
        row = connection.execute(f"SELECT id FROM {table} WHERE id = ?", [what]).fetchone()  # noqa: S608 - a constant
        return str(row[0]) if row else None
    sql = f"SELECT id FROM {table} WHERE substr(id, 1, ?) = ? ORDER BY id"  # noqa: S608 - a constant
    found = [str(row[0]) for row in connection.execute(sql, [len(prefix), prefix])]
    if len(found) > 1 and prefix not in found:
        raise StoreError(f"{what} is the beginning of {len(found)} ids: {', '.join(found[:5])}")
    return found[0] if found else None


def _changes(connection: sqlite3.Connection, column: str, values: Sequence[str]) -> list[sqlite3.Row]:
    sql = f"SELECT * FROM changes WHERE {column} IN ({{}})"  # noqa: S608 - a constant
    return sorted(select_in(connection, sql, values), key=lambda row: (row["detected_at"], row["id"]))


def _repos(connection: sqlite3.Connection, names: Sequence[str]) -> list[dict[str, Any]]:
    rows = list(select_in(connection, "SELECT * FROM repos WHERE folded IN ({}) ORDER BY folded", names))
    files = files_of(connection, [row["folded"] for row in rows])
    found = []
    for row in rows:
        repo = {key: row[key] for key in row.keys() if key not in ("folded", "base_folded", "facts")}  # noqa: SIM118 - a Row iterates over values
        for key in ("created_at", "last_modified", "first_seen", "last_seen", "removed_at", "missing_since"):
            repo[key] = for_people(repo[key])
        for key in ("official", "derived", "quant"):
            repo[key] = bool(repo[key])
        former = connection.execute(
            "SELECT folded FROM aliases WHERE target = ? ORDER BY folded", [row["folded"]]
        )
        repo["former_names"] = [alias[0] for alias in former]
        repo["facts"] = json.loads(row["facts"])
        repo["variants"] = [
            {key: file[key] for key in ("format", "label", "bits", "size_bytes", "size_source")}
            | {"files": json.loads(file["files"])}
            for file in files.get(row["folded"], [])
        ]
        found.append(repo)
    return found


def _observations(connection: sqlite3.Connection, names: Sequence[str]) -> list[dict[str, Any]]:
    """What listings and pages said; the lines of files and configurations would bury it."""
    rows = select_in(connection, "SELECT * FROM observations WHERE source = 'hub' AND folded IN ({})", names)
    return [
        {
            "source": row["source"],
            "key": row["key"],
            "seen_at": for_people(row["seen_at"]),
            "row": json.loads(row["row"]),
        }
        for row in sorted(rows, key=lambda row: (row["seen_at"], row["id"]))
    ]


def _verdicts(connection: sqlite3.Connection, change_ids: Sequence[str]) -> list[dict[str, Any]]:
    rows = select_in(connection, "SELECT * FROM verdicts WHERE change_id IN ({})", change_ids)
    plain = ("change_id", "deployment", "action", "trigger", "reason")
    return [
        {
            **{key: row[key] for key in plain},
            "until": for_people(row["until"]),
            "at": for_people(row["at"]),
            "fit": json.loads(row["fit"]) if row["fit"] else None,
            "checks": json.loads(row["checks"]) if row["checks"] else [],
        }
        for row in sorted(rows, key=lambda row: (row["at"], row["id"]))
    ]


def _fits(connection: sqlite3.Connection, names: Sequence[str]) -> list[dict[str, Any]]:
    rows = select_in(connection, "SELECT * FROM fits WHERE repo IN ({})", names)
    order = ("repo", "label", "hardware", "deployment")
    return [
        {
            "label": row["label"],
            "hardware": row["hardware"],
            "deployment": row["deployment"] or None,
            "verdict": row["verdict"],
            "at": for_people(row["at"]),
            "fit": json.loads(row["fit"]),
        }
        for row in sorted(rows, key=lambda row: tuple(row[key] for key in order))
    ]


def _alerts(
    connection: sqlite3.Connection, change_ids: Sequence[str], asked: str | None
) -> list[sqlite3.Row]:
    if asked is not None:
        one = connection.execute(
            "SELECT * FROM alerts WHERE id = ?", [_by_prefix(connection, "alerts", asked)]
        )
        return one.fetchall()
    causes = select_in(connection, "SELECT alert_id FROM alert_changes WHERE change_id IN ({})", change_ids)
    ids = sorted({row["alert_id"] for row in causes})
    found = select_in(connection, "SELECT * FROM alerts WHERE id IN ({})", ids)
    return sorted(found, key=lambda row: (row["created_at"], row["id"]))


def _deliveries(connection: sqlite3.Connection, alert_ids: Sequence[str]) -> list[dict[str, Any]]:
    found = []
    sql = "SELECT * FROM deliveries WHERE alert_id IN ({}) ORDER BY id"
    for row in select_in(connection, sql, alert_ids):
        tries = connection.execute(
            "SELECT * FROM attempts WHERE delivery_id = ? ORDER BY number", [row["id"]]
        )
        made = [
            {
                "number": attempt["number"],
                "begun_at": for_people(attempt["begun_at"]),
                "settled_at": for_people(attempt["settled_at"]),
                "outcome": attempt["outcome"],
                "error": attempt["error"],
            }
            for attempt in tries
        ]
        found.append(delivery_row(row) | {"tries": made})
    return found
