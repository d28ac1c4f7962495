"""A replay in figures: how much would have been told, by week, trigger and deployment. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from watcher.backtest import Decision, Replay
from watcher.types import Action, Alert

# Whichever deployment it matters to most decides what a change was to the team.
RANK = {Action.ALERT: 3, Action.DIGEST: 2, Action.HOLD: 1, Action.IGNORE: 0}
WHOLE_TEAM = "(the team)"


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """One change and the decision that weighs most, over all deployments; for: those it was taken for."""

    change_id: str
    at: datetime
    decision: Decision
    deployments: tuple[str, ...]

    @property
    def action(self) -> Action:
        return self.decision.verdict.action


@dataclass(frozen=True, kw_only=True, slots=True)
class Week:
    """A week from Monday on, UTC: messages sent, and changes by what became of them."""

    monday: date
    alerts: int
    changes: Mapping[Action, int]


def changes_of(replay: Replay) -> list[Told]:
    """Every change that was judged, once, in the order of its deciding moment."""
    groups: dict[str, list[Decision]] = defaultdict(list)
    for decision in replay.decisions:
        groups[decision.change_id].append(decision)
    told = [_told(change_id, group) for change_id, group in groups.items()]
    return sorted(told, key=lambda t: (t.at, t.decision.verdict.change.key.folded, t.change_id))


def _told(change_id: str, decisions: Sequence[Decision]) -> Told:
    most = max(RANK[d.verdict.action] for d in decisions)
    chosen = [d for d in decisions if RANK[d.verdict.action] == most]
    chosen.sort(key=lambda d: (d.at, d.verdict.deployment or ""))
    names = dict.fromkeys(d.verdict.deployment or WHOLE_TEAM for d in chosen)
    return Told(change_id=change_id, at=chosen[0].at, decision=chosen[0], deployments=tuple(names))


def weeks_of(replay: Replay, changes: Iterable[Told]) -> list[Week]:
    """Every week from the first to the last, the quiet ones too."""
    if replay.since is None or replay.until is None:
        return []
    sent = Counter(_monday(alert.created_at) for alert in replay.alerts)
    by_week: dict[date, Counter[Action]] = defaultdict(Counter)
    for told in changes:
        by_week[_monday(told.at)][told.action] += 1
    monday, last = _monday(replay.since), _monday(replay.until)
    found = []
    while monday <= last:
        found.append(Week(monday=monday, alerts=sent[monday], changes=dict(by_week[monday])))
        monday += timedelta(days=7)
    return found


def _monday(moment: datetime) -> date:
    return moment.date() - timedelta(days=moment.weekday())


def by_trigger(changes: Iterable[Told]) -> list[tuple[str, Counter[Action]]]:
    """Changes by the rule that decided and what it decided: what alerts most comes first."""
    found: dict[str, Counter[Action]] = defaultdict(Counter)
    for told in changes:
        found[told.decision.verdict.trigger][told.action] += 1
    return sorted(found.items(), key=lambda item: (*(-item[1][a] for a in Action), item[0]))


def by_deployment(replay: Replay) -> list[tuple[str, Counter[Action]]]:
    """Decisions by deployment."""
    found: dict[str, Counter[Action]] = defaultdict(Counter)
    for decision in replay.decisions:
        found[decision.verdict.deployment or WHOLE_TEAM][decision.verdict.action] += 1
    return sorted(found.items())


def alerts_per_week(replay: Replay) -> float:
    """Messages a week, over the time that was judged."""
    if replay.since is None or replay.until is None:
        return 0.0
    span = replay.until - replay.since
    return len(replay.alerts) / max(span / timedelta(days=7), 1.0)


def repos_of(alert: Alert) -> tuple[str, ...]:
    return tuple(name for name, _ in alert.links)
