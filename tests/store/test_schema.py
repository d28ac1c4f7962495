"""Files of every version open, others are refused, and the views answer."""

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from store.db import Store
from store.errors import StoreError
from store.files import path_of, reading
from store.migrations import STEPS, VERSION, migrate
from store.read_status import status
from store.schema import Base
from store.views import VIEWS
from tests.store.builders import NOW, alert, change, entry, fit_record, quant, rows, verdict
from watcher.types import Action, FitVerdict, Problem


def _file(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def test_tables_are_what_the_classes_say(store: Store, path: Path) -> None:
    made = {
        table: {
            (c["name"], not c["notnull"], bool(c["pk"])) for c in rows(path, f"PRAGMA table_info({table})")
        }
        for table in Base.metadata.tables
    }
    said = {
        name: {(c.name, bool(c.nullable), c.primary_key) for c in table.columns}
        for name, table in Base.metadata.tables.items()
    }
    assert made == said
    tables = rows(path, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    assert {t["name"] for t in tables} == set(said)


@pytest.mark.parametrize("version", range(VERSION + 1))
def test_a_file_of_an_older_version_is_upgraded(path: Path, version: int) -> None:
    connection = _file(path)
    migrate(connection, path, steps=STEPS[:version])
    connection.close()
    with Store.open(f"sqlite:///{path}") as store, store.write() as tx:
        tx.save_entries([entry("Qwen/Qwen3-8B")], NOW)
        assert set(tx.known(["qwen/qwen3-8b"])) == {"qwen/qwen3-8b"}


def test_a_later_step_keeps_what_is_there(store: Store, path: Path) -> None:
    with store.write() as tx:
        tx.save_entries([entry("Qwen/Qwen3-8B")], NOW)
    store.close()
    steps = (*STEPS, ("ALTER TABLE repos ADD COLUMN note TEXT", "UPDATE repos SET note = 'kept'"))
    connection = _file(path)
    assert migrate(connection, path, steps=steps) == VERSION
    assert migrate(connection, path, steps=steps) == VERSION + 1
    connection.close()
    assert rows(path, "SELECT repo_id, note FROM repos") == [{"repo_id": "Qwen/Qwen3-8B", "note": "kept"}]
    assert len(rows(path, "SELECT * FROM v_models")) == 1


def test_a_failing_step_leaves_the_file_as_it_was(store: Store, path: Path) -> None:
    store.close()
    connection = _file(path)
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        migrate(connection, path, steps=(*STEPS, ("CREATE TABLE half (x)", "DROP TABLE nonsense")))
    connection.close()
    assert rows(path, "PRAGMA user_version") == [{"user_version": VERSION}]
    assert rows(path, "SELECT name FROM sqlite_master WHERE name = 'half'") == []
    assert len(rows(path, "SELECT name FROM sqlite_master WHERE type = 'view'")) == len(VIEWS)


def test_a_view_with_an_older_text_is_replaced(store: Store, path: Path) -> None:
    store.close()
    connection = _file(path)
    connection.execute("DROP VIEW v_models")
    connection.execute("CREATE VIEW v_models AS SELECT 1 AS old")
    connection.execute("CREATE VIEW v_mine AS SELECT repo_id FROM repos")
    connection.close()
    with Store.open(f"sqlite:///{path}"):
        pass
    assert rows(path, "SELECT * FROM v_models") == []
    assert rows(path, "SELECT * FROM v_mine") == []


def _newer(path: Path) -> None:
    with Store.open(f"sqlite:///{path}"):
        pass
    connection = _file(path)
    connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    connection.close()


def _foreign(path: Path) -> None:
    connection = _file(path)
    connection.execute("CREATE TABLE invoices (id)")
    connection.close()


def _text(path: Path) -> None:
    path.write_text("not a database, but long enough to have a header " * 40)


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        pytest.param(_newer, "newer modelwatch.*upgrade", id="a file of a newer version"),
        pytest.param(_foreign, "another program.*store.url", id="a database of another program"),
        pytest.param(_text, "not an SQLite database.*store.url", id="a file that is no database"),
        pytest.param(Path.mkdir, "cannot open.*folder", id="a folder"),
    ],
)
def test_what_is_refused(path: Path, prepare: object, words: str) -> None:
    assert callable(prepare)
    prepare(path)
    with pytest.raises(StoreError, match=words):
        Store.open(f"sqlite:///{path}")
    if path.is_file():
        with pytest.raises(StoreError, match=r"newer|another program|not a database"), reading(path):
            pass


