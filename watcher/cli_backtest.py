"""`modelwatch backtest`: what a policy would have told, over the own log or a given one."""

import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from watcher import app
from watcher.cli_common import ConfigOption, JsonOption, configuration, print_json
from watcher.config_values import parse_duration
from watcher.inert import plain
from watcher.team import Team

if TYPE_CHECKING:
    from watcher.backtest import Options, Progress, Replay
    from watcher.backtest_labels import Label
    from watcher.types import Sight

MOST_PROBLEMS = 20  # named one by one; a file that is no log at all has one on every line


def backtest(
    history: Annotated[
        Path | None,
        typer.Argument(
            help="JSON lines as `modelwatch export` writes them; without it, your own log.",
            exists=True,
            dir_okay=False,
            show_default=False,
        ),
    ] = None,
    config: ConfigOption = None,
    since: Annotated[
        str | None, typer.Option(help="Judge from here on: 2026-03-01, or 90d before the history's end.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Judge up to here: 2026-03-31 (all of it), or 7d before the end.")
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV of repo_id, date and action (alert, digest, ignore): how right would it be?"),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Another configuration: what would it add, and what drop?")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Play a log through the policy: what would have been told, by week, trigger and deployment.

    Nothing is sent, and nothing is written. The same log and policy give the same answer, byte by byte.

    Examples:

      modelwatch backtest --since 90d

      modelwatch backtest log.jsonl --config team.yaml --against stricter.yaml

      modelwatch backtest log.jsonl --labels labels.csv --json

    Exit status: 0 done, 1 lines of the history were left out, 2 bad configuration, labels or usage.
    """
    from watcher.backtest_report import report, window
    from watcher.cli_backtest_show import as_document, show

    team = app.team_of(configuration(config))
    other = app.team_of(configuration(against)) if against else None
    marked = _labels(labels) if labels else None
    sights, problems = _history(history, team)
    name = str(history or app.store_path(team.config))
    if not sights:
        raise typer.BadParameter(_nothing(name, problems), param_hint="HISTORY")
    end = max(s.seen_at for s in sights)
    span = window(sights, _moment(since, "--since", end, time.min), _moment(until, "--until", end, time.max))
    if (begin := span["since"]) and (stop := span["until"]) and begin >= stop:
        raise typer.BadParameter(f"{begin:%Y-%m-%d %H:%M} is not before --until", param_hint="--since")
    span["corrections"] = app.corrections(team.config) if history is None else ()
    ours = _play(team, other, sights, span, "playing")
    theirs = _play(other, team, sights, span, "playing the other policy") if other else None
    found = report(ours, sights, team.authors, other=theirs, labels=marked)
    problems = [*problems, *ours.problems]
    if as_json:
        print_json(as_document(found, problems))
    else:
        show(found, name, str(config or "the configuration"), str(against or ""))
    _say(name, problems)
    if problems:
        raise typer.Exit(1)


def _play(team: Team, beside: Team | None, sights: "Sequence[Sight]", span: "Options", what: str) -> "Replay":
    """One policy over what it would have seen of a history that the accounts of both brought together."""
    from watcher.backtest_report import without

    seen = without(sights, team.authors, beside.authors) if beside else sights
    options: Options = {**span, "progress": _progress(what)}
    return app.play(team, seen, **options)


def _history(history: Path | None, team: Team) -> "tuple[Sequence[Sight], list[str]]":
    if history is None:
        return app.own_history(team.config)
    with history.open(encoding="utf-8", errors="replace") as lines:
        return app.read_history(lines)


def _nothing(name: str, problems: Sequence[str]) -> str:
    if not problems:
        return (
            f"{name} has no lines: modelwatch sync fills your own log, modelwatch export writes it to a file"
        )
    return f"no line of {name} can be played; the first: {plain(problems[0])}"


def _say(name: str, problems: Sequence[str]) -> None:
    for problem in problems[:MOST_PROBLEMS]:
        typer.echo(plain(f"{name}: {problem}"), err=True)
    if len(problems) > MOST_PROBLEMS:
        typer.echo(f"{plain(name)}: and {len(problems) - MOST_PROBLEMS} lines more were left out", err=True)


def _labels(path: Path) -> "list[Label]":
    from watcher.backtest_labels import LabelError, read_labels

    try:
        return read_labels(path.read_text(encoding="utf-8"), str(path))
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} is not UTF-8 text", param_hint="--labels") from None
    except OSError as error:
        raise typer.BadParameter(f"{path} can not be read: {error.strerror}", param_hint="--labels") from None
    except LabelError as error:
        raise typer.BadParameter(plain(str(error)), param_hint="--labels") from None


def _moment(text: str | None, option: str, end: datetime, of_day: time) -> datetime | None:
    """A date, with the time of day that it stands for here, or so long before the history's end."""
    if text is None:
        return None
    try:
        return end - parse_duration(text)
    except (ValueError, OverflowError):
        pass
    try:
        if len(text) == len("2026-03-01"):
            return datetime.combine(date.fromisoformat(text), of_day, UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is neither a date such as 2026-03-01 nor a span such as 90d"
        raise typer.BadParameter(message, param_hint=option) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _progress(what: str) -> "Progress":
    """A line on stderr that counts the rows, a hundred times at most; silent where nobody watches."""
    quiet = not sys.stderr.isatty()
    shown = -1

    def count(done: int, total: int) -> None:
        nonlocal shown
        share = 100 * done // max(total, 1)
        if quiet or share == shown:
            return
        shown = share
        sys.stderr.write(f"\r\033[K{what}: {done:,} of {total:,} lines")
        sys.stderr.write("\r\033[K" if done == total else "")
        sys.stderr.flush()

    return count
