"""Results into the catalog, in one transaction, and out to the channels what follows from them."""

import sys
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from watcher import app
from watcher.types import Evaluation

if TYPE_CHECKING:
    from watcher.evaluation_record import Recorded


class _NotKept(Exception):  # noqa: N818 - ends a transaction that was only for looking
    pass


def store_results(
    team: app.Team, results: Sequence[Evaluation], now: datetime, *, keep: bool, send: bool, quiet: bool
) -> "Recorded":
    """Keeps results and decides on them; keep False: decides, and takes everything back.

    send: alerts that follow are delivered at once. quiet: what the terminal channel says goes to stderr.
    """
    from watcher.evaluation_record import Recorded, record

    if not keep and not app.store_path(team.config).is_file():
        return Recorded(fresh=list(results))  # looking must not leave a catalog behind
    with app.open_store(team.config) as store:
        channels = app.open_channels(team.config, sys.stderr if quiet else sys.stdout)
        try:
            with store.write() as tx:
                recorded = record(tx, results, team.rules(tuple(channels)), now)
                if not keep:
                    raise _NotKept
        except _NotKept:
            return recorded
        if send and recorded.outcome.alerts:
            app.send(store, channels)
    return recorded
