"""Two policies over one history: which alerts the other one adds, drops or tells otherwise. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from watcher.backtest import Decision, Replay
from watcher.backtest_told import RANK, Told, repos_of
from watcher.types import Action, Alert, Change

# The same news under both: what became of which repo, whichever day a policy took it for settled.
_Topic = tuple[str, str, str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """An alert that only one policy sends; instead: what the other decided about the same news, and why."""

    alert: Alert
    instead: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """An alert that both send, and in what it differs: nothing, its time, or whom it concerns."""

    before: Alert
    after: Alert
    differs: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """What the other policy makes different. digest: its changes for the digest by trigger, less ours."""

    added: tuple[Moved, ...]
    dropped: tuple[Moved, ...]
    kept: tuple[Kept, ...]
    digest_before: int
    digest_after: int
    digest: tuple[tuple[str, int], ...]


def compare(before: Replay, after: Replay, told: tuple[Sequence[Told], Sequence[Told]]) -> Difference:
    """What after adds to before and drops from it; told: the changes of both."""
    pairs, dropped, added = _pairs(before.alerts, after.alerts)
    ours, others = _digest(told[0]), _digest(told[1])
    return Difference(
        added=tuple(Moved(alert=a, instead=_became(a, after, before)) for a in added),
        dropped=tuple(Moved(alert=a, instead=_became(a, before, after)) for a in dropped),
        kept=tuple(Kept(before=a, after=b, differs=tuple(_differs(a, b))) for a, b in pairs),
        digest_before=ours.total(),
        digest_after=others.total(),
        digest=tuple((t, others[t] - ours[t]) for t in sorted(ours | others) if others[t] != ours[t]),
    )


def _pairs(
    before: Sequence[Alert], after: Sequence[Alert]
) -> tuple[list[tuple[Alert, Alert]], list[Alert], list[Alert]]:
    """Alerts of one release, trigger and repo belong together, the earliest with the earliest."""
    waiting: dict[tuple[str, str], list[Alert]] = defaultdict(list)
    for alert in after:
        waiting[alert.trigger, alert.thread].append(alert)
    pairs, dropped = [], []
    for alert in before:
        others = waiting[alert.trigger, alert.thread]
        repos = set(repos_of(alert))
        match = next((other for other in others if repos & set(repos_of(other))), None)
        if match is None:
            dropped.append(alert)
        else:
            others.remove(match)
            pairs.append((alert, match))
    added = [alert for others in waiting.values() for alert in others]
    return pairs, dropped, sorted(added, key=lambda a: (a.created_at, a.id))


def _differs(before: Alert, after: Alert) -> Iterable[str]:
    hours = round((after.created_at - before.created_at).total_seconds() / 3600)
    if hours:
        span = f"{abs(hours)} h" if abs(hours) < 48 else f"{abs(hours) // 24} days"
        yield f"{span} {'later' if hours > 0 else 'earlier'}"
    if also := [name for name in after.deployments if name not in before.deployments]:
        yield f"also for {', '.join(also)}"
    if gone := [name for name in before.deployments if name not in after.deployments]:
        yield f"no longer for {', '.join(gone)}"


def _became(alert: Alert, sender: Replay, other: Replay) -> str:
    """The weightiest that the other policy decided about what this alert tells."""
    topics = {_topic(d.verdict.change) for d in _behind(alert, sender.decisions)}
    same = [d for d in other.decisions if _topic(d.verdict.change) in topics]
    if not same:
        return "not judged"
    verdict = max(same, key=lambda d: (RANK[d.verdict.action], d.verdict.deployment or "")).verdict
    place = f"{verdict.deployment}: " if verdict.deployment else ""
    if verdict.action is Action.ALERT:
        return f"told with another alert: {place}{verdict.reason}"
    return f"{verdict.action.value}: {place}{verdict.reason}"


def _behind(alert: Alert, decisions: Iterable[Decision]) -> list[Decision]:
    """The decisions that an alert tells."""
    repos = {name.casefold() for name in repos_of(alert)}
    return [
        d
        for d in decisions
        if d.verdict.action is Action.ALERT
        and d.at == alert.created_at
        and d.verdict.change.key.folded in repos
    ]


def _topic(change: Change) -> _Topic:
    return change.kind.value, change.key.folded, change.after


def _digest(told: Iterable[Told]) -> Counter[str]:
    return Counter(t.decision.verdict.trigger for t in told if t.action is Action.DIGEST)
