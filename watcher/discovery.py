"""The end of a round: new players, by trusted quantisers and the trending list, and holds that are due."""

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from watcher import states
from watcher.asking import Asker
from watcher.catalog import Recorder
from watcher.judging import rejudge
from watcher.ports import Catalog, Source, Tx
from watcher.rules import Outcome, Rules
from watcher.types import ChangeKind, Listing, Observation, Problem, SourceError
from watcher.view import is_news

log = logging.getLogger(__name__)

TRENDING = "hub:trending"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Found:
    """What the network said, before anything is written. listing None: not asked, or failed with error."""

    listing: Listing | None
    error: SourceError | None
    bases: Sequence[str]
    newcomers: Sequence[Observation]
    problems: Sequence[Problem]


class Discovery:
    """Runs once per round, after the accounts. watched: their sources, case-folded.

    now is the time of the round, clock that of the moment; patience is how long to ask at every chance.
    """

    def __init__(
        self,
        *,
        source: Source,
        catalog: Catalog,
        asker: Asker,
        rules: Rules,
        watched: frozenset[str],
        now: datetime,
        clock: Callable[[], datetime],
        patience: timedelta,
    ) -> None:
        self._source, self._catalog, self._asker = source, catalog, asker
        self._rules, self._watched, self._now, self._patience = rules, watched, now, patience
        self._clock = clock

    def run(self, *, daily: bool, silent: bool) -> Outcome:
        """daily: ask also what is asked once a day. silent: ask nothing. SourceError by a stop only."""
        found = self._gather(daily=daily, silent=silent)
        observations = list(found.newcomers)
        with self._catalog.write() as tx:
            if found.listing is not None:
                tx.saw_trending((o.key.id for o in found.listing.observations), self._now)
            recorder = Recorder(
                rules=with_trending(tx, self._rules, self._now, self._patience), now=self._now
            )
            if found.listing is not None:
                observations += self._trending_news(tx, recorder, found.listing)
            self._note(tx, found)
            outcome = recorder.record(tx, observations, [])
            outcome.add(recorder.reconsider(tx, found.bases))
            outcome.add(rejudge(tx, tx.due_holds(self._now), recorder.rules, self._now))
            tx.keep_sources({*self._watched, TRENDING}, self._now)
        return outcome

    def _gather(self, *, daily: bool, silent: bool) -> _Found:
        with self._catalog.read() as tx:
            state = tx.source_state(TRENDING)
            bases = taken_up(tx, self._rules, self._now)
            unread = self._unread(tx, bases, daily=daily)
            due = tx.due_holds(self._now)
            waiting = tx.known(v.change.key.id for _, v in due if v.change.kind is ChangeKind.NEW_FAMILY)
        listing, error = None, None
        silent = silent or states.waits_until(state, self._now) is not None
        if not silent and (daily or state.failing_since is not None):
            listing, error = self._trending()
        silent = silent or error is not None
        curious = [*unread, *(k.facts.repo_id for k in waiting.values() if k.details is None)]
        asked = () if silent else dict.fromkeys(curious)
        before = len(self._asker.problems)
        newcomers = [o for repo in asked if (o := self._asker.about_newcomer(repo))]
        troubles = [*(listing.problems if listing else ()), *self._asker.problems[before:]]
        return _Found(
            listing=listing,
            error=error,
            bases=bases,
            newcomers=newcomers,
            problems=[replace(problem, source=TRENDING) for problem in troubles],
        )

    def _trending(self) -> tuple[Listing | None, SourceError | None]:
        try:
            return self._source.trending(self._now), None
        except SourceError as error:
            self._asker.check_stop()
            return None, error

    def _trending_news(self, tx: Tx, recorder: Recorder, listing: Listing) -> list[Observation]:
        """What a trending list after the first has that may be news; the first is recorded in silence.

        Repos of watched accounts that wait for their own first look are left out altogether.
        """
        unread = self._watched - tx.baselines().keys()
        rows = [o for o in listing.observations if f"hub:{o.facts.author}".casefold() not in unread]
        if tx.source_state(TRENDING).baseline_at is not None:
            return rows
        known = tx.known(o.key.id for o in rows)
        recorder.baseline(tx, [o for o in rows if o.key.folded not in known])
        return []

    def _note(self, tx: Tx, found: _Found) -> None:
        for problem in found.problems:
            tx.note_problem(problem, self._now)
        state = tx.source_state(TRENDING)
        if found.listing is not None:
            tx.close_problems(TRENDING, {(p.key, p.message) for p in found.problems}, self._now)
            done = states.read(state, self._now)
            tx.save_source_state(replace(done, baseline_at=state.baseline_at or self._now))
        elif found.error is not None:
            tx.save_source_state(states.failed(state, self._now, found.error, at=self._clock()))
            if state.failing_since is None:
                log.warning("the Hub's trending list: %s", found.error)

    def _unread(self, tx: Tx, bases: Collection[str], *, daily: bool) -> list[str]:
        """Those whose page and files we lack. One that stays unreadable is asked for a day, then daily."""
        known = tx.entries(bases)
        lacking = [b for b in bases if not ((e := known.get(b.casefold())) and e.known.details)]
        lately = self._now - self._patience
        return [base for base in lacking if daily or any(q.first_seen > lately for q in tx.quants_of([base]))]


def with_trending(tx: Tx, rules: Rules, now: datetime, every: timedelta) -> Rules:
    """The rules with the repos that trend: seen on one of the last lists, which are read once per sweep."""
    return replace(rules, trending=frozenset(tx.trending_since(now - every - timedelta(days=1))))


def taken_up(tx: Tx, rules: Rules, now: datetime) -> list[str]:
    """Bases of no registered family that two trusted quantisers have, one of them as news, untold."""
    bases = tx.unregistered_bases(rules.registry.trusted_quantisers, now - rules.policy.waiting_limit)
    twice = [base for base, by in bases.items() if len(by) >= 2]
    told, baselines = tx.new_families(twice), tx.baselines()
    untold = [base for base in twice if base.casefold() not in told]
    fresh = {(q.lineage.base_repo or "").casefold() for q in tx.quants_of(untold) if is_news(q, baselines)}
    return [base for base in untold if base.casefold() in fresh]
