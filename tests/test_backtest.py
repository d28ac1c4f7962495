"""`modelwatch backtest` over a history that a person can review: tests/data/backtest/history.jsonl.

Three repos are there at first. A quant of the model in use appears and settles; two rows only move
counters and cards; a version, its quant and somebody's fine-tune come; the licence of the model in use
moves; the quant's page says twice that it is gone.
"""

import ast
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.benchmarks.history import history as generated
from tests.commands import ROOT, modelwatch

DATA = Path(__file__).parent / "data" / "backtest"
GOLDEN = Path(__file__).parent / "golden" / "backtest.txt"
QUESTION = ("history.jsonl", "--config", "team.yaml", "--labels", "labels.csv", "--against", "other.yaml")
MODEL = "mistralai/Mistral-Small-4-119B-2603"
QUANT = "unsloth/Mistral-Small-4-119B-2603-GGUF"


@pytest.fixture
def here(folder: Path) -> Path:
    for file in DATA.iterdir():
        shutil.copy(file, folder)
    return folder


def _lines(here: Path) -> list[str]:
    return (here / "history.jsonl").read_text(encoding="utf-8").splitlines()


def _write(here: Path, lines: list[str]) -> None:
    (here / "history.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_the_answer_reads_as_in_the_golden_file(here: Path) -> None:
    """Review tests/golden/backtest.txt like a user; MODELWATCH_GOLDEN=write writes it anew."""
    said = modelwatch("backtest", *QUESTION)
    assert (said.status, said.err) == (0, "")
    if os.environ.get("MODELWATCH_GOLDEN") == "write":
        GOLDEN.write_text(said.out, encoding="utf-8")
    assert said.out == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["as text", "as JSON"])
def test_the_same_log_and_policy_give_the_same_bytes_in_every_process(
    here: Path, options: tuple[str, ...]
) -> None:
    first, second = (_in_a_process(here, seed, *options) for seed in ("1", "2"))
    assert first == second
    assert len(first) > 500


def test_a_long_log_gives_the_same_bytes_in_every_process(here: Path) -> None:
    """Names in sets and tables come in another order in each of them."""
    rows = [
        {"source": row.source, "key": row.key, "seen_at": row.seen_at.isoformat(), "row": row.row}
        for row in generated(600, rounds=100)
    ]
    _write(here, [json.dumps(row) for row in rows])
    first, second = (_in_a_process(here, seed, "--json") for seed in ("3", "4"))
    assert first == second
    assert len(json.loads(first)["told"]) > 0


def _in_a_process(here: Path, seed: str, *options: str) -> bytes:
    command = [sys.executable, "-c", "from watcher.cli import main; main()", "backtest", *QUESTION, *options]
    environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, cwd=here, env=environment, check=True, stdout=subprocess.PIPE).stdout


def test_the_document_says_what_the_tables_say(here: Path) -> None:
    found = modelwatch("backtest", *QUESTION, "--json").json
    assert found["verdicts"] == {"alert": 2, "digest": 2, "hold": 0, "ignore": 2}
    assert [(a["at"], a["trigger"], a["repos"]) for a in found["alerts"]] == [
        ("2026-03-23T09:00:00Z", "quant-in-use", [QUANT]),
        ("2026-04-08T08:00:00Z", "licence-in-use", [MODEL]),
    ]
    assert sum(week["messages"] for week in found["weeks"]) == len(found["alerts"])
    assert [row["repo_id"] for row in found["told"] if row["action"] == "alert"] == [QUANT, MODEL]
    assert [kept["differs"] for kept in found["against"]["kept"]] == [["35 h earlier"], []]
    assert found["labels"]["alert"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}
    assert [row["line"] for row in found["labels"]["wrong"]] == [5, 8]


def test_the_order_of_lines_is_of_no_matter(here: Path) -> None:
    before = modelwatch("backtest", *QUESTION).out
    lines = _lines(here)
    details = next(n for n, line in enumerate(lines) if "hub/details" in line)
    _write(here, [*lines[details:], *lines[:details]])
    assert modelwatch("backtest", *QUESTION).out == before


@pytest.mark.parametrize(
    ("size_bytes", "fits"), [(72 * 10**9, True), (720 * 10**9, False)], ids=["72 GB", "720 GB"]
)
def test_files_that_came_with_a_look_decide_what_fits(here: Path, size_bytes: int, fits: bool) -> None:
    _write(here, [line.replace("72000000000", str(size_bytes)) for line in _lines(here)])
    found = modelwatch("backtest", "history.jsonl", "--config", "team.yaml", "--json").json
    [reason] = [told["reason"] for told in found["told"] if told["repo_id"] == QUANT]
    assert ("does not fit" not in reason) is fits
    assert found["history"]["files_known"] is True


