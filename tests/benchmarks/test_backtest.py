"""How long a log takes to play. Figures only: no time fails.

Run with: pytest -m benchmark -s tests/benchmarks/test_backtest.py
"""

import resource
import time
from collections import Counter

import pytest

from tests import replay
from tests.benchmarks.history import history
from watcher import app
from watcher.cli_common import read_config

pytestmark = pytest.mark.benchmark


@pytest.mark.parametrize(
    ("lines", "rounds"),
    [
        pytest.param(10_000, 1_500, id="a month of ten accounts"),
        pytest.param(100_000, 8_640, id="half a year of ten accounts"),
    ],
)
def test_playing_a_log(lines: int, rounds: int) -> None:
    config = read_config(replay.EXAMPLE.read_text(encoding="utf-8"), str(replay.EXAMPLE))
    team = app.team_of(config)
    start = time.process_time()
    sights, _ = app.history(history(lines, rounds=rounds))
    read = time.process_time()
    played = app.play(team, sights)
    done = time.process_time()
    found = Counter(d.verdict.action.value for d in played.decisions)
    print(f"\nbacktest of {lines:,} lines in {rounds:,} rounds, seconds of CPU")
    print(f"  reading {read - start:7.1f} s {lines / (read - start):8.0f} lines/s")
    print(f"  playing {done - read:7.1f} s {lines / (done - read):8.0f} lines/s")
    print(f"  memory  {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:7.0f} MiB at most")
    print(f"  {len(played.alerts)} alerts; decisions: {dict(sorted(found.items()))}")
