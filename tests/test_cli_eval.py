"""`modelwatch eval import` and `show`: from a file to a decision, and back to a table."""

import json
import zipfile
from pathlib import Path

import pytest

from tests.commands import modelwatch
from tests.store.builders import rows
from tests.test_evaluation_logs import harness, inspect

IN_USE, OTHER = "mistralai/Mistral-Small-4-119B-2603", "Qwen/Qwen3.6-27B"
CONFIG = f"""
hub: {{endpoint: "http://127.0.0.1:9"}}
store: {{url: "sqlite:///m.db"}}
hardware: {{spark: {{device: dgx-spark}}}}
deployments:
  helpdesk: {{model: {IN_USE}, quant: q4, engine: sglang, hardware: spark, users: 10}}
"""
SCORES = f"model,task,score,n\n{IN_USE},helpdesk,70,100\n{OTHER},helpdesk,90,100\n"


@pytest.fixture
def site(folder: Path) -> Path:
    (folder / "modelwatch.yaml").write_text(CONFIG)
    return folder


def _file(site: Path, text: str, name: str = "scores.csv") -> Path:
    path = site / name
    path.write_text(text)
    return path


def test_a_sheet_becomes_an_alert_and_a_table(site: Path) -> None:
    said = modelwatch("eval", "import", _file(site, SCORES))
    assert said.status == 0, said.err
    assert "scores are percent (0 to 100)" in said.out
    assert f"{OTHER}: 28.6 % better than the model in use on helpdesk" in said.out
    assert "helpdesk: alert:" in said.out
    assert json.loads((site / "alerts.jsonl").read_text())["trigger"] == "evaluation-better"
    shown = modelwatch("eval", "show").out
    assert "90.0 %" in shown
    assert "82.6 % to 94.5 %" in shown
    assert "in use by helpdesk" in shown
    story = modelwatch("explain", OTHER).out
    assert "alert by evaluation-better" in story
    assert modelwatch("changes", "--kind", "evaluation", "--json").json[0]["verdicts"]


def test_json_holds_files_comparisons_and_decisions(site: Path) -> None:
    said = modelwatch("eval", "import", _file(site, SCORES), "--json").json
    assert set(said) == {
        *("files", "stored", "comparisons", "unknown_models", "changes", "verdicts", "decisions", "alerts"),
    }
    [file] = said["files"]
    assert (file["format"], file["results"], file["kept"], file["error"]) == ("CSV", 2, 2, None)
    [comparison] = said["comparisons"]
    assert (comparison["deployment"], comparison["model"], comparison["incumbent"]) == (
        "helpdesk",
        OTHER,
        IN_USE,
    )
    assert 0 < comparison["low"] < comparison["gain"] < comparison["high"]
    assert (said["changes"], said["verdicts"]["alert"], len(said["alerts"])) == (2, 1, 1)
    assert [m["model"] for m in said["unknown_models"]] == [OTHER]
    shown = modelwatch("eval", "show", "--task", "HELPDESK", "--json").json
    assert [(e["model"], e["in_use_by"]) for e in shown] == [(IN_USE, ["helpdesk"]), (OTHER, [])]
    assert shown[1]["comparisons"][0]["gain"] == pytest.approx(0.9 / 0.7 - 1)


def test_importing_again_says_that_nothing_is_new(site: Path) -> None:
    path = _file(site, SCORES)
    modelwatch("eval", "import", path)
    again = modelwatch("eval", "import", path)
    assert "0 kept, 2 known already" in again.out
    assert "Nothing new" in again.out
    assert len(rows(site / "m.db", "SELECT * FROM alerts")) == 1


def test_a_dry_run_says_all_and_keeps_nothing(site: Path) -> None:
    path = _file(site, SCORES)
    said = modelwatch("eval", "import", path, "--dry-run")
    assert (said.status, (site / "m.db").exists()) == (0, False)
    assert "2 would be kept" in said.out
    modelwatch("eval", "import", _file(site, SCORES.replace(",90,", ",71,"), "before.csv"))
    said = modelwatch("eval", "import", path, "--dry-run")
    assert "helpdesk: alert:" in said.out
    assert rows(site / "m.db", "SELECT * FROM alerts") == []
    assert "71.0 %" in modelwatch("eval", "show").out


def test_a_file_counts_as_a_whole_or_not_at_all_and_others_go_on(site: Path) -> None:
    bad = _file(site, SCORES + f"{OTHER},helpdesk,oops,100\n", "bad.csv")
    good = _file(site, f"model,task,score\n{OTHER},other,0.5\n", "good.csv")
    said = modelwatch("eval", "import", bad, good, site / "nowhere.csv")
    assert said.status == 2
    assert "bad.csv:4: column score: 'oops' is no number" in said.err
    assert "nowhere.csv: No such file" in said.err
    assert [r["task"] for r in rows(site / "m.db", "SELECT task FROM evaluations")] == ["other"]


