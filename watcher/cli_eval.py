"""`modelwatch eval`: results of evaluations come in (import, run) and are looked at (show)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from watcher import app
from watcher.cli_common import ConfigOption, JsonOption, configuration, print_json, print_table
from watcher.cli_eval_run import run
from watcher.cli_eval_say import (
    comparison_json,
    outcome_json,
    result_json,
    say,
    say_decisions,
    say_unknown,
    unknown_models,
    users_of,
)
from watcher.cli_eval_store import store_results
from watcher.evaluation_compare import (
    Results,
    against_in_use,
    gain_in_words,
    hears_of,
    interval,
    percent,
)
from watcher.evaluation_files import BadResults, Parsed, read_results
from watcher.types import Comparison, Evaluation, Graded

if TYPE_CHECKING:
    from watcher.evaluation_record import Recorded

commands = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Evaluation results: bring them in, run your own prompts, see what they say.

    More than policy.evaluation_gain better than the model in use, on a deployment's own evaluation set and
    beyond chance, is an alert (docs/evaluate.md). Examples:

      modelwatch eval import scores.csv

      modelwatch eval run helpdesk.jsonl --endpoint http://localhost:8000 --model Qwen/Qwen3.6-27B

      modelwatch eval show --task helpdesk
    """,
)
commands.command("run")(run)


@dataclass(frozen=True, kw_only=True, slots=True)
class _File:
    """One file: what it holds and what became of it, or why it was refused."""

    name: str
    parsed: Parsed | None = None
    recorded: "Recorded | None" = None
    error: str | None = None


