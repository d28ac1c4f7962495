"""Rounds where something is different: no deployments, an exact quant, a stop, a budget that is used up."""

import logging
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sources.hub import HubSource
from sources.standin.server import Fault, StandIn
from tests.factories import deployment
from tests.rows import START, api_row
from tests.site import DAY, MODEL, world
from tests.world import Watch
from watcher.asking import Limits
from watcher.rounds import Round
from watcher.types import Action, ChangeKind

QUANT = "unsloth/Mistral-Small-4-119B-2603-GGUF"
AUTHORS = ("mistralai", "unsloth")


def test_a_team_without_deployments_gets_one_verdict_for_all(tmp_path: Path) -> None:
    told = world()
    told.put(api_row(MODEL, licence="mrl", modified=START + DAY), START + DAY)
    q4 = {"Mistral-Small-5-120B-Q4_K_M.gguf": (72_000_000_000, "new")}
    new = {"created": START + DAY, "modified": START + DAY}
    told.put(api_row("mistralai/Mistral-Small-5-120B", **new), START + DAY)
    told.put(
        api_row("unsloth/Mistral-Small-5-120B-GGUF", base="mistralai/Mistral-Small-5-120B", files=q4, **new),
        START + DAY,
    )
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS, deployments=()) as watch:
        watch.look(START)
        report = watch.look(START + 3 * DAY)
        assert {v.deployment for v in report.outcome.verdicts} == {None}
        assert len(report.outcome.verdicts) == len(report.outcome.changes) == 3
        assert report.outcome.alerts == []


def test_a_shortlist_without_deployments_is_heard_by_the_team(tmp_path: Path) -> None:
    told = world()
    told.put(api_row(MODEL, licence="mrl", modified=START + DAY), START + DAY)
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS, deployments=(), shortlist=(MODEL,)) as watch:
        watch.look(START)
        [verdict] = watch.look(START + 2 * DAY).outcome.verdicts
        assert (verdict.deployment, verdict.action) == (None, Action.ALERT)
        assert "a shortlisted candidate" in verdict.reason


def test_new_weights_of_the_exact_quant_in_use_are_an_alert(tmp_path: Path) -> None:
    told = world()
    other = {"Mistral-Small-4-119B-2603-Q4_K_M.gguf": (72_000_000_000, "other")}
    told.put(api_row(QUANT, base=MODEL, files=other, modified=START + DAY), START + DAY)
    team = (deployment(engine="llama.cpp", quant=f"{QUANT}/Mistral-Small-4-119B-2603-Q4_K_M.gguf"),)
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS, deployments=team) as watch:
        watch.look(START)
        [alert] = watch.look(START + 2 * DAY).outcome.alerts
        assert alert.trigger == "model-in-use-replaced"
        assert QUANT in alert.title


def test_another_quant_of_a_model_whose_exact_quant_is_in_use_is_no_alert(tmp_path: Path) -> None:
    told = world()
    q4 = {"Mistral-Small-4-119B-2603-Q4_K_M.gguf": (70_000_000_000, "mine")}
    row = api_row("bartowski/Small-4-GGUF", base=MODEL, files=q4, created=START + DAY, modified=START + DAY)
    told.put(row, START + DAY)
    team = (deployment(engine="llama.cpp", quant=QUANT),)
    with StandIn(told) as hub, Watch(tmp_path, hub, (*AUTHORS, "bartowski"), deployments=team) as watch:
        watch.look(START)
        told.put(row, START + DAY)
        report = watch.look(START + 3 * DAY)
        assert report.outcome.alerts == []


def test_a_repo_that_was_deleted_and_made_anew_is_told_as_replaced_and_begins_again(tmp_path: Path) -> None:
    told = world()
    anew = api_row(MODEL, created=START + DAY, modified=START + DAY) | {"_id": "f" * 24}
    told.put(anew, START + DAY)
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        report = watch.look(START + 2 * DAY)
        assert [change.kind for _, change in report.outcome.changes] == [ChangeKind.QUANT_REPLACED]
        with watch.store.read() as tx:
            known = tx.known([MODEL])[MODEL.casefold()]
        assert (known.facts.hub_id, known.first_seen) == ("f" * 24, START + 2 * DAY)


