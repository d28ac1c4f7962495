"""Commands that get a team started: init, check and channels test."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from watcher import app, checks
from watcher.cli_common import DEFAULT_CONFIG, ConfigOption, JsonOption, configuration, print_json
from watcher.config import Config
from watcher.inert import plain

channels = typer.Typer(
    no_args_is_help=True, help="Try the channels that alerts go to.", rich_markup_mode=None
)


def init(
    file: Annotated[Path, typer.Argument(help="The file to write.")] = Path(DEFAULT_CONFIG),
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
) -> None:
    """Write a starter configuration with the GPUs of this machine; asks nothing.

    Example:

      modelwatch init team.yaml
    """
    from watcher.fit.devices import devices
    from watcher.gpus import detect_gpus, starter_config

    if file.exists() and not force:
        typer.echo(
            f"modelwatch: {file} exists already; write elsewhere, or add --force to replace it", err=True
        )
        raise typer.Exit(2)
    gpus = detect_gpus()
    file.write_text(starter_config(gpus, devices()), encoding="utf-8")
    seen = (
        ", ".join(f"{gpu.count} x {gpu.name}" for gpu in gpus)
        or "no NVIDIA GPU found: name yours in the file"
    )
    typer.echo(f"Wrote {file} ({seen}).")
    option = "" if file == Path(DEFAULT_CONFIG) else f" --config {file}"
    typer.echo(f"Next: say what you run in it, then modelwatch check{option}, then modelwatch sync{option}.")


def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check configuration, store, every source and every channel; say what to fix.

    Nothing is sent: `modelwatch channels test` does that. Exit status 1 when something needs fixing. Lines
    that begin with "see" are advice: how the models in use do, and what the next sync will judge.

    Example:

      modelwatch check --config team.yaml
    """
    settings = configuration(config)
    findings = list(_findings(settings))
    advice = app.check_standing(app.team_of(settings)) if ("store", True) in {f[:2] for f in findings} else []
    if as_json:
        rows = [{"what": what, "ok": ok, "message": said, "advice": False} for what, ok, said in findings]
        rows += [{"what": what, "ok": True, "message": said, "advice": True} for what, said in advice]
        print_json(rows)
    else:
        for what, ok, message in findings:
            typer.echo(f"{'ok ' if ok else 'FIX'}  {what}: {plain(message)}")
        for what, message in advice:
            typer.echo(f"see  {what}: {plain(message)}")
    if not all(ok for _, ok, _ in findings):
        raise typer.Exit(1)


def _findings(settings: Config) -> Iterator[tuple[str, bool, str]]:
    team = app.team_of(settings)
    pools = ", ".join(f"{h.name} ({h.count} x {h.device.name})" for h in team.stack.hardware)
    yield "configuration", True, f"{len(team.stack.deployments)} deployments on {pools or 'no hardware yet'}"
    yield from checks.without_effect(settings)
    yield from app.check_store(settings)
    yield from app.check_policy(team)
    yield from app.check_sources(team)
    yield from app.check_channels(settings)


@channels.command("test")
def channels_test(
    name: Annotated[str | None, typer.Argument(help="One channel; without it, all of them.")] = None,
    config: ConfigOption = None,
) -> None:
    """Send a sample alert and report per channel what happened.

    Example:

      modelwatch channels test ops
    """
    settings = configuration(config)
    opened = app.open_channels(settings, sys.stdout)
    if name is not None and name not in opened:
        typer.echo(f"modelwatch: no channel {name!r}; there are: {', '.join(opened)}", err=True)
        raise typer.Exit(2)
    failed = False
    for channel_name, channel in opened.items():
        if name is None or name == channel_name:
            error = app.try_channel(channel, datetime.now(UTC))
            failed |= error is not None
            typer.echo(f"{channel_name}: {'sent' if error is None else plain(error)}")
    if failed:
        raise typer.Exit(1)
