"""`modelwatch fit calibrate`: an engine's own log against our estimate, and what is learned of it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from watcher import app
from watcher.cli_calibrate_show import Answer, as_document, show
from watcher.cli_common import ConfigOption, JsonOption, configuration, print_json
from watcher.cli_logfile import read_logfile
from watcher.inert import plain
from watcher.types import Correction, Entry, Hardware, Known, SourceError

if TYPE_CHECKING:
    from watcher.fit.logs import BootLog


def calibrate(
    logfile: Annotated[
        str | None, typer.Argument(help="A start-up log or llama-bench output; - reads standard input.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="The model, where the log does not name it: org/name.")
    ] = None,
    on: Annotated[
        str | None, typer.Option(help="A machine of yours or a device, where the log does not name it.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Compare only; remember nothing.")] = False,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget what was measured of the device instead.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare a boot of vLLM, SGLang or llama.cpp with our estimate, and correct the estimates by it.

    What was measured replaces our figures for this device and engine from then on; every answer
    says so. Examples:

      docker logs vllm 2>&1 | modelwatch fit calibrate -

      modelwatch fit calibrate server.log --on h100-sxm-80gb --model Qwen/Qwen3-32B --dry-run
    """
    team = app.team_of(configuration(config))
    if forget and logfile is None:
        _forget(team, on)
    elif logfile is None:
        raise typer.BadParameter("which log? Give a file, or - for standard input")
    elif forget:
        log, place = _measured(team, logfile, read_logfile(logfile)[0], on)
        _forget(team, place.device.key, log.engine)
    else:
        answer = _answer(team, logfile, model, on, keep=not dry_run)
        if as_json:
            print_json(as_document(answer))
        else:
            show(answer, dry_run=dry_run)
            if answer.stored:
                typer.echo("Stored in the catalog of this configuration; --forget takes it back.")


def _answer(team: app.Team, logfile: str, model: str | None, on: str | None, *, keep: bool) -> Answer:
    """Compares a log with the estimate, and keeps what it teaches."""
    from watcher import calibrating
    from watcher.fit.calibration import compare, correction_of

    text, notes, measured_on = read_logfile(logfile)
    log, place = _measured(team, logfile, text, on)
    entry, base = _entry(team, calibrating.repo_of(model or log.model))
    try:
        subject = calibrating.subject_of(log, model, entry, base)
    except calibrating.Unclear as error:
        _give_up(logfile, error)
    if log.boots > 1:
        notes.append(f"the file holds {log.boots} boots; this is the last complete one")
    rows = compare(log, calibrating.predictor(log, subject, place), place.device)
    correction, left_out = correction_of(
        rows,
        device=place.device.key,
        engine=log.engine,
        source=_shown(logfile),
        measured_on=measured_on,
    )
    stored = keep and bool(correction.factors)
    if stored:
        _store(team, correction)
    return Answer(
        log=log,
        subject=subject,
        place=place,
        rows=rows,
        correction=correction,
        left_out=left_out,
        notes=(*notes, *log.problems),
        stored=stored,
    )


def _measured(team: app.Team, logfile: str, text: str, on: str | None) -> "tuple[BootLog, Hardware]":
    """What the log says, and where it ran."""
    from watcher import calibrating
    from watcher.fit.logs import UnknownLog, read_log

    try:
        log = read_log(text)
        return log, calibrating.place_of(log, on, team.stack.hardware)
    except (UnknownLog, calibrating.Unclear) as error:
        _give_up(logfile, error)


def _shown(logfile: str) -> str:
    return "standard input" if logfile == "-" else Path(logfile).name


def _give_up(logfile: str, error: Exception) -> NoReturn:
    for line in f"{_shown(logfile)}: {error}".splitlines():
        typer.echo(f"modelwatch: {plain(line)}", err=True)
    raise typer.Exit(2) from None


def _entry(team: app.Team, repo_id: str | None) -> tuple[Entry | None, Known | None]:
    """What the catalog or the Hub knows of a repo; without either the table of known shapes must do."""
    if repo_id is None:
        return None, None
    try:
        return app.entry_of(team, repo_id, datetime.now(UTC))
    except (SourceError, app.NoSuchRepoError):
        return None, None


def _store(team: app.Team, correction: Correction) -> None:
    """Remember it, and bring the stored fits in line."""
    from watcher.refit import refit

    with app.open_store(team.config) as store:
        with store.write() as tx:
            tx.save_correction(correction)
        refit(store, team.stack, datetime.now(UTC))


def _forget(team: app.Team, on: str | None, engine: str | None = None) -> None:
    from watcher.fit.pools import UnknownHardware, pool_of
    from watcher.refit import refit

    if on is None:
        raise typer.BadParameter("--forget takes the device from a log or from --on DEVICE")
    pool = next((pool for pool in team.stack.hardware if pool.name == on), None)
    try:
        device = (pool or pool_of(on)).device.key
    except UnknownHardware as error:
        raise typer.BadParameter(f"--on: {error}") from None
    with app.open_store(team.config) as store:
        with store.write() as tx:
            count = tx.forget_corrections(device, engine)
        refit(store, team.stack, datetime.now(UTC))
    whose = f"{device} with {engine}" if engine else device
    typer.echo(f"Forgot {count} corrections of {whose}." if count else f"Nothing was measured of {whose}.")
