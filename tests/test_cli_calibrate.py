"""`modelwatch fit calibrate`: from a log to a correction that later answers are made with."""

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from sources.standin.server import StandIn
from store.db import Store
from tests.fit.sample_logs import (
    HYBRID,
    LLAMA_CPP,
    LOGS,
    NEWEST,
    OLLAMA,
    SGLANG,
    TOO_LONG,
    TWO_RANKS,
    V0,
    V1,
    log_of,
    text_of,
)
from tests.rows import START
from tests.site import MODEL, Site, world
from watcher import cli_logfile
from watcher.cli_calibrate import calibrate
from watcher.cli_logfile import read_logfile
from watcher.fit.logs import read_log

H100 = "h100-sxm-80gb"
_APP = typer.Typer(pretty_exceptions_enable=False)
_APP.command()(calibrate)


@pytest.fixture
def site(folder: Path) -> Path:
    """A folder with a configuration whose Hub does not answer."""
    path = folder / "modelwatch.yaml"
    path.write_text('hub: {endpoint: "http://127.0.0.1:9"}\nstore: {url: "sqlite:///m.db"}\n')
    return folder


def _run(*arguments: str | Path, given: str | None = None) -> Result:
    return CliRunner().invoke(_APP, [str(a) for a in arguments], input=given, env={"COLUMNS": "160"})


def _stored(site: Path) -> dict[tuple[str, str], dict[str, float]]:
    if not (site / "m.db").exists():
        return {}
    with Store.open(f"sqlite:///{site / 'm.db'}") as store, store.read() as tx:
        return {(c.device, c.engine): dict(c.factors) for c in tx.corrections()}


def test_a_boot_is_compared_in_a_table_and_in_words_and_remembered(site: Path) -> None:
    said = _run(LOGS / V1, "--on", H100)
    assert said.exit_code == 0, said.output
    assert f"meta-llama/Llama-3.1-8B-Instruct bf16 on {H100} with vllm 0.11.0" in said.output
    assert "cache of 16,000 tokens: right to 0.0 %" in said.output
    assert "overhead: we said 0.40 GiB, it took 0.58 GiB" in said.output
    assert f"From now on, on {H100} with vllm:" in said.output
    factors = _stored(site)[H100, "vllm"]
    assert factors["activations"] == pytest.approx(1.02, abs=0.2)
    assert set(factors) >= {"activations", "overhead", "kv_cache", "decode"}


@pytest.mark.parametrize(
    ("name", "options", "what"),
    [
        pytest.param(TWO_RANKS, (), ("Qwen/Qwen3-32B", H100, 2, "vllm"), id="vLLM over two devices"),
        pytest.param(
            NEWEST, (), ("Qwen/Qwen3-4B-Instruct-2507", "rtx-5090", 1, "vllm"), id="a path in the Hub's cache"
        ),
        pytest.param(V0, ("--on", H100), ("microsoft/phi-4", H100, 1, "vllm"), id="vLLM V0"),
        pytest.param(
            TOO_LONG,
            ("--on", "h100-nvl-94gb"),
            ("mistralai/Mistral-Small-4-119B-2603", "h100-nvl-94gb", 2, "vllm"),
            id="a boot that failed",
        ),
        pytest.param(SGLANG, (), ("Qwen/Qwen3-235B-A22B", H100, 4, "sglang"), id="SGLang"),
        pytest.param(LLAMA_CPP, (), ("Qwen/Qwen3-14B", "rtx-4090", 1, "llama.cpp"), id="llama.cpp"),
        pytest.param(HYBRID, (), ("Qwen/Qwen3.6-35B-A3B", "rtx-3090", 2, "llama.cpp"), id="a hybrid"),
        pytest.param(
            OLLAMA,
            ("--on", "rtx-4090", "--model", "meta-llama/Llama-3.1-8B-Instruct"),
            ("meta-llama/Llama-3.1-8B-Instruct", "rtx-4090", 1, "ollama"),
            id="Ollama names a blob",
        ),
        pytest.param(
            "llama-bench-gb10.md", (), ("openai/gpt-oss-120b", "dgx-spark", 1, "llama.cpp"), id="llama-bench"
        ),
        pytest.param(
            "llama-bench-rtx-4080.csv",
            (),
            ("Qwen/Qwen2.5-7B-Instruct", "rtx-4080", 1, "llama.cpp"),
            id="llama-bench as CSV",
        ),
    ],
)
def test_model_and_device_are_found_without_the_hub(
    site: Path, name: str, options: tuple[str, ...], what: tuple[str, str, int, str]
) -> None:
    said = _run(LOGS / name, *options, "--dry-run", "--json")
    assert said.exit_code == 0, said.output
    answer = json.loads(said.output)
    assert (answer["model"], answer["device"], answer["devices"], answer["engine"]) == what
    assert answer["terms"]
    assert not answer["stored"]
    assert _stored(site) == {}


def test_the_cache_of_a_boot_that_failed_is_not_measured_against_a_smaller_type(site: Path) -> None:
    said = json.loads(_run(LOGS / TOO_LONG, "--on", "h100-nvl-94gb", "--dry-run", "--json").output)
    [row] = [row for row in said["terms"] if row["term"] == "cache of 1,048,576 tokens"]
    assert row["ratio"] == pytest.approx(1.0, abs=0.01)