def test_a_history_without_files_says_so(here: Path) -> None:
    _write(here, [line for line in _lines(here) if "hub/details" not in line])
    said = modelwatch("backtest", "history.jsonl", "--config", "team.yaml").out
    assert "No line tells of files: what fits rests on names and parameter counts." in said


@pytest.mark.parametrize(
    ("options", "alerts", "held"),
    [
        pytest.param([], [QUANT, MODEL], 0, id="all of it"),
        pytest.param(["--until", "2026-03-22"], [], 1, id="the quant still settles"),
        pytest.param(["--until", "2026-03-23"], [QUANT], 0, id="a date means all of its day"),
        pytest.param(["--since", "2026-03-23"], [QUANT, MODEL], 0, id="held before, told after"),
        pytest.param(["--since", "2026-03-24"], [MODEL], 0, id="told before it began"),
        pytest.param(["--since", "14d"], [MODEL], 0, id="two weeks before the end"),
        pytest.param(["--since", "2026-04-08T08:00:01+00:00"], [], 0, id="a second too late"),
    ],
)
def test_since_and_until_choose_what_is_judged(
    here: Path, options: list[str], alerts: list[str], held: int
) -> None:
    found = modelwatch("backtest", "history.jsonl", "--config", "team.yaml", "--json", *options).json
    assert [repo for alert in found["alerts"] for repo in alert["repos"]] == alerts
    assert found["verdicts"]["hold"] == held


def test_lines_that_can_not_be_played_are_named_and_the_rest_is(here: Path) -> None:
    whole = modelwatch("backtest", "history.jsonl", "--config", "team.yaml").out
    bad = ["{", '{"source": "hub", "key": "a/b", "seen_at": "2026-03-20T08:00:00Z", "row": {"tags": []}}']
    bad += ['{"source": "news", "key": "x", "seen_at": "2026-03-20T08:00:00Z", "row": {"a": 1}}']
    bad += [
        '{"source": "hub/details", "key": "a/late", "seen_at": "2026-03-20T08:00:00Z", "row": {"config": {}}}'
    ]
    bad += ['{"source": "hub", "key": "a/b", "seen_at": "9999-12-31T23:59:59Z", "row": {"id": "a/b"}}']
    _write(here, [*bad, *_lines(here)])
    said = modelwatch("backtest", "history.jsonl", "--config", "team.yaml")
    assert said.status == 1
    assert said.out.replace("15 lines", "14 lines") == whole
    assert said.err.splitlines() == [
        "history.jsonl: line 1: not JSON (Expecting property name enclosed in double quotes at column 2)",
        "history.jsonl: line 2: a/b: a row without an id",
        'history.jsonl: line 3: x: "news": not one of '
        "hub, hub/details, hub/look, hub/account, hub/trending, eval",
        'history.jsonl: line 5: "seen_at" is in the year 9999',
        "history.jsonl: a/late: its files were seen before the repo: left out",
    ]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "line 1: no column repo_id and no column date and no column action"),
        ("repo,date,action\n", "line 1: no column repo_id"),
        ("repo_id,date,action\na/b,2026-13-01,alert\n", "line 2, column date: '2026-13-01' is no date"),
        (
            "repo_id,date,action\na/b,2026-03-01,alarm\n",
            "column action: 'alarm' is none of alert, digest or ignore",
        ),
        ("repo_id,date,action\n\na/b,2026-03-01\n", "line 3, column action: the line ends before it"),
        ("repo_id,date,action\n,2026-03-01,alert\n", "line 2, column repo_id: empty"),
        ('repo_id,date,action\n"a/b', "line 2: not CSV"),
    ],
)
def test_labels_that_can_not_be_read_are_named_with_line_and_column(
    here: Path, text: str, complaint: str
) -> None:
    (here / "labels.csv").write_text(text, encoding="utf-8")
    said = modelwatch("backtest", *QUESTION)
    assert (said.status, said.out) == (2, "")
    assert complaint in " ".join(said.err.split())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("no.jsonl",), "file 'no.jsonl' does not exist"),
        (("labels.csv",), "no line of labels.csv can be played; the first: line 1: not JSON"),
        (("history.jsonl", "--since", "soon"), "'soon' is neither a date such as 2026-03-01 nor a span"),
        (("history.jsonl", "--since", "2026-04-01", "--until", "7w"), "'7w' is neither a date"),
        (("history.jsonl", "--since", "1d", "--until", "2d"), "is not before --until"),
        (("history.jsonl", "--against", "no.yaml"), "no.yaml can not be read"),
        (("history.jsonl", "--labels", "no.csv"), "no.csv can not be read: No such file"),
    ],
)
def test_mistakes_in_usage_say_what_is_wanted(here: Path, arguments: tuple[str, ...], complaint: str) -> None:
    said = modelwatch("backtest", "--config", "team.yaml", *arguments)
    assert (said.status, said.out) == (2, "")
    assert complaint in " ".join(said.err.split())


