"""`modelwatch fit` as a group whose first word is a model, unless it is `calibrate`."""

from typing import Any

from typer.core import TyperCommand, TyperGroup

MODEL = "MODEL"
_HELP = ("-h", "--help")


class FitGroup(TyperGroup):
    """Takes a first word that is none of its commands for the model that somebody asks about."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in _HELP:
            args = [MODEL, *args]
        return super().parse_args(ctx, args)

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        formatter.write_usage(ctx.command_path, "MODEL [OPTIONS]")
        for name in self.commands:
            if name != MODEL:
                formatter.write_usage(ctx.command_path, f"{name} [OPTIONS] [LOGFILE]", prefix="       ")

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """The options of a question about a model, which is what most people ask."""
        asked = self.commands[MODEL]
        asked.format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


class ModelCommand(TyperCommand):
    """The question about a model: in messages and in its usage the word MODEL stands for itself."""

    def collect_usage_pieces(self, _ctx: Any) -> list[str]:
        return ["[OPTIONS]"]
