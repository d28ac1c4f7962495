"""Whether a log played back gives what was decided when it was written: `python -m tests.accuracy.replayed`.

Real life goes through rounds as in tests/accuracy/raw_life.py; then the log that the rounds left is played
through the same policy, and every last decision is held against the one that was made live.
"""

import sqlite3
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sources.standin.world import World
from store.db import Store
from store.log import read_log
from tests import atomic, replay
from tests.accuracy.raw_life import DAY, EVERYTHING, NO_FILES, reference_team
from tests.inprocess import WorldSource
from watcher import app
from watcher.asking import Limits
from watcher.rounds import Round
from watcher.team import Team

_LAST = "SELECT max(id) FROM verdicts GROUP BY change_id, deployment"
_DECIDED = f"SELECT change_id, deployment, action, trigger, reason FROM verdicts WHERE id IN ({_LAST})"


def compared(
    team: Team, world: World, accounts: Sequence[str], times: Sequence[datetime], limits: Limits
) -> tuple[int, int, int, int]:
    """Lines of the log, decisions made live, decisions played, and those of both that are the same."""
    watched = list({name.casefold(): name for name in [*accounts, *team.authors]}.values())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "life.db"
        with Store.open(f"sqlite:///{path}") as store:
            for now in times:
                source = WorldSource(world)
                rules = team.rules(["team"])
                Round(source=source, catalog=store, rules=rules, limits=limits, now=now, fits=False).run(
                    watched
                )
        sights, _ = app.history(read_log(path))
        with sqlite3.connect(path) as catalog:
            live = {(row[0], row[1]): row[2:] for row in catalog.execute(_DECIDED)}
    played = app.play(team, sights, watched=watched, until=times[-1])
    decided = {
        d.topic: (d.verdict.action.value, d.verdict.trigger, d.verdict.reason) for d in played.decisions
    }
    return (
        len(sights),
        len(live),
        len(decided),
        sum(live.get(topic) == said for topic, said in decided.items()),
    )


def main() -> int:
    """Exit 1 when less than 99 % of what was decided live comes out again."""
    team, worst = reference_team(), 1.0
    days = [atomic.FIRST + n * DAY for n in range((atomic.LAST - atomic.FIRST).days + 9)]
    authors = replay.authors_of(move.repo for name in replay.COMPARED for move in replay.moves(name))
    after = [replay.LAST + DAY, replay.LAST + 8 * DAY]
    for name, world, accounts, times, limits in (
        ("twelve weeks of a catalogue", atomic.world(), atomic.organisations(), days, EVERYTHING),
        (
            "three days of exports",
            replay.every_export(),
            authors,
            [*replay.export_moments(), *after],
            NO_FILES,
        ),
    ):
        lines, live, played, same = compared(team, world, list(accounts), times, limits)
        worst = min(worst, same / max(live, played))
        print(f"{name}: {lines:,} lines; {live:,} decisions live, {played:,} played, {same:,} the same")
    return 0 if worst >= 0.99 else 1


if __name__ == "__main__":
    sys.exit(main())
