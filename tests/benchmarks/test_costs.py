"""What modelwatch costs, as ratios to a floor measured in the same run. Figures only: no time fails.

Run with: pytest -m benchmark -s tests/benchmarks/test_costs.py
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from statistics import median

import httpx2
import pytest

from sources.hub import HubSource
from store.db import Store
from tests import replay
from tests.benchmarks import floor
from tests.benchmarks.hub import NOW, Served, real_records_are_here, served
from tests.commands import ROOT
from watcher import app
from watcher.asking import Limits
from watcher.cli_common import read_config
from watcher.rounds import Round, RoundReport

pytestmark = pytest.mark.benchmark

TIMES = 3


class Watch:
    """The example stack with the benchmark's accounts. Details have a budget of their own: none here."""

    def __init__(self, hub: Served, folder: Path) -> None:
        self.url = hub.url
        self.path = folder / "example.yaml"
        self.path.write_text(replay.example_config(hub.url, folder, hub.accounts), encoding="utf-8")
        config = read_config(self.path.read_text(encoding="utf-8"), str(self.path))
        self.team = app.team_of(config)
        self.store = Store.open(config.store.url.get_secret_value())

    def round(self, minutes: int) -> RoundReport:
        round_ = Round(
            source=HubSource(self.url, None),
            catalog=self.store,
            rules=self.team.rules(()),
            limits=Limits(details=0, details_of_newest=timedelta(0)),
            now=NOW + timedelta(minutes=minutes),
        )
        return round_.run(self.team.authors)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(True, id="real records"),
        pytest.param(False, id="generated rows"),
    ],
)
def hub(request: pytest.FixtureRequest) -> Iterator[Served]:
    if request.param and not real_records_are_here():
        pytest.skip("the real records are not on this machine (set MODELWATCH_SHARED)")
    with served(real=request.param) as hub:
        yield hub


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def test_first_sync(hub: Served, tmp_path: Path) -> None:
    runs = [_first_sync(hub, tmp_path / str(number)) for number in range(TIMES)]
    ours, least = min(run[0] for run in runs), min(run[1] for run in runs)
    rows = runs[0][2]
    print(f"\nfirst sync of {rows} {hub.what}")
    print(f"  modelwatch {rows / ours:7.0f} rows/s")
    print(f"  floor      {rows / least:7.0f} rows/s   httpx2 + json + sqlite3")
    print(f"  ratio      {ours / least:7.1f}")


def _first_sync(hub: Served, folder: Path) -> tuple[float, float, int]:
    """Seconds that we need, seconds that the floor needs, and the number of rows."""
    folder.mkdir()
    watch = Watch(hub, folder)
    reports: list[RoundReport] = []
    with watch.store:
        ours = seconds(lambda: reports.append(watch.round(0)))
    least = seconds(lambda: floor.first_sync(hub.url, watch.team.authors, folder / "floor.db"))
    return ours, least, sum(source.seen for source in reports[0].sources)


def test_idle_poll(hub: Served, tmp_path: Path) -> None:
    watch = Watch(hub, tmp_path)
    with watch.store, httpx2.Client() as client:
        watch.round(0)
        accounts = watch.team.authors
        known = floor.first_pages(client, hub.url, accounts)
        reports: list[RoundReport] = []
        ours = min(seconds(lambda: reports.append(watch.round(30 * len(reports) + 30))) for _ in range(TIMES))
        conditional = min(seconds(lambda: floor.unchanged(client, known)) for _ in range(TIMES))
        plain = min(seconds(lambda: floor.first_pages(client, hub.url, accounts)) for _ in range(TIMES))
    requests = sum(source.requests for source in reports[-1].sources)
    received = sum(source.bytes for source in reports[-1].sources)
    print(f"\nidle poll of {len(accounts)} accounts: {requests} requests, {received / 1000:.0f} kB")
    for name, cost in (
        ("modelwatch", ours),
        ("floor: conditional GET", conditional),
        ("floor: the same GET", plain),
    ):
        print(f"  {name:24}{1000 * cost / len(accounts):7.2f} ms/account   ratio {ours / cost:5.1f}")


def test_cold_start_of_a_question(hub: Served, tmp_path: Path) -> None:
    watch = Watch(hub, tmp_path)
    with watch.store:
        watch.round(0)
    question = "SELECT * FROM v_recent_quants LIMIT 20"
    query = f"import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute({question!r}).fetchall()"
    command = ("quants", "--config", str(watch.path), "--limit", "20")
    print(f"\ncold start, {hub.what} in the catalog")
    ours = cold("from watcher.cli import main; main()", *command)
    for name, cost in (
        ("modelwatch quants", ours),
        ("floor: sqlite3 query", cold(query, str(tmp_path / "replay.db"))),
        ("floor: python -c pass", cold("pass")),
    ):
        print(f"  {name:24}{1000 * cost:7.0f} ms   ratio {ours / cost:5.1f}")


def cold(code: str, *arguments: str) -> float:
    """Seconds of a whole process, the median of several."""
    command = [sys.executable, "-c", code, *arguments]
    return median(
        seconds(lambda: subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL))
        for _ in range(3 * TIMES)
    )
