"""Questions to the catalog, asked of the eight weeks that `modelwatch demo` plays."""

import csv
import json
import re
import sqlite3
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Answer, modelwatch
from tests.rows import START

SMALL_4 = "mistralai/Mistral-Small-4-119B-2603"
REPO_KEYS = ["repo_id", "publisher", "base_repo", "family", "version", "size", "format", "label", "bits"]
REPO_KEYS += ["size_bytes", "licence", "downloads", "published_at", "updated_at", "fits"]

Ask = Callable[..., Answer]


@pytest.fixture
def ask(demo: Path) -> Ask:
    """A question about the demo's catalog."""

    def question(*arguments: str) -> Answer:
        return modelwatch(*arguments, "--config", demo)

    return question


def _rows(ask: Ask, *arguments: str) -> list[dict[str, Any]]:
    said = ask(*arguments, "--json")
    assert (said.status, said.err) == (0, "")
    rows: list[dict[str, Any]] = said.json
    return rows


def test_the_question_our_users_ask_most(ask: Ask) -> None:
    said = ask("quants", "--since", "2026-03-01", "--fits", "spark", "--format", "gguf")
    assert said.status == 0
    heading = next(line for line in said.out.splitlines() if line.startswith("repo"))
    assert heading.split() == ["repo", "take", "size", "licence", "published", "downloads", "h100", "spark"]
    [line] = [row for row in said.out.splitlines() if row.startswith("unsloth/Mistral-Small-4-119B")]
    assert "GB" in line
    assert line.split()[-1] in ("fits", "tight")


@pytest.mark.parametrize("command", ["quants", "models"])
def test_rows_have_the_documented_keys_and_are_newest_first(ask: Ask, command: str) -> None:
    rows = _rows(ask, command)
    assert all(list(row)[: len(REPO_KEYS)] == REPO_KEYS for row in rows)
    times = [row["published_at"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert all(set(row["fits"].values()) <= {"fits", "tight", "no"} for row in rows)


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        pytest.param(["--since", "2026-04-01"], lambda r: r["published_at"] >= "2026-04-01", id="since"),
        pytest.param(["--format", "GGUF"], lambda r: r["format"] == "gguf", id="format, in any case"),
        pytest.param(["--fits", "spark"], lambda r: r["fits"]["spark"] in ("fits", "tight"), id="fits"),
        pytest.param(["--base", "small-4"], lambda r: "Small-4" in r["base_repo"], id="part of the base"),
        pytest.param(["--family", "Gemma"], lambda r: r["family"] == "gemma", id="family"),
        pytest.param(["--publisher", "nvidia"], lambda r: r["publisher"] == "nvidia", id="publisher"),
        pytest.param(
            ["--fits", "h100", "--format", "fp8", "--family", "qwen"],
            lambda r: (r["format"], r["family"], r["fits"]["h100"] != "no") == ("fp8", "qwen", True),
            id="together",
        ),
    ],
)
def test_filters_of_quants_keep_what_they_name_and_no_more(
    ask: Ask, arguments: list[str], right: Callable[[dict[str, Any]], bool]
) -> None:
    everything = _rows(ask, "quants", "--limit", "1000")
    rows = _rows(ask, "quants", *arguments)
    assert rows
    assert len(rows) < len(everything)
    assert all(right(row) for row in rows)


def test_filters_of_models_work_the_same(ask: Ask) -> None:
    rows = _rows(ask, "models", "--family", "gemma", "--since", "2026-03-01", "--fits", "spark")
    assert rows
    assert all(row["family"] == "gemma" and row["fits"]["spark"] != "no" for row in rows)
    assert {row["publisher"] for row in _rows(ask, "models", "--publisher", "openai")} == {"openai"}


def test_files_gives_a_row_for_each_and_limit_bounds_the_rows(ask: Ask) -> None:
    one = _rows(ask, "quants", "--base", "Small-4")
    files = _rows(ask, "quants", "--base", "Small-4", "--files")
    assert {row["repo_id"] for row in one} == {row["repo_id"] for row in files}
    assert len(files) > len(one)
    assert len(_rows(ask, "quants", "--files", "--limit", "2")) == 2


