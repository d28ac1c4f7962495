"""The command line as a whole: help, start-up, mistakes of its user, and `modelwatch sync`."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from sources.standin.server import Budget, Fault, StandIn
from tests.commands import ROOT, modelwatch, start
from tests.rows import START, api_row
from tests.sink import Sink
from tests.site import DAY, MODEL, Site, three_alerts, world
from watcher import __version__, cli
from watcher.cli_common import ago, fail, print_csv, since

COMMANDS = ["init", "check", "demo", "sync", "run", "export", "import"]
COMMANDS += ["quants", "models", "fit", "advise", "backtest", "changes", "explain", "status"]
LICENCE = f"{MODEL}: licence Apache 2.0 → Mistral Research"
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202etxt.exe"


@pytest.fixture
def hub() -> Iterator[StandIn]:
    with StandIn(three_alerts(), now=START) as standin:
        yield standin


def test_the_commands_are_those_that_the_tests_know() -> None:
    group = typer.main.get_command(cli.app)
    assert sorted(getattr(group, "commands", {})) == sorted([*COMMANDS, "channels", "eval"])


@pytest.mark.parametrize("command", [*COMMANDS, "channels test", "eval import", "eval run", "eval show"])
def test_every_command_has_help_with_an_example(command: str) -> None:
    said = modelwatch(*command.split(), "--help")
    assert (said.status, said.err) == (0, "")
    assert f"modelwatch {command}" in said.out.partition("Example")[2]


def test_the_first_help_says_where_to_start() -> None:
    assert "modelwatch demo" in modelwatch("--help").out
    assert modelwatch("--version").out == f"modelwatch {__version__}\n"
    assert modelwatch().status == 2


def test_starting_loads_no_library_that_only_work_needs() -> None:
    heavy = ["sqlalchemy", "apprise", "apscheduler", "huggingface_hub", "httpx2", "feedparser", "rich"]
    code = f"import sys, watcher.cli; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_question_needs_neither_the_database_library_nor_the_hub_client(demo: Path) -> None:
    code = (
        "import sys, atexit; from watcher.cli import main\n"
        "heavy = ('sqlalchemy', 'apprise', 'apscheduler', 'huggingface_hub')\n"
        "atexit.register(lambda: print([m for m in heavy if m in sys.modules], file=sys.stderr))\n"
        f"main(['quants', '--json', '--config', {str(demo)!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


BROKEN = """\
hub:
  tokn: x
hardware:
  a: {device: h100-sxm}