def test_a_key_that_nobody_knows_is_refused_in_the_other_policy_too(here: Path) -> None:
    (here / "other.yaml").write_text("policy: {patience: 3d}\n", encoding="utf-8")
    said = modelwatch("backtest", *QUESTION)
    assert said.status == 2
    assert "other.yaml" in said.err
    assert "patience" in said.err


def test_an_account_that_only_one_policy_watches_is_played_for_that_one(here: Path) -> None:
    """The other team left Qwen: its new version is no line of their digest."""
    told = modelwatch("backtest", *QUESTION, "--json").json["against"]["digest"]
    assert (told["before"], told["after"]) == (2, 0)


def test_the_own_log_under_the_own_policy_gives_what_was_decided_and_sent(demo: Path) -> None:
    found = modelwatch("backtest", "--config", demo, "--json")
    assert (found.status, found.err) == (0, "")
    with sqlite3.connect(demo.parent / "demo.db") as catalog:
        sent = catalog.execute("SELECT id FROM alerts ORDER BY created_at, id").fetchall()
        last = "SELECT max(id) FROM verdicts GROUP BY change_id, deployment"
        each = f"SELECT deployment, action, count(*) FROM verdicts WHERE id IN ({last}) GROUP BY 1, 2"
        decided = catalog.execute(each).fetchall()
    assert [alert["id"] for alert in found.json["alerts"]] == [row[0] for row in sent]
    played = [
        (row["deployment"], action, row[action])
        for row in found.json["deployments"]
        for action in ("alert", "digest", "hold", "ignore")
        if row[action]
    ]
    assert sorted(played) == sorted(decided)


def test_nothing_is_written(demo: Path) -> None:
    def state() -> dict[str, str]:
        files = (f for f in demo.parent.iterdir() if not f.name.endswith("-shm"))
        return {f.name: sha256(f.read_bytes()).hexdigest() for f in files}

    modelwatch("status", "--config", demo)  # has the database take in what lies beside it
    before = state()
    modelwatch("backtest", "--config", demo, "--json")
    assert state() == before


def test_no_sending_code_is_reachable() -> None:
    """What the backtest is made of, and all that this imports, also inside functions."""
    seen: set[Path] = set()
    waiting = sorted((ROOT / "watcher").glob("backtest*.py"))
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        names = set(_imports(path))
        assert not [name for name in names if name.split(".")[0] in ("alerts", "apprise")], path
        assert "watcher.app" not in names, path
        waiting += [file for name in names for file in _files(name)]
    assert ROOT / "watcher" / "judging.py" in seen


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _files(name: str) -> list[Path]:
    path = ROOT.joinpath(*name.split("."))
    return [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.exists()]


def test_no_sending_code_is_loaded(here: Path) -> None:
    code = "import sys; from watcher import cli\ntry: cli.main(sys.argv[1:])\nexcept SystemExit: pass\n"
    code += "print([m for m in sys.modules if m.split('.')[0] in ('alerts', 'apprise')], file=sys.stderr)"
    command = [sys.executable, "-c", code, "backtest", *QUESTION]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    ran = subprocess.run(command, cwd=here, env=environment, check=True, capture_output=True, text=True)
    assert ran.stderr == "[]\n"
    assert "2 alerts" in ran.stdout


def test_every_word_of_the_outside_is_harmless_in_a_terminal(here: Path) -> None:
    lines = [json.loads(line) for line in _lines(here)]
    for line in lines:
        if line["key"] == MODEL and "cardData" in line["row"] and line["row"]["sha"] == "a2":
            line["row"]["cardData"]["license_name"] = "\x1b[2J\u202eevil"
    _write(here, [json.dumps(line) for line in lines])
    said = modelwatch("backtest", *QUESTION)
    assert said.out.replace("\n", "").isprintable()
