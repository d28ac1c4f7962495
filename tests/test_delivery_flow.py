"""From a committed alert to the people it is for: nothing is lost when a process or a channel dies."""

import json
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sources.standin.server import Fault, StandIn
from tests.commands import modelwatch, python, start
from tests.rows import START
from tests.sink import Sink
from tests.site import DAY, MODEL, Site, three_alerts

LICENCE = f"{MODEL}: licence Apache 2.0 → Mistral Research"
GATED = f"{MODEL} is now gated"
REPLACED = f"{MODEL}: weights replaced under the same name"
MINUTE = timedelta(minutes=1)
WAIT_S = 40

_DIES_BEFORE_SENDING = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from watcher import app
from watcher.cli_common import configuration

config = configuration(Path(sys.argv[1]))
with app.open_store(config) as store:
    channels = tuple(app.open_channels(config, sys.stdout))
    app.sync(app.team_of(config), store, app.open_source(config), now=datetime.now(UTC), channels=channels)
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def hub() -> Iterator[StandIn]:
    with StandIn(three_alerts(), now=START) as standin:
        yield standin


def _killed(process: "subprocess.Popen[str]") -> bool:
    out, err = process.communicate(timeout=WAIT_S)
    assert process.returncode == -signal.SIGKILL, (out, err)
    return True


def test_a_process_killed_between_commit_and_send_loses_nothing(
    folder: Path, hub: StandIn, sink: Sink
) -> None:
    site = Site(folder, hub, {"ops": sink.url})
    assert modelwatch("sync", "--config", site.path).status == 0
    hub.now = START + DAY
    assert _killed(python(_DIES_BEFORE_SENDING, site.path, folder=folder))
    assert [(d.alert.title, d.state.value, d.attempts) for d in site.deliveries()] == [
        (LICENCE, "pending", 0)
    ]
    assert sink.titles == []
    for _ in range(2):
        assert modelwatch("sync", "--config", site.path).status == 0
        assert sink.accepted == [LICENCE]


def test_a_process_killed_while_it_sends_makes_one_duplicate_at_most(
    folder: Path, hub: StandIn, sink: Sink
) -> None:
    site = Site(folder, hub, {"ops": sink.url})
    assert modelwatch("sync", "--config", site.path).status == 0
    hub.now = START + DAY
    sink.hang()
    process = start("sync", "--config", site.path, folder=folder)
    assert sink.reached.wait(WAIT_S)
    process.kill()
    assert _killed(process)
    [delivery] = site.deliveries()
    assert (delivery.state.value, delivery.attempts) == ("pending", 1)
    sink.go_on.set()
    assert site.send(datetime.now(UTC)) == []  # the attempt may still be under way, for all we know
    later = datetime.now(UTC) + 15 * MINUTE
    assert [o.state.value for o in site.send(later)] == ["sent"]
    assert site.send(later + DAY) == []
    assert sink.titles == [LICENCE] * 2


def test_a_process_killed_later_in_its_round_has_its_alert_told_by_the_next(
    folder: Path, hub: StandIn, sink: Sink
) -> None:
    site = Site(folder, hub, {"ops": sink.url})
    assert modelwatch("sync", "--config", site.path).status == 0
    hub.now = START + DAY
    hub.requests.clear()
    hub.faults.append(Fault(path="author=unsloth", delay_s=60))
    process = start("sync", "--config", site.path, folder=folder)
    _wait_for(site, "SELECT count(*) FROM changes")
    process.kill()
    assert _killed(process)
    hub.faults.clear()
    assert modelwatch("sync", "--config", site.path).status == 0
    assert sink.accepted == [LICENCE]


def _wait_for(site: Site, count: str) -> None:
    """Until the question to the database has an answer above zero."""
    for _ in range(WAIT_S * 20):
        with sqlite3.connect(site.database, timeout=5) as connection:
            if connection.execute(count).fetchone()[0]:
                return
        threading.Event().wait(0.05)
    raise AssertionError(count)