def test_a_stop_between_two_accounts_leaves_the_rest_as_it_was(tmp_path: Path) -> None:
    with StandIn(world(), now=START) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        asked: list[str] = []
        round_ = Round(
            source=HubSource(hub.url, None),
            catalog=watch.store,
            rules=watch.rules,
            limits=watch.limits,
            now=START,
            progress=lambda author, *_: asked.append(author),
            stopped=lambda: bool(asked),
        )
        report = round_.run(AUTHORS)
        assert asked == ["mistralai"]
        assert [s.source for s in report.sources] == ["hub:mistralai"]
        with watch.store.read() as tx:
            assert tx.source_state("hub:unsloth").last_attempt_at is None


def test_a_trending_list_that_fails_is_a_source_that_fails_and_is_asked_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with StandIn(world()) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        hub.faults.append(Fault(path="sort=trendingScore", status=500))
        with caplog.at_level(logging.WARNING, logger="watcher.rounds"):
            report = watch.look(START + 2 * DAY)
        assert [s.status for s in report.sources] == ["ok", "ok"]
        assert "the Hub's trending list: the Hub answered 500" in caplog.text
        with watch.store.read() as tx:
            state = tx.source_state("hub:trending")
        assert (state.failing_since, state.last_error) == (START + 2 * DAY, "the Hub answered 500")
        hub.faults.clear()
        watch.look(START + 2 * DAY + timedelta(minutes=30))
        with watch.store.read() as tx:
            state = tx.source_state("hub:trending")
        assert (state.failing_since, state.last_error) == (None, None)


def test_pages_beyond_the_budget_wait_for_the_next_round(tmp_path: Path) -> None:
    told = world()
    for n in (3, 7):
        told.remove(f"mistralai/Mistral-Old-{n}B", START + DAY)
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS, limits=Limits(looks=1)) as watch:
        watch.look(START)
        hub.requests.clear()
        watch.look(START + 2 * DAY)
        pages = [path for _, path, _ in hub.requests if path.startswith("/api/models/mistralai/Mistral-Old")]
        assert len(pages) == 1
        gone: set[str] = set()
        watch.limits = replace(watch.limits, looks=400)
        for hours in (60, 72, 84, 96):
            report = watch.look(START + timedelta(hours=hours))
            gone |= {c.key.id for _, c in report.outcome.changes if c.kind is ChangeKind.REMOVED}
        assert gone == {"mistralai/Mistral-Old-3B", "mistralai/Mistral-Old-7B"}


def test_a_newcomer_whose_page_can_not_be_read_at_first_is_told_once(tmp_path: Path) -> None:
    told = world()
    name, born = "newlab/Apollo-30B", START + DAY
    told.put(api_row(name, created=born, modified=born), born)
    for author in ("bartowski", "unsloth"):
        gguf = {"Apollo-30B-Q4_K_M.gguf": (18_000_000_000, author)}
        row = api_row(f"{author}/Apollo-30B-GGUF", base=name, files=gguf, created=born, modified=born)
        told.put(row, born)
    with StandIn(told) as hub, Watch(tmp_path, hub, (*AUTHORS, "bartowski")) as watch:
        watch.look(START)
        hub.faults.append(Fault(path=f"/api/models/{name}", status=503))
        reports = [watch.look(START + 2 * DAY)]
        hub.faults.clear()
        reports += [watch.look(START + 2 * DAY + timedelta(hours=hours)) for hours in (1, 2)]
        kinds = [(c.kind, c.key.id) for r in reports for _, c in r.outcome.changes if c.key.id == name]
        assert kinds == [(ChangeKind.NEW_FAMILY, name)]


def test_a_repo_made_anew_whose_files_come_later_is_told_once(tmp_path: Path) -> None:
    told = world()
    files = {"model.safetensors": (16_000_000_000, "bb")}
    anew = api_row(MODEL, created=START + DAY, modified=START + DAY, files=files) | {"_id": "f" * 24}
    told.put(anew, START + DAY)
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        hub.faults.append(Fault(path="blobs=true", status=503))
        first = watch.look(START + 2 * DAY)
        hub.faults.clear()
        second = watch.look(START + 2 * DAY + timedelta(hours=1))
        assert [c.kind for _, c in first.outcome.changes] == [ChangeKind.QUANT_REPLACED]
        assert second.outcome.changes == []
        with watch.store.read() as tx:
            assert tx.known([MODEL])[MODEL.casefold()].details is not None