@pytest.mark.parametrize(
    ("url", "words"),
    [
        pytest.param(
            "sqlite:////nowhere/at/all/m.db", "/nowhere/at/all does not exist", id="a missing folder"
        ),
        pytest.param(
            "sqlite:////proc/m.db", "cannot open /proc/m.db.*written", id="a folder nobody may write"
        ),
        pytest.param("postgresql://me:hunter2@db/models", "not in postgresql", id="another database"),
        pytest.param("sqlite://", "not in sqlite", id="memory"),
        pytest.param("sqlite:///:memory:", "name a file", id="memory by name"),
        pytest.param("", "an empty value", id="nothing"),
    ],
)
def test_urls_that_are_refused(url: str, words: str) -> None:
    with pytest.raises(StoreError, match=words) as refused:
        Store.open(url)
    assert "hunter2" not in str(refused.value)


def test_urls_name_a_file() -> None:
    assert path_of("sqlite:///modelwatch.db") == Path("modelwatch.db")
    assert path_of("sqlite:////var/lib/m w.db?timeout=5") == Path("/var/lib/m w.db")


def test_reading_before_the_first_sync_says_what_to_do(path: Path) -> None:
    with pytest.raises(StoreError, match="modelwatch sync"), reading(path):
        pass
    connection = _file(path)
    migrate(connection, path, steps=())
    connection.close()
    with pytest.raises(StoreError, match="older version"), reading(path):
        pass


def test_views_answer(store: Store, path: Path) -> None:
    repo = "unsloth/Qwen3-8B-GGUF"
    with store.write() as tx:
        tx.save_entries(
            [entry("Qwen/Qwen3-8B"), quant(repo, "Qwen/Qwen3-8B", {"Q4_K_M": 4.8, "Q8_0": 8.5})], NOW
        )
        tx.save_fits([fit_record(repo, "Q8_0", "spark", FitVerdict.FITS)], NOW)
        moved = change()
        change_id = tx.save_change(moved)
        tx.save_verdicts(change_id, [verdict(moved, Action.HOLD)], NOW)
        tx.save_verdicts(change_id, [verdict(moved, Action.ALERT)], NOW)
        tx.save_alert(alert(), [change_id], ["ops"], NOW)
        tx.record_decision(thread="qwen3-3", choice="reject", reason="slow", by="ana", now=NOW)
        tx.record_decision(thread="qwen3-3", choice="evaluate", reason="faster now", by="ana", now=NOW)
    quants = rows(path, "SELECT * FROM v_recent_quants")
    assert [(q["repo_id"], q["base_repo"], q["label"], q["size_gb"]) for q in quants] == [
        (repo, "Qwen/Qwen3-8B", "Q4_K_M", 4.8),
        (repo, "Qwen/Qwen3-8B", "Q8_0", 8.5),
    ]
    assert [m["repo_id"] for m in rows(path, "SELECT * FROM v_models")] == ["Qwen/Qwen3-8B"]
    fits = rows(path, "SELECT repo_id, label, hardware, verdict, required_gb FROM v_fits")
    assert fits == [
        {"repo_id": repo, "label": "Q8_0", "hardware": "spark", "verdict": "fits", "required_gb": 5.0}
    ]
    assert [(c["kind"], c["action"]) for c in rows(path, "SELECT * FROM v_changes")] == [("licence", "alert")]
    decided = rows(path, "SELECT choice, current FROM v_decisions")
    assert decided == [{"choice": "evaluate", "current": 1}, {"choice": "reject", "current": 0}]


def test_accounts_that_an_older_file_has_in_two_spellings_become_one(path: Path) -> None:
    connection = _file(path)
    migrate(connection, path, steps=STEPS[:1])
    for source, success, watermark in (("hub:Qwen", 1, 2), ("hub:qwen", 3, 4), ("hub:QWEN", None, None)):
        moments = [f"2026-08-0{day}T10:00:00.000000Z" if day else None for day in (success, watermark)]
        connection.execute(
            "INSERT INTO source_states (source, baseline_at, last_success_at, watermark) VALUES (?, ?, ?, ?)",
            (source, moments[0], *moments),
        )
        connection.execute(
            "INSERT INTO problems (source, message, first_seen, last_seen, count)"
            " VALUES (?, 'no id', '2026-08-01T10:00:00.000000Z', '2026-08-01T10:00:00.000000Z', 1)",
            (source,),
        )
    connection.close()
    with Store.open(f"sqlite:///{path}") as store, store.write() as tx:
        state = tx.source_state("HUB:qwen")
        assert (state.source, state.watermark) == ("hub:qwen", datetime(2026, 8, 4, 10, tzinfo=UTC))
        assert not tx.note_problem(Problem(source="hub:qWen", key=None, message="no id"), NOW)
        tx.save_source_state(replace(state, source="hub:Qwen", last_error="HTTP 502"))
        assert tx.baselines() == {"hub:qwen": datetime(2026, 8, 3, 10, tzinfo=UTC)}
    assert rows(path, "SELECT source, last_error FROM source_states") == [
        {"source": "hub:qwen", "last_error": "HTTP 502"}
    ]
    [shown] = status(path)["sources"]
    assert (shown["source"], shown["open_problems"]) == ("hub:qwen", 1)
