"""`modelwatch fit`: does this model run on my hardware, and how well? And `fit calibrate`."""

import os
import shutil
import sys
from collections import defaultdict
from typing import TYPE_CHECKING, Annotated

import typer

from watcher import app
from watcher.cli_calibrate import calibrate
from watcher.cli_common import (
    ConfigOption,
    CsvOption,
    JsonOption,
    configuration,
    print_csv,
    print_json,
    print_table,
)
from watcher.cli_fit_group import MODEL, FitGroup, ModelCommand
from watcher.config_values import Engine
from watcher.inert import plain
from watcher.types import FitVerdict, Load, Settings

if TYPE_CHECKING:
    from watcher.cli_fit_ask import Answer, Model, Question

GIB = 1024**3
_ORDER = {FitVerdict.NO: 0, FitVerdict.TIGHT: 1, FitVerdict.FITS: 2}
_NARROW, _WIDE = 80, 110

commands = typer.Typer(
    cls=FitGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Does a model run on your hardware, and how well? Memory, users, context, speed, the command.

    MODEL is a repo of the catalog or the Hub (org/name), a folder, a config.json, a .gguf or .safetensors
    file, or a name that we know, such as llama-3.1-8b. For one machine the answer is an explanation, for
    several a table; of several weights the best that fits is taken. Examples:

      modelwatch fit Qwen/Qwen3-32B-FP8 --on h100-sxm-80gb --context 32k

      modelwatch fit unsloth/Qwen3.6-27B-GGUF --on dgx-spark,2xh200-sxm --users 10

      modelwatch fit ./model-Q4_K_M.gguf --on memory=96GB,bandwidth=1792GB/s

      modelwatch fit calibrate server.log --on h100-sxm-80gb --dry-run
    """,
)
commands.command("calibrate")(calibrate)


@commands.command(MODEL, cls=ModelCommand, hidden=True)
def fit(
    model: Annotated[str, typer.Argument(help="A repo, a folder, a file, or a model's name.")],
    on: Annotated[
        list[str] | None,
        typer.Option(help="Machines of yours or devices: h100, 2xh200-sxm, memory=96GB,bandwidth=1792GB/s."),
    ] = None,
    hardware: Annotated[list[str] | None, typer.Option(hidden=True)] = None,
    users: Annotated[int, typer.Option(min=1, max=100_000, help="Users at once.")] = 1,
    context: Annotated[str, typer.Option(help="Tokens of context for each: 32768 or 32k.")] = "8192",
    engine: Annotated[Engine | None, typer.Option(help="What suits best if not given.")] = None,
    quant: Annotated[str | None, typer.Option(help="Only this format or label: q4, fp8, Q4_K_M, ...")] = None,
    kv_dtype: Annotated[str | None, typer.Option(help="Type of the cache: fp8, q8_0, ...")] = None,
    tp: Annotated[int | None, typer.Option(min=1, max=1024, help="Devices that share the model.")] = None,
    utilisation: Annotated[
        float | None,
        typer.Option("--utilisation", "--utilization", help="Share of the device's memory, 0 to 1."),
    ] = None,
    max_batched_tokens: Annotated[
        int | None, typer.Option(min=1, max=2**24, help="Most tokens in one step of the engine.")
    ] = None,
    eager: Annotated[bool, typer.Option("--eager", help="Without CUDA graphs.")] = False,
    engine_year: Annotated[
        int | None, typer.Option(min=2022, max=2100, help="When the engine was released.")
    ] = None,
    weights_bytes: Annotated[
        str | None, typer.Option(help="The size of the weights, where you know better: 40GB, 37.5GiB.")
    ] = None,
    every_file: Annotated[
        bool, typer.Option("--files", help="All weights of the repo, not the best.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
    as_csv: CsvOption = False,
) -> None:
    """Estimate memory, users, context and speed of a model's weights on your hardware.

    One machine is explained, several are a table. Examples:

      modelwatch fit Qwen/Qwen3.6-27B --on dgx-spark

      modelwatch fit unsloth/Qwen3.6-27B-GGUF --users 10 --context 32k --json
    """
    from watcher.cli_fit_ask import BadSize, Question, answers
    from watcher.cli_fit_model import model_of
    from watcher.cli_fit_options import (
        checked_quant,
        checked_settings,
        context_tokens,
        pools_named,
        size_bytes,
    )

    if as_json and as_csv:
        raise typer.BadParameter("--json and --csv are two answers: give one of them")
    team = app.team_of(configuration(config))
    pools = pools_named([*(on or ()), *(hardware or ())], team.stack.hardware)
    settings = checked_settings(
        Settings(
            utilisation=utilisation,
            batched_tokens=max_batched_tokens,
            cache_dtype=kv_dtype,
            tensor_parallel=tp,
            eager=eager,
            engine_year=engine_year,
        )
    )
    load = Load(users=users, context_tokens=context_tokens(context))
    size = size_bytes(weights_bytes) if weights_bytes else None
    asked = model_of(team, model, quant)
    question = Question(
        load=load,
        engine=engine,
        quant=checked_quant(quant, (v.label for v in asked.variants)),
        settings=settings,
        weights_bytes=size,
        deployments=team.stack.deployments,
        corrections=app.corrections(team.config),
    )
    try:
        found = answers(asked, pools, question)
    except BadSize as error:
        raise typer.BadParameter(f"--weights-bytes: {error}") from None
    found = found if every_file else best(found)
    if as_json or as_csv:
        _for_programs(asked, found, as_csv=as_csv)
    elif not found:
        _nothing(asked)
    elif len(found) == 1:
        _explained(asked, found[0])
    else:
        _table(asked, question, found)
        if not (on or hardware or team.stack.hardware):
            typer.echo(
                "These are three usual machines: --on names others, `hardware` in the configuration yours"
            )


def best(found: "list[Answer]") -> "list[Answer]":
    """For each machine the largest weights that fit, or are tight; where none does, the smallest."""
    chosen: dict[str, Answer] = {}
    for answer in found:
        chosen[answer.fit.hardware] = max(chosen.get(answer.fit.hardware, answer), answer, key=_merit)
    return list(chosen.values())


def _merit(answer: "Answer") -> tuple[int, int]:
    rank = _ORDER[answer.fit.verdict]
    size = answer.fit.weights.bytes
    return rank, size if rank else -size


def _for_programs(model: "Model", found: "list[Answer]", *, as_csv: bool) -> None:
    from watcher.cli_fit_json import COLUMNS, fit_json

    rows = [fit_json(model, answer) for answer in found]
    if as_csv:
        print_csv(rows, COLUMNS)
    else:
        print_json(rows[0] if len(rows) == 1 else rows)
    if not rows:
        raise typer.Exit(1)


def _nothing(model: "Model") -> None:
    there = ", ".join(dict.fromkeys(v.label for v in model.variants if v.size_bytes))
    why = f"there are {there}" if there else "its files or parameters may not be stated"
    typer.echo(plain(f"No weights of {model.name} are known in that format; {why}."))
    for note in model.notes:
        typer.echo(plain(f"note: {note}"))
    raise typer.Exit(1)


def _explained(model: "Model", answer: "Answer") -> None:
    from rich.console import Console
    from rich.text import Text

    from watcher.cli_fit_explain import ASCII, BLOCKS, explain

    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() or "COLUMNS" in os.environ else 100
    width = max(_NARROW, min(_WIDE, columns))
    signs = BLOCKS if _can_show(BLOCKS.full + BLOCKS.free + BLOCKS.little + "".join(BLOCKS.ruler)) else ASCII
    colour = {"fits": "green", "tight": "yellow", "no": "red"}[answer.fit.verdict.value]
    console = Console(highlight=False, soft_wrap=True)
    for index, line in enumerate(explain(model, answer, signs=signs, width=width)):
        console.print(Text(line, style=colour if index == 1 else ""))


def _can_show(text: str) -> bool:
    """Whether the terminal, or what reads us, takes these characters."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _table(model: "Model", question: "Question", found: "list[Answer]") -> None:
    load = question.load
    columns = [("weights", "left"), ("hardware", "left"), ("engine", "left"), ("verdict", "left")]
    columns += [
        ("GiB per device", "right"),
        ("users", "right"),
        ("context", "right"),
        ("tok/s per user", "right"),
    ]
    users = "1 user" if load.users == 1 else f"{load.users:,} users"
    title = f"{plain(model.name)}: {users} with {load.context_tokens:,} tokens"
    print_table(title, columns, [_cells(answer) for answer in found])
    several = len({answer.variant.label for answer in found}) > 1
    said: dict[str, list[str]] = defaultdict(list)
    for answer in found:
        fit = answer.fit
        where = f"{answer.variant.label} on {fit.hardware}" if several else fit.hardware
        for note in (*fit.notes, *(f"corrected by your own measurement: {c}" for c in fit.corrections)):
            said[note].append(where)
    for note, places in said.items():
        everywhere = "" if len(places) == len(found) else f"{_listed(places)}: "
        typer.echo(plain(f"note: {everywhere}{note}"))
    typer.echo("One of them explained: --on NAME" + (" --quant LABEL" if several else ""))


def _listed(places: list[str]) -> str:
    shown = list(dict.fromkeys(places))
    return ", ".join(shown[:4]) + (f" and {len(shown) - 4} more" if len(shown) > 4 else "")


def _cells(answer: "Answer") -> list[object]:
    from watcher.cli_fit_explain import span

    fit = answer.fit
    speed = fit.decode_tokens_per_second
    guessed = "?" if fit.kv_cache.source == "guess" else "-"
    shown = speed and fit.verdict is not FitVerdict.NO and guessed == "-"
    return [
        answer.variant.label,
        fit.hardware,
        fit.engine,
        fit.verdict.value,
        f"{fit.required_bytes / GIB:,.1f} of {fit.budget_bytes / GIB:,.1f}",
        f"{fit.max_users:,}",
        f"{fit.max_context:,}",
        span(speed) if speed and shown else guessed,
    ]
