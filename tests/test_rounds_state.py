"""What a round remembers of its sources: two processes at once, clocks that jump, accounts that go."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sources.hub import HubSource
from sources.standin.server import Budget, Fault, StandIn
from sources.standin.world import World
from store.read_status import status
from tests.factories import deployment
from tests.rows import START, api_row
from tests.site import DAY, MODEL, world
from tests.store.builders import rows
from tests.world import Watch
from watcher import states
from watcher.rounds import Round, RoundReport
from watcher.types import ChangeKind, Listing, SourceError, SourceState

AUTHORS = ("mistralai", "unsloth")
QUANT = "unsloth/Mistral-Small-4-119B-2603-GGUF"
HOUR = timedelta(hours=1)


class Interrupted(HubSource):
    """Lets something else happen between the answer for one account and what is written of it."""

    def __init__(self, hub: StandIn, author: str, meanwhile: Callable[[], object]) -> None:
        super().__init__(hub.url)
        self._author_hit, self._meanwhile = author, meanwhile
        self.error: SourceError | None = None

    def listing(self, author: str, since: datetime | None, now: datetime) -> Listing:
        answer = super().listing(author, since, now)
        if author == self._author_hit:
            self._meanwhile()
            if self.error:
                raise self.error
        return answer


def _round(
    watch: Watch, source: HubSource, now: datetime, stopped: Callable[[], bool] | None = None
) -> Round:
    return Round(
        source=source,
        catalog=watch.store,
        rules=watch.rules,
        limits=watch.limits,
        now=now,
        stopped=stopped or (lambda: False),
    )


def _state(watch: Watch, source: str = "hub:mistralai") -> SourceState:
    with watch.store.read() as tx:
        return tx.source_state(source)


def _kinds(report: RoundReport) -> list[ChangeKind]:
    return [change.kind for _, change in report.outcome.changes]


@pytest.mark.parametrize(
    "error", [pytest.param(None, id="that is read"), pytest.param(SourceError("502"), id="that fails")]
)
def test_another_process_that_finishes_first_keeps_its_baseline(
    tmp_path: Path, error: SourceError | None
) -> None:
    told = world()
    told.put(api_row(MODEL, licence="mrl", modified=START + DAY), START + DAY)
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        slow = Interrupted(hub, "mistralai", lambda: watch.look(START))
        slow.error = error
        hub.now = START
        _round(watch, slow, START).run(AUTHORS)
        assert _state(watch).baseline_at == START
        assert _kinds(watch.look(START + 2 * DAY)) == [ChangeKind.LICENCE]


def test_news_between_two_first_sights_at_once_is_told(tmp_path: Path) -> None:
    told = world()
    told.put(api_row(MODEL, licence="mrl", modified=START + DAY), START + DAY)
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START - HOUR, ["unsloth"])
        hub.now = START + 2 * DAY
        slow = Interrupted(hub, "mistralai", lambda: watch.look(START))
        report = _round(watch, slow, START + 2 * DAY).run(AUTHORS)
        assert _kinds(report) == [ChangeKind.LICENCE]


def test_an_empty_first_answer_is_no_baseline(tmp_path: Path) -> None:
    told = World.from_rows([])
    for row in world().at(START).rows:
        told.put(row, START + DAY)
    told.put(api_row(MODEL, licence="mrl", modified=START + 3 * DAY), START + 3 * DAY)
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        for day in (0, 0.5):
            hub.requests.clear()
            report = watch.look(START + day * DAY)
            assert [s.status for s in report.sources] == ["ok", "ok"]
            assert len(hub.requests) == len(AUTHORS)
            assert _state(watch).baseline_at is None
        assert _kinds(watch.look(START + 2 * DAY)) == []  # what is older than the empty answer
        assert _state(watch).baseline_at == START + 2 * DAY
        assert _kinds(watch.look(START + 4 * DAY)) == [ChangeKind.LICENCE]


def test_trending_repos_of_an_account_that_was_not_read_yet_are_no_news(tmp_path: Path) -> None:
    told = world()
    name = "mistralai/Mistral-Small-5-120B"
    told.put(api_row(name, trendingScore=99, created=START, modified=START), START + 2 * DAY)
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START, ["unsloth"])
        watch.look(START + DAY, ["unsloth"])
        hub.faults.append(Fault(path="author=mistralai", status=503))
        watch.look(START + 3 * DAY)
        with watch.store.read() as tx:
            assert tx.known([name]) == {}
        hub.faults.clear()
        assert _kinds(watch.look(START + 4 * DAY)) == []


def test_the_first_repo_of_an_account_that_was_empty_is_news(tmp_path: Path) -> None:
    told = world()
    q4 = {"Mistral-Small-4-119B-2603-Q4_K_M.gguf": (70_000_000_000, "mine")}
    name, born = "bartowski/Small-4-GGUF", START + DAY
    told.put(api_row(name, base=MODEL, files=q4, created=born, modified=born), born)
    with StandIn(told) as hub, Watch(tmp_path, hub, (*AUTHORS, "bartowski")) as watch:
        watch.look(START)
        assert _kinds(watch.look(START + 2 * DAY)) == [ChangeKind.NEW_QUANT]
        assert _state(watch, "hub:bartowski").baseline_at == START


def test_an_account_in_other_letters_is_the_same_account(tmp_path: Path) -> None:
    told = world()
    told.put(api_row(MODEL, licence="mrl", modified=START + DAY), START + DAY)
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        assert _kinds(watch.look(START + 2 * DAY, ["MistralAI"])) == [ChangeKind.LICENCE]
        assert _state(watch, "hub:MISTRALAI").source == "hub:mistralai"


def test_details_of_an_old_model_in_use_that_failed_are_asked_again(tmp_path: Path) -> None:
    with StandIn(world()) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        hub.faults.append(Fault(path="blobs=true", status=503))
        watch.look(START)
        hub.faults.clear()
        watch.look(START + HOUR)
        with watch.store.read() as tx:
            asked = [known.facts.repo_id for known in tx.known([MODEL, QUANT]).values() if known.details]
        assert sorted(asked) == [MODEL, QUANT]
        hub.requests.clear()
        watch.look(START + 2 * HOUR)
        assert len(hub.requests) == len(AUTHORS)


@pytest.mark.parametrize(
    ("born", "there"),
    [
        pytest.param(START - 700 * DAY, True, id="is too old to be a new family"),
        pytest.param(START - 20 * DAY, True, id="is a new family"),
        pytest.param(START, False, id="nobody can see"),
    ],
)
def test_a_base_that_quantisers_took_up_is_not_read_with_every_poll_when_it(
    tmp_path: Path, born: datetime, there: bool
) -> None:
    told, name = world(), "oldlab/Apollo-13B"
    if there:
        told.put(api_row(name, created=born, modified=born))
    for author, at in (("bartowski", START - DAY), ("unsloth", START + HOUR)):
        gguf = {"Apollo-13B-Q4_K_M.gguf": (8_000_000_000, author)}
        told.put(api_row(f"{author}/Apollo-GGUF", base=name, files=gguf, created=at, modified=at), at)
    with StandIn(told) as hub, Watch(tmp_path, hub, (*AUTHORS, "bartowski")) as watch:
        watch.look(START)
        asked = []
        for hours in (2, 27, 28, 29):
            hub.requests.clear()
            watch.look(START + timedelta(hours=hours))
            asked.append(any(name in path for _, path, _ in hub.requests))
        assert asked[0]
        assert asked[2:] == [False, False]
        assert len(hub.requests) == 3


@pytest.mark.parametrize("ahead", [900 * DAY, timedelta(minutes=5)], ids=["of all clocks", "of our clock"])
def test_a_row_with_a_date_ahead_is_written_once(tmp_path: Path, ahead: timedelta) -> None:
    told = world()
    told.put(api_row("mistralai/Mistral-Early-3B", modified=START + ahead))
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        lines = "SELECT id FROM observations WHERE source = 'hub'"
        written = len(rows(tmp_path / "test.db", lines))
        for minutes in (1, 2, 25 * 60):
            watch.look(START + timedelta(minutes=minutes))
            assert len(rows(tmp_path / "test.db", lines)) == written
            assert (_state(watch).watermark or START) <= START + timedelta(minutes=minutes)


def test_a_rate_limit_ends_the_asking_for_every_account(tmp_path: Path) -> None:
    with StandIn(world()) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START - DAY)
        hub.budgets["api"] = Budget(limit=0, left=0, resets_in_s=120)
        hub.requests.clear()
        hub.now = START
        clock = iter((1000.0, 1100.0))
        report = Round(
            source=HubSource(hub.url),
            catalog=watch.store,
            rules=watch.rules,
            limits=watch.limits,
            now=START,
            seconds=lambda: next(clock),
        ).run(AUTHORS)
        assert len(hub.requests) == 1
        assert [(s.source, s.status) for s in report.sources] == [
            ("hub:mistralai", "failed"),
            ("hub:unsloth", "skipped"),
        ]
        until = _state(watch).not_before
        assert until is not None
        assert timedelta(seconds=210) < until - START <= timedelta(seconds=220)
        assert _state(watch, "hub:unsloth").not_before == until
        assert report.sources[1].error == f"waits until {until:%Y-%m-%d %H:%M:%S} UTC"


class Stopping(HubSource):
    """A stop is asked for while the daily sweep of an account is read."""

    def __init__(self, hub: StandIn) -> None:
        self.stop = threading.Event()
        super().__init__(hub.url, stop=self.stop)

    def sweep(self, author: str, now: datetime) -> Listing:
        answer = super().sweep(author, now)
        self.stop.set()
        return answer


def test_a_stop_within_an_account_leaves_the_account_as_it_was(tmp_path: Path) -> None:
    told = world()
    told.remove(MODEL, START + HOUR)
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        before = _state(watch)
        source = Stopping(hub)
        hub.now = START + 2 * DAY
        report = _round(watch, source, START + 2 * DAY, source.stop.is_set).run(AUTHORS)
        assert [(s.source, s.status) for s in report.sources] == [("hub:mistralai", "skipped")]
        assert _state(watch) == before
        assert status(tmp_path / "test.db")["problems"] == []


def test_an_account_that_is_no_longer_watched_leaves_the_status(tmp_path: Path) -> None:
    with StandIn(world()) as hub, Watch(tmp_path, hub, (*AUTHORS, "nobody")) as watch:
        for day in (0, 2):
            watch.look(START + day * DAY)
        database = tmp_path / "test.db"
        assert {p["source"] for p in status(database)["problems"]} == {"hub:nobody"}
        watch.look(START + 2 * DAY + HOUR, ["MistralAI"])
        assert [s["source"] for s in status(database)["sources"]] == ["hub:mistralai", "hub:trending"]
        assert status(database)["problems"] == []
        watch.look(START + 3 * DAY)
        assert "hub:unsloth" in [s["source"] for s in status(database)["sources"]]
        assert _state(watch, "hub:unsloth").baseline_at == START


def test_a_newcomer_that_can_not_be_read_is_one_problem_whatever_the_wait(tmp_path: Path) -> None:
    told, name = world(), "newlab/Apollo-30B"
    for author in ("bartowski", "unsloth"):
        gguf = {"Apollo-30B-Q4_K_M.gguf": (18_000_000_000, author)}
        row = api_row(f"{author}/Apollo-GGUF", base=name, files=gguf, created=START, modified=START)
        told.put(row, START + HOUR)
    told.put(api_row("bartowski/Old-GGUF"))
    with StandIn(told) as hub, Watch(tmp_path, hub, (*AUTHORS, "bartowski")) as watch:
        watch.look(START)
        for wait in (30, 20):
            retry = {"Retry-After": str(wait)}
            hub.faults.append(Fault(path=f"/api/models/{name}", status=429, headers=retry, times=1))
            watch.look(START + timedelta(hours=3 - wait / 30))
        [problem] = status(tmp_path / "test.db")["problems"]
        assert (problem["source"], problem["key"], problem["count"]) == ("hub:trending", name, 2)


def test_a_clock_that_was_wrong_once_stops_neither_sweeps_nor_polls(tmp_path: Path) -> None:
    told = world()
    told.gate(MODEL, "manual", START + DAY)
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        watch.look(START)
        for source in AUTHORS:
            with watch.store.write() as tx:
                state = tx.source_state(f"hub:{source}")
                wrong = START + 400 * DAY
                tx.save_source_state(
                    replace(state, swept_at=wrong, last_attempt_at=wrong, not_before=wrong + HOUR)
                )
        report = watch.look(START + 2 * DAY)
        assert [s.status for s in report.sources] == ["ok", "ok"]
        assert _kinds(report) == [ChangeKind.GATED]
        assert _state(watch).swept_at == START + 2 * DAY


NOW = START + 10 * DAY


@pytest.mark.parametrize(
    ("not_before", "until"),
    [
        pytest.param(NOW + HOUR / 4, NOW + HOUR / 4, id="as asked"),
        pytest.param(NOW, None, id="not when it is over"),
        pytest.param(NOW + DAY, None, id="not what a wrong clock wrote"),
        pytest.param(None, None, id="not at all"),
    ],
)
def test_how_long_a_source_is_waited_for(not_before: datetime | None, until: datetime | None) -> None:
    assert states.waits_until(SourceState(source="hub:Qwen", not_before=not_before), NOW) == until


@pytest.mark.parametrize(
    ("error", "wait"),
    [
        pytest.param(
            SourceError("429", retry_after_s=30.0, limited=True), timedelta(seconds=30), id="so long"
        ),
        pytest.param(SourceError("429", retry_after_s=9e6, limited=True), HOUR, id="an hour at most"),
        pytest.param(SourceError("429", limited=True), HOUR / 60, id="a minute when nobody said"),
        pytest.param(SourceError("502"), None, id="not at all"),
    ],
)
def test_how_long_a_failed_source_asks_to_wait(error: SourceError, wait: timedelta | None) -> None:
    state = states.failed(SourceState(source="hub:Qwen"), START, error, at=NOW)
    assert state.not_before == (NOW + wait if wait else None)


def test_a_repo_trends_also_in_the_rounds_between_two_lists(tmp_path: Path) -> None:
    told, name = world(), "newlab/Apollo-30B"
    born, quantised = START + 30 * HOUR, START + 50 * HOUR
    total = 30_000_000_000
    count = {"parameters": {"BF16": total}, "total": total}
    told.put(api_row(name, created=born, modified=born, safetensors=count, trendingScore=99), born)
    gguf = {"Apollo-30B-Q4_K_M.gguf": (18_000_000_000, "q4")}
    row = api_row("unsloth/Apollo-GGUF", base=name, files=gguf, created=quantised, modified=quantised)
    told.put(row, quantised)
    team = (deployment(engine="llama.cpp", min_tokens_per_second=None),)
    with StandIn(told) as hub, Watch(tmp_path, hub, AUTHORS, deployments=team) as watch:
        for hours in (0, 24, 48):  # the list is read at 24 and 48
            assert watch.look(START + timedelta(hours=hours)).outcome.alerts == []
        [alert] = watch.look(START + timedelta(hours=60)).outcome.alerts
        assert alert.trigger == "new-family"
