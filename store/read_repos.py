"""Which quants, which models: rows of the catalog with their files and fits."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from store.files import reading
from store.moments import for_people, to_text

Rows = list[dict[str, Any]]

# One verdict per label and pool: the team's own where there is one, else the worst of the deployments'.
_FITS_HERE = """EXISTS (SELECT 1 FROM variants v JOIN fits f ON f.repo = v.repo AND f.label = v.label
    WHERE v.repo = r.folded AND f.hardware = :fits AND f.verdict <> 'no'
    AND (:format IS NULL OR v.format = :format)
    AND (f.deployment = '' OR NOT EXISTS (SELECT 1 FROM fits g WHERE g.repo = f.repo AND g.label = f.label
        AND g.hardware = f.hardware AND (g.deployment = '' OR g.verdict = 'no'))))"""

_CONDITIONS = {
    "since": "coalesce(r.created_at, r.first_seen) >= :since",
    "format": "EXISTS (SELECT 1 FROM variants v WHERE v.repo = r.folded AND v.format = :format)",
    "base": "instr(coalesce(r.base_folded, ''), :base) > 0",
    "family": "r.family = :family COLLATE NOCASE",
    "publisher": "r.publisher = :publisher",
    "fits": _FITS_HERE,
}
# Not the facts: they are most of a row, and no answer needs them.
_COLUMNS = """r.folded, r.repo_id, r.publisher, r.base_repo, r.family, r.version, r.size, r.licence,
    r.downloads, r.created_at, r.first_seen, r.last_modified"""
_WORST_FIRST = {"no": 0, "tight": 1, "fits": 2}


def repos(
    path: Path | str,
    *,
    quant: bool,
    since: datetime | None = None,
    format: str | None = None,
    base: str | None = None,
    family: str | None = None,
    fits: str | None = None,
    publisher: str | None = None,
    limit: int | None = None,
    every_file: bool = False,
) -> Rows:
    """Quantised repos, or those that are none, newest first: a row each with its preferred file, or per file.

    since is about publication; base is part of the base's id; fits names a hardware pool, on which
    a file must fit or be tight. The preferred file is the one of the most bits that fits there (a
    tight one where none fits); without fits it is Q4_K_M where there is one, else the one of the
    most bits below 16. files counts the variants of the repo.
    """
    wanted = {"since": to_text(since) if since else None, "format": format, "family": family, "fits": fits}
    wanted |= {"base": base.casefold() if base else None, "publisher": publisher}
    return _answer(path, wanted, quant=quant, limit=limit, every_file=every_file)


def _answer(
    path: Path | str, wanted: Mapping[str, str | None], *, quant: bool, limit: int | None, every_file: bool
) -> Rows:
    parameters = {**wanted, "quant": quant, "limit": -1 if limit is None else limit}
    conditions = [sql for name, sql in _CONDITIONS.items() if wanted[name] is not None]
    where = " AND ".join(["r.quant = :quant", "r.removed_at IS NULL", *conditions])
    picked = f"""SELECT {_COLUMNS} FROM repos r WHERE {where}
        ORDER BY coalesce(r.created_at, r.first_seen) DESC, r.folded LIMIT :limit"""  # noqa: S608 - constants
    with reading(path) as connection:
        repos = connection.execute(picked, parameters).fetchall()
        names = [repo["folded"] for repo in repos]
        files, verdicts = files_of(connection, names), verdicts_of(connection, names)
    rows = []
    for repo in repos:
        mine = files.get(repo["folded"], [])
        known = {file["label"]: verdicts.get((repo["folded"], file["label"]), {}) for file in mine}
        chosen = _chosen(mine, known, format=wanted["format"], fits=wanted["fits"], every_file=every_file)
        rows += [_row(repo, file, known.get(file["label"], {}) if file else {}, len(mine)) for file in chosen]
    return rows[:limit]


def files_of(connection: sqlite3.Connection, repos: Sequence[str]) -> dict[str, list[sqlite3.Row]]:
    """The variants of these repos, in the order in which they were saved."""
    found: dict[str, list[sqlite3.Row]] = defaultdict(list)
    for row in select_in(
        connection, "SELECT * FROM variants WHERE repo IN ({}) ORDER BY repo, position", repos
    ):
        found[row["repo"]].append(row)
    return found


def verdicts_of(
    connection: sqlite3.Connection, repos: Sequence[str]
) -> dict[tuple[str, str], dict[str, str]]:
    """(repo, label) -> hardware -> verdict."""
    best: dict[tuple[str, str], dict[str, tuple[bool, int, str]]] = defaultdict(dict)
    sql = "SELECT repo, label, hardware, deployment, verdict FROM fits WHERE repo IN ({}) ORDER BY hardware"
    for row in select_in(connection, sql, repos):
        rank = (row["deployment"] != "", _WORST_FIRST.get(row["verdict"], 0), row["verdict"])
        pools = best[row["repo"], row["label"]]
        pools[row["hardware"]] = min(rank, pools.get(row["hardware"], rank))
    return {key: {hardware: rank[2] for hardware, rank in pools.items()} for key, pools in best.items()}


def select_in(connection: sqlite3.Connection, sql: str, values: Sequence[str]) -> Iterable[sqlite3.Row]:
    """The rows of a statement with one IN ({}), for any number of values."""
    for start in range(0, len(values), 900):
        chunk = values[start : start + 900]
        yield from connection.execute(sql.format(",".join("?" * len(chunk))), chunk)


def _chosen(
    files: Sequence[sqlite3.Row],
    verdicts: Mapping[str, Mapping[str, str]],
    *,
    format: str | None,
    fits: str | None,
    every_file: bool,
) -> Sequence[sqlite3.Row | None]:
    """The files that make rows: all that pass the filters, or the preferred one; [None] for a bare repo."""
    if format is not None:
        files = [file for file in files if file["format"].casefold() == format.casefold()]
    if fits is not None:
        files = [file for file in files if verdicts[file["label"]].get(fits, "no") != "no"]
    if every_file or not files:
        return files or ([None] if format is None and fits is None else [])
    if fits is not None:
        return [max(files, key=lambda f: (_WORST_FIRST[verdicts[f["label"]][fits]], f["bits"] or 0))]
    usual = [file for file in files if file["label"].casefold() == "q4_k_m"]
    return usual[:1] or [max(files, key=lambda f: ((f["bits"] or 0) < 16, f["bits"] or 0))]


def _row(repo: sqlite3.Row, file: sqlite3.Row | None, fits: Mapping[str, str], files: int) -> dict[str, Any]:
    return {
        "repo_id": repo["repo_id"],
        "publisher": repo["publisher"],
        "base_repo": repo["base_repo"],
        "family": repo["family"],
        "version": repo["version"],
        "size": repo["size"],
        "format": file["format"] if file else None,
        "label": file["label"] if file else None,
        "bits": file["bits"] if file else None,
        "size_bytes": file["size_bytes"] if file else None,
        "licence": repo["licence"],
        "downloads": repo["downloads"],
        "published_at": for_people(repo["created_at"] or repo["first_seen"]),
        "updated_at": for_people(repo["last_modified"]),
        "fits": dict(fits),
        "files": files,
    }
