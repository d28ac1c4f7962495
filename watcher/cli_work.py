"""Commands that do the work: demo, sync, run, export and import."""

import logging
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watcher import app
from watcher.cli_common import ConfigOption, JsonOption, configuration, print_json, since
from watcher.config import Config
from watcher.config_values import duration_text
from watcher.inert import plain

if TYPE_CHECKING:
    from watcher.rounds import RoundReport

log = logging.getLogger("modelwatch")


def sync(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    send: Annotated[bool, typer.Option(help="Deliver alerts at the end of the round.")] = True,
) -> None:
    """Poll every watched account once, record what changed and deliver what is warranted.

    Examples:

      modelwatch sync

      modelwatch sync --config team.yaml --json

    Exit status: 0 done, 2 bad configuration, 3 a source failed, 4 the store refused.
    """
    settings = configuration(config)
    logging.basicConfig(
        level=logging.ERROR if as_json else logging.WARNING, format="%(message)s", stream=sys.stderr
    )
    logging.getLogger("watcher.rounds").setLevel(logging.ERROR)  # failed accounts are summed up at the end
    team = app.team_of(settings)
    preview = None if as_json else app.preview(team)
    with app.open_store(settings) as store:
        channels = app.open_channels(settings, sys.stderr if as_json else sys.stdout)
        with _progress(as_json) as progress:
            source = app.open_source(settings, on_page=progress.page)
            report = app.sync(
                team, store, source, now=datetime.now(UTC), channels=tuple(channels), progress=progress.author
            )
        if not as_json:
            _print_round(report)
            _echo(preview)
        if send:
            app.send(store, channels)
    if as_json:
        print_json(round_json(report))
    if any(s.status == "failed" for s in report.sources):
        raise typer.Exit(3)


def _echo(sentence: str | None) -> None:
    if sentence is not None:
        typer.echo(sentence)


def round_json(report: "RoundReport") -> dict[str, Any]:
    """design.md section 8, `sync --json`."""
    outcome = report.outcome
    counts = Counter(v.action.value for v in outcome.verdicts)
    return {
        "sources": [
            {
                "source": s.source,
                "status": s.status,
                "requests": s.requests,
                "bytes": s.bytes,
                "seen": s.seen,
                "changed": s.changed,
                "error": s.error,
            }
            for s in report.sources
        ],
        "changes": len(outcome.changes),
        "verdicts": {action: counts.get(action, 0) for action in ("alert", "digest", "hold", "ignore")},
        "alerts": [
            {
                "id": a.id,
                "trigger": a.trigger,
                "deployment": ", ".join(a.deployments) or None,
                "title": a.title,
            }
            for a in outcome.alerts
        ],
        "waiting_for_details": report.waiting_for_details,
    }


def _print_round(report: "RoundReport") -> None:
    ok = [s for s in report.sources if s.status == "ok"]
    fresh = [s for s in ok if s.baseline]
    requests = sum(s.requests for s in report.sources)
    typer.echo(f"{len(ok)} of {len(report.sources)} accounts read with {requests} requests.")
    if fresh:
        repos = sum(s.seen for s in fresh)
        typer.echo(
            f"First sight of {len(fresh)} accounts: {repos} repos recorded as the baseline; no news yet."
        )
    counts = Counter(v.action.value for v in report.outcome.verdicts)
    said = ", ".join(f"{counts[a]} {a}" for a in ("alert", "digest", "hold", "ignore") if counts[a])
    typer.echo(f"{len(report.outcome.changes)} changes" + (f": {said}." if said else "."))
    if report.waiting_for_details:
        typer.echo(f"{report.waiting_for_details} repos wait for their details (request budget).")
    troubles: dict[tuple[str, str], list[str]] = {}
    for s in report.sources:
        if s.status != "ok":
            troubles.setdefault((s.status, s.error or ""), []).append(s.source.removeprefix("hub:"))
    for (state, error), names in troubles.items():
        typer.echo(plain(f"{state}: {', '.join(names)}: {error}"), err=True)


