"""A stand-in Hub in a process of its own, so that its work is not taken for ours."""

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from multiprocessing.connection import Connection

from sources.standin.server import StandIn
from sources.standin.world import Row, World
from tests import replay
from tests.rows import api_row
from tests.shared import ROOT

ACCOUNTS = 100
NOW = replay.FIRST + timedelta(minutes=4)


@dataclass(frozen=True, kw_only=True, slots=True)
class Served:
    """Where the stand-in listens, the accounts that it has most of, and what it serves."""

    url: str
    accounts: tuple[str, ...]
    what: str


@contextmanager
def served(*, real: bool) -> Iterator[Served]:
    """The first state of the real records, or rows of our own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, real), daemon=True)
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send(None)
        process.join(10)


def real_records_are_here() -> bool:
    return (ROOT / "data" / replay.FOLDER).exists()


def _serve(pipe: Connection, real: bool) -> None:
    rows = replay.two_states().at(replay.FIRST).rows if real else _rows(replay.FIRST)
    most = Counter(str(row["author"]) for row in rows).most_common(ACCOUNTS)
    with StandIn(World.from_rows(rows), now=NOW) as hub:
        what = "records of HF//RADAR" if real else "generated rows with files"
        pipe.send(Served(url=hub.url, accounts=tuple(name for name, _ in most), what=what))
        pipe.recv()


def _rows(now: datetime) -> list[Row]:
    """Repos of ten GGUF files each, as quantisers publish them: a few accounts of hundreds, most of tens."""
    files = {f"model-Q{bits}_{kind}.gguf": (10**9, "") for bits in range(2, 7) for kind in ("K_M", "K_S")}
    return [
        api_row(
            f"account-{account}/Model-{number}-GGUF",
            base=f"maker-{number}/Model-{number}-8B",
            modified=now - timedelta(hours=number + 1),
            files=files,
            gguf={"total": 8_000_000_000, "architecture": "llama"},
        )
        for account in range(ACCOUNTS)
        for number in range(300 // (account + 4))
    ]
