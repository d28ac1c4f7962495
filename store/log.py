"""The observation log as JSON lines, one shape for backups, backtests, tests and bug reports.

    {"source": "hub", "key": "Qwen/Qwen3-8B", "seen_at": "2026-08-22T10:00:00.000000Z", "row": {...}}

row is the outside's own row as it came; turning it into an observation again is the source's work.
Lines that no row of the Hub says are spelt in store/logged.py.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from store.db import Store
from store.files import reading
from store.moments import from_text, to_text
from watcher.types import Json, Problem

# Nothing was seen before there was a Hub, and near the end of all calendars no wait can be added.
_YEARS = range(2000, 2200)


@dataclass(frozen=True, kw_only=True, slots=True)
class LogRow:
    """One line of the log."""

    source: str
    key: str
    seen_at: datetime
    row: Json
    line: int = field(default=0, compare=False)


def export_log(store: Store, out: TextIO, since: datetime | None = None) -> int:
    """Write the log in the order it was written, from a moment on, and return the number of lines."""
    select = "SELECT source, key, seen_at, row FROM observations WHERE seen_at >= ? ORDER BY id"
    lines = 0
    with reading(store.path) as connection:
        for row in connection.execute(select, [to_text(since) if since else ""]):
            head = json.dumps({"source": row["source"], "key": row["key"], "seen_at": row["seen_at"]})
            out.write(f'{head[:-1]}, "row": {row["row"]}}}\n')
            lines += 1
    return lines


def read_log(path: Path) -> Iterator[LogRow]:
    """The log of the database at path, in the order in which it was written."""
    with reading(path) as connection:
        for row in connection.execute("SELECT id, source, key, seen_at, row FROM observations ORDER BY id"):
            seen_at = from_text(row["seen_at"])
            yield LogRow(
                source=row["source"],
                key=row["key"],
                seen_at=seen_at,
                row=json.loads(row["row"]),
                line=row["id"],
            )


def import_log(lines: Iterable[str]) -> Iterator[LogRow | Problem]:
    """The rows of exported lines; a bad line is a Problem that names its number, and the rest goes on."""
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("\ufeff")
        if not text:
            continue
        try:
            yield _log_row(json.loads(text), number)
        except (ValueError, RecursionError) as e:
            yield Problem(source="import", key=f"line {number}", message=f"line {number}: {_reason(e)}")


def _log_row(value: Any, number: int) -> LogRow:
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")
    for name, kind in (("source", str), ("key", str), ("seen_at", str), ("row", dict)):
        if not isinstance(value.get(name), kind) or not value[name]:
            raise ValueError(f'"{name}" is missing or is not {"an object" if kind is dict else "text"}')
    seen_at = _moment(value["seen_at"])
    return LogRow(source=value["source"], key=value["key"], seen_at=seen_at, row=value["row"], line=number)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError('"seen_at" is not an ISO 8601 time') from None
    if moment.utcoffset() is None:
        raise ValueError('"seen_at" has no time zone')
    if moment.year not in _YEARS:
        raise ValueError(f'"seen_at" is in the year {moment.year}')
    return moment.astimezone(UTC)


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON ({error.msg} at column {error.colno})"
    return str(error)