@pytest.mark.parametrize("command", ["quants", "models", "changes"])
def test_csv_holds_the_same_rows_as_json(ask: Ask, command: str) -> None:
    said = ask(command, "--csv", "--limit", "20")
    table = list(csv.DictReader(StringIO(said.out)))
    rows = _rows(ask, command, "--limit", "20")
    assert [row["repo_id"] for row in table] == [row["repo_id"] for row in rows]
    nested = "verdicts" if command == "changes" else "fits"
    assert [json.loads(row[nested]) for row in table] == [row[nested] for row in rows]


def test_nothing_found_says_what_to_try(ask: Ask) -> None:
    for command in ("quants", "models"):
        said = ask(command, "--family", "nobody")
        assert said.status == 0
        assert f"No {command} match. Drop a filter" in said.out
    assert "No changes match." in ask("changes", "--repo", "nobody/nothing").out
    assert _rows(ask, "quants", "--family", "nobody") == []


@pytest.mark.parametrize(
    ("command", "words"),
    [
        pytest.param("quants --fits sparc", "(did you mean 'spark'?); there is: h100, spark", id="quants"),
        pytest.param("models --fits tpu", "is no hardware of yours; there is: h100, spark", id="models"),
        pytest.param(
            f"fit {SMALL_4} --on sparc",
            "'sparc' is no hardware that we know",
            id="fit",
        ),
        pytest.param(f"fit {SMALL_4} --engine vlm", "'vllm', 'sglang'", id="an engine"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(ask: Ask, command: str, words: str) -> None:
    said = ask(*command.split())
    assert (said.status, said.out) == (2, "")
    assert words in said.err


def test_without_hardware_of_ones_own_fits_says_where_to_name_it(folder: Path) -> None:
    assert (
        "name your machines under hardware: in the configuration" in modelwatch("quants", "--fits", "x").err
    )


def test_changes_have_the_documented_keys_and_one_verdict_for_each_deployment(ask: Ask) -> None:
    rows = _rows(ask, "changes")
    keys = {"id", "kind", "repo_id", "lineage", "before", "after", "detected_at", "verdicts"}
    for row in rows:
        assert keys <= set(row)
        assert [v["deployment"] for v in row["verdicts"]] == ["code-review", "helpdesk", "rag"]
        assert all(set(v) == {"deployment", "action", "trigger", "reason"} for v in row["verdicts"])
        assert all(v["reason"] for v in row["verdicts"])


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        pytest.param(["--kind", "licence"], lambda r: r["kind"] == "licence", id="kind"),
        pytest.param(["--since", "2026-04-20"], lambda r: r["detected_at"] >= "2026-04-20", id="since"),
        pytest.param(["--family", "phi"], lambda r: r["lineage"]["family"] == "phi", id="family"),
        pytest.param(["--repo", SMALL_4], lambda r: r["repo_id"] == SMALL_4, id="repo"),
        pytest.param(
            ["--action", "alert"], lambda r: "alert" in {v["action"] for v in r["verdicts"]}, id="action"
        ),
    ],
)
def test_filters_of_changes_keep_what_they_name(
    ask: Ask, arguments: list[str], right: Callable[[dict[str, Any]], bool]
) -> None:
    rows = _rows(ask, "changes", *arguments)
    assert rows
    assert all(right(row) for row in rows)
    assert len(rows) < len(_rows(ask, "changes"))


def test_the_table_of_changes_shows_the_strongest_decision(ask: Ask) -> None:
    said = ask("changes", "--repo", SMALL_4, "--kind", "licence").out
    assert "apache-2.0 -> mnpl" in said
    assert "alert: " in said


def test_explain_of_a_repo_tells_its_whole_story(ask: Ask) -> None:
    said = ask("explain", SMALL_4)
    assert said.status == 0
    assert said.out.startswith(f"{SMALL_4}: mistral, mnpl\n")
    assert "apache-2.0 -> mnpl" in said.out
    assert re.search(r"helpdesk: alert by licence-in-use: ", said.out)
    assert re.search(r"rag: digest by watched-family: ", said.out)
    assert "fp8 on spark, helpdesk: no" in said.out
    assert re.search(r"alert [0-9a-f]{16} to slack: pending", said.out)


def test_explain_of_a_repo_that_was_renamed_removed_or_quiet_says_so(ask: Ask) -> None:
    new = ask("explain", "meta-llama/Llama-3.1-8B-Instruct").out
    assert "formerly meta-llama/meta-llama-3.1-8b-instruct" in new
    assert ask("explain", "meta-llama/Meta-Llama-3.1-8B-Instruct").out == new
    assert "gone since 2026-04-13" in ask("explain", "google/gemma-3-27b-it").out
    assert "No changes: its first look was a baseline" in ask("explain", "openai/gpt-oss-20b").out


def test_explain_of_a_change_or_an_alert_takes_the_beginning_of_its_id(ask: Ask) -> None:
    [change] = _rows(ask, "changes", "--repo", SMALL_4, "--kind", "licence")
    story = ask("explain", change["id"][:8], "--json").json
    assert (story["kind"], story["changes"][0]["id"]) == ("change", change["id"])
    alert = story["deliveries"][0]["alert"]
    told = ask("explain", alert[:8], "--json").json
    assert (told["kind"], told["alerts"][0]["id"]) == ("alert", alert)
    assert told["alerts"][0]["title"].startswith(SMALL_4)


def test_explain_of_something_unknown_suggests_the_nearest_and_ends_with_1(ask: Ask) -> None:
    said = ask("explain", "mistralai/Mistral-Smal-4-119B")
    assert (said.status, said.out) == (1, "")
    assert said.err.startswith("modelwatch: nothing known of mistralai/Mistral-Smal-4-119B; nearest: ")
    assert SMALL_4 in said.err


def test_a_held_verdict_says_until_when(ask: Ask) -> None:
    assert re.search(r"hold until \S+ by \S+: ", ask("explain", "unsloth/Mistral-Small-4-119B-2603-GGUF").out)


def test_status_tells_sources_queue_and_what_comes_next(ask: Ask) -> None:
    said = ask("status")
    assert said.status == 0
    assert re.match(r"\d+ repos known: \d+ models, \d+ quants, 1 gone\.\n", said.out)
    assert "hub:mistralai" in said.out
    assert "Deliveries: 7 pending." in said.out
    state = ask("status", "--json").json
    assert {"sources", "problems", "deliveries", "repos"} <= set(state)
    by_name = {source["source"]: source for source in state["sources"]}
    assert by_name["hub:mistralai"]["next_run_at"] == "2026-04-20T08:30:00Z"
    assert by_name["hub:trending"]["next_run_at"] == "2026-04-21T08:00:00Z"


def test_status_names_problems_failures_and_dead_deliveries_on_one_line_each(
    demo: Path, folder: Path
) -> None:
    database = folder / "copy.db"
    with sqlite3.connect(demo.parent / "demo.db") as source, sqlite3.connect(database) as copy:
        source.backup(copy)
        copy.execute(
            "INSERT INTO problems (source, key, message, first_seen, last_seen, count) VALUES "
            "('hub:Qwen', 'Qwen/x', 'a row' || char(27) || '[2J without id', '2026-04-20', '2026-04-20', 3)"
        )
        copy.execute(
            "UPDATE source_states SET failing_since = '2026-04-20T07:00:00.000000Z', last_error = 'down',"
            " not_before = '2026-04-20T09:00:00.000000Z' WHERE source = 'hub:nvidia'"
        )
        copy.execute("UPDATE deliveries SET state = 'dead', last_error = 'answered 403' WHERE id = 1")
        copy.execute("UPDATE deliveries SET last_error = 'answered 500' WHERE id = 2")
    source.close()
    copy.close()
    config = folder / "copy.yaml"
    config.write_text(f'store: {{url: "sqlite:///{database}"}}\n')
    said = modelwatch("status", "--config", config)
    assert said.status == 0
    assert "Qwen/x: a row without id" in said.out
    assert "failing for " in said.out
    assert re.search(r"to slack: dead: answered 403", said.out)
    assert re.search(r"to slack: pending, next .*, last: answered 500", said.out)
    state = modelwatch("status", "--config", config, "--json").json
    [nvidia] = [source for source in state["sources"] if source["source"] == "hub:nvidia"]
    assert nvidia["next_run_at"] == "2026-04-20T09:00:00Z"


def test_status_of_a_catalog_without_a_poll_says_what_to_do(folder: Path) -> None:
    (folder / "log.jsonl").write_text("")
    modelwatch("import", "log.jsonl")
    assert "No source was polled yet: modelwatch sync." in modelwatch("status").out


FIT_KEYS = ["model", "label", "hardware", "engine", "context", "users", "verdict", "budget_bytes", "terms"]
FIT_KEYS += ["kv_bytes_per_token", "max_users", "max_context", "decode_tokens_per_second"]
FIT_KEYS += ["total_tokens_per_second", "prefill_seconds", "notes"]
FIT_KEYS += ["ideal_bytes", "max_concurrency", "devices", "settings", "levers", "corrections"]
FIT_KEYS += ["command", "engine_reason", "sources"]


def test_fit_of_a_known_model_needs_no_network_and_shows_its_working(ask: Ask) -> None:
    row = ask("fit", SMALL_4, "--hardware", "spark", "--users", "10", "--json").json
    assert list(row) == FIT_KEYS
    assert (row["hardware"], row["users"], row["context"], row["verdict"]) == ("spark", 10, 8192, "no")
    assert list(row["terms"]) == ["weights", "kv_cache", "state", "activations", "overhead"]
    assert all(term["source"] for term in row["terms"].values())
    assert sum(term["bytes"] for term in row["terms"].values()) > row["budget_bytes"]


def test_fit_covers_every_file_on_every_machine_unless_one_is_asked_for(ask: Ask) -> None:
    model = "unsloth/Mistral-Small-4-119B-2603-GGUF"
    rows = _rows(ask, "fit", model, "--files")
    labels = {row["label"] for row in rows}
    assert len(rows) == 2 * len(labels) >= 4
    assert [row["hardware"] for row in _rows(ask, "fit", model)] == ["h100", "spark"]
    assert {row["engine"] for row in rows} == {"llama.cpp"}
    asked = ("fit", model, "--quant", "q8", "--hardware", "h200-sxm-141gb", "--engine", "ollama")
    only = ask(*asked, "--json").json
    assert (only["label"], only["hardware"], only["engine"]) == ("Q8_0", "h200-sxm-141gb", "ollama")


def test_the_table_of_fits_has_a_line_for_each_and_the_notes_below(ask: Ask) -> None:
    said = ask("fit", "nvidia/Qwen3-14B-NVFP4", "--users", "4")
    assert said.status == 0
    assert "4 users with 8,192 tokens" in said.out
    assert "tok/s per user" in said.out
    assert "note: " in said.out


def test_fit_of_a_format_that_is_not_there_says_so_with_status_1(ask: Ask) -> None:
    said = ask("fit", "unsloth/Mistral-Small-4-119B-2603-GGUF", "--quant", "fp8")
    assert (said.status, said.err) == (1, "")
    assert "No weights of unsloth/Mistral-Small-4-119B-2603-GGUF are known in that format" in said.out


def test_the_demo_tells_its_weeks_its_alerts_and_what_it_kept_quiet(demo: Path) -> None:
    told = (demo.parent / "told.txt").read_text(encoding="utf-8")
    assert [int(n) for n in re.findall(r"^== Week (\d)", told, re.MULTILINE)] == list(range(1, 9))
    assert f"{START:%d %B %Y}" in told.partition("== Week 2")[0]
    for words in ("First sight", "For the digest:", "Not told, and why:", "The eight weeks in one look"):
        assert words in told
    assert {c for c in told if not c.isprintable()} == {"\n"}