@commands.command("import")
def import_(
    files: Annotated[
        list[Path], typer.Argument(help="CSV, results_*.json of lm-evaluation-harness, Inspect logs.")
    ],
    task: Annotated[
        str | None,
        typer.Option(help="The task, where a file names none; one of several; or its only one's name."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model (org/name), in the same three ways.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen; keep nothing.")] = False,
    send: Annotated[bool, typer.Option(help="Deliver the alerts that follow.")] = True,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read scores from files, compare them with the models in use and decide.

    A CSV has columns model, task, score and, if you have them, samples, stderr, date, metric. Each file
    counts as a whole or not at all; importing it again changes nothing. Examples:

      modelwatch eval import scores.csv

      modelwatch eval import results_2026-04-01.json --model Qwen/Qwen3.6-27B --task helpdesk

      modelwatch eval import logs/*.eval --dry-run
    """
    team, now = app.team_of(configuration(config)), datetime.now(UTC)
    done = [
        _import(team, path, task, model, now, keep=not dry_run, send=send, quiet=as_json) for path in files
    ]
    names = [e.model for f in done if f.parsed for e in f.parsed.results]
    unknown = unknown_models(team, names)
    if as_json:
        print_json(_import_json(done, unknown, stored=not dry_run))
    else:
        say_unknown(unknown)
    if any(f.error for f in done):
        raise typer.Exit(2)


def _import(
    team: app.Team,
    path: Path,
    task: str | None,
    model: str | None,
    now: datetime,
    *,
    keep: bool,
    send: bool,
    quiet: bool,
) -> _File:
    from watcher.cli_eval_file import read_bytes

    try:
        parsed = read_results(str(path), read_bytes(path), now=now, task=task, model=model)
    except (BadResults, OSError) as error:
        text = f"{path}: {error.strerror or error}" if isinstance(error, OSError) else str(error)
        for line in text.splitlines():
            say(f"modelwatch: {line}", err=True)
        return _File(name=str(path), error=text)
    results = [_from(e, path) for e in parsed.results]
    recorded = store_results(team, results, now, keep=keep, send=send, quiet=quiet)
    found = _File(name=str(path), parsed=parsed, recorded=recorded)
    if not quiet:
        _say_file(team, found, recorded, dry_run=not keep)
    return found


def _from(e: Evaluation, path: Path) -> Evaluation:
    """The source without its folder, which is nobody's business."""
    return replace(e, source=path.name)


def _say_file(team: app.Team, found: _File, recorded: "Recorded", *, dry_run: bool) -> None:
    parsed = found.parsed
    assert parsed is not None
    models, tasks = {e.model for e in parsed.results}, sorted({e.task for e in parsed.results})
    held = f"{_count(len(parsed.results), 'result')} of {_count(len(models), 'model')}"
    say(f"{found.name}: {parsed.format}, {held} on {_count(len(tasks), 'task')}")
    for note in parsed.notes:
        say(f"  {note}")
    for warning in parsed.warnings:
        say(f"  warning: {warning}", err=True)
    kept = "would be kept (--dry-run)" if dry_run else "kept"
    say(
        f"  {len(recorded.fresh)} {kept}, {recorded.unchanged} known already"
        + (f", {recorded.superseded} of them older than what is known" if recorded.superseded else "")
    )
    say_decisions(team, recorded, tasks if len(tasks) <= 3 else [])


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def _import_json(
    done: Sequence[_File], unknown: dict[str, tuple[str, ...]], *, stored: bool
) -> dict[str, Any]:
    from watcher.rules import Outcome

    outcome = Outcome()
    for f in done:
        if f.recorded:
            outcome.add(f.recorded.outcome)
    return {
        "files": [
            {
                "file": f.name,
                "format": f.parsed.format if f.parsed else None,
                "results": len(f.parsed.results) if f.parsed else 0,
                "kept": len(f.recorded.fresh) if f.recorded else 0,
                "unchanged": f.recorded.unchanged if f.recorded else 0,
                "superseded": f.recorded.superseded if f.recorded else 0,
                "notes": list(f.parsed.notes) if f.parsed else [],
                "warnings": list(f.parsed.warnings) if f.parsed else [],
                "error": f.error,
            }
            for f in done
        ],
        "stored": stored,
        "comparisons": [comparison_json(d, c) for f in done if f.recorded for d, c in f.recorded.comparisons],
        "unknown_models": [{"model": name, "nearest": list(near)} for name, near in unknown.items()],
        **outcome_json(outcome),
    }


@commands.command()
def show(
    task: Annotated[str | None, typer.Option(help="One task.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """The latest results side by side, with 95 % intervals and the gain over the model in use.

    Examples:

      modelwatch eval show

      modelwatch eval show --task helpdesk --json
    """
    team = app.team_of(configuration(config))
    rows = app.questions().evaluations(app.store_path(team.config), task=task)
    results = [_evaluation(row) for row in rows]
    found = [(e, _comparisons(team, e, results)) for e in results]
    if as_json:
        deployments = team.stack.deployments
        print_json(
            [
                result_json(e)
                | {"in_use_by": users_of(deployments, e.model)}
                | {"comparisons": [comparison_json(d, c) for d, c in comparisons]}
                for e, comparisons in found
            ]
        )
        return
    if not found:
        say("No results yet: modelwatch eval import FILE, or modelwatch eval run PROMPTS.")
        return
    for name in dict.fromkeys(e.task for e in results):
        _table(team, name, [(e, c) for e, c in found if e.task.casefold() == name.casefold()])


def _evaluation(row: dict[str, Any]) -> Evaluation:
    return Evaluation(
        model=row["model"],
        task=row["task"],
        metric=row["metric"],
        score=row["score"],
        samples=row["samples"],
        stderr=row["stderr"],
        source=row["source"],
        at=datetime.fromisoformat(row["at"]),
        items=tuple(Graded(prompt=prompt, right=right) for prompt, right in row["items"]),
        position=row["position"],
    )


def _comparisons(
    team: app.Team, e: Evaluation, results: Sequence[Evaluation]
) -> list[tuple[str, Comparison]]:
    """How a result compares with the model in use, for each deployment whose evaluation set it is on."""
    by_model: dict[str, list[Evaluation]] = defaultdict(list)
    for other in results:
        if other.task.casefold() == e.task.casefold():
            by_model[other.model.casefold()].append(other)
    own: Results = {**by_model, e.model.casefold(): [e]}
    return [
        (d.name, found)
        for d in team.stack.deployments
        if hears_of(d, e.task) and d.name not in users_of([d], e.model)
        if (found := against_in_use(e.model, own, d)) is not None
    ]


def _table(
    team: app.Team, task: str, found: Sequence[tuple[Evaluation, Sequence[tuple[str, Comparison]]]]
) -> None:
    columns = [
        ("model", "left"),
        ("metric", "left"),
        ("score", "right"),
        ("95 %", "left"),
        ("answers", "right"),
    ]
    columns += [("on", "left"), ("from", "left"), ("against the model in use", "left")]
    ordered = sorted(found, key=lambda pair: (pair[0].metric, -pair[0].score))
    print_table(task, columns, [_cells(team, e, comparisons) for e, comparisons in ordered])


def _cells(team: app.Team, e: Evaluation, comparisons: Sequence[tuple[str, Comparison]]) -> list[object]:
    found = interval(e)
    users = users_of(team.stack.deployments, e.model)
    said = [f"in use by {', '.join(users)}"] if users else []
    said += [f"{name}: {gain_in_words(c)}" for name, c in comparisons]
    return [
        e.model,
        e.metric,
        percent(e.score),
        f"{percent(found.low)} to {percent(found.high or 1.0)}" if found else "not stated",
        f"{e.samples:,}" if e.samples else "?",
        f"{e.at:%Y-%m-%d}" if e.at else "?",
        e.source,
        "; ".join(said),
    ]