def test_a_channel_that_is_down_for_three_polls_loses_nothing(folder: Path, hub: StandIn, sink: Sink) -> None:
    site = Site(folder, hub, {"ops": sink.url})
    site.poll(START)
    sink.status = 500
    for day in (1, 2, 3):
        assert len(site.poll(START + day * DAY).outcome.alerts) == 1
        outcomes = site.send(START + day * DAY)
        assert [o.state.value for o in outcomes] == ["pending"]  # one attempt a run tells that it is down
    assert [d.attempts for d in site.deliveries()] == [3, 0, 0]
    assert sink.accepted == []
    sink.status = 200
    assert [o.state.value for o in site.send(START + 4 * DAY)] == ["sent"] * 3
    assert sink.accepted == [LICENCE, GATED, REPLACED]
    assert site.send(START + 5 * DAY) == []


def test_a_channel_that_refuses_connections_loses_nothing(folder: Path, hub: StandIn) -> None:
    with Sink() as closed:
        url = closed.url
    site = Site(folder, hub, {"ops": url})
    site.poll(START)
    site.poll(START + DAY)
    [outcome] = site.send(START + DAY)
    assert (outcome.state.value, outcome.attempts) == ("pending", 1)
    assert "connection refused" in (outcome.error or "")


def test_a_restart_keeps_the_back_off(folder: Path, hub: StandIn, sink: Sink) -> None:
    site = Site(folder, hub, {"ops": sink.url})
    site.poll(START)
    at = START + DAY
    site.poll(at)
    sink.status = 503
    waits = []
    for _ in range(4):
        [outcome] = site.send(at)
        assert outcome.next_attempt_at is not None
        waits.append(outcome.next_attempt_at - at)
        assert site.send(outcome.next_attempt_at - timedelta(seconds=1)) == []
        at = outcome.next_attempt_at
    assert waits == sorted(waits)
    assert waits[3] >= 4 * MINUTE
    assert len(sink.titles) == 4


def test_one_target_that_is_down_does_not_keep_the_other_from_its_alerts(
    folder: Path, hub: StandIn, sink: Sink
) -> None:
    sink.status = 500
    with Sink() as other:
        site = Site(folder, hub, {"ops": sink.url, "research": other.url})
        site.poll(START)
        for day in (1, 2, 3):
            site.poll(START + day * DAY)
            site.send(START + day * DAY)
        assert other.accepted == [LICENCE, GATED, REPLACED]
        assert sink.accepted == []
        sink.status = 200
        site.send(START + 4 * DAY)
        assert sink.accepted == other.accepted == [LICENCE, GATED, REPLACED]


def test_a_channel_that_refuses_for_good_is_shown_as_dead_with_a_reason(
    folder: Path, hub: StandIn, sink: Sink
) -> None:
    site = Site(folder, hub, {"ops": sink.url})
    site.poll(START)
    site.poll(START + DAY)
    sink.status = 403
    [outcome] = site.send(START + DAY)
    assert outcome.state.value == "dead"
    said = modelwatch("status", "--config", site.path).out
    assert "Deliveries: 1 dead." in said
    assert "answered 403 (forbidden)" in said


def test_without_channels_alerts_go_to_the_terminal_and_to_a_file_beside_the_database(
    folder: Path, hub: StandIn
) -> None:
    elsewhere = folder / "data"
    elsewhere.mkdir()
    site = Site(elsewhere, hub)
    assert "no news yet" in modelwatch("sync", "--config", site.path).out
    hub.now = START + DAY
    said = modelwatch("sync", "--config", site.path)
    assert LICENCE in said.out
    [line] = (elsewhere / "alerts.jsonl").read_text(encoding="ascii").splitlines()
    assert json.loads(line)["title"] == LICENCE
    assert LICENCE not in modelwatch("sync", "--config", site.path).out
