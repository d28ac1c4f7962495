"""`modelwatch eval run`: the team's own prompts against an endpoint, graded, kept and compared."""

import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from watcher import app
from watcher.cli_common import ConfigOption, JsonOption, configuration, print_json
from watcher.cli_eval_say import (
    comparison_json,
    outcome_json,
    result_in_words,
    result_json,
    say,
    say_decisions,
    say_unknown,
    unknown_models,
)
from watcher.cli_eval_store import store_results
from watcher.evaluation_files import BadResults
from watcher.evaluation_prompts import Prompt, read_prompts, tasks_of
from watcher.inert import plain
from watcher.types import SourceError

if TYPE_CHECKING:
    from watcher.cli_eval_file import AnswersFile
    from watcher.evaluation_record import Recorded
    from watcher.evaluation_run import Grade

KEY_VARIABLE = "MODELWATCH_API_KEY"
_MOST_NAMED = 5
_LINE_EVERY_S = 15.0


def run(
    prompts: Annotated[Path, typer.Argument(help="JSON lines: id, prompt or messages, check.")],
    endpoint: Annotated[str, typer.Option(help="An OpenAI-compatible server: http://localhost:8000/v1")],
    model: Annotated[str, typer.Option(help="The name under which the endpoint serves the model.")],
    as_model: Annotated[
        str | None,
        typer.Option(help="Which model that is (org/name); without it, --model.", show_default=False),
    ] = None,
    task: Annotated[
        str | None,
        typer.Option(help="The evaluation set's name; without it, the file's.", show_default=False),
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=64, help="Questions at the same time.")] = 4,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first so many prompts.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = 120.0,
    api_key_file: Annotated[
        Path | None,
        typer.Option(help=f"A file with the key; without it, ${KEY_VARIABLE}.", show_default=False),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Where answers are kept; without it, beside the prompts.", show_default=False),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume/--fresh", help="Go on where an earlier run stopped, or ask all anew.")
    ] = True,
    send: Annotated[bool, typer.Option(help="Deliver the alerts that follow.")] = True,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask a model your own prompts, check the answers, and compare the score with the model in use.

    A line of the file: {"id": "vat-1", "prompt": "...", "check": {"contains": ["19 %"]}}. Checks: exact,
    contains, regex, json_schema. Every answer is on disk as it arrives; started again, the run goes on.
    Examples:

      modelwatch eval run helpdesk.jsonl --endpoint http://localhost:8000 --model Qwen/Qwen3.6-27B

      modelwatch eval run helpdesk.jsonl --endpoint http://gpu1:30000/v1 --model default \\
        --as-model google/gemma-4-31B-it --task helpdesk --concurrency 8

    Exit status: 0 done, 2 bad prompts or usage, 3 the endpoint failed, 130 stopped by Ctrl-C.
    """
    from watcher.cli_eval_file import AnswersInUse, answers_path, open_answers

    team = app.team_of(configuration(config))
    identity = as_model or model
    asked = _prompts(prompts, task or prompts.stem)[:limit]
    stop = threading.Event()
    with ExitStack() as stack:
        try:
            chat = stack.enter_context(
                app.open_chat(endpoint, model, _key(api_key_file), timeout_s=timeout, stop=stop)
            )
            file = stack.enter_context(
                open_answers(out or answers_path(prompts, identity), identity, fresh=not resume)
            )
        except (SourceError, AnswersInUse) as error:
            _refuse(str(error))
        trouble = _ask(asked, chat, file, concurrency)
        grades = _graded(asked, file)
    _finish(team, identity, f"{prompts.name} asked of {chat.origin}", grades, file, trouble, send, as_json)


def _refuse(text: str) -> NoReturn:
    for line in text.splitlines():
        say(f"modelwatch: {line}", err=True)
    raise typer.Exit(2)


def _prompts(path: Path, task: str) -> Sequence[Prompt]:
    from watcher.cli_eval_file import read_bytes

    try:
        prompts, warnings = read_prompts(str(path), read_bytes(path), task)
    except BadResults as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"{path}: {error.strerror}")
    for warning in warnings:
        say(f"warning: {warning}", err=True)
    return prompts


def _key(path: Path | None) -> str | None:
    if path is None:
        return os.environ.get(KEY_VARIABLE) or None
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError):
        raise typer.BadParameter(f"--api-key-file: {path} can not be read") from None


def _ask(prompts: Sequence[Prompt], chat: Any, file: "AnswersFile", concurrency: int) -> str | None:
    """Asks what is not answered yet; why it ended early, or None. Ctrl-C ends it with what is there."""
    from watcher.evaluation_run import Answer, GaveUp, ask_all

    waiting = [p for p in prompts if not _answered(p, file)]
    before = len(prompts) - len(waiting)
    earlier = f"{before} answered before, " if before else ""
    say(
        f"{len(prompts)} prompts: {earlier}{len(waiting)} to ask of {chat.origin}; answers in {file.path}",
        err=True,
    )
    if file.broken:
        say(f"warning: {file.path}: {file.broken} lines could not be read", err=True)
    with _Progress(len(prompts), before) as progress:
        try:
            for prompt, reply in ask_all(waiting, chat.ask, concurrency=concurrency):
                file.add(
                    Answer(
                        prompt_id=prompt.id,
                        asked=prompt.asked,
                        text=reply.text,
                        error=reply.error,
                        cut_off=reply.cut_off,
                        seconds=reply.seconds,
                    )
                )
                progress.step(failed=reply.text is None)
        except GaveUp as error:
            return f"the endpoint fails: {error}"
        except KeyboardInterrupt:
            return "stopped"
    return None


def _answered(prompt: Prompt, file: "AnswersFile") -> bool:
    known = file.known.get(prompt.id)
    return known is not None and known.text is not None and known.asked == prompt.asked


def _graded(prompts: Sequence[Prompt], file: "AnswersFile") -> "list[Grade]":
    from watcher.evaluation_guard import Grader
    from watcher.evaluation_run import grade

    current = {p.id: p.asked for p in prompts}
    answers = {name: a for name, a in file.known.items() if current.get(name) == a.asked}
    with Grader() as grader:
        return grade(prompts, answers, grader)


def _finish(
    team: app.Team,
    model: str,
    source: str,
    grades: "Sequence[Grade]",
    file: "AnswersFile",
    trouble: str | None,
    send: bool,
    as_json: bool,
) -> None:
    """Keeps a complete run and says what it means; an incomplete one is only counted."""
    from watcher.evaluation_record import Recorded
    from watcher.evaluation_run import evaluations_of

    results = [] if trouble else evaluations_of(grades, model, source)
    tasks = tasks_of([g.prompt for g in grades])
    recorded = Recorded()
    if results:
        recorded = store_results(team, results, datetime.now(UTC), keep=True, send=send, quiet=as_json)
    complete = len(results) == len(tasks)
    if as_json:
        print_json(_run_json(model, results, grades, file, recorded, trouble))
    else:
        _say_grades(grades, file)
        for result in results:
            say(result_in_words(result))
        if results:
            say_unknown(unknown_models(team, [model]))
            say_decisions(team, recorded, tasks)
    if trouble or not complete:
        why = trouble or "too many prompts have no answer for their score to count"
        say(f"modelwatch: {why}. Start it again to go on.", err=True)
        raise typer.Exit(130 if trouble == "stopped" else 3)


def _say_grades(grades: "Sequence[Grade]", file: "AnswersFile") -> None:
    missing = [g for g in grades if g.right is None]
    for g in missing[:_MOST_NAMED]:
        say(f"no result: {g.prompt.id}: {g.why}", err=True)
    if len(missing) > _MOST_NAMED:
        say(f"no result: {len(missing) - _MOST_NAMED} more, see {file.path}", err=True)
    cut = sum(g.cut_off for g in grades)
    if cut:
        say(
            f"{cut} answers ended at max_tokens and are judged as they are: allow more if that is too few",
            err=True,
        )
    right = sum(g.right is True for g in grades)
    say(f"{right} right, {len(grades) - right - len(missing)} wrong, {len(missing)} without a result.")


def _run_json(
    model: str,
    results: Sequence[Any],
    grades: "Sequence[Grade]",
    file: "AnswersFile",
    recorded: "Recorded",
    trouble: str | None,
) -> dict[str, Any]:
    return {
        "model": model,
        "results": [result_json(e) for e in results],
        "prompts": len(grades),
        "right": sum(g.right is True for g in grades),
        "wrong": sum(g.right is False for g in grades),
        "no_result": [{"id": g.prompt.id, "why": g.why} for g in grades if g.right is None],
        "cut_off": sum(g.cut_off for g in grades),
        "answers": str(file.path),
        "error": trouble,
        "stored": bool(results),
        "comparisons": [comparison_json(d, c) for d, c in recorded.comparisons],
        **outcome_json(recorded.outcome),
    }


class _Progress:
    """A bar on a terminal, a line now and then elsewhere; on stderr, so that answers stay clean."""

    def __init__(self, total: int, done: int) -> None:
        self._total, self._done, self._failed = total, done, 0
        self._next = time.monotonic() + _LINE_EVERY_S
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> "_Progress":
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
            self._bar = Progress(
                *columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True
            )
            self._bar.start()
            self._task = self._bar.add_task("asking", total=self._total, completed=self._done)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar:
            self._bar.stop()

    def step(self, *, failed: bool) -> None:
        self._done += 1
        self._failed += failed
        said = f"asking ({self._failed} without an answer)" if self._failed else "asking"
        if self._bar:
            self._bar.update(self._task, completed=self._done, description=plain(said))
        elif time.monotonic() >= self._next or self._done == self._total:
            self._next = time.monotonic() + _LINE_EVERY_S
            say(f"{self._done} of {self._total} {said.removeprefix('asking').strip()}".rstrip(), err=True)
