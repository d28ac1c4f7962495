"""Plays a history through a policy: what would have been decided and told, and when.

The history is a log of looks, the catalog a temporary one behind the port; nothing here can send.
Rows go through the same Recorder as in a round, and between them the clock moves through every hold
that becomes due, so that what comes out is what a round at each of these moments would have done.
"""

import heapq
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count, groupby
from typing import TypedDict

from watcher.backtest_silence import Silence
from watcher.catalog import Recorder
from watcher.discovery import taken_up, with_trending
from watcher.evaluation_record import record
from watcher.history import by_account, put_together
from watcher.judging import rejudge
from watcher.ports import Catalog, Tx
from watcher.rules import Outcome, Rules
from watcher.types import (
    Action,
    Alert,
    Change,
    ChangeKind,
    Correction,
    Evaluation,
    Sight,
    SourceState,
    Verdict,
)

POLL = timedelta(minutes=30)  # a hold that ends at once is judged again with the next poll
TREND_FOR = timedelta(hours=24)  # the trending list is read once a day

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """What became of one change for one deployment: the last verdict, and when it was given."""

    change_id: str
    at: datetime
    verdict: Verdict

    @property
    def topic(self) -> tuple[str, str | None]:
        return self.change_id, self.verdict.deployment


@dataclass(frozen=True, kw_only=True, slots=True)
class Replay:
    """What a policy makes of a history; rows: how many were played.

    Judged is what came after since, up to until; both are None for a history without rows. alerts in the
    order of their times; decisions by time and change. problems: one line each for rows that could not be
    played.
    """

    since: datetime | None
    until: datetime | None
    rows: int
    alerts: tuple[Alert, ...]
    decisions: tuple[Decision, ...]
    problems: tuple[str, ...] = ()

    def told(self, action: Action) -> tuple[Decision, ...]:
        return tuple(d for d in self.decisions if d.verdict.action is action)


class Options(TypedDict, total=False):
    """What `replay` may be told beside history, rules and catalog."""

    since: datetime | None
    until: datetime | None
    baseline_until: datetime | None
    watched: Collection[str]
    corrections: Iterable[Correction]
    progress: Progress


def replay(
    sights: Iterable[Sight],
    rules: Rules,
    catalog: Catalog,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    baseline_until: datetime | None = None,
    watched: Collection[str] = (),
    corrections: Iterable[Correction] = (),
    progress: Progress = lambda *_: None,
) -> Replay:
    """Plays sights in the order of their times into an empty catalog; what is decided before since stays out.

    Silent are everything up to baseline_until (without it: the first moment of the history), and what an
    account showed when it was first read: where the history says when, then; otherwise, of a watched
    account that was not seen before, at its first sight. Everything else is news. The clock
    stops at until, or at the last row; holds that are not due by then stay holds. corrections: what the
    team measured on its machines.
    """
    chosen = sorted((s for s in sights if until is None or s.seen_at <= until), key=lambda s: s.seen_at)
    end = until or (chosen[-1].seen_at if chosen else None)
    silent_until = baseline_until or (chosen[0].seen_at if chosen else None)
    with catalog.write() as tx:
        for correction in corrections:
            tx.save_correction(correction)
        silence = Silence(chosen, silent_until, watched)
        player = _Player(tx, rules, silence)
        if baseline_until is not None:
            player.know({s.account for s in chosen} - silence.watched, baseline_until)
        played = 0
        for moment, group in groupby(chosen, key=lambda s: s.seen_at):
            looks = list(group)
            player.pass_time(moment, inclusive=False)
            player.play(moment, looks)
            played += len(looks)
            progress(played, len(chosen))
        if end is not None:
            player.pass_time(end, inclusive=True)
    start = max((m for m in (since, silent_until) if m is not None), default=None)
    return player.result(start, end, len(chosen))


@dataclass(order=True, frozen=True, slots=True)
class _Hold:
    """A decision that waits; those due at one moment come in the order in which they were made."""

    due: datetime
    number: int
    decision: Decision = field(compare=False)


