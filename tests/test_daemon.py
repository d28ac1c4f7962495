"""`modelwatch run`: it polls, logs, survives failing jobs, stops cleanly, and is alone on its database."""

import logging
import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from apscheduler.schedulers.background import BackgroundScheduler

from sources.standin.server import Fault, StandIn
from tests.commands import modelwatch, start
from tests.rows import START
from tests.sink import Sink
from tests.site import DAY, Site, three_alerts
from watcher import app, daemon
from watcher.daemon import Job, scheduler_for

HOUR = timedelta(hours=1)
WAIT_S = 40


@pytest.fixture
def hub() -> Iterator[StandIn]:
    with StandIn(three_alerts(), now=START) as standin:
        yield standin


@pytest.fixture
def running() -> Iterator[list["subprocess.Popen[str]"]]:
    """Daemons to end with the test, however it ends."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def _until(met: Callable[[], object]) -> None:
    for _ in range(WAIT_S * 50):
        if met():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come to pass")


def _polled(site: Site) -> bool:
    """Whether a first round was recorded and delivered; asked as people ask."""
    told = modelwatch("status", "--config", site.path, "--json")
    return told.status == 0 and {s["source"] for s in told.json["sources"] if s["last_success_at"]} == {
        "hub:mistralai",
        "hub:unsloth",
    }


def test_a_daemon_polls_says_so_and_ends_on_sigterm_with_status_zero(
    folder: Path, hub: StandIn, running: list["subprocess.Popen[str]"]
) -> None:
    site = Site(folder, hub)
    process = start("run", "--config", site.path, folder=folder)
    running.append(process)
    _until(lambda: _polled(site))
    second = modelwatch("run", "--config", site.path)
    assert second.status == 4
    assert f"process {process.pid} already runs on this database" in second.err
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    _, log = process.communicate(timeout=WAIT_S)
    assert (process.returncode, time.monotonic() - began < 30) == (0, True), log
    assert "INFO polled 2 accounts (0 failed): 0 changes, 0 alerts" in log
    assert "stopping" in log
    assert "Traceback" not in log


def test_sigterm_in_the_middle_of_a_slow_request_ends_within_30_seconds_and_moves_no_cursor(
    folder: Path, hub: StandIn, running: list["subprocess.Popen[str]"]
) -> None:
    site = Site(folder, hub)
    slow = Fault(path="author=mistralai", delay_s=2, times=1)
    hub.faults.append(slow)
    process = start("run", "--config", site.path, folder=folder)
    running.append(process)
    _until(lambda: slow.times == 0)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    _, log = process.communicate(timeout=WAIT_S)
    assert (process.returncode, time.monotonic() - began < 30) == (0, True), log
    assert "Traceback" not in log
    assert modelwatch("status", "--config", site.path, "--json").json["sources"] == []


def test_a_daemon_delivers_what_an_earlier_one_left(
    folder: Path, hub: StandIn, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site = Site(folder, hub, {"ops": sink.url})
    site.poll(START)
    hub.requests.clear()
    site.poll(START + DAY)
    hub.now = START + 2 * DAY

    def end() -> None:
        try:
            _until(lambda: len(sink.accepted) == 2)
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    watching = threading.Thread(target=end)
    watching.start()
    assert modelwatch("run", "--config", site.path).status == 0
    watching.join()
    assert len(set(sink.accepted)) == 2
    assert len(re.findall(r"alert [0-9a-f]{8} to ops: sent", caplog.text)) == 2
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.fixture
def scheduled() -> Iterator[Callable[..., tuple[BackgroundScheduler, list[tuple[str, str]]]]]:
    """Makes a scheduler, not started, and the list of what it complains of."""
    made: list[BackgroundScheduler] = []

    def make(*jobs: Job) -> tuple[BackgroundScheduler, list[tuple[str, str]]]:
        troubles: list[tuple[str, str]] = []
        scheduler = scheduler_for(list(jobs), lambda job, message: troubles.append((job, message)))
        made.append(scheduler)
        return scheduler, troubles

    yield make
    for scheduler in made:
        if scheduler.running:
            scheduler.shutdown(wait=True)


Scheduled = Callable[..., tuple[BackgroundScheduler, list[tuple[str, str]]]]


def test_jobs_run_in_utc_at_once_alone_and_without_a_limit_for_being_late(scheduled: Scheduled) -> None:
    before = datetime.now(UTC)
    jobs = (
        Job(name="hub", run=print, every=HOUR, jitter=timedelta(minutes=2)),
        Job(name="deliveries", run=print, every=timedelta(minutes=1)),
    )
    scheduler, troubles = scheduled(*jobs)
    scheduler.start(paused=True)
    assert scheduler.timezone is UTC
    for job in scheduler.get_jobs():
        assert (job.misfire_grace_time, job.coalesce, job.max_instances) == (None, True, 1)
        assert before <= job.next_run_time <= datetime.now(UTC)
        assert job.trigger.timezone is UTC
    spans = {job.id: (job.trigger.interval, job.trigger.jitter) for job in scheduler.get_jobs()}
    assert spans == {"hub": (HOUR, 120), "deliveries": (timedelta(minutes=1), None)}
    assert troubles == []


def test_a_failing_job_is_reported_and_runs_again(scheduled: Scheduled) -> None:
    ran = threading.Semaphore(0)

    def fail() -> None:
        ran.release()
        raise RuntimeError("the disk is full")

    scheduler, troubles = scheduled(Job(name="hub", run=fail, every=timedelta(seconds=0.2)))
    scheduler.start()
    assert all(ran.acquire(timeout=WAIT_S) for _ in range(2))
    _until(lambda: len(troubles) >= 2)
    assert troubles[0] == ("hub", "failed: RuntimeError: the disk is full")


def test_a_machine_that_slept_makes_up_for_all_it_missed_with_one_run(scheduled: Scheduled) -> None:
    ran = threading.Semaphore(0)
    with time_machine.travel(START) as clock:
        scheduler, troubles = scheduled(Job(name="hub", run=ran.release, every=HOUR))
        scheduler.start()
        assert ran.acquire(timeout=WAIT_S)
        clock.shift(5 * HOUR + timedelta(minutes=10))
        scheduler.wakeup()
        assert ran.acquire(timeout=WAIT_S)
        assert not ran.acquire(timeout=0.3)
        assert troubles == []
        [job] = scheduler.get_jobs()
        assert job.next_run_time > datetime.now(UTC)


def test_a_run_that_takes_longer_than_its_interval_is_not_doubled(scheduled: Scheduled) -> None:
    running, go_on = threading.Semaphore(0), threading.Event()

    def work() -> None:
        running.release()
        go_on.wait(WAIT_S)

    with time_machine.travel(START) as clock:
        scheduler, troubles = scheduled(Job(name="hub", run=work, every=HOUR))
        scheduler.start()
        assert running.acquire(timeout=WAIT_S)
        clock.shift(HOUR + timedelta(minutes=1))
        scheduler.wakeup()
        _until(lambda: troubles)
        assert not running.acquire(blocking=False)
        go_on.set()
    assert troubles == [("hub", "is still running; this start was skipped")]


def test_a_job_that_does_not_stop_in_time_is_left_behind(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(daemon, "STOP_WITHIN_S", 2.3)
    begun, go_on, stop = threading.Event(), threading.Event(), threading.Event()

    def stubborn() -> None:
        begun.set()
        go_on.wait(WAIT_S)

    def end() -> None:
        begun.wait(WAIT_S)
        stop.set()

    threading.Thread(target=end).start()
    try:
        assert daemon.run([Job(name="hub", run=stubborn, every=HOUR)], stop, lambda *_: None) == 1
    finally:
        go_on.set()
    assert "a job did not stop in time and was abandoned" in caplog.text


def test_the_lock_names_the_process_that_has_it(folder: Path, hub: StandIn) -> None:
    site = Site(folder, hub)
    with app.daemon_lock(site.config):
        refused = modelwatch("run", "--config", site.path)
    assert refused.status == 4
    assert re.search(
        rf"process {os.getpid()} already runs on this database \(lock .*watch\.db\.lock\)", refused.err
    )