"""


def test_a_broken_configuration_names_file_line_column_and_key_of_each_mistake(folder: Path) -> None:
    (folder / "team.yaml").write_text(BROKEN, encoding="utf-8")
    said = modelwatch("sync", "--config", "team.yaml", "--json")
    assert (said.status, said.out) == (2, "")
    assert said.err.splitlines() == [
        "modelwatch: team.yaml:2:3: hub.tokn: unknown key (did you mean 'token'?)",
        "modelwatch: team.yaml:4:15: hardware.a.device: no device is called 'h100-sxm'"
        " (did you mean 'h100-sxm-80gb'?)",
    ]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(["sync", "--bogus"], "No such option: --bogus", id="an unknown option"),
        pytest.param(["sink"], "No such command 'sink'", id="an unknown command"),
        pytest.param(["sync", "-c", "no.yaml"], "modelwatch init writes a starter", id="no such file"),
        pytest.param(["sync", "-c", "."], "can not be read: Is a directory", id="a folder"),
        pytest.param(["sync", "-c", "latin.yaml"], "latin.yaml is not UTF-8 text", id="another encoding"),
        pytest.param(["quants", "--since", "soon"], "neither a span such as 7d nor a date", id="a word"),
        pytest.param(["quants", "--since", "999999d"], "beyond the first year", id="a span too long"),
        pytest.param(["quants", "--limit", "0"], "--limit", id="no rows at all"),
        pytest.param(["changes", "--kind", "license"], "'licence'", id="an unknown kind lists the kinds"),
        pytest.param(["changes", "--action", "shout"], "'digest'", id="an unknown action lists them"),
        pytest.param(["import", "no.jsonl"], "does not exist", id="no log"),
        pytest.param(["import", "."], "is a directory", id="a folder for a log"),
    ],
)
def test_mistakes_in_usage_end_with_status_2_and_say_what_to_do(
    folder: Path, arguments: list[str], words: str
) -> None:
    (folder / "latin.yaml").write_bytes(b"hub: {organisations: [caf\xe9]}\n")
    said = modelwatch(*arguments)
    assert said.status == 2
    assert words in " ".join(said.err.split())
    assert not list(folder.glob("modelwatch.db*"))


@pytest.mark.parametrize(
    "command", ["quants", "models", "changes", "status", "explain a/b", "export", "export x.jsonl"]
)
def test_without_a_database_a_question_says_how_to_get_one_and_makes_none(folder: Path, command: str) -> None:
    said = modelwatch(*command.split())
    assert (said.status, said.out) == (4, "")
    assert "there is no database at modelwatch.db yet: run `modelwatch sync` first" in said.err
    assert list(folder.iterdir()) == []


def test_the_configuration_is_found_by_option_environment_or_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("option", "environment", "modelwatch"):
        (folder / f"{name}.yaml").write_text(f'store: {{url: "sqlite:///{name}.db"}}\n', encoding="utf-8")
    assert "at modelwatch.db" in modelwatch("status").err
    monkeypatch.setenv("MODELWATCH_CONFIG", "environment.yaml")
    assert "at environment.db" in modelwatch("status").err
    assert "at option.db" in modelwatch("status", "--config", "option.yaml").err


def test_a_file_that_is_no_database_is_refused_with_status_4(folder: Path, hub: StandIn) -> None:
    site = Site(folder, hub)
    site.database.write_text("these are my notes, not a database, and they are long enough\n" * 20)
    for command in ("sync", "status", "run"):
        said = modelwatch(command, "--config", site.path)
        assert said.status == 4, command
        assert " database" in said.err


def test_an_unforeseen_error_keeps_its_traceback(folder: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        fail(ZeroDivisionError())


def test_a_reader_that_goes_away_is_no_error(demo: Path, folder: Path) -> None:
    process = start("changes", "--json", "--config", demo, folder=folder)
    assert process.stdout is not None
    assert process.stdout.readline() == "[\n"
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == ""
    assert process.wait(20) in (0, 1)
    process.stderr.close()


SOURCE = {"source", "status", "requests", "bytes", "seen", "changed", "error"}
REPORT = ["sources", "changes", "verdicts", "alerts", "waiting_for_details"]


def test_sync_twice_is_a_baseline_and_then_an_idle_poll(folder: Path, hub: StandIn) -> None:
    site = Site(folder, hub)
    first = modelwatch("sync", "--config", site.path, "--json")
    assert first.status == 0
    assert list(first.json) == REPORT
    assert all(set(source) == SOURCE for source in first.json["sources"])
    assert [(s["source"], s["status"], s["seen"]) for s in first.json["sources"]] == [
        ("hub:mistralai", "ok", 3),
        ("hub:unsloth", "ok", 1),
    ]
    nothing = {"alert": 0, "digest": 0, "hold": 0, "ignore": 0}
    assert (first.json["changes"], first.json["verdicts"], first.json["alerts"]) == (0, nothing, [])
    hub.requests.clear()
    second = modelwatch("sync", "--config", site.path, "--json").json
    assert [s["requests"] for s in second["sources"]] == [1, 1]
    assert len(hub.requests) == 2
    assert (second["changes"], second["alerts"]) == (0, [])


def test_sync_reports_what_changed_and_what_it_tells(folder: Path, hub: StandIn, sink: Sink) -> None:
    site = Site(folder, hub, {"ops": sink.url})
    modelwatch("sync", "--config", site.path)
    hub.now = START + DAY
    report = modelwatch("sync", "--config", site.path, "--json", "--no-send").json
    assert report["changes"] == 1
    assert report["verdicts"] == {"alert": 1, "digest": 0, "hold": 0, "ignore": 0}
    [told] = report["alerts"]
    assert (told["trigger"], told["deployment"], told["title"]) == ("licence-in-use", "helpdesk", LICENCE)
    assert sink.titles == []
    hub.now = START + 2 * DAY
    said = modelwatch("sync", "--config", site.path)
    assert "2 of 2 accounts read with 3 requests." in said.out
    assert "1 changes: 1 alert." in said.out
    assert len(sink.accepted) == 2


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        pytest.param(Fault(status=503), "the Hub answered 503", id="the Hub is ill"),
        pytest.param(Fault(body="<html>"), "HTML instead of JSON", id="a page instead of an answer"),
        pytest.param(
            Fault(status=500, headers={"X-Error-Message": "\x9b31m" + "x" * 3000}),
            "500 (xxx",
            id="hostile words",
        ),
    ],
)
def test_a_failed_source_is_named_and_the_status_is_3(
    folder: Path, hub: StandIn, fault: Fault, words: str
) -> None:
    site = Site(folder, hub)
    fault.path = "author=mistralai"
    hub.faults.append(fault)
    said = modelwatch("sync", "--config", site.path)
    assert said.status == 3
    [line] = said.err.splitlines()
    assert line.startswith("failed: mistralai: ")
    assert words in line
    assert line.isprintable()
    assert "1 of 2 accounts read" in said.out
    report = modelwatch("sync", "--config", site.path, "--json")
    assert (report.status, [s["status"] for s in report.json["sources"]]) == (3, ["failed", "ok"])


def test_a_hub_that_can_not_be_reached_is_status_3(folder: Path) -> None:
    with StandIn(world()) as closed:
        site = Site(folder, closed)
    said = modelwatch("sync", "--config", site.path)
    assert said.status == 3
    assert "no connection to http://127.0.0.1" in said.err


def test_a_source_that_asked_to_wait_is_skipped_and_no_failure(folder: Path, hub: StandIn) -> None:
    site = Site(folder, hub)
    hub.budgets["api"] = Budget(limit=0, left=0, resets_in_s=120)
    assert modelwatch("sync", "--config", site.path).status == 3
    hub.budgets.clear()
    hub.requests.clear()
    said = modelwatch("sync", "--config", site.path)
    assert "skipped: mistralai, unsloth: waits until" in said.err
    assert said.status == 0


def test_what_the_budget_left_is_said(folder: Path, hub: StandIn) -> None:
    now = datetime.now(UTC)
    for n in range(5):
        hub.world.put(api_row(f"mistralai/Ministral-{n}B", created=now - DAY, modified=now - DAY), START)
    site = Site(folder, hub)
    hub.budgets["api"] = Budget(limit=10, left=4)
    said = modelwatch("sync", "--config", site.path)
    assert "repos wait for their details (request budget)." in said.out


def test_text_from_outside_never_reaches_the_terminal_raw(folder: Path, hub: StandIn) -> None:
    row = api_row(MODEL, licence=HOSTILE, modified=START + DAY, library_name=HOSTILE, pipeline_tag=HOSTILE)
    hub.world.put(row | {"tags": [f"license:{HOSTILE}", HOSTILE]}, START + DAY)
    hub.world.put(api_row(f"mistralai/{HOSTILE}", modified=START + DAY), START + DAY)
    site = Site(folder, hub)
    modelwatch("sync", "--config", site.path)
    hub.now = START + DAY
    commands = ["sync", "status", "models", "changes", f"explain {MODEL}", f"fit {MODEL}"]
    commands += [f"{c} --json" for c in commands] + ["models --csv", "changes --csv"]
    for command in commands:
        said = modelwatch(*command.split(), "--config", site.path)
        assert said.status == 0, command
        raw = {c for c in said.out + said.err if not c.isprintable()} - {"\n", "\r"}
        assert raw == set(), command


def test_cells_of_a_spreadsheet_compute_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    print_csv([{"a": "=1+1", "b": "@sum", "c": {"x": 1}, "d": -5}, {"a": "plain\x07"}], ("a", "b", "c", "d"))
    assert capsys.readouterr().out.splitlines() == ["a,b,c,d", '\'=1+1,\'@sum,"{""x"": 1}",-5', "plain,,,"]


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        pytest.param(None, "never", id="nothing"),
        pytest.param("2026-03-02T07:59:30Z", "30 s ago", id="text, in seconds"),
        pytest.param(START - DAY / 24, "1 h ago", id="a moment"),
        pytest.param("2026-02-20T08:00:00", "10 d ago", id="without a zone it is UTC"),
        pytest.param(START + DAY / 48, "in 30 min", id="to come"),
    ],
)
def test_how_long_ago_is_one_number_and_one_unit(moment: str | datetime | None, words: str) -> None:
    assert ago(moment, START) == words


def test_since_takes_a_date_as_utc_and_a_moment_as_it_is() -> None:
    assert since("2026-03-02") == START - DAY / 3
    assert since("2026-03-02T09:00+01:00") == START
    assert since(None) is None
