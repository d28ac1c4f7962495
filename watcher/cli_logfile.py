"""A log from a file or from standard input: at most 50 MB of it, the start and the end of a longer one."""

import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import BinaryIO

import typer

MOST_BYTES = 50_000_000
HEAD_BYTES = 10_000_000  # a server that runs for weeks has its start at the top
_CHUNK = 1 << 20


def read_logfile(name: str) -> tuple[str, list[str], date]:
    """The text of a log, what was skipped of it, and the day on which it was last written."""
    from watcher.fit.logs import decode

    today = datetime.now(UTC).date()
    if name == "-":
        raw = sys.stdin.buffer.read(MOST_BYTES + 1)
        cut = len(raw) > MOST_BYTES
        notes = [f"only the first {MOST_BYTES // 10**6} MB of standard input were read"] if cut else []
        return decode(raw[:MOST_BYTES]), notes, today
    path = Path(name)
    try:
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise typer.BadParameter(f"{name} is no file; a pipe is read as -")
        with path.open("rb") as file:
            size = path.stat().st_size
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC).date()
            if size <= MOST_BYTES:
                return decode(file.read(MOST_BYTES)), [], min(today, written)
            head = file.read(HEAD_BYTES)
            skipped = _newlines(file, size - MOST_BYTES)
            tail = file.read(MOST_BYTES - HEAD_BYTES)
    except OSError as error:
        raise typer.BadParameter(f"{name} can not be read: {error.strerror}") from None
    note = f"of {size / 1e6:,.0f} MB the first {HEAD_BYTES // 10**6} MB and the last were read, 50 MB in all"
    # Line numbers go on as in the file.
    return decode(head) + "\n" * skipped + decode(tail), [note], min(today, written)


def _newlines(file: BinaryIO, length: int) -> int:
    """How many lines end in the next length bytes, which are read past."""
    count = 0
    while length > 0:
        chunk = file.read(min(length, _CHUNK))
        if not chunk:
            break
        count += chunk.count(b"\n")
        length -= len(chunk)
    return count
