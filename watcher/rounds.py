"""One round: poll each source, and record what it said with everything that follows from it.

Per author, in this order: list what is new since the watermark; once a day sweep what moves no
date; ask the pages of repos that dropped out; fetch details of what matters, within the budget;
then one transaction for facts, log, changes, verdicts, fits, alerts and the cursor. A failure
anywhere before the transaction leaves everything as it was.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from watcher.catalog import SECOND_LOOK_AFTER, Recorder
from watcher.judging import Outcome, Rules, rejudge
from watcher.ports import Catalog, Source
from watcher.types import (
    Known,
    Listing,
    Look,
    Observation,
    Problem,
    SourceError,
    SourceState,
)

log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=10)  # the Hub's lastModified may settle late; rows seen twice cost nothing


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one round may cost: details and page looks are API calls; the rest waits, visibly."""

    details: int = 200
    looks: int = 400
    sweep_every: timedelta = timedelta(hours=24)
    details_of_newest: timedelta = timedelta(days=30)


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
    """What one round did."""

    sources: list[SourceReport] = field(default_factory=list)
    outcome: Outcome = field(default_factory=Outcome)
    waiting_for_details: int = 0


@dataclass(kw_only=True, slots=True)
class _Gathered:
    """Everything the network said about one author, before anything is written."""

    listing: Listing
    sweep: Listing | None = None
    looks: list[Look] = field(default_factory=list)


