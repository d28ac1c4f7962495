"""One round: poll each source, and record what it said with everything that follows from it.

Per author, in this order: list what is new since the watermark; once a day sweep what moves no
date; ask the pages of repos that dropped out; fetch details of what matters, within the budget;
then one transaction for facts, log, changes, verdicts, fits, alerts and the cursor. A failure
anywhere before the transaction leaves everything as it was.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from watcher import states
from watcher.asking import Asker, Limits
from watcher.catalog import Recorder
from watcher.discovery import Discovery, with_trending
from watcher.ports import Catalog, Source, Tx
from watcher.rules import Outcome, Rules
from watcher.types import Look, Observation, Problem, SourceError, SourceState

log = logging.getLogger(__name__)

LONG_ABSENCE = timedelta(days=30)  # or a clock that jumped as far
OVERLAP = timedelta(minutes=10)  # the Hub's lastModified may settle late; rows seen twice cost nothing


@dataclass(kw_only=True, slots=True)
class SourceReport:
    """How one source did in one round; status is ok, failed or skipped."""

    source: str
    status: str = "ok"
    requests: int = 0
    bytes: int = 0
    seen: int = 0
    changed: int = 0
    error: str | None = None
    baseline: bool = False


@dataclass(kw_only=True, slots=True)
class RoundReport:
    """What one round did. waiting_for_details: repos whose files the budget left for the next round."""

    sources: list[SourceReport] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)
    waiting_for_details: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Gathered:
    """Everything the network said about one author, before anything is written."""

    observations: Sequence[Observation]
    looks: Sequence[Look]
    newest: datetime | None
    exhaustive: bool
    swept: bool
    problems: Sequence[Problem]


class Round:
    """Runs over authors with one budget. progress(author, index, total) is called before each.

    now is the time that all of the round is written under; seconds tell how long it has taken. fits: see
    watcher.catalog.Recorder.
    """

    def __init__(
        self,
        *,
        source: Source,
        catalog: Catalog,
        rules: Rules,
        limits: Limits,
        now: datetime,
        progress: Callable[[str, int, int], None] = lambda *_: None,
        stopped: Callable[[], bool] = lambda: False,
        seconds: Callable[[], float] = time.monotonic,
        fits: bool = True,
    ) -> None:
        with catalog.read() as tx:
            rules = with_trending(tx, rules, now, limits.sweep_every)
        self._source, self._catalog, self._rules = source, catalog, rules
        self._sweep_every, self._now = limits.sweep_every, now
        self._progress, self._stopped = progress, stopped
        self._asker = Asker(
            source=source, catalog=catalog, stack=rules.stack, limits=limits, now=now, stopped=stopped
        )
        self._fits = fits
        self._recorder = Recorder(rules=rules, now=now, fits=fits)
        self._watched: frozenset[str] = frozenset()
        self._seconds, self._began = seconds, seconds()
        self._not_before: datetime | None = None  # the Hub's limit holds for all accounts
        self._waiting = False
        self.report = RoundReport()

    def run(self, authors: Sequence[str]) -> RoundReport:
        """Polls every author, then looks for new players and judges what was held."""
        swept = False
        self._watched = frozenset(f"hub:{author}".casefold() for author in authors)
        for index, author in enumerate(authors):
            if self._stopped():
                break
            self._progress(author, index, len(authors))
            swept |= self._author(author)
        if not self._stopped():
            self._discover(daily=swept)
        self.report.waiting_for_details = self._asker.waiting
        return self.report

    def _author(self, author: str) -> bool:
        """Polls one author; returns whether its sweep ran. Failures are recorded, not raised."""
        name = f"hub:{author}"
        with self._catalog.read() as tx:
            state = tx.source_state(name)
        report = SourceReport(source=name)
        self.report.sources.append(report)
        if until := self._not_before or states.waits_until(state, self._now):
            self._skip(report, until)
            return False
        before = self._source.usage()
        start = (before.requests, before.bytes)
        try:
            gathered = self._gather(author, state)
        except SourceError as error:
            self._failed(report, error)
            return False
        finally:
            after = self._source.usage()
            report.requests, report.bytes = after.requests - start[0], after.bytes - start[1]
        self._record(report, gathered)
        return gathered.swept

    def _skip(self, report: SourceReport, until: datetime) -> None:
        report.status, report.error = "skipped", f"waits until {until:%Y-%m-%d %H:%M:%S} UTC"
        self._waiting = True
        if self._not_before is not None:  # said to another account; the next round is to know
            with self._catalog.write() as tx:
                tx.save_source_state(states.skipped(tx.source_state(report.source), until))

    def _gather(self, author: str, state: SourceState) -> _Gathered:
        known_before = state.baseline_at is not None
        since = state.watermark - OVERLAP if known_before and state.watermark else None
        listing = self._source.listing(author, since, self._now)
        due = states.sweep_is_due(state, self._now, self._sweep_every)
        sweep = self._source.sweep(author, self._now) if due else None
        looks = self._asker.about_missing(author, listing, sweep) if known_before else []
        if sweep is not None:
            listing, sweep = self._asker.caught_up(listing, sweep)
        observations = self._asker.with_details(author, listing)
        full = {o.key.folded for o in observations}
        observations += [o for o in (sweep.observations if sweep else ()) if o.key.folded not in full]
        return _Gathered(
            observations=observations,
            looks=looks,
            newest=listing.newest,
            exhaustive=not known_before or sweep is not None,
            swept=sweep is not None,
            problems=[
                *listing.problems,
                *(sweep.problems if sweep else ()),
                *_file_problems(observations, state.source),
            ],
        )

    def _record(self, report: SourceReport, gathered: _Gathered) -> None:
        """Writes what was gathered; whether it is the baseline is decided by the state of now."""
        with self._catalog.write() as tx:
            state = tx.source_state(report.source)
            report.baseline = state.baseline_at is None
            if report.baseline and (state.last_success_at is None or gathered.observations):
                tx.log_first_look(report.source, self._now, state.last_success_at)
            news, baseline = gathered.observations, None
            if report.baseline:
                silent, news = _before_and_since(news, state.last_success_at)
                # With nothing older, the empty answer was the baseline: what came since is news.
                baseline = self._now if silent else (state.last_success_at if news else None)
                self._recorder.baseline(tx, silent)
            outcome = self._recorder_for(state).record(tx, news, gathered.looks)
            self._note(tx, state.source, gathered)
            done = states.listed(
                state, self._now, newest=gathered.newest, complete=gathered.exhaustive, baseline=baseline
            )
            tx.save_source_state(done)
        report.seen, report.changed = len(gathered.observations), len(outcome.changes)
        self.report.outcome.add(outcome)

    def _clock(self) -> datetime:
        return self._now + timedelta(seconds=self._seconds() - self._began)

    def _recorder_for(self, state: SourceState) -> Recorder:
        """After a long absence what changed is told in one message."""
        last = state.last_success_at
        if last is None or abs(self._now - last) < LONG_ABSENCE:
            return self._recorder
        return Recorder(rules=replace(self._rules, catching_up=True), now=self._now, fits=self._fits)

    def _note(self, tx: Tx, source: str, gathered: _Gathered) -> None:
        """One line per problem and episode; a complete listing without it ends the episode."""
        problems = [*gathered.problems, *(p for p in self._asker.problems if _same(p.source, source))]
        for problem in problems:
            tx.note_problem(problem, self._now)
        if gathered.exhaustive:
            tx.close_problems(source, {(p.key, p.message) for p in problems}, self._now)

    def _failed(self, report: SourceReport, error: SourceError) -> None:
        """Nothing was learned: the cursor stays, and the episode is logged once."""
        report.status, report.error = "failed", str(error)
        if self._stopped():
            report.status = "skipped"
            return
        with self._catalog.write() as tx:
            state = tx.source_state(report.source)
            failed = states.failed(state, self._now, error, at=self._clock())
            tx.save_source_state(failed)
        if error.limited:
            self._not_before, self._waiting = failed.not_before, True
        if state.failing_since is None:
            log.warning("%s: %s", state.source, error)

    def _discover(self, *, daily: bool) -> None:
        """What is to be found beyond the accounts; a stop on the way leaves all of it for the next round."""
        discovery = Discovery(
            source=self._source,
            catalog=self._catalog,
            asker=self._asker,
            rules=self._rules,
            watched=self._watched,
            now=self._now,
            clock=self._clock,
            patience=self._sweep_every,
        )
        try:
            outcome = discovery.run(daily=daily, silent=self._waiting)
        except SourceError:
            return
        self.report.outcome.add(outcome)


def _same(source: str, other: str) -> bool:
    return source.casefold() == other.casefold()


def _before_and_since(
    observations: Sequence[Observation], empty_at: datetime | None
) -> tuple[list[Observation], list[Observation]]:
    """What a first sight records in silence, and what was created since the account was seen empty."""
    born = [
        o
        for o in observations
        if empty_at and o.facts.created_at is not None and o.facts.created_at > empty_at
    ]
    names = {o.key.folded for o in born}
    return [o for o in observations if o.key.folded not in names], born


def _file_problems(observations: Sequence[Observation], source: str) -> list[Problem]:
    """What was wrong with single files of repos whose details came."""
    return [
        Problem(source=source, key=o.key.id, message=message)
        for o in observations
        if o.details
        for message in o.details.problems
    ]
