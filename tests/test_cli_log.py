"""`modelwatch export` and `import`: the observation log moves to another catalog and is what it was."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from sources.standin.server import StandIn
from tests.commands import modelwatch
from tests.rows import START, api_row
from tests.site import DAY, MODEL, Site, three_alerts

NEW_NAME = "mistralai/Mistral-Small-4"


@pytest.fixture
def hub() -> Iterator[StandIn]:
    world = three_alerts()
    world.rename(MODEL, NEW_NAME, START + 4 * DAY)
    with StandIn(world, now=START) as standin:
        yield standin


@pytest.fixture
def watched(folder: Path, hub: StandIn) -> Site:
    """Five days of watching: a licence that moves, gating, weights replaced, and a rename."""
    here = folder / "here"
    here.mkdir()
    site = Site(here, hub)
    for day in range(6):
        site.poll(START + day * DAY)
    return site


@pytest.fixture
def elsewhere(folder: Path, hub: StandIn) -> Site:
    other = folder / "elsewhere"
    other.mkdir()
    return Site(other, hub)


def _rows(site: Site, columns: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(site.database) as connection:
        return connection.execute(f"SELECT {columns} ORDER BY 1, 2").fetchall()


def _all(site: Site) -> list[list[tuple[object, ...]]]:
    return [_rows(site, f"* FROM {table}") for table in ("repos", "variants", "aliases", "observations")]


WHO = "repo_id, hub_id, first_seen, revision, licence, gated, family, version, base_repo FROM repos"


def test_a_log_builds_the_same_catalog_elsewhere(folder: Path, watched: Site, elsewhere: Site) -> None:
    exported = modelwatch("export", "log.jsonl", "--config", watched.path)
    lines = (folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert exported.err == f"{len(lines)} observations written to log.jsonl.\n"
    assert all(list(json.loads(line)) == ["source", "key", "seen_at", "row"] for line in lines)
    imported = modelwatch("import", "log.jsonl", "--config", elsewhere.path)
    assert (imported.status, imported.out) == (0, f"{len(lines)} observations read, 0 lines skipped.\n")
    assert _rows(elsewhere, WHO) == _rows(watched, WHO)
    assert _rows(elsewhere, "* FROM aliases") == _rows(watched, "* FROM aliases")
    seen = "seen_at, key, row FROM observations"
    assert _rows(elsewhere, seen) == _rows(watched, seen)


def test_importing_twice_changes_nothing(watched: Site, elsewhere: Site) -> None:
    modelwatch("export", "log.jsonl", "--config", watched.path)
    modelwatch("import", "log.jsonl", "--config", elsewhere.path)
    before = _all(elsewhere)
    again = modelwatch("import", "log.jsonl", "--config", elsewhere.path)
    assert (again.status, again.out) == (0, "0 observations read, 0 lines skipped.\n")
    assert _all(elsewhere) == before
    assert modelwatch("import", "log.jsonl", "--config", watched.path).out.startswith("0 observations")


def test_what_was_imported_is_a_baseline_and_no_news(watched: Site, elsewhere: Site, hub: StandIn) -> None:
    modelwatch("export", "log.jsonl", "--config", watched.path)
    modelwatch("import", "log.jsonl", "--config", elsewhere.path)
    assert modelwatch("changes", "--config", elsewhere.path, "--json").json == []
    report = modelwatch("sync", "--config", elsewhere.path, "--json").json
    assert (report["changes"], report["alerts"]) == (0, [])
    moved = api_row(MODEL, licence="mit", modified=START + 6 * DAY) | {"id": NEW_NAME, "modelId": NEW_NAME}
    hub.world.put(moved, START + 6 * DAY)
    hub.now = START + 6 * DAY
    assert modelwatch("sync", "--config", elsewhere.path, "--json").json["changes"] > 0


def test_export_writes_to_the_terminal_and_from_a_date_on(watched: Site) -> None:
    said = modelwatch("export", "--since", "2026-03-03", "--config", watched.path)
    lines = said.out.splitlines()
    assert said.err == f"{len(lines)} observations written.\n"
    assert {json.loads(line)["key"] for line in lines} == {MODEL, NEW_NAME, "trending"}


def test_a_mistake_in_since_leaves_the_file_alone(folder: Path, watched: Site) -> None:
    (folder / "log.jsonl").write_text("precious\n")
    assert modelwatch("export", "log.jsonl", "--since", "soon", "--config", watched.path).status == 2
    assert (folder / "log.jsonl").read_text() == "precious\n"


def test_a_file_that_can_not_be_written_is_one_line(watched: Site) -> None:
    said = modelwatch("export", "no/such/folder.jsonl", "--config", watched.path)
    assert (said.status, said.err) == (2, "modelwatch: no/such/folder.jsonl: No such file or directory\n")


def test_bad_lines_are_named_and_the_rest_is_read(folder: Path, elsewhere: Site) -> None:
    good = {"source": "hub", "key": "a/b", "seen_at": "2026-03-02T08:00:00Z", "row": api_row("a/b")}
    no_row = good | {"key": "a/\x1b[2Jc", "row": {"tags": []}}
    text = [json.dumps(good), "{", json.dumps(no_row), "[]"]
    (folder / "log.jsonl").write_text("\n".join(text), encoding="utf-8")
    said = modelwatch("import", "log.jsonl", "--config", elsewhere.path)
    assert (said.status, said.out) == (1, "1 observations read, 3 lines skipped.\n")
    first, second, third = said.err.splitlines()
    assert first.startswith("line 2: not JSON")
    assert second.startswith("line 4: not a JSON object") or third.startswith("line 4")
    assert said.err.replace("\n", "").isprintable()
    assert _rows(elsewhere, "repo_id, licence FROM repos") == [("a/b", "apache-2.0")]
