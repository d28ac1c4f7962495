"""Transactions hold under threads and kill -9, and times are UTC or refused."""

import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from store.db import Store
from store.errors import StoreError
from store.tx import Tx
from tests.store.builders import NOW, entry, observation, rows
from watcher.types import Problem, SourceState

_ROOT = Path(__file__).resolve().parents[2]


def test_threads_that_count_lose_nothing(store: Store, path: Path) -> None:
    problem = Problem(source="hub:Qwen", key=None, message="page 2 is not JSON")

    def count() -> None:
        for _ in range(25):
            with store.write() as tx:
                tx.note_problem(problem, NOW)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert rows(path, "SELECT count FROM problems") == [{"count": 200}]


def test_read_then_write_in_two_threads_loses_nothing(store: Store) -> None:
    def step() -> None:
        for _ in range(25):
            with store.write() as tx:
                state = tx.source_state("hub:Qwen")
                tx.save_source_state(replace(state, watermark=(state.watermark or NOW) + timedelta(hours=1)))

    threads = [threading.Thread(target=step) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.read() as tx:
        assert tx.source_state("hub:Qwen").watermark == NOW + timedelta(hours=100)


def test_an_error_in_the_block_writes_nothing(store: Store) -> None:
    def half_way(tx: Tx) -> None:
        tx.save_entries([entry("Qwen/Qwen3-8B")], NOW)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"), store.write() as tx:
        half_way(tx)
    with store.read() as tx:
        assert tx.known(["Qwen/Qwen3-8B"]) == {}


_WRITER = """
import sys, time
from store.db import Store
from tests.store.builders import NOW, entry, observation
with Store.open("sqlite:///" + sys.argv[1]) as store:
    with store.write() as tx:
        tx.save_entries([entry("Qwen/Committed")], NOW)
    with store.write() as tx:
        tx.save_entries([entry(f"Qwen/Lost-{n}") for n in range(2000)], NOW)
        tx.log([observation("Qwen/Lost-1", {"id": "Qwen/Lost-1"})])
        print("ready", flush=True)
        time.sleep(60)
"""


def test_kill_9_in_a_transaction_leaves_the_last_commit(path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], cwd=_ROOT, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGKILL)
    with Store.open(f"sqlite:///{path}") as store, store.write() as tx:
        assert [known.facts.repo_id for known in tx.known_of_author("Qwen")] == ["Qwen/Committed"]
        tx.save_entries([entry("Qwen/Next")], NOW)
    assert rows(path, "PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert rows(path, "SELECT count(*) AS n FROM observations") == [{"n": 0}]
    assert rows(path, "SELECT count(*) AS n FROM repos") == [{"n": 2}]


def test_another_process_that_holds_the_file_is_named(
    store: Store, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = sqlite3.connect(path, isolation_level=None)
    try:
        holder.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("store.db._BUSY_S", 0.1)
        locked = pytest.raises(StoreError, match="locked by another process")
        with Store.open(f"sqlite:///{path}") as other, locked, other.write():
            pass
    finally:
        holder.close()


def test_a_reader_does_not_wait_for_a_writer(store: Store) -> None:
    with store.write() as tx:
        tx.save_entries([entry("Qwen/Qwen3-8B")], NOW)
        with store.read() as reader:
            assert reader.known(["Qwen/Qwen3-8B"]) == {}


def test_a_reader_can_not_write(store: Store) -> None:
    with pytest.raises(StoreError, match="can not be written"), store.read() as tx:
        tx.save_entries([entry("Qwen/Qwen3-8B")], NOW)


_NAIVE = datetime(2026, 8, 22, 12)  # noqa: DTZ001 - the point of the test


@pytest.mark.parametrize(
    "write",
    [
        pytest.param(lambda tx: tx.save_entries([entry("a/b")], _NAIVE), id="now of entries"),
        pytest.param(lambda tx: tx.save_entries([entry("a/b", created_at=_NAIVE)], NOW), id="created_at"),
        pytest.param(lambda tx: tx.mark_removed("a/b", _NAIVE), id="removed_at"),
        pytest.param(lambda tx: tx.log([observation("a/b", {"id": "a/b"}, _NAIVE)]), id="seen_at"),
        pytest.param(
            lambda tx: tx.save_source_state(SourceState(source="s", watermark=_NAIVE)), id="watermark"
        ),
        pytest.param(lambda tx: tx.due_holds(_NAIVE), id="now of a question"),
    ],
)
def test_naive_datetimes_are_refused(store: Store, write: Callable[[Tx], None]) -> None:
    with pytest.raises(StoreError, match="no time zone"), store.write() as tx:
        write(tx)


def test_offsets_become_utc(store: Store, path: Path) -> None:
    noon_in_berlin = datetime(2026, 8, 22, 12, tzinfo=timezone(timedelta(hours=2)))
    with store.write() as tx:
        tx.save_source_state(SourceState(source="hub:Qwen", watermark=noon_in_berlin))
        state = tx.source_state("hub:Qwen")
    assert state.watermark == NOW
    assert state.watermark is not None
    assert state.watermark.tzinfo is UTC
    assert rows(path, "SELECT watermark FROM source_states") == [{"watermark": "2026-08-22T10:00:00.000000Z"}]


def test_what_trends_is_remembered_by_when_it_was_last_seen(store: Store) -> None:
    with store.write() as tx:
        tx.saw_trending(["Qwen/Old", "Qwen/New"], NOW)
        tx.saw_trending(["qwen/new"], NOW + timedelta(hours=1))
        assert tx.trending_since(NOW) == {"qwen/old", "qwen/new"}
        assert tx.trending_since(NOW + timedelta(seconds=1)) == {"qwen/new"}
