"""The clockwork of `modelwatch run`: APScheduler with nothing lost, nothing twice, and a clean stop.

It knows jobs only as callables. Why these settings: docs/design.md, "Scheduler".
"""

import logging
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import FrameType

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED, JobEvent
from apscheduler.schedulers.background import BackgroundScheduler

log = logging.getLogger(__name__)

STOP_WITHIN_S = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A callable, how often it runs, and by how much its start may vary. The first run is at once."""

    name: str
    run: Callable[[], None]
    every: timedelta
    jitter: timedelta = timedelta(0)


def scheduler_for(jobs: list[Job], on_trouble: Callable[[str, str], None]) -> BackgroundScheduler:
    """A scheduler holding the jobs, not yet started. on_trouble(job, message) hears of failures."""
    scheduler = BackgroundScheduler(
        timezone=UTC,
        # The library's default grace of one second silently drops late runs.
        job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
    )
    for job in jobs:
        scheduler.add_job(
            job.run,
            "interval",
            seconds=job.every.total_seconds(),
            jitter=int(job.jitter.total_seconds()) or None,
            id=job.name,
            next_run_time=datetime.now(UTC),
        )

    def heard(event: JobEvent) -> None:
        on_trouble(str(event.job_id), _words(event))

    scheduler.add_listener(heard, EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES)
    return scheduler


def _words(event: JobEvent) -> str:
    error = getattr(event, "exception", None)
    if error is not None:
        return f"failed: {type(error).__name__}: {error}"
    if event.code == EVENT_JOB_MISSED:
        return "was missed"
    return "is still running; this start was skipped"


def run(jobs: list[Job], stop: threading.Event, on_trouble: Callable[[str, str], None]) -> int:
    """Runs until SIGTERM, SIGINT or stop; returns the exit status. Jobs are to watch stop themselves.

    A job that has not ended STOP_WITHIN_S after the signal is left behind: everything it has
    committed is safe, and the next start goes on from there.
    """
    handlers = _handle_signals(stop)
    scheduler = scheduler_for(jobs, on_trouble)
    scheduler.start()
    try:
        while not stop.wait(1.0):
            pass
        log.info("stopping: running jobs may finish for up to %.0f s", STOP_WITHIN_S)
        ended = threading.Thread(target=scheduler.shutdown, kwargs={"wait": True}, daemon=True)
        ended.start()
        ended.join(STOP_WITHIN_S - 2.0)
        if ended.is_alive():
            log.warning("a job did not stop in time and was abandoned")
            return 1
        return 0
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


_Handler = Callable[[int, FrameType | None], object] | int | signal.Handlers | None


def _handle_signals(stop: threading.Event) -> Mapping[int, _Handler]:
    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    return {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