class Round:
    """Runs over authors with one budget. progress(author, index, total) is called before each."""

    def __init__(
        self,
        *,
        source: Source,
        catalog: Catalog,
        rules: Rules,
        limits: Limits,
        now: datetime,
        progress: Callable[[str, int, int], None] = lambda author, index, total: None,
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._source, self._catalog, self._rules = source, catalog, rules
        self._limits, self._now = limits, now
        self._progress, self._stopped = progress, stopped
        self._details_left, self._looks_left = limits.details, limits.looks
        self._recorder = Recorder(rules=rules, now=now)
        self.report = RoundReport()

    def run(self, authors: Sequence[str]) -> RoundReport:
        swept = False
        for index, author in enumerate(authors):
            if self._stopped():
                break
            self._progress(author, index, len(authors))
            swept |= self._author(author)
        self._discover(trending=swept)
        return self.report

    def _author(self, author: str) -> bool:
        """Polls one author; returns whether its sweep ran. Failures are recorded, not raised."""
        name = f"hub:{author}"
        with self._catalog.write() as tx:
            state = tx.source_state(name)
        report = SourceReport(source=name, baseline=state.baseline_at is None)
        self.report.sources.append(report)
        if state.not_before and self._now < state.not_before:
            report.status, report.error = "skipped", f"waits until {state.not_before:%H:%M:%S} UTC"
            return False
        before = self._source.usage()
        start = (before.requests, before.bytes)
        try:
            gathered = self._gather(author, state)
            observations = self._with_details(gathered.listing, state)
        except SourceError as error:
            self._failed(state, report, error)
            return False
        finally:
            after = self._source.usage()
            report.requests, report.bytes = after.requests - start[0], after.bytes - start[1]
        self._record(state, report, gathered, observations)
        return gathered.sweep is not None

    def _gather(self, author: str, state: SourceState) -> _Gathered:
        since = state.watermark - OVERLAP if state.watermark and state.baseline_at else None
        gathered = _Gathered(listing=self._source.listing(author, since, self._now))
        due = state.baseline_at and (
            not state.swept_at or self._now - state.swept_at >= self._limits.sweep_every
        )
        if due:
            gathered.sweep = self._source.sweep(author, self._now)
        if state.baseline_at:
            gathered.looks = self._look_at_missing(author, gathered)
        return gathered

    def _look_at_missing(self, author: str, gathered: _Gathered) -> list[Look]:
        """The pages of repos that a complete sweep no longer shows, or that await their second look."""
        listed = {o.key.folded for o in gathered.listing.observations}
        known = None
        wanted: list[Known] = []
        with self._catalog.write() as tx:
            known = tx.known_of_author(author)
        if gathered.sweep is not None:
            swept = listed | {o.key.folded for o in gathered.sweep.observations}
            moved = {o.facts.hub_id for o in gathered.sweep.observations if o.facts.hub_id}
            wanted = [k for k in known if k.key.folded not in swept and k.facts.hub_id not in moved]
        else:
            due = self._now - SECOND_LOOK_AFTER
            wanted = [
                k for k in known if k.missing_since and k.missing_since <= due and k.key.folded not in listed
            ]
        wanted = wanted[: max(0, self._looks_left)]
        self._looks_left -= len(wanted)
        return [self._source.look(k.facts.repo_id, self._now) for k in wanted]

    def _with_details(self, listing: Listing, state: SourceState) -> list[Observation]:
        """The listing with details where they matter: models in use first, then the newest."""
        with self._catalog.write() as tx:
            known = tx.known(o.key.id for o in listing.observations)
            waiting = tx.lacking_details(state.source, self._now - self._limits.details_of_newest)
        listed = {o.key.folded for o in listing.observations}
        backlog = [_from_memory(k, self._now) for k in waiting if k.key.folded not in listed]
        wanted = [
            o for o in listing.observations if self._needs_details(o, known.get(o.key.folded))
        ] + backlog
        in_use = self._names_in_use()
        wanted.sort(key=lambda o: (not self._matters(o, in_use), -_age_key(o)))
        chosen: dict[str, Observation] = {}
        for observation in wanted:
            share = self._source.remaining_share()
            if self._details_left <= 0 or (share is not None and share < 0.2) or self._stopped():
                break
            self._details_left -= 1
            details = self._source.details(observation.key.id, observation.revision, self._now)
            chosen[observation.key.folded] = replace(observation, details=details)
        self.report.waiting_for_details += len(wanted) - len(chosen)
        fetched = [chosen[o.key.folded] for o in backlog if o.key.folded in chosen]
        return [*(chosen.get(o.key.folded, o) for o in listing.observations), *fetched]

    def _names_in_use(self) -> frozenset[str]:
        stack = self._rules.stack
        names = [d.model for d in stack.deployments] + list(stack.shortlist)
        names += [d.quant for d in stack.deployments if d.quant and "/" in d.quant]
        return frozenset(name.casefold() for name in names)

    def _matters(self, observation: Observation, in_use: frozenset[str]) -> bool:
        bases = {b.repo_id.casefold() for b in observation.facts.base_models}
        return observation.key.folded in in_use or bool(bases & in_use)

    def _needs_details(self, observation: Observation, known: Known | None) -> bool:
        if known and known.details and known.details.revision == observation.revision:
            return False
        if self._matters(observation, self._names_in_use()):
            return True
        created = observation.facts.created_at
        young = created is not None and self._now - created <= self._limits.details_of_newest
        return young

    def _record(
        self,
        state: SourceState,
        report: SourceReport,
        gathered: _Gathered,
        observations: Sequence[Observation],
    ) -> None:
        listing, sweep = gathered.listing, gathered.sweep
        newest = max((t for t in (state.watermark, listing.newest) if t), default=None)
        done = replace(
            state,
            watermark=min(newest, self._now) if newest else None,
            baseline_at=state.baseline_at or self._now,
            swept_at=self._now if sweep is not None or state.baseline_at is None else state.swept_at,
            last_attempt_at=self._now,
            last_success_at=self._now,
            last_error=None,
            failing_since=None,
            not_before=None,
        )
        full = {o.key.folded for o in observations}
        slim = [o for o in (sweep.observations if sweep else ()) if o.key.folded not in full]
        with self._catalog.write() as tx:
            outcome = Outcome()
            if state.baseline_at is None:
                self._recorder.baseline(tx, observations)
            else:
                outcome = self._recorder.record(tx, [*observations, *slim], gathered.looks)
            problems = [
                *listing.problems,
                *(sweep.problems if sweep else ()),
                *_unread(observations, state.source),
            ]
            for problem in problems:
                if tx.note_problem(problem, self._now):
                    log.warning("%s %s: %s", problem.source, problem.key or "", problem.message)
            if sweep is not None or state.baseline_at is None:
                tx.close_problems(state.source, {(p.key, p.message) for p in problems}, self._now)
            tx.save_source_state(done)
        report.seen, report.changed = len(observations) + len(slim), len(outcome.changes)
        self.report.outcome.add(outcome)

    def _failed(self, state: SourceState, report: SourceReport, error: SourceError) -> None:
        report.status, report.error = "failed", str(error)
        wait = timedelta(seconds=error.retry_after_s) if error.retry_after_s else None
        with self._catalog.write() as tx:
            tx.save_source_state(
                replace(
                    state,
                    last_attempt_at=self._now,
                    last_error=str(error),
                    failing_since=state.failing_since or self._now,
                    not_before=self._now + wait if wait else None,
                )
            )
            if state.failing_since is None:
                log.warning("%s: %s", state.source, error)

    def _discover(self, *, trending: bool) -> None:
        """New players: bases that trusted quantisers took up, the trending list, and holds that are due."""
        names = self._trending() if trending else frozenset()
        rules = replace(self._rules, trending=names)
        with self._catalog.write() as tx:
            since = self._now - self._rules.policy.waiting_limit
            bases = tx.unregistered_bases(self._rules.registry.trusted_quantisers, since)
            unknown = [b for b, by in bases.items() if len(by) >= 2]
            known = tx.known(unknown)
        fresh = [b for b in unknown if b.casefold() not in known][: self._limits.looks]
        observations = [o for repo in fresh if not self._stopped() and (o := self._newcomer(repo))]
        with self._catalog.write() as tx:
            outcome = Recorder(rules=rules, now=self._now).record(tx, observations, [])
            for change_id, verdict in tx.due_holds(self._now):
                again = rejudge(tx, [(change_id, verdict.change, verdict.deployment)], rules, self._now)
                outcome.add(again)
        self.report.outcome.add(outcome)

    def _trending(self) -> frozenset[str]:
        try:
            return frozenset(o.key.folded for o in self._source.trending(self._now).observations)
        except SourceError as error:
            log.warning("hub trending list: %s", error)
            return frozenset()

    def _newcomer(self, repo_id: str) -> Observation | None:
        """The page and details of a base that quantisers took up; None when it can not be read now."""
        try:
            look = self._source.look(repo_id, self._now)
            if look.observation is None:
                return None
            details = self._source.details(look.repo_id, look.observation.revision, self._now)
        except SourceError as error:
            log.warning("%s: %s", repo_id, error)
            return None
        return replace(look.observation, details=details)


def _from_memory(known: Known, now: datetime) -> Observation:
    """A look at what we remember, to hang late details on."""
    return Observation(key=known.key, seen_at=now, revision=known.revision, facts=known.facts, row={})


def _age_key(observation: Observation) -> float:
    created = observation.facts.created_at
    return created.timestamp() if created else 0.0


def _unread(observations: Sequence[Observation], source: str) -> list[Problem]:
    return [
        Problem(source=source, key=o.key.id, message=message)
        for o in observations
        if o.details
        for message in o.details.problems
    ]