class _Bar:
    """A progress bar over accounts on stderr; silent where nobody watches."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet or not sys.stderr.isatty()
        self._bar: Any = None
        self._task: Any = None
        self._rows: Counter[str] = Counter()

    def __enter__(self) -> "_Bar":
        if not self._quiet:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

            columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("polling the Hub", total=None)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar:
            self._bar.stop()

    def author(self, author: str, index: int, total: int) -> None:
        if self._bar:
            self._bar.update(self._task, description=plain(author), completed=index, total=total)

    def page(self, source: str, rows: int) -> None:
        self._rows[source] += rows
        if self._bar:
            author = source.removeprefix("hub:")
            self._bar.update(self._task, description=f"{plain(author)} ({self._rows[source]} repos)")


def _progress(quiet: bool) -> _Bar:
    return _Bar(quiet)


def run(config: ConfigOption = None) -> None:
    """Keep watching: poll on schedule, deliver alerts, until SIGTERM or Ctrl-C.

    Only one daemon may run per database. It stops within 30 seconds and loses nothing.

    Example:

      modelwatch run --config team.yaml
    """
    settings = configuration(config)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    # A daemon's log is about models, not about its own clockwork or each HTTP request.
    for noisy in ("apscheduler", "httpx2", "httpcore2", "apprise"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    from watcher import daemon

    stop = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(app.daemon_lock(settings))
        if (preview := app.preview(app.team_of(settings))) is not None:
            log.info(preview)
        store = stack.enter_context(app.open_store(settings))
        jobs = _jobs(settings, store, stop)
        every = duration_text(settings.schedule.hub)
        accounts = len(app.team_of(settings).authors)
        log.info("watching %d accounts every %s into %s; Ctrl-C stops", accounts, every, store.path)
        status = daemon.run(jobs, stop, lambda job, message: log.error("job %s %s", job, message))
    log.info("stopped")
    if status:
        logging.shutdown()
        os._exit(status)  # a worker thread that ignores the stop would keep the process alive


def _jobs(settings: Config, store: Any, stop: threading.Event) -> list[Any]:
    from watcher.daemon import Job

    team = app.team_of(settings)
    channels = app.open_channels(settings, sys.stdout)
    source = app.open_source(settings, stop=stop)

    adopted = threading.Event()  # once: by hand, somebody may sync with a newer configuration meanwhile

    def poll() -> None:
        now, adopting = datetime.now(UTC), not adopted.is_set()
        report = app.sync(
            team, store, source, now=now, channels=tuple(channels), stop=stop, adopting=adopting
        )
        adopted.set()
        failed = sum(s.status == "failed" for s in report.sources)
        log.info(
            "polled %d accounts (%d failed): %d changes, %d alerts",
            len(report.sources),
            failed,
            len(report.outcome.changes),
            len(report.outcome.alerts),
        )
        deliver()

    def deliver() -> None:
        for outcome in app.send(store, channels, stop=stop):
            why = f" ({plain(outcome.error)})" if outcome.error else ""
            log.info("alert %s to %s: %s%s", outcome.alert_id[:8], outcome.channel, outcome.state.value, why)

    every = settings.schedule.hub
    return [
        Job(name="hub", run=poll, every=every, jitter=min(every / 10, timedelta(minutes=2))),
        Job(name="deliveries", run=deliver, every=timedelta(minutes=1)),
    ]


def demo(
    as_json: JsonOption = False,
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep the demo's database in this folder, to look around in.", show_default=False),
    ] = None,
) -> None:
    """Play eight weeks of Hub history through the real client, offline, in under 20 seconds.

    Repos, dates, sizes and licences are real where public catalogues have them; some events are staged
    so that every rule shows. They are marked in sources/standin/history.

    Examples:

      modelwatch demo

      modelwatch demo --json

      modelwatch demo --keep /tmp/demo && modelwatch quants --config /tmp/demo/modelwatch.yaml --fits spark
    """
    from watcher.demo_play import play

    if keep and (keep / "modelwatch.yaml").exists():
        typer.echo(
            f"modelwatch: {keep / 'modelwatch.yaml'} exists: keep the demo in another folder", err=True
        )
        raise typer.Exit(2)
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    started = time.monotonic()
    with nullcontext(str(keep)) if keep else tempfile.TemporaryDirectory(prefix="modelwatch-demo-") as folder:
        play(Path(folder), as_json=as_json)
    if not as_json:
        typer.echo(f"Done in {time.monotonic() - started:.1f} s, without leaving this machine.")
        if keep:
            typer.echo(f"Kept. Try: modelwatch quants --config {keep / 'modelwatch.yaml'} --fits spark")


def export_(
    file: Annotated[Path | None, typer.Argument(help="Where to write; without it, standard output.")] = None,
    config: ConfigOption = None,
    since_: Annotated[
        str | None, typer.Option("--since", help="Only what was seen since: 7d, or a date.")
    ] = None,
) -> None:
    """Write the observation log as JSON lines: {"source", "key", "seen_at", "row"}.

    It holds what listings said, not file lists, decisions or alerts: to back up, copy the database.

    Example:

      modelwatch export log.jsonl --since 30d
    """
    settings, first = configuration(config), since(since_)
    with app.open_catalog(settings) as store, _sink(file) as out:
        count = app.export_log(store, out, first)
    typer.echo(f"{count} observations written" + (f" to {file}." if file else "."), err=True)


def _sink(file: Path | None) -> Any:
    return file.open("w", encoding="utf-8") if file else nullcontext(sys.stdout)


def import_(
    file: Annotated[
        Path,
        typer.Argument(help="JSON lines as `modelwatch export` writes them.", exists=True, dir_okay=False),
    ],
    config: ConfigOption = None,
) -> None:
    """Read an observation log into the catalog, as a baseline: nothing in it becomes an alert.

    Bad lines are named with their number and skipped. Example:

      modelwatch import log.jsonl --config other.yaml
    """
    settings = configuration(config)
    team = app.team_of(settings)
    with app.open_store(settings) as store, file.open(encoding="utf-8", errors="replace") as lines:
        count, problems = app.import_log(team, store, lines)
    for problem in problems:
        typer.echo(plain(problem), err=True)
    typer.echo(f"{count} observations read, {len(problems)} lines skipped.")
    if count:
        _echo(app.preview(team))
    if problems:
        raise typer.Exit(1)
