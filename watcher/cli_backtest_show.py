"""How a backtest is printed: tables for people, one document for programs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import typer

from watcher.backtest_against import Difference, Kept, Moved
from watcher.backtest_labels import ACTIONS, Answer, confusion, score
from watcher.backtest_report import Report
from watcher.backtest_told import Told, alerts_per_week, by_deployment, by_trigger, repos_of, weeks_of
from watcher.cli_common import print_table
from watcher.inert import plain
from watcher.types import Action, Alert

_COUNTED = (Action.ALERT, Action.DIGEST, Action.HOLD, Action.IGNORE)
_HEADS = (("alert", "right"), ("digest", "right"), ("held", "right"), ("ignored", "right"))


def show(report: Report, history: str, policy: str, other: str) -> None:
    """All of it on standard output, as tables."""
    _summary(report, history, policy)
    _tables(report)
    _alerts(report.replay.alerts)
    if report.difference is not None:
        _difference(report.difference, policy, other)
    if report.answers is not None:
        _answers(report.answers)


def _summary(report: Report, history: str, policy: str) -> None:
    replay = report.replay
    counts = Counter(t.action for t in report.told)
    typer.echo(
        plain(
            f"{history}: {replay.rows} lines, judged by {policy} "
            f"from {_minute(replay.since)} to {_minute(replay.until)} UTC."
        )
    )
    typer.echo(
        f"{_many(len(replay.alerts), 'alert')} ({alerts_per_week(replay):.1f} a week). "
        f"{_many(len(report.told), 'change')} judged: {counts[Action.ALERT]} alert, "
        f"{counts[Action.DIGEST]} digest, {counts[Action.HOLD]} still held, {counts[Action.IGNORE]} ignored."
    )
    if report.unread:
        typer.echo("No line tells of files: what fits rests on names and parameter counts.")
    if report.silent:
        typer.echo(plain(f"Watched, but not in this history: {', '.join(report.silent)}."))


def _tables(report: Report) -> None:
    if not report.told:
        return
    weeks = [
        (week.monday.isoformat(), week.alerts, *(week.changes.get(a, 0) for a in _COUNTED))
        for week in weeks_of(report.replay, report.told)
    ]
    _table("By week", "week of", weeks, ("messages", "right"))
    _table("By trigger", "trigger", [(n, *_row(c)) for n, c in by_trigger(report.told)])
    places = [(name, *_row(c)) for name, c in by_deployment(report.replay)]
    _table("By deployment", "deployment", places)


def _table(title: str, first: str, rows: Sequence[Sequence[object]], *more: tuple[str, str]) -> None:
    typer.echo("")
    print_table(title, [(first, "left"), *more, *_HEADS], rows)


def _row(counts: Mapping[Action, int]) -> list[int]:
    return [counts.get(action, 0) for action in _COUNTED]


def _alerts(alerts: Sequence[Alert]) -> None:
    if alerts:
        typer.echo("\nAlerts")
    for alert in alerts:
        typer.echo(f"  {_line(alert)}")


def _line(alert: Alert) -> str:
    places = f" [{', '.join(alert.deployments)}]" if alert.deployments else ""
    return plain(f"{_minute(alert.created_at)}  {alert.trigger}{places}  {alert.title}")


def _difference(difference: Difference, policy: str, other: str) -> None:
    same = sum(not kept.differs for kept in difference.kept)
    typer.echo("\n" + plain(f"With {other} instead of {policy}"))
    typer.echo(
        f"  alerts: {len(difference.added)} more, {len(difference.dropped)} fewer, "
        f"{len(difference.kept) - same} told otherwise, {same} the same"
    )
    typer.echo(
        f"  digest: {_many(difference.digest_before, 'change')} before, {difference.digest_after} then"
    )
    for trigger, count in difference.digest:
        typer.echo(f"    {count:+d} {plain(trigger)}")
    for sign, moves in (("+", difference.added), ("-", difference.dropped)):
        for moved in moves:
            typer.echo(f"  {sign} {_line(moved.alert)}")
            typer.echo(plain(f"      {'before' if sign == '+' else 'then'} {moved.instead}"))
    for kept in difference.kept:
        if kept.differs:
            typer.echo(f"  ~ {_line(kept.before)}")
            typer.echo(plain(f"      then {', '.join(kept.differs)}"))


def _answers(answers: Sequence[Answer]) -> None:
    wrong = [a for a in answers if not a.right]
    typer.echo(f"\nLabels: {len(answers) - len(wrong)} of {len(answers)} right")
    for action in (Action.ALERT, Action.DIGEST):
        s = score(answers, action)
        figures = f"precision {_share(s.precision)}, recall {_share(s.recall)}, F1 {_share(s.f1)}"
        typer.echo(f"  {action.value:6} {figures}")
    rows = [(wanted.value, *_row(got)) for wanted, got in confusion(answers).items()]
    _table("Should be, and was", "should be", rows)
    if wrong:
        typer.echo("\nWrong")
    for a in wrong:
        where = f"line {a.label.line}: {a.label.repo_id} on {a.label.day}"
        typer.echo(plain(f"  {where}: {a.got.value} instead of {a.label.action.value}"))
        typer.echo(plain(f"      {a.trigger}: {a.reason}"))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _many(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else "?"


def as_document(report: Report, problems: Sequence[str]) -> dict[str, Any]:
    """docs/json.md, `backtest --json`."""
    replay = report.replay
    return {
        "history": {
            "lines": replay.rows,
            "first": _iso(report.first),
            "last": _iso(report.last),
            "left_out": list(problems),
            "accounts_without_lines": list(report.silent),
            "files_known": not report.unread,
        },
        "since": _iso(replay.since),
        "until": _iso(replay.until),
        "changes": len(report.told),
        "verdicts": _counts(Counter(t.action for t in report.told)),
        "alerts_per_week": round(alerts_per_week(replay), 3),
        "weeks": [
            {"week": week.monday.isoformat(), "messages": week.alerts, **_counts(week.changes)}
            for week in weeks_of(replay, report.told)
        ],
        "triggers": [{"trigger": n, **_counts(c)} for n, c in by_trigger(report.told)],
        "deployments": [{"deployment": n, **_counts(c)} for n, c in by_deployment(replay)],
        "alerts": [_alert(alert) for alert in replay.alerts],
        "told": [_told(t) for t in report.told if t.action in (Action.ALERT, Action.DIGEST)],
        "against": _against(report.difference) if report.difference else None,
        "labels": _labels(report.answers) if report.answers is not None else None,
    }


def _counts(counts: Mapping[Action, int]) -> dict[str, int]:
    return {action.value: counts.get(action, 0) for action in _COUNTED}


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "at": _iso(alert.created_at),
        "id": alert.id,
        "trigger": alert.trigger,
        "thread": alert.thread,
        "deployments": list(alert.deployments),
        "title": alert.title,
        "repos": list(repos_of(alert)),
    }


def _told(told: Told) -> dict[str, Any]:
    verdict = told.decision.verdict
    return {
        "at": _iso(told.at),
        "action": verdict.action.value,
        "trigger": verdict.trigger,
        "kind": verdict.change.kind.value,
        "repo_id": verdict.change.key.id,
        "deployments": list(told.deployments),
        "reason": verdict.reason,
        "checks": [
            {"name": c.name, "passed": c.passed, "wanted": c.wanted, "found": c.found} for c in verdict.checks
        ],
    }


def _against(difference: Difference) -> dict[str, Any]:
    def moved(moves: Iterable[Moved]) -> list[dict[str, Any]]:
        return [_alert(m.alert) | {"instead": m.instead} for m in moves]

    def kept(pairs: Iterable[Kept]) -> list[dict[str, Any]]:
        return [
            {"before": _alert(k.before), "after": _alert(k.after), "differs": list(k.differs)} for k in pairs
        ]

    return {
        "added": moved(difference.added),
        "dropped": moved(difference.dropped),
        "kept": kept(difference.kept),
        "digest": {
            "before": difference.digest_before,
            "after": difference.digest_after,
            "by_trigger": dict(difference.digest),
        },
    }


def _labels(answers: Sequence[Answer]) -> dict[str, Any]:
    scores = {
        action.value: {"precision": s.precision, "recall": s.recall, "f1": s.f1}
        for action in (Action.ALERT, Action.DIGEST)
        for s in [score(answers, action)]
    }
    table = confusion(answers)
    return {
        "rows": len(answers),
        "right": sum(a.right for a in answers),
        **scores,
        "confusion": {wanted.value: _counts(table[wanted]) for wanted in ACTIONS},
        "wrong": [
            {
                "line": a.label.line,
                "repo_id": a.label.repo_id,
                "date": a.label.day.isoformat(),
                "should_be": a.label.action.value,
                "was": a.got.value,
                "trigger": a.trigger,
                "reason": a.reason,
            }
            for a in answers
            if not a.right
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat().replace("+00:00", "Z") if moment else None