class _Player:
    """One catalog and one policy on their way through time."""

    def __init__(self, tx: Tx, rules: Rules, silence: Silence) -> None:
        self._tx, self._rules, self._silence = tx, rules, silence
        self._trends = False
        self._holds: list[_Hold] = []
        self._number = count()
        self._decisions: dict[tuple[str, str | None], Decision] = {}
        self._alerts: list[Alert] = []
        self._problems: list[str] = []

    def know(self, accounts: Iterable[str], since: datetime) -> None:
        """These accounts count as read completely at that moment: what they publish later is news."""
        for account in sorted(accounts):
            state = SourceState(source=f"hub:{account}", baseline_at=since, last_success_at=since)
            self._tx.save_source_state(state)

    def play(self, moment: datetime, sights: Sequence[Sight]) -> None:
        """Everything that was seen at one moment, account by account as a round does."""
        for look in (s for s in sights if s.first_look):
            self.know([look.account], look.empty_at or moment)
        news, silent = self._trending(moment, sights)
        recorder = Recorder(rules=self._rules_at(moment), now=moment, fits=False)
        changes = [c for account, looks in by_account(news) for c in self._account(recorder, account, looks)]
        if silent:
            recorder.baseline(self._tx, put_together(self._tx, silent).observations)
        self._evaluations(moment, [s.evaluation for s in sights if s.evaluation])
        if any(c.kind is ChangeKind.NEW_QUANT and c.lineage.family is None for c in changes):
            bases = taken_up(self._tx, self._rules, moment)
            self._collect(moment, recorder.reconsider(self._tx, bases))

    def _trending(self, moment: datetime, sights: Sequence[Sight]) -> tuple[list[Sight], list[Sight]]:
        """Takes the trending list; parts what else was seen into news and what the first list shows, which is
        recorded in silence unless its account is watched."""
        listed = {repo.casefold() for s in sights for repo in s.trending}
        first = bool(listed) and not self._trends
        if listed:
            self._tx.saw_trending(sorted(listed), moment)
            self._trends = True
        rows = [s for s in sights if s.about_repo]
        strange = (
            listed - {s.key.folded for s in rows if s.account in self._silence.watched} if first else set()
        )
        return [s for s in rows if s.key.folded not in strange], [s for s in rows if s.key.folded in strange]

    def _evaluations(self, moment: datetime, results: Sequence[Evaluation]) -> None:
        if not results:
            return
        if self._silence.holds(moment):
            self._tx.save_evaluations(results, moment)
        else:
            self._collect(moment, record(self._tx, results, self._rules, moment).outcome)

    def _account(self, recorder: Recorder, account: str, looks: Sequence[Sight]) -> list[Change]:
        """What was seen of one account, in one step; returns what that changed."""
        moment = looks[0].seen_at
        if self._silence.begins(account):
            self.know([account], moment)
        seen = put_together(self._tx, looks)
        self._problems += seen.problems
        silent, news = self._silence.parted(account, moment, seen.observations)
        if silent and news is not None:
            self.know([account], moment)  # a baseline after all: what came with it is no news of itself
        if silent or news is None:
            recorder.baseline(self._tx, silent, seen.looks if news is None else ())
        if news is None:
            return []
        outcome = recorder.record(self._tx, news, seen.looks)
        self._collect(moment, outcome)
        return [change for _, change in outcome.changes]

    def pass_time(self, until: datetime, *, inclusive: bool) -> None:
        """Judges every hold that becomes due before until (inclusive: or then), at its own moment."""
        while self._holds and (self._holds[0].due < until or (inclusive and self._holds[0].due == until)):
            moment = self._holds[0].due
            held = []
            while self._holds and self._holds[0].due == moment:
                decision = heapq.heappop(self._holds).decision
                if self._decisions[decision.topic] is decision:
                    held.append((decision.change_id, decision.verdict))
            if held:
                ids = {verdict.change: change_id for change_id, verdict in held}
                self._collect(moment, rejudge(self._tx, held, self._rules_at(moment), moment), ids)

    def _rules_at(self, moment: datetime) -> Rules:
        return with_trending(self._tx, self._rules, moment, TREND_FOR) if self._trends else self._rules

    def _collect(self, at: datetime, outcome: Outcome, ids: dict[Change, str] | None = None) -> None:
        known = (ids or {}) | {change: change_id for change_id, change in outcome.changes}
        for verdict in outcome.verdicts:
            decision = Decision(change_id=known[verdict.change], at=at, verdict=verdict)
            self._decisions[decision.topic] = decision
            if verdict.action is Action.HOLD and verdict.until is not None:
                due = verdict.until if verdict.until > at else at + POLL
                heapq.heappush(self._holds, _Hold(due, next(self._number), decision))
        self._alerts += outcome.alerts

    def result(self, since: datetime | None, until: datetime | None, rows: int) -> Replay:
        def in_time(at: datetime) -> bool:
            return since is None or at >= since

        decisions = [d for d in self._decisions.values() if in_time(d.at)]
        decisions.sort(key=lambda d: (d.at, d.change_id, d.verdict.deployment or ""))
        alerts = [alert for alert in self._alerts if in_time(alert.created_at)]
        return Replay(
            since=since,
            until=until,
            rows=rows,
            alerts=tuple(sorted(alerts, key=lambda a: (a.created_at, a.id))),
            decisions=tuple(decisions),
            problems=tuple(self._problems),
        )
