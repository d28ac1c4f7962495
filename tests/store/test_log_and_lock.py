"""The log moves as JSON lines, and only one daemon runs per database."""

import io
import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from store.db import Store
from store.errors import StoreBusy, StoreError
from store.lock import DaemonLock
from store.log import LogRow, export_log, import_log
from tests.store.builders import NOW, observation
from watcher.types import Problem

_ROOT = Path(__file__).resolve().parents[2]
DAY = timedelta(days=1)


def test_what_was_exported_comes_back(store: Store) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "a/b", "tags": ["通义", "\x1b[31m"], "n": 10**20},
        {"id": "a/c", "cardData": None},
    ]
    with store.write() as tx:
        tx.log([observation(row["id"], row, NOW + n * DAY) for n, row in enumerate(rows)])
    out = io.StringIO()
    assert export_log(store, out) == 2
    lines = out.getvalue().splitlines()
    assert [list(json.loads(line)) for line in lines] == [["source", "key", "seen_at", "row"]] * 2
    assert list(import_log(lines)) == [
        LogRow(source="hub", key=row["id"], seen_at=NOW + n * DAY, row=row) for n, row in enumerate(rows)
    ]
    assert export_log(store, io.StringIO(), since=NOW + DAY) == 1


_GOOD = '{"source": "hub", "key": "a/b", "seen_at": "2026-08-22T10:00:00Z", "row": {"id": "a/b"}}'


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param("{", "not JSON", id="cut off"),
        pytest.param("<html>", "not JSON", id="something else"),
        pytest.param("[1]", "not a JSON object", id="a list"),
        pytest.param('{"source": "hub"}', '"key" is missing', id="a missing field"),
        pytest.param(
            _GOOD.replace('{"id": "a/b"}', '"x"'), '"row" is missing or is not an object', id="a row of text"
        ),
        pytest.param(_GOOD.replace("2026-08-22", "22.08.2026"), "ISO 8601", id="another date"),
        pytest.param(_GOOD.replace("Z", ""), "no time zone", id="a naive time"),
        pytest.param("[" * 200_000, "line 2", id="nested without end"),
    ],
)
def test_a_bad_line_is_named_and_the_rest_goes_on(line: str, words: str) -> None:
    first, problem, last = import_log(["\ufeff" + _GOOD + "\n", line, "", _GOOD])
    assert first == last
    assert isinstance(problem, Problem)
    assert problem.key == "line 2"
    assert problem.message.startswith("line 2: ")
    assert words in problem.message


def test_one_daemon_per_database(path: Path) -> None:
    with DaemonLock(path), pytest.raises(StoreBusy, match=f"process {os.getpid()} already runs") as busy:
        DaemonLock(path).acquire()
    assert busy.value.pid == os.getpid()
    with DaemonLock(path):
        pass


_DAEMON = """
import sys, time
from store.lock import DaemonLock
with DaemonLock(sys.argv[1]):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_killed_daemon_frees_the_lock(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _DAEMON, str(path)], cwd=_ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(StoreBusy) as busy:
            DaemonLock(path).acquire()
        assert busy.value.pid == process.pid
        process.send_signal(signal.SIGKILL)
    with DaemonLock(path):
        pass


def test_a_lock_that_can_not_be_written() -> None:
    with pytest.raises(StoreError, match="cannot write"):
        DaemonLock("/proc/modelwatch.db").acquire()
