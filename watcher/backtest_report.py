"""Everything that a backtest found out, put together once for both ways of printing it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from watcher.backtest import Options, Replay
from watcher.backtest_against import Difference, compare
from watcher.backtest_labels import Answer, Label, answers
from watcher.backtest_told import Told, changes_of
from watcher.types import Sight

# How far before the first day judged a policy is played already: a hold lasts up to 21 days, and
# what joins an alert looks back 14.
RUN_UP = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """One policy over one history; difference and answers where another policy or labels were given.

    silent: watched accounts of which the history has no line. unread: no line tells of files.
    """

    replay: Replay
    told: Sequence[Told]
    first: datetime | None
    last: datetime | None
    silent: tuple[str, ...]
    unread: bool
    difference: Difference | None = None
    answers: Sequence[Answer] | None = None


def window(sights: Sequence[Sight], since: datetime | None, until: datetime | None) -> Options:
    """What to judge of a history: what lies further before since than the run-up is recorded in silence."""
    begin = since - RUN_UP if since is not None else None
    early = begin is not None and any(s.seen_at < begin for s in sights)
    return Options(since=since, until=until, baseline_until=begin if early else None)


def without(sights: Sequence[Sight], accounts: Sequence[str], others: Sequence[str]) -> list[Sight]:
    """A history as a policy would have seen it: without accounts that only the other policy watches."""
    ours = {name.casefold() for name in accounts}
    theirs = {name.casefold() for name in others} - ours
    return [s for s in sights if not s.about_repo or s.account not in theirs]


def report(
    replay: Replay,
    sights: Sequence[Sight],
    watched: Sequence[str],
    *,
    other: Replay | None = None,
    labels: Sequence[Label] | None = None,
) -> Report:
    """What one policy made of a history; other: what another one did, labels: what would be right."""
    told = changes_of(replay)
    there = {s.account for s in sights}
    return Report(
        replay=replay,
        told=told,
        first=min((s.seen_at for s in sights), default=None),
        last=max((s.seen_at for s in sights), default=None),
        silent=tuple(name for name in watched if name.casefold() not in there),
        unread=not any(s.details for s in sights),
        difference=compare(replay, other, (told, changes_of(other))) if other else None,
        answers=answers(labels, told, replay) if labels is not None else None,
    )