def test_models_that_nobody_knows_are_kept_and_the_nearest_named(site: Path) -> None:
    path = _file(site, SCORES.replace(IN_USE, "mistralai/Mistral-Small-4-119B-2604"))
    said = modelwatch("eval", "import", path)
    assert "mistralai/Mistral-Small-4-119B-2604 is no model that the catalog knows: kept" in said.err
    assert IN_USE in said.err
    assert said.status == 0


def test_a_set_that_no_deployment_owns_is_said(site: Path) -> None:
    said = modelwatch("eval", "import", _file(site, SCORES.replace(",helpdesk,", ",mmlu,")))
    assert "No deployment has mmlu as its evaluation set" in said.out
    owned = CONFIG.replace("users: 10", "users: 10, evaluation: {tasks: [mmlu]}")
    (site / "modelwatch.yaml").write_text(owned)
    again = modelwatch(
        "eval", "import", _file(site, SCORES.replace(",helpdesk,", ",mmlu,").replace("90", "91"))
    )
    assert "helpdesk: alert:" in again.out


def test_logs_of_harnesses_are_read(site: Path) -> None:
    _file(site, json.dumps(harness()), "results_2026-04-01T00-00-00.json")
    _file(site, json.dumps(inspect()), "log.json")
    with zipfile.ZipFile(site / "log.eval", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("_journal/start.json", "{}")
        archive.writestr("samples/1_epoch_1.json", "x" * 1000)
        archive.writestr("header.json", json.dumps(inspect(eval=inspect()["eval"] | {"task": "desk"})))
    files = ("results_2026-04-01T00-00-00.json", "log.json", "log.eval")
    said = modelwatch("eval", "import", *files)
    assert said.status == 0, said.err
    kept = rows(site / "m.db", "SELECT DISTINCT task FROM evaluations ORDER BY task")
    assert [r["task"] for r in kept] == ["arc_easy", "desk", "gsm8k", "helpdesk"]


def _zip(site: Path, *, header: str | None = None, spoil: bool = False, method: int | None = None) -> Path:
    path = site / "log.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json" if header else "start.json", header or "{}")
    raw = bytearray(path.read_bytes())
    if method is not None:  # where the local and the central header say how the file is compressed
        raw[8:10] = method.to_bytes(2, "little")
        central = raw.index(b"PK\x01\x02")
        raw[central + 10 : central + 12] = method.to_bytes(2, "little")
    path.write_bytes(raw[: len(raw) // 2] if spoil else raw)
    return path


@pytest.mark.parametrize(
    ("make", "says"),
    [
        pytest.param(
            lambda site: _zip(site), "an archive without header.json", id="a run that did not finish"
        ),
        pytest.param(
            lambda site: _zip(site, header="{}", spoil=True), "a damaged archive", id="half an archive"
        ),
        pytest.param(
            lambda site: _zip(site, header="{}", method=93), "inspect log convert", id="compressed with zstd"
        ),
        pytest.param(lambda site: _zip(site, header="{}"), "neither results of", id="something else in it"),
        pytest.param(lambda site: site, "Is a directory", id="a folder"),
        pytest.param(lambda site: _file(site, ""), "the file is empty", id="nothing"),
    ],
)
def test_files_that_are_refused(site: Path, make: object, says: str) -> None:
    assert callable(make)
    said = modelwatch("eval", "import", make(site))
    assert said.status == 2
    assert says in said.err
    assert "Traceback" not in said.err


def test_a_huge_file_is_refused_before_it_is_read(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from watcher import cli_eval_file

    monkeypatch.setattr(cli_eval_file, "MOST_BYTES", 1000)
    said = modelwatch("eval", "import", _file(site, SCORES * 100))
    assert "are more than is read" in said.err


def test_names_from_a_file_can_not_steer_the_terminal(site: Path) -> None:
    log = inspect()
    log["eval"]["model"] = "a/\u202e\x1b]0;owned\x07\x1b[2Jb"
    said = modelwatch("eval", "import", _file(site, json.dumps(log), "log.json"))
    assert not {"\x1b", "\u202e", "\x07"} & set(said.out + said.err + modelwatch("eval", "show").out)


def test_nothing_to_show_yet_says_what_to_do(site: Path) -> None:
    assert "modelwatch sync" in modelwatch("eval", "show").err
    modelwatch("eval", "import", _file(site, SCORES))
    assert "No results yet" in modelwatch("eval", "show", "--task", "other").out
