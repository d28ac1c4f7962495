"""How a history is played: silence first, then news, holds at their moments, and memory that does not lie."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sources.log_lines import to_sight
from sources.standin.server import StandIn
from store.db import Store
from store.temporary import temporary_store
from tests.benchmarks.history import history
from tests.commands import modelwatch
from tests.rows import OLD, START, api_row
from tests.site import MODEL, Site, three_alerts
from watcher import app
from watcher.backtest import Replay, replay
from watcher.backtest_against import compare
from watcher.backtest_labels import ACTIONS, Answer, Label, confusion, score
from watcher.backtest_told import changes_of
from watcher.cli_common import read_config
from watcher.types import Action, Sight

DAY = timedelta(days=1)
CONFIG = Path(__file__).parent / "data" / "backtest" / "team.yaml"
QUANT = "unsloth/Mistral-Small-4-119B-2603-GGUF"
OTHER = "unsloth/Something-Else-GGUF"  # so that the account is known when its quant comes


@pytest.fixture(scope="module")
def team() -> app.Team:
    return app.team_of(read_config(CONFIG.read_text(encoding="utf-8"), str(CONFIG)))


def _row(repo_id: str, day: float, **more: Any) -> Sight:
    row = api_row(repo_id, **{"modified": START + day * DAY, **more})
    return to_sight("hub", repo_id, START + day * DAY, row)


def _model(day: float, **more: Any) -> Sight:
    count = {"parameters": {"BF16": 119_000_000_000}, "total": 119_000_000_000}
    return _row(MODEL, day, safetensors=count, **more)


def _said(played: Replay) -> list[tuple[str, str]]:
    """Day and trigger of each alert."""
    return [(f"{alert.created_at:%m-%d %H}", alert.trigger) for alert in played.alerts]


def test_a_first_sight_is_silent_and_a_later_one_is_news(team: app.Team) -> None:
    sights = [_model(0), _model(3, licence="mrl")]
    assert _said(app.play(team, sights)) == [("03-05 08", "licence-in-use")]
    assert _said(app.play(team, sights[1:])) == []


def test_an_account_that_is_watched_later_begins_in_silence(team: app.Team) -> None:
    sights = [_model(0), _row("Qwen/Qwen3.5-27B", 5, created=START + 4 * DAY)]
    assert changes_of(app.play(team, sights)) == []
    assert [t.decision.verdict.change.key.id for t in changes_of(app.play(team, sights, watched=()))] == [
        "Qwen/Qwen3.5-27B"
    ]


def _text(day: int | None) -> str | None:
    return None if day is None else (START + day * DAY).isoformat()


@pytest.mark.parametrize(
    ("looked_at", "created", "news"),
    [
        pytest.param({5: None}, 4, [], id="what an account shows at its first look"),
        pytest.param({1: None, 5: 3}, 4, [OTHER], id="born after an account showed nothing"),
        pytest.param({1: None, 5: 3}, 2, [], id="older than the last look that showed nothing"),
        pytest.param({9: None}, 4, [OTHER], id="found elsewhere before its account was read"),
    ],
)
def test_a_line_says_when_an_account_was_first_read(
    team: app.Team, looked_at: dict[int, int | None], created: float, news: list[str]
) -> None:
    looks = [
        to_sight("hub/account", "unsloth", START + day * DAY, {"empty_at": _text(empty)})
        for day, empty in looked_at.items()
    ]
    seen = _row(OTHER, 5, created=START + created * DAY)
    played = app.play(team, [_model(0), *looks, seen, _model(10)])
    assert [t.decision.verdict.change.key.id for t in changes_of(played)] == news


def test_with_a_given_baseline_everything_after_it_is_news(team: app.Team) -> None:
    played = app.play(team, [_row("Qwen/Qwen3.5-27B", 5)], baseline_until=START, watched=())
    assert [t.decision.verdict.change.key.id for t in changes_of(played)] == ["Qwen/Qwen3.5-27B"]


def test_what_is_held_is_judged_when_it_is_due_and_not_before(team: app.Team) -> None:
    quant = _row(QUANT, 1, base=MODEL, created=START + DAY, files={"M-Q4_K_M.gguf": (1, "q4")})
    sights = [_model(0, created=OLD), _row(OTHER, 0), quant]
    young = app.play(team, sights, until=START + 1.9 * DAY)
    assert [t.action for t in changes_of(young)] == [Action.HOLD]
    settled = app.play(team, sights, until=START + 40 * DAY)
    assert [t.action for t in changes_of(settled)] == [Action.ALERT]
    assert [alert.created_at for alert in settled.alerts] == [START + 2 * DAY]


def test_a_page_that_says_gone_twice_is_a_removal(team: app.Team) -> None:
    looks = [to_sight("hub/look", MODEL, START + days * DAY, {"presence": "gone"}) for days in (2, 2.5)]
    assert _said(app.play(team, [_model(0), *looks])) == [("03-04 20", "model-in-use-removed")]
    assert _said(app.play(team, [_model(0), *looks[:1]])) == []
    assert _said(app.play(team, [_model(0), looks[0], _model(2.2), looks[1]])) == []


def test_a_page_that_leads_elsewhere_is_a_rename_and_keeps_what_is_in_use(team: app.Team) -> None:
    new = "mistralai/Mistral-Small-4"
    moved = to_sight("hub/look", MODEL, START + 2 * DAY, {"presence": "renamed", "repo_id": new})
    there = _row(new, 2, _id=None)
    later = _row(new, 4, _id=None, licence="mrl")
    played = app.play(team, [_model(0, _id=None), moved, there, later])
    assert _said(played) == [("03-06 08", "licence-in-use")]


def test_late_files_are_hung_on_the_repo_that_is_known(team: app.Team) -> None:
    quant = _row(QUANT, 1, base=MODEL, created=START + DAY, files={"M-Q4_K_M.gguf": (1, "q4")})
    files = {
        "revision": quant.observation.revision if quant.observation else "",
        "files": [{"path": "M-Q4_K_M.gguf", "size_bytes": 72_000_000_000}],
    }
    late = to_sight("hub/details", QUANT, START + 1.5 * DAY, files)
    played = app.play(team, [_model(0), _row(OTHER, 0), quant, late], until=START + 9 * DAY)
    [told] = changes_of(played)
    assert told.decision.verdict.fit is not None
    assert told.decision.verdict.fit.weights.bytes == 72_000_000_000
    assert played.problems == ()


def test_files_of_a_repo_that_was_never_seen_are_named(team: app.Team) -> None:
    played = app.play(team, [_model(0), to_sight("hub/details", "a/b", START, {"files": []})])
    assert played.problems == ("a/b: its files were seen before the repo: left out",)


def _scored(model: str, score: float, day: float) -> Sight:
    row = {"model": model, "task": "helpdesk", "score": score, "samples": 400}
    return to_sight("eval", model, START + day * DAY, row)


@pytest.mark.parametrize(
    ("wanted", "alerts"), [(0.2, ["evaluation-better"]), (0.6, [])], ids=["20 %", "60 %"]
)
def test_results_of_evaluations_are_judged_by_the_gain_that_the_policy_wants(
    team: app.Team, wanted: float, alerts: list[str]
) -> None:
    settings = team.config.policy.model_copy(update={"evaluation_gain": wanted})
    strict = replace(team, config=team.config.model_copy(update={"policy": settings}))
    sights = [_model(0), _scored(MODEL, 0.5, 1), _scored("Qwen/Qwen3.6-27B", 0.7, 2)]
    assert [trigger for _, trigger in _said(app.play(strict, sights))] == alerts


def test_an_empty_history_says_nothing(team: app.Team) -> None:
    played = app.play(team, [])
    assert (played.rows, played.alerts, played.decisions, played.since, played.until) == (
        0,
        (),
        (),
        None,
        None,
    )


@pytest.fixture(scope="module")
def long() -> list[Sight]:
    return app.history(history(900, rounds=200))[0]


def test_what_is_remembered_while_playing_is_what_the_tables_say(
    team: app.Team, long: list[Sight], tmp_path: Path
) -> None:
    """The catalog of a replay keeps what it read; a plain one reads everything anew."""
    with temporary_store() as quick, Store.open(f"sqlite:///{tmp_path / 'plain.db'}") as plain:
        played = [replay(long, team.rules(()), store, watched=team.authors) for store in (quick, plain)]
    assert played[0] == played[1]
    assert len(played[0].decisions) > 20


def test_progress_counts_every_row(team: app.Team, long: list[Sight]) -> None:
    counted: list[tuple[int, int]] = []
    app.play(team, long, progress=lambda done, total: counted.append((done, total)))
    assert counted[-1] == (len(long), len(long))
    assert counted == sorted(counted)


def test_policies_that_are_alike_differ_in_nothing(team: app.Team, long: list[Sight]) -> None:
    played = app.play(team, long)
    told = changes_of(played)
    found = compare(played, played, (told, told))
    assert (found.added, found.dropped, found.digest) == ((), (), ())
    assert [kept.differs for kept in found.kept] == [()] * len(played.alerts)


def _answers(pairs: Sequence[tuple[str, str]]) -> Iterator[Answer]:
    for line, (wanted, got) in enumerate(pairs, 2):
        label = Label(repo_id="a/b", day=START.date(), action=Action(wanted), line=line)
        yield Answer(label=label, got=Action(got), trigger="t", reason="r")


@pytest.mark.parametrize(
    ("pairs", "precision", "recall", "f1"),
    [
        pytest.param([], None, None, None, id="no labels"),
        pytest.param([("ignore", "ignore")], None, None, None, id="nothing to tell and nothing told"),
        pytest.param([("alert", "ignore")], None, 0.0, 0.0, id="silence where something mattered"),
        pytest.param([("ignore", "alert")], 0.0, None, 0.0, id="an alert that nobody needed"),
        pytest.param([("alert", "alert"), ("alert", "hold")], 1.0, 0.5, 2 / 3, id="held is told to nobody"),
        pytest.param([("alert", "alert"), ("digest", "alert")], 0.5, 1.0, 2 / 3, id="one too loud"),
    ],
)
def test_precision_and_recall(
    pairs: list[tuple[str, str]], precision: float | None, recall: float | None, f1: float | None
) -> None:
    found = score(list(_answers(pairs)), Action.ALERT)
    assert (found.precision, found.recall, found.f1) == (precision, recall, f1)
    table = confusion(_answers(pairs))
    assert sum(table[wanted][got] for wanted in ACTIONS for got in Action) == len(pairs)


@pytest.fixture
def exported(folder: Path) -> Iterator[tuple[Path, Site, StandIn]]:
    """A log of five days before and ten days after of a team that watched, and an installation to be."""
    with StandIn(three_alerts(), now=START) as hub:
        here, there = folder / "here", folder / "there"
        here.mkdir()
        there.mkdir()
        watched = Site(here, hub)
        for day in range(15):
            watched.poll(START + day * DAY)
        modelwatch("export", "log.jsonl", "--config", watched.path)
        yield folder / "log.jsonl", Site(there, hub), hub


def test_a_log_that_is_brought_along_is_played_on_the_first_start(
    exported: tuple[Path, Site, StandIn],
) -> None:
    log, site, hub = exported
    sentence = "With this policy the last 14 days of the log (to 2026-03-16) would have sent 3 alerts: "
    imported = modelwatch("import", log, "--config", site.path)
    assert sentence in imported.out
    assert sentence in modelwatch("check", "--config", site.path).out
    hub.now = START + 15 * DAY
    assert sentence in modelwatch("sync", "--config", site.path, "--no-send").out
    assert sentence not in modelwatch("sync", "--config", site.path, "--no-send").out
    assert sentence not in modelwatch("check", "--config", site.path).out


def test_without_a_log_nothing_is_said_of_it(exported: tuple[Path, Site, StandIn]) -> None:
    _, site, _ = exported
    assert "With this policy" not in modelwatch("sync", "--config", site.path, "--no-send").out
