"""`modelwatch fit`: does this model run on my hardware, and how well?"""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from watcher import app
from watcher.cli_common import ConfigOption, JsonOption, configuration, print_json, print_table
from watcher.config_errors import did_you_mean
from watcher.config_values import Engine
from watcher.inert import plain
from watcher.types import Fit, FitRecord, FitVerdict, Hardware, Load

GIB = 1024**3


def fit(
    model: Annotated[str, typer.Argument(help="A repo on the Hub: org/name. Known ones need no network.")],
    hardware: Annotated[
        str | None, typer.Option(help="A machine of yours, or a device such as h100-sxm-80gb.")
    ] = None,
    users: Annotated[int, typer.Option(min=1, help="Users at once.")] = 1,
    context: Annotated[int, typer.Option(min=1, help="Tokens of context for each.")] = 8192,
    engine: Annotated[Engine | None, typer.Option(help="By format if not given.")] = None,
    quant: Annotated[str | None, typer.Option(help="Only this format or label: q4, fp8, Q4_K_M, ...")] = None,
    every_file: Annotated[
        bool, typer.Option("--files", help="All weights of the repo, not the best.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Estimate memory, users, context and speed of a model's weights on your hardware.

    Of several weights in a repo the best that fits is shown, for each machine. Examples:

      modelwatch fit Qwen/Qwen3.6-27B --hardware dgx-spark

      modelwatch fit unsloth/Qwen3.6-27B-GGUF --users 10 --context 32768 --json
    """
    settings = configuration(config)
    team = app.team_of(settings)
    pools = _pools(team.stack.hardware, hardware)
    entry, base = app.entry_of(team, model, datetime.now(UTC))
    from watcher import assess

    load = Load(users=users, context_tokens=context)
    rows = assess.what_if(entry, base, pools, load, engine=engine, quant=quant)
    rows = rows if every_file else _best(rows)
    if as_json:
        answers = [fit_json(row) for row in rows]
        print_json(answers[0] if len(answers) == 1 else answers)
        return
    if not rows:
        typer.echo(
            f"No weights of {model} are known in that format; its files or parameters may not be stated."
        )
        raise typer.Exit(1)
    _print(model, load, rows)


def _best(rows: list[FitRecord]) -> list[FitRecord]:
    """For each machine the largest weights that fit, or are tight; where none does, the smallest."""
    best: dict[str, FitRecord] = {}
    for row in rows:
        best[row.fit.hardware] = max(best.get(row.fit.hardware, row), row, key=_merit)
    return list(best.values())


def _merit(row: FitRecord) -> tuple[int, int]:
    rank = {FitVerdict.NO: 0, FitVerdict.TIGHT: 1, FitVerdict.FITS: 2}[row.fit.verdict]
    size = row.fit.weights.bytes
    return rank, size if rank else -size


def _pools(own: tuple[Hardware, ...], name: str | None) -> list[Hardware]:
    from watcher.fit.devices import devices

    if name is None:
        if own:
            return list(own)
        return [
            Hardware(name=key, device=devices()[key])
            for key in ("h100-sxm-80gb", "h200-sxm-141gb", "dgx-spark")
        ]
    for pool in own:
        if pool.name == name:
            return [pool]
    if name not in devices():
        known = [*(pool.name for pool in own), *sorted(devices())]
        raise typer.BadParameter(
            f"--hardware {name!r} is neither yours nor a known device{did_you_mean(name, known)}; "
            f"there are: {', '.join(known)}"
        )
    return [Hardware(name=name, device=devices()[name])]


def fit_json(record: FitRecord) -> dict[str, Any]:
    """design.md section 8, `fit --json`, one object per set of weights and pool."""
    f = record.fit
    terms = {name: getattr(f, name) for name in ("weights", "kv_cache", "state", "activations", "overhead")}
    speeds = {
        "decode_tokens_per_second": f.decode_tokens_per_second,
        "total_tokens_per_second": f.total_tokens_per_second,
    }
    return {
        "model": record.repo_id,
        "label": record.label,
        "hardware": f.hardware,
        "engine": f.engine,
        "context": f.load.context_tokens,
        "users": f.load.users,
        "verdict": f.verdict.value,
        "budget_bytes": f.budget_bytes,
        "terms": {name: {"bytes": term.bytes, "source": term.source} for name, term in terms.items()},
        "kv_bytes_per_token": f.kv_bytes_per_token,
        "max_users": f.max_users,
        "max_context": f.max_context,
        **{
            name: {"low": s.low, "expected": s.expected, "high": s.high} if s else None
            for name, s in speeds.items()
        },
        "prefill_seconds": f.prefill_seconds,
        "notes": list(f.notes),
    }


def _print(model: str, load: Load, rows: list[FitRecord]) -> None:
    columns = [("weights", "left"), ("hardware", "left"), ("engine", "left"), ("verdict", "left")]
    columns += [(name, "right") for name in ("weights GiB", "cache", "other", "needs", "of")]
    columns += [("users (memory)", "right"), ("context", "right"), ("tok/s per user", "right")]
    cells = [_cells(row) for row in rows]
    users = "1 user" if load.users == 1 else f"{load.users} users"
    print_table(f"{plain(model)}: {users} with {load.context_tokens:,} tokens", columns, cells)
    notes = [(row.label, row.fit.hardware, note) for row in rows for note in row.fit.notes]
    for label, hardware, note in dict.fromkeys(notes):
        typer.echo(plain(f"note: {label} on {hardware}: {note}"))


def _cells(row: FitRecord) -> list[object]:
    f: Fit = row.fit
    speed = f.decode_tokens_per_second
    fits = f.verdict is not FitVerdict.NO
    other = f.activations.bytes + f.overhead.bytes
    sizes = (f.weights.bytes, f.kv_cache.bytes + f.state.bytes, other, f.required_bytes, f.budget_bytes)
    guessed = "?" if f.kv_cache.source == "guess" else "-"
    return [
        row.label,
        f.hardware,
        f.engine,
        f.verdict.value,
        *(f"{size / GIB:.1f}" for size in sizes),
        f.max_users,
        f"{f.max_context:,}",
        f"{speed.low:.0f}-{speed.high:.0f}" if speed and fits and guessed == "-" else guessed,
    ]
