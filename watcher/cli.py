"""The command line: one function per command, thin; heavy imports happen inside the commands."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from watcher import __version__
from watcher.cli_advise import advise
from watcher.cli_backtest import backtest
from watcher.cli_common import fail
from watcher.cli_eval import commands as eval_commands
from watcher.cli_fit import commands as fit_commands
from watcher.cli_read import changes, explain, models, quants, status
from watcher.cli_setup import channels, check, init
from watcher.cli_work import demo, export_, import_, run, sync

_ORDER = ("init", "check", "demo", "sync", "run", "quants", "models", "fit", "advise")


class _InOrder(TyperGroup):
    """Lists commands by what one does first."""

    def list_commands(self, ctx: Any) -> list[str]:
        names = super().list_commands(ctx)
        return [*(name for name in _ORDER if name in names), *(name for name in names if name not in _ORDER)]


app = typer.Typer(
    name="modelwatch",
    cls=_InOrder,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Watches open-weight models for teams that run them on their own GPUs, "
    "and speaks up only when a change is worth acting on.",
    epilog="Start with: modelwatch demo. Then: modelwatch init, modelwatch check, modelwatch sync.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"modelwatch {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """modelwatch."""


for command in (init, check, demo, sync, run, quants, models, advise, changes, explain, backtest, status):
    app.command()(command)
app.command("export")(export_)
app.command("import")(import_)
app.add_typer(fit_commands, name="fit")
app.add_typer(eval_commands, name="eval")
app.add_typer(channels, name="channels")


def main(arguments: list[str] | None = None) -> None:
    """The console script: errors that a user can act on are one line, and exit 2, 3 or 4.

    arguments None: those of the process.
    """
    try:
        app(arguments, prog_name="modelwatch")
    except Exception as error:
        fail(error)
