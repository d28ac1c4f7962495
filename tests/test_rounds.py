"""The path from a listing to a committed alert: real client, local Hub, real SQLite."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sources.standin.server import Budget, Fault, StandIn
from sources.standin.world import World
from tests.factories import deployment
from tests.rows import OLD, START, api_row
from tests.world import Watch
from watcher.types import Action, ChangeKind

MODEL = "mistralai/Mistral-Small-4-119B-2603"
QUANT = "unsloth/Mistral-Small-4-119B-2603-GGUF"
AUTHORS = ("mistralai", "unsloth")
DAY = timedelta(days=1)


def _world() -> World:
    q8 = {"Mistral-Small-4-119B-2603-Q8_0.gguf": (126_000_000_000, "q8")}
    rows = [api_row(MODEL, safetensors={"parameters": {"BF16": 119_000_000_000}, "total": 119_000_000_000})]
    rows += [api_row(f"mistralai/Mistral-Old-{n}B", modified=OLD + n * DAY) for n in range(1, 31)]
    rows += [api_row(QUANT, base=MODEL, files=q8)]
    return World.from_rows(rows)


def test_the_first_look_is_a_baseline(tmp_path: Path) -> None:
    with StandIn(_world()) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        report = watch.look(START)
        assert [s.seen for s in report.sources] == [31, 1]
        assert (report.outcome.changes, report.outcome.alerts) == ([], [])


def test_an_idle_poll_costs_one_request_per_account_and_writes_no_change(tmp_path: Path) -> None:
    with StandIn(_world()) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        hub.requests.clear()
        report = watch.look(START + timedelta(minutes=30))
        assert len(hub.requests) == len(AUTHORS)
        assert [s.requests for s in report.sources] == [1, 1]
        assert report.outcome.changes == []


def test_a_licence_that_moves_on_the_model_in_use_is_an_alert_in_the_outbox(tmp_path: Path) -> None:
    world = _world()
    world.put(api_row(MODEL, licence="mrl", modified=START + DAY), START + DAY)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        report = watch.look(START + 2 * DAY)
        assert [(c.kind, c.before) for _, c in report.outcome.changes] == [(ChangeKind.LICENCE, "apache-2.0")]
        assert [d.alert.title for d in watch.store.due(START + 3 * DAY)] == [report.outcome.alerts[0].title]
        assert MODEL in report.outcome.alerts[0].title
        assert watch.look(START + 3 * DAY).outcome.changes == []


def test_a_failed_page_changes_nothing_and_moves_no_cursor(tmp_path: Path) -> None:
    world = _world()
    world.put(api_row(MODEL, licence="mit", modified=START + DAY), START + DAY)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        with watch.store.read() as tx:
            before = tx.source_state("hub:mistralai")
        hub.faults.append(Fault(path="author=mistralai", status=503))
        report = watch.look(START + 2 * DAY)
        assert [s.status for s in report.sources] == ["failed", "ok"]
        with watch.store.read() as tx:
            after = tx.source_state("hub:mistralai")
        assert (after.watermark, after.last_success_at) == (before.watermark, before.last_success_at)
        assert after.failing_since == START + 2 * DAY
        hub.faults.clear()
        assert len(watch.look(START + 3 * DAY).outcome.alerts) == 1


def test_a_rate_limit_is_waited_for_without_asking_again(tmp_path: Path) -> None:
    with StandIn(_world()) as hub, Watch(tmp_path, hub, ["mistralai"]) as watch:
        watch.look(START)
        hub.budgets["api"] = Budget(limit=0, left=0, resets_in_s=120)
        assert watch.look(START + timedelta(hours=1)).sources[0].status == "failed"
        hub.requests.clear()
        again = watch.look(START + timedelta(hours=1, seconds=60))
        assert (again.sources[0].status, hub.requests) == ("skipped", [])


def test_a_repo_is_removed_only_after_its_page_said_so_twice_hours_apart(tmp_path: Path) -> None:
    world = _world()
    world.remove(MODEL, START + DAY)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        assert watch.look(START + 2 * DAY).outcome.changes == []
        assert watch.look(START + 2 * DAY + timedelta(hours=1)).outcome.changes == []
        report = watch.look(START + 2 * DAY + timedelta(hours=7))
        assert [c.kind for _, c in report.outcome.changes] == [ChangeKind.REMOVED]
        assert [a.trigger for a in report.outcome.alerts] == ["model-in-use-removed"]


def test_a_repo_that_comes_back_is_told_as_restored(tmp_path: Path) -> None:
    world = _world()
    world.remove(MODEL, START + DAY)
    world.put(api_row(MODEL), START + 5 * DAY)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        for day in (0, 2, 3):
            watch.look(START + day * DAY)
        report = watch.look(START + 6 * DAY)
        assert [c.kind for _, c in report.outcome.changes] == [ChangeKind.RESTORED]


def test_one_missed_look_at_a_page_is_forgotten_when_the_repo_is_listed_again(tmp_path: Path) -> None:
    world = _world()
    world.remove(MODEL, START + DAY)
    world.put(api_row(MODEL), START + 3 * DAY)
    world.remove(MODEL, START + 5 * DAY)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        changes = [watch.look(START + day * DAY).outcome.changes for day in (0, 2, 4, 6)]
        assert changes == [[], [], [], []]


def test_a_rename_is_told_once_and_keeps_the_history(tmp_path: Path) -> None:
    world = _world()
    world.rename(MODEL, "mistralai/Mistral-Small-4-Instruct", START + DAY)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        report = watch.look(START + 2 * DAY)
        moved = [(c.kind, c.before, c.after) for _, c in report.outcome.changes]
        assert moved == [(ChangeKind.RENAMED, MODEL, "mistralai/Mistral-Small-4-Instruct")]
        assert [v.action for v in report.outcome.verdicts] == [Action.DIGEST]
        assert watch.look(START + 4 * DAY).outcome.changes == []


def test_gating_moves_no_date_and_is_found_by_the_daily_sweep(tmp_path: Path) -> None:
    world = _world()
    world.gate(MODEL, "manual", START + timedelta(hours=1))
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        assert watch.look(START + timedelta(hours=2)).outcome.changes == []
        report = watch.look(START + timedelta(hours=25))
        assert [a.trigger for a in report.outcome.alerts] == ["model-in-use-gated"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        pytest.param(
            api_row(MODEL, licence="mrl", modified=OLD + DAY),
            [(ChangeKind.LICENCE, MODEL)],
            id="an update whose date settled late",
        ),
        pytest.param(
            api_row("unsloth/Mistral-Small-4-GGUF-2", base=MODEL),
            [(ChangeKind.NEW_QUANT, "unsloth/Mistral-Small-4-GGUF-2")],
            id="a repo that was private until now",
        ),
    ],
)
def test_what_lies_below_the_watermark_is_found_by_the_daily_sweep_and_read_in_full(
    tmp_path: Path, row: dict[str, Any], told: list[tuple[ChangeKind, str]]
) -> None:
    world = _world()
    world.put(api_row("unsloth/Busy-GGUF", modified=START - DAY))
    world.put(row, START + timedelta(hours=1))
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        assert watch.look(START + timedelta(hours=2)).outcome.changes == []
        report = watch.look(START + timedelta(hours=25))
        assert [(c.kind, c.key.id) for _, c in report.outcome.changes] == told
        assert watch.look(START + timedelta(hours=50)).outcome.changes == []


def test_what_the_sweep_found_and_could_not_read_waits_for_the_next_sweep(tmp_path: Path) -> None:
    world = _world()
    world.put(api_row(MODEL, licence="mrl", modified=OLD + DAY), START + timedelta(hours=1))
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        hub.faults.append(Fault(path=f"/api/models/{MODEL}", status=503, times=1))
        report = watch.look(START + timedelta(hours=25))
        assert (report.outcome.changes, report.waiting_for_details) == ([], 1)
        report = watch.look(START + timedelta(hours=50))
        assert [c.kind for _, c in report.outcome.changes] == [ChangeKind.LICENCE]


def test_a_quant_that_changes_what_fits_is_an_alert_with_the_fit(tmp_path: Path) -> None:
    world = _world()
    files = {
        "Mistral-Small-4-119B-2603-Q8_0.gguf": (126_000_000_000, "q8"),
        "Mistral-Small-4-119B-2603-Q4_K_M.gguf": (72_000_000_000, "q4"),
    }
    world.put(
        api_row(
            "bartowski/mistralai_Mistral-Small-4-119B-2603-GGUF",
            base=MODEL,
            files=files,
            created=START + DAY,
            modified=START + DAY,
        ),
        START + DAY,
    )
    team = (deployment(engine="llama.cpp"),)
    with StandIn(world) as hub, Watch(tmp_path, hub, (*AUTHORS, "bartowski"), deployments=team) as watch:
        watch.look(START)
        report = watch.look(START + 3 * DAY)
        [alert] = report.outcome.alerts
        assert alert.trigger == "quant-in-use"
        assert any("Q4_K_M" in line for section in alert.sections for line in section.lines)


def test_a_young_repo_is_held_and_decided_when_it_has_settled(tmp_path: Path) -> None:
    world = _world()
    fresh = START + DAY
    world.put(api_row("mistralai/Mistral-Small-5-119B", created=fresh, modified=fresh), fresh)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        held = watch.look(fresh + timedelta(hours=2))
        assert [v.action for v in held.outcome.verdicts] == [Action.HOLD]
        settled = watch.look(fresh + timedelta(hours=26))
        assert [(v.action, v.trigger) for v in settled.outcome.verdicts] == [(Action.DIGEST, "version")]


def test_half_uploaded_weights_are_held_until_the_last_shard_is_there(tmp_path: Path) -> None:
    world = _world()
    name = "mistralai/Mistral-Small-5-119B"
    shards = {f"model-0000{n}-of-00003.safetensors": (10**10, f"{n}") for n in (1, 2, 3)}
    half = dict(list(shards.items())[:2])
    world.put(api_row(name, created=START + DAY, modified=START + DAY, files=half), START + DAY)
    world.put(api_row(name, created=START + DAY, modified=START + 4 * DAY, files=shards), START + 4 * DAY)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        held = watch.look(START + 3 * DAY)
        assert [(v.action, v.trigger) for v in held.outcome.verdicts] == [(Action.HOLD, "still-uploading")]
        done = watch.look(START + 5 * DAY)
        assert [(v.action, v.trigger) for v in done.outcome.verdicts] == [(Action.DIGEST, "version")]


def test_weights_replaced_under_the_same_name_are_an_alert(tmp_path: Path) -> None:
    world = _world()
    new = {"model.safetensors": (16_000_000_000, "bb")}
    world.put(api_row(MODEL, modified=START + DAY, files=new), START + DAY)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        report = watch.look(START + 2 * DAY)
        assert [a.trigger for a in report.outcome.alerts] == ["model-in-use-replaced"]


def test_a_readme_touch_is_no_news(tmp_path: Path) -> None:
    world = _world()
    world.put(api_row(MODEL, modified=START + DAY), START + DAY)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        assert watch.look(START + 2 * DAY).outcome.changes == []


def test_a_new_player_is_an_alert_once_two_quantisers_took_it_up(tmp_path: Path) -> None:
    world = _world()
    name, born = "newlab/Apollo-30B", START + DAY
    count = {"parameters": {"BF16": 30_000_000_000}, "total": 30_000_000_000}
    world.put(api_row(name, created=born, modified=born, safetensors=count), born)
    for author, day in (("bartowski", 2), ("unsloth", 4)):
        at = START + day * DAY
        gguf = {"Apollo-30B-Q4_K_M.gguf": (18_000_000_000, author)}
        world.put(api_row(f"{author}/Apollo-30B-GGUF", base=name, files=gguf, created=at, modified=at), at)
    team = (deployment(engine="llama.cpp", min_tokens_per_second=None),)
    with StandIn(world) as hub, Watch(tmp_path, hub, (*AUTHORS, "bartowski"), deployments=team) as watch:
        watch.look(START)
        assert watch.look(START + 3 * DAY).outcome.alerts == []
        reports = [watch.look(START + day * DAY) for day in (5, 6, 7)]
        told = [alert for report in reports for alert in report.outcome.alerts]
        assert [(alert.trigger, alert.title) for alert in told] == [("new-family", f"New family: {name}")]


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(
            Fault(path="author=mistralai", body="<html>maintenance</html>", status=200),
            id="HTML with status 200",
        ),
        pytest.param(Fault(path="author=mistralai", truncate=200), id="a page cut short"),
        pytest.param(
            Fault(path="author=mistralai", body='{"error": "x"}', status=200), id="an object, not a list"
        ),
        pytest.param(Fault(path="author=mistralai", drop=True), id="a dropped connection"),
    ],
)
def test_a_broken_answer_is_one_failed_source_and_nothing_else(tmp_path: Path, fault: Fault) -> None:
    with StandIn(_world()) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        hub.faults.append(fault)
        report = watch.look(START + timedelta(hours=1))
        assert [s.status for s in report.sources] == ["failed", "ok"]
        assert report.sources[0].error
        assert report.outcome.changes == []


def test_bad_rows_are_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    world = _world()
    strange = api_row("mistralai/Strange", modified=OLD + DAY)
    strange |= {"safetensors": None, "cardData": {"license": ["mit", "apache-2.0"]}, "downloads": -5}
    world.put(strange)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        report = watch.look(START)
        assert (report.sources[0].status, report.sources[0].seen) == ("ok", 32)
        with watch.store.read() as tx:
            assert tx.known(["mistralai/strange"])["mistralai/strange"].facts.popularity.downloads is None


def test_after_a_month_of_absence_what_matters_comes_in_one_message(tmp_path: Path) -> None:
    world = _world()
    world.put(api_row(MODEL, licence="mrl", modified=START + DAY), START + DAY)
    world.gate(MODEL, "manual", START + 2 * DAY)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        report = watch.look(START + 40 * DAY)
        assert [a.trigger for a in report.outcome.alerts] == ["summary"]
        assert len(report.outcome.alerts[0].sections[0].lines) == 2
