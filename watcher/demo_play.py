"""Playing the demo: the stand-in's clock moves week by week, a round runs, and people see what came of it."""

import html
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import typer

from watcher import app
from watcher.cli_common import print_json, read_config
from watcher.demo import CONFIG, Story, Week
from watcher.inert import plain
from watcher.types import Action, Verdict


def play(folder: Path, *, as_json: bool) -> Story:
    """Plays all weeks with a fresh database in folder, and prints them as they happen."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("demo.db", "demo.db-wal", "demo.db-shm"):
        (folder / name).unlink(missing_ok=True)
    story = Story()
    with app.demo_hub() as (hub, weeks):
        text = CONFIG.format(folder=folder.resolve(), endpoint=hub.url)
        (folder / "modelwatch.yaml").write_text(text, encoding="utf-8")
        config = read_config(text, "demo")
        team = app.team_of(config)
        if not as_json:
            _say_team(
                len(team.authors),
                [f"{d.name}: {d.model} on {d.hardware.name}" for d in team.stack.deployments],
            )
        with app.open_store(config) as store:
            for number, at in enumerate(weeks, 1):
                hub.now = at
                source = app.open_source(config)
                report = app.sync(
                    team, store, source, now=at, channels=("slack",), progress=_progress(as_json, number)
                )
                week = story.add(at, report, store.count_repos())
                if not as_json:
                    _say_week(number, week)
    if as_json:
        print_json(story.as_json(app.alert_json))
    else:
        _say_end(story)
    return story


def _progress(quiet: bool, week: int) -> app.Progress:
    def show(author: str, index: int, total: int) -> None:
        if not quiet and sys.stderr.isatty():
            sys.stderr.write(f"\r\033[Kweek {week}: polling {author} ({index + 1} of {total})")
            if index + 1 == total:
                sys.stderr.write("\r\033[K")
            sys.stderr.flush()

    return show


def _say_team(authors: int, deployments: Sequence[str]) -> None:
    typer.echo(
        "Eight weeks of the Hub, March and April 2026: real repos and figures, some events staged so that"
    )
    typer.echo("every rule shows (sources/standin/history/README.md says which).")
    typer.echo(f"A team runs {len(deployments)} models on its GPUs; modelwatch watches {authors} accounts.")
    for deployment in deployments:
        typer.echo(f"  {deployment}")


def _say_week(number: int, week: Week) -> None:
    typer.echo("")
    typer.echo(
        _rule(f"Week {number}, {week.at:%a %d %B %Y}: {week.requests} requests, {week.repos} repos known")
    )
    if week.baseline:
        typer.echo("First sight: recorded as the baseline. Nothing is news yet, so nobody is told anything.")
        return
    for alert in week.alerts:
        typer.echo("")
        for message in app.alert_slack(alert):
            typer.echo("\n".join(f"  ┃ {line}" for line in _in_slack(message).splitlines()))
    for action, heading in (
        (Action.DIGEST, "For the digest"),
        (Action.HOLD, "Held, to be judged again"),
    ):
        rows = _reasons(week.verdicts, action)
        if rows:
            typer.echo(f"\n{heading}:")
        for row in rows:
            typer.echo(f"  - {row}")
    _say_ignored(week)


def _in_slack(message: str) -> str:
    """A message as Slack shows it: marks become what they mean, in bold where the terminal can."""
    bold = "\033[1m\\1\033[0m" if sys.stdout.isatty() else "\\1"
    shown = re.sub(r"<(https?://[^|>]+)\|([^>]*)>", r"\2: \1", message)
    shown = re.sub(r"^\*(.+)\*$", bold, shown, flags=re.MULTILINE)
    return html.unescape(shown)


def _reasons(verdicts: Sequence[Verdict], action: Action) -> list[str]:
    """One line per release and rule, from the rule nearest to a deployment; the first repo speaks."""
    told = {v.change for v in verdicts if v.action is Action.ALERT}
    nearest: dict[str, Verdict] = {}
    for v in verdicts:
        if v.action is action and v.change not in told:
            known = nearest.setdefault(v.change.key.id, v)
            nearest[v.change.key.id] = v if known.trigger == "version" else known
    groups: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    for v in nearest.values():
        groups[v.change.lineage.thread, v.trigger].append(v)
    return [_line(group, {change.lineage.thread for change in told}) for group in groups.values()]


def _line(group: Sequence[Verdict], told: set[str]) -> str:
    first = group[0]
    more = f" and {len(group) - 1} more" if len(group) > 1 else ""
    also = " (same release as an alert)" if first.change.lineage.thread in told else ""
    return plain(f"{first.change.key.id}{more}: {first.reason}{also}")


def _say_ignored(week: Week) -> None:
    """What nobody was told, and why: counted by reason, with an example each."""
    decided = {v.change for v in week.verdicts if v.action is not Action.IGNORE}
    ignored = {v.change: v for v in week.verdicts if v.action is Action.IGNORE and v.change not in decided}
    if not ignored:
        return
    typer.echo("\nNot told, and why:")
    counts = Counter(v.trigger for v in ignored.values())
    for trigger, count in counts.most_common():
        example = next(v for v in ignored.values() if v.trigger == trigger)
        typer.echo(plain(f"  - {count} x {trigger}: e.g. {example.change.key.id}: {example.reason}"))


def _say_end(story: Story) -> None:
    alerts = [alert for week in story.weeks for alert in week.alerts]
    counts = Counter(v.action for week in story.weeks for v in week.verdicts)
    typer.echo("")
    typer.echo(_rule("The eight weeks in one look"))
    typer.echo(
        f"{story.repos} repos, {len(story.weeks)} polls, {story.changes} changes: {len(alerts)} alerts."
    )
    typer.echo(
        f"Decisions: {', '.join(f'{counts[a]} {a.value}' for a in Action)} (one per change and deployment)."
    )
    for alert in alerts:
        typer.echo(f"  {alert.created_at:%d %b}  {plain(alert.title)}")
    typer.echo("The digest is no message yet: modelwatch changes --action digest shows it.")
    typer.echo("Next: modelwatch init, then modelwatch sync, to watch the real Hub for your own GPUs.")


def _rule(text: str) -> str:
    return f"== {text} " + "=" * max(0, 100 - len(text))