def test_json_holds_every_term_and_the_correction(site: Path) -> None:
    said = json.loads(_run(LOGS / V1, "--on", H100, "--json").output)
    assert set(said) == {
        *("model", "label", "device", "devices", "engine", "engine_version", "boots", "complete"),
        *("terms", "correction", "left_out", "notes", "stored"),
    }
    row = next(row for row in said["terms"] if row["term"] == "activations")
    assert (row["unit"], row["corrects"], row["line"]) == ("bytes", ["activations"], 16)
    assert row["ratio"] == pytest.approx(row["measured"] / row["predicted"])
    assert said["correction"]["factors"] == _stored(site)[H100, "vllm"]
    assert said["stored"]


def test_standard_input_serves(site: Path) -> None:
    said = _run("-", "--on", H100, given=text_of(V1))
    assert said.exit_code == 0
    assert (H100, "vllm") in _stored(site)


def test_a_dry_run_remembers_nothing_and_says_what_it_would(site: Path) -> None:
    said = _run(LOGS / V1, "--on", H100, "--dry-run")
    assert "Not remembered (--dry-run): activations x" in said.output
    assert _stored(site) == {}


def test_a_later_log_replaces_term_by_term_and_an_older_one_does_not(site: Path) -> None:
    for day, speed, wins in ((2, "148.9", 1), (3, "300.0", 2), (1, "99.0", 2)):
        log = site / "boot.log"
        log.write_text(text_of(V1).replace("148.9", speed))
        then = datetime(2026, 10, day, 12, tzinfo=UTC).timestamp()
        os.utime(log, (then, then))
        assert _run(log, "--on", H100).exit_code == 0
        factor = _stored(site)[H100, "vllm"]["decode"]
        assert factor > 1.5 if wins == 2 else factor < 1.5


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--on", H100), id="by device"),
        pytest.param((LOGS / TWO_RANKS,), id="by a log of it"),
    ],
)
def test_what_was_measured_can_be_forgotten(site: Path, arguments: tuple[str | Path, ...]) -> None:
    _run(LOGS / V1, "--on", H100)
    said = _run(*arguments, "--forget")
    assert said.exit_code == 0
    assert "Forgot" in said.output
    assert _stored(site) == {}
    assert "Nothing was measured" in _run(*arguments, "--forget").output


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        pytest.param("hello\n" * 50, (), 'Looked for:.*vLLM: "Model loading took', id="no log"),
        pytest.param("\x00\x01" * 500, (), "no text", id="a binary"),
        pytest.param(V1, (), "only 79.2 GiB: pass --on DEVICE, such as", id="no device, but its memory"),
        pytest.param(OLLAMA, (), "does not name its device", id="no device"),
        pytest.param(OLLAMA, ("--on", "rtx-4090"), "pass --model org/name", id="a blob is no model"),
        pytest.param(V1, ("--on", "h1000"), "--on: ", id="no such device"),
        pytest.param(
            V1, ("--on", H100, "--model", "nobody/unknown-1"), "not known: pass --model", id="no layers"
        ),
    ],
)
def test_what_is_missing_is_named(site: Path, text: str, options: tuple[str, ...], words: str) -> None:
    path = site / "boot.log"
    path.write_text(text_of(text) if text.endswith(".log") else text)
    said = _run(path, *options)
    assert said.exit_code == 2
    assert re.search(words, said.output, re.DOTALL), said.output
    assert "boot.log: " in said.output
    assert _stored(site) == {}


def test_a_log_that_is_not_there_and_none_at_all(site: Path) -> None:
    assert "can not be read" in _run("nowhere.log").output
    assert "which log?" in _run().output
    assert "--forget takes the device" in _run("--forget").output


def test_names_from_a_log_can_not_steer_the_terminal(site: Path) -> None:
    path = site / "boot.log"
    path.write_text(
        text_of(V1).replace("meta-llama/Llama-3.1-8B-Instruct", "a/\u202e\x1b]0;owned\x07\x1b[2Jb")
    )
    said = _run(path, "--on", H100)
    assert not {"\x1b", "\u202e", "\x07"} & set(said.output)


def test_of_a_very_long_log_start_and_end_are_read_with_their_line_numbers(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli_logfile, "MOST_BYTES", 100_000)
    monkeypatch.setattr(cli_logfile, "HEAD_BYTES", 40_000)
    path = folder / "long.log"
    filler = "INFO nothing to see here, request 1 done\n" * 20_000
    path.write_text(text_of(V1) + filler + "the very end\n")
    text, notes, _ = read_logfile(str(path))
    assert "the first" in notes[0]
    assert len(text) < 200_000
    assert text.count("\n") == path.read_bytes().count(b"\n")
    assert read_log(text) == log_of(V1)


@pytest.mark.benchmark
def test_two_hundred_megabytes_take_a_moment(folder: Path) -> None:
    path = folder / "huge.log"
    line = '(APIServer pid=1) INFO:     10.0.0.1:5123 - "POST /v1/chat/completions HTTP/1.1" 200 OK\n'
    with path.open("w") as file:
        file.write(text_of(V1))
        for _ in range(200):
            file.write(line * (1_000_000 // len(line)))
    text, notes, _ = read_logfile(str(path))
    assert notes
    assert read_log(text).kv_cache == log_of(V1).kv_cache


def test_a_repo_that_the_hub_knows_is_compared_by_its_own_files(folder: Path) -> None:
    with StandIn(world(), now=START) as hub:
        place = Site(folder, hub)
        said = _run(LOGS / TOO_LONG, "--on", "h100-nvl-94gb", "--dry-run", "--json", "--config", place.path)
    assert said.exit_code == 0, said.output
    answer = json.loads(said.output)
    assert (answer["model"], answer["label"]) == (MODEL, "bf16")
    assert any(f"/api/models/{MODEL}" in path for _, path, _ in hub.requests)
