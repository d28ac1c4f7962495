"""Which names the catalog knows, and what somebody who misspelt one may have meant."""

import difflib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from store.files import reading


def unknown(path: Path | str, repo_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Those of the ids that are no repo, nor the former name of one, each with the nearest known ones."""
    sql = "SELECT 1 FROM repos WHERE folded = :id UNION SELECT 1 FROM aliases WHERE folded = :id"
    with reading(path) as connection:
        return {
            repo_id: nearest(connection, repo_id.casefold())
            for repo_id in repo_ids
            if connection.execute(sql, {"id": repo_id.casefold()}).fetchone() is None
        }


def nearest(connection: sqlite3.Connection, folded: str) -> tuple[str, ...]:
    """Up to three ids: first those that contain what was asked, then those spelled alike."""
    ids = dict(connection.execute("SELECT folded, repo_id FROM repos ORDER BY folded").fetchall())
    inside = [name for name in ids if folded and folded in name][:3]
    short = {name.rpartition("/")[2]: name for name in reversed(ids)}
    pool = ids if "/" in folded else short
    alike = [short.get(near, near) for near in difflib.get_close_matches(folded, pool, n=3)]
    return tuple(ids[name] for name in dict.fromkeys([*inside, *alike]))[:3]
