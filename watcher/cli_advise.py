"""`modelwatch advise`: which model for a deployment, ranked, with what speaks for and against each."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer

from watcher import app
from watcher.cli_common import ConfigOption, JsonOption, configuration, print_json
from watcher.config_errors import did_you_mean

_USUAL = 5


def advise(
    deployment: Annotated[str, typer.Argument(help="A deployment of your configuration.")],
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="At most so many of each kind of answer.")
    ] = _USUAL,
    every: Annotated[bool, typer.Option("--all", help="Everything, older releases too.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Rank the models of the catalog for a deployment: hard constraints first, then capacity.

    Each candidate is held against the task, languages, users, context, speed, quality, licence and origin
    that the deployment asks for, beside the model in use. Examples:

      modelwatch advise helpdesk

      modelwatch advise code-review --all --json
    """
    team = app.team_of(configuration(config))
    names = [d.name for d in team.stack.deployments]
    if deployment not in names:
        there = ", ".join(names) or "none: name them under deployments: in the configuration"
        near = did_you_mean(deployment, names)
        raise typer.BadParameter(f"{deployment!r} is no deployment of yours{near}; there is: {there}")
    found = app.advise(team, deployment, datetime.now(UTC))
    most = sys.maxsize if every else limit
    if as_json:
        from watcher.cli_advise_json import advice_json

        print_json(advice_json(found, team.registry, most))
    else:
        from watcher.cli_advise_text import print_advice

        print_advice(found, team.registry, most, every=every)
    if not found.ranked:
        raise typer.Exit(1)
