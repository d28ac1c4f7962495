"""An edited configuration meets `modelwatch sync` and `check`, against a stand-in Hub."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sources.standin.server import Fault, StandIn
from tests.rows import START, api_row
from tests.site import DAY, MODEL, Site, world
from watcher import app
from watcher.cli_common import read_config
from watcher.rounds import RoundReport

NEW = "newlab/Apollo-24B"


@pytest.fixture
def hub() -> Iterator[StandIn]:
    told = world()
    size = {"parameters": {"BF16": 24_000_000_000}, "total": 24_000_000_000}
    told.put(api_row(NEW, safetensors=size), START)
    with StandIn(told, now=START) as standin:
        yield standin


def edit(site: Site, old: str, new: str) -> None:
    text = site.path.read_text(encoding="utf-8")
    assert old in text
    site.path.write_text(text.replace(old, new), encoding="utf-8")
    site.config = read_config(site.path.read_text(encoding="utf-8"), str(site.path))


def kinds(report: RoundReport) -> list[tuple[str, str, str]]:
    return [(v.change.kind.value, v.change.key.id, v.action.value) for v in report.outcome.verdicts]


def test_a_sync_judges_an_edited_configuration_once(folder: Path, hub: StandIn) -> None:
    site = Site(folder, hub)
    assert kinds(site.poll(START)) == []
    edit(site, "users: 2", "users: 4000")
    report = site.poll(START + DAY)
    assert kinds(report) == [("requirement", "deployment/helpdesk", "alert")]
    [alert] = report.outcome.alerts
    assert alert.title == "helpdesk: users 2 → 4,000: the model in use no longer holds"
    assert len(site.deliveries()) == 2
    assert kinds(site.poll(START + 2 * DAY)) == []


def test_a_daemon_adopts_its_configuration_once(folder: Path, hub: StandIn) -> None:
    site = Site(folder, hub)
    site.poll(START)
    edit(site, "users: 2", "users: 4000")
    with app.open_store(site.config) as store:
        team, source = app.team_of(site.config), app.open_source(site.config)
        later = app.sync(team, store, source, now=START + DAY, channels=("x",), adopting=False)
    assert kinds(later) == []
    assert kinds(site.poll(START + 2 * DAY)) == [("requirement", "deployment/helpdesk", "alert")]


def test_a_model_that_the_catalog_has_not_seen_is_read_first(folder: Path, hub: StandIn) -> None:
    site = Site(folder, hub)
    site.poll(START)
    edit(site, MODEL, NEW)
    report = site.poll(START + DAY)
    assert kinds(report) == [("requirement", "deployment/helpdesk", "ignore")]
    assert f"{NEW} meets " in report.outcome.verdicts[0].reason


def test_a_model_that_nobody_can_see_does_not_keep_the_configuration_waiting(
    folder: Path, hub: StandIn
) -> None:
    site = Site(folder, hub)
    site.poll(START)
    edit(site, MODEL, "newlab/Private-24B")
    report = site.poll(START + DAY)
    assert kinds(report) == [("requirement", "deployment/helpdesk", "digest")]
    assert "newlab/Private-24B is not in the catalog" in report.outcome.verdicts[0].reason
    assert kinds(site.poll(START + 2 * DAY)) == []


def test_a_hub_that_is_away_does_not_keep_the_configuration_waiting(folder: Path, hub: StandIn) -> None:
    site = Site(folder, hub)
    site.poll(START)
    edit(site, "count: 1", "count: 2")
    hub.faults.append(Fault(status=500))
    report = site.poll(START + DAY)
    assert {s.status for s in report.sources} == {"failed"}
    assert kinds(report) == [("hardware", "hardware/spark", "digest")]
