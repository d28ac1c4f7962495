"""The real records of three days, synced with the example stack and compared with independent rows.

Every difference between a row and what was told has a name here, and its reason in docs/replay.md.
Data: radar-huggingface-dataset - HF//RADAR, data from the Hugging Face Hub, CC-BY-4.0.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path

import pytest
import time_machine

from sources.hub import HubSource
from sources.hub_rows import FULL_EXPAND
from sources.standin.recorded import recorded_replies
from sources.standin.server import StandIn
from sources.standin.world import World
from tests import replay
from tests.commands import modelwatch
from tests.replay import FIRST, LAST, Looked, Move, net, told
from tests.shared import shared_data
from watcher import licences
from watcher.catalog import SECOND_LOOK_AFTER
from watcher.situation import Policy
from watcher.types import Action, Change, ChangeKind, Licence, Presence

HOUR = timedelta(hours=1)
NEWCOMERS = (
    ChangeKind.NEW_FAMILY,
    ChangeKind.NEW_VERSION,
    ChangeKind.NEW_SIZE,
    ChangeKind.NEW_ARCHITECTURE,
    ChangeKind.NEW_VARIANT,
    ChangeKind.NEW_QUANT,
)

# What becomes of a row: it is told, or one of these is why it is not.
TOLD = "told"
STATES_NOTHING = "'unknown' states no licence"
LOST_ITS_NAME = "'other' without its name is the same licence, described worse"
TWO_SPELLINGS = "two ids that differ in case are one repo"
NOT_IN_FIRST = "no record in the first state"
GONE_IN_FIRST = "gone in the first state"
GONE_IN_LAST = "gone in the last state"
BEFORE_FIRST_SIGHT = "before we first saw the repo"
UNCONFIRMED = "back before a second look said so"
NEVER_MISSED = "its absence was never told"
WHILE_GONE = "made anew while gone"
YOUNG = "younger than a day, and not moved in bulk"


@dataclass(frozen=True, kw_only=True, slots=True)
class Topic:
    """What rows say of one field, and the changes that must come of it: which, and in what words."""

    field: str
    kind: ChangeKind
    concerns: Callable[[Move], bool] = lambda _: True
    told_by: Callable[[Change], bool] = lambda _: True
    word: Callable[[object], str | None] | None = None

    def of_move(self, move: Move) -> tuple[str | None, ...]:
        return (move.repo, self.word(move.before), self.word(move.after)) if self.word else (move.repo,)

    def of_change(self, change: Change) -> tuple[str | None, ...]:
        words = (change.before, change.after) if self.word else ()
        return (change.key.folded, *words)


def canonical(licence: object) -> str | None:
    return licences.canonical(Licence(id=str(licence)))


def _no_licence_change(move: Move) -> str | None:
    """Rows that show another text where no other licence is stated."""
    if canonical(move.before) is None:
        return STATES_NOTHING
    unnamed = move.after == "other" and move.repo in replay.under_the_same_tag()
    return LOST_ITS_NAME if unnamed else None


def gate(closed: object) -> str:
    return "auto" if closed else "none"


LICENCE = Topic(
    field="license",
    kind=ChangeKind.LICENCE,
    concerns=lambda move: bool(move.before and move.after),
    word=canonical,
)
CLOSED = Topic(
    field="gated",
    kind=ChangeKind.GATED,
    concerns=lambda move: bool(move.after),
    told_by=lambda change: change.after != "none",
    word=gate,
)
OPENED = Topic(
    field="gated",
    kind=ChangeKind.GATED,
    concerns=lambda move: bool(move.before),
    told_by=lambda change: change.after == "none",
    word=gate,
)
REMOVED = Topic(field="removed", kind=ChangeKind.REMOVED, concerns=lambda move: bool(move.after))
CAME_BACK = Topic(field="removed", kind=ChangeKind.RESTORED, concerns=lambda move: bool(move.before))
MADE_ANEW = Topic(field="created_at", kind=ChangeKind.QUANT_REPLACED)


def assert_told(topic: Topic, fates: Sequence[tuple[Move, str]], looks: Sequence[Looked]) -> None:
    """Told is exactly what was to be told, as often and with the values that the rows have."""
    expected = Counter(topic.of_move(move) for move, fate in fates if fate == TOLD)
    changes = (change for change in told(looks, topic.kind) if topic.told_by(change))
    assert Counter(topic.of_change(change) for change in changes) == expected


class Days:
    """The first state, the same half an hour later, the last state, and that again seven hours later."""

    def __init__(self, folder: Path) -> None:
        authors = replay.authors_of(move.repo for field in replay.COMPARED for move in replay.moves(field))
        times = (FIRST, FIRST + HOUR / 2, LAST, LAST + 7 * HOUR)
        self.first, self.again, *self.later = replay.replay(replay.two_states(), folder, authors, times)
        self._known = {record["id"].casefold() for record in replay.first_state()}
        states = replay.first_state(), replay.last_state()
        self._there = tuple(map(replay.there, states))
        self._twins = tuple(map(replay.spelt_twice, states))

    def fate(self, topic: Topic, move: Move) -> str:
        if move.repo not in self._known:
            return NOT_IN_FIRST
        if move.repo not in self._there[0]:
            return GONE_IN_FIRST
        if topic is not REMOVED and move.repo not in self._there[1]:
            return GONE_IN_LAST
        if topic is LICENCE and (why := _no_licence_change(move)):
            return why
        return TWO_SPELLINGS if move.repo in self._twins[topic is LICENCE] else TOLD


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    return Days(tmp_path_factory.mktemp("days"))


def test_the_first_sight_of_every_account_is_a_baseline(days: Days) -> None:
    first = days.first
    assert {source.status for source in first.report.sources} == {"ok"}
    assert (len(first.report.sources), sum(s.seen for s in first.report.sources)) == (698, 1882)
    assert (first.report.outcome.changes, first.report.outcome.alerts) == ([], [])


def test_a_second_look_at_the_same_costs_one_request_per_account_and_writes_no_change(days: Days) -> None:
    assert days.again.requests == len(days.again.report.sources) == 698
    assert days.again.report.outcome.changes == []


@pytest.mark.parametrize(
    ("topic", "fates"),
    [
        pytest.param(
            LICENCE,
            {
                TOLD: 93,
                LOST_ITS_NAME: 1,
                NOT_IN_FIRST: 12,
                GONE_IN_FIRST: 1,
                GONE_IN_LAST: 1,
                STATES_NOTHING: 1,
                TWO_SPELLINGS: 1,
            },
            id="licences that moved from value to value",
        ),
        pytest.param(CLOSED, {TOLD: 20, NOT_IN_FIRST: 15, GONE_IN_LAST: 1}, id="repos that were gated"),
        pytest.param(OPENED, {TOLD: 14, NOT_IN_FIRST: 2}, id="repos that were opened"),
        pytest.param(REMOVED, {TOLD: 329, NOT_IN_FIRST: 142}, id="repos that went away"),
        pytest.param(CAME_BACK, {NOT_IN_FIRST: 5, GONE_IN_FIRST: 41}, id="repos that came back"),
        pytest.param(
            MADE_ANEW,
            {TOLD: 221, NOT_IN_FIRST: 57, GONE_IN_FIRST: 36, GONE_IN_LAST: 29, TWO_SPELLINGS: 1},
            id="repos that were made anew under their id",
        ),
    ],
)
def test_three_days_put_together_are_told_as_the_rows_have_them(
    days: Days, topic: Topic, fates: Mapping[str, int]
) -> None:
    found = [(move, days.fate(topic, move)) for move in net(topic.field).values() if topic.concerns(move)]
    assert Counter(fate for _, fate in found) == fates
    assert_told(topic, found, days.later)


def test_the_rows_know_no_rename() -> None:
    """The exports file a record under its id and have no Hub id: a rename is a removal and a newcomer."""
    fields = {field for row in replay.change_rows() for field in row["changes"]}
    assert not fields & {"id", "author", "slug", "_id"}


def test_of_three_days_nothing_but_two_lines_of_the_digest_concerns_the_example_stack(days: Days) -> None:
    assert decided(days.later, Action.ALERT) == []
    assert decided(days.later, Action.DIGEST) == [
        ("version", "meta-llama/Llama-3.1-8B"),
        ("version", "mistralai/Mistral-7B-Instruct-v0.3"),
    ]


def decided(looks: Sequence[Looked], action: Action) -> list[tuple[str, str]]:
    verdicts = (verdict for look in looks for verdict in look.report.outcome.verdicts)
    return sorted((v.trigger, v.change.key.id) for v in verdicts if v.action is action)


class Exports:
    """Every export rebuilt and looked at, then twice more so that the last absences are confirmed.

    Watched are the accounts whose repos were gated, opened, came back, or moved their licence.
    """

    def __init__(self, folder: Path) -> None:
        self.world = replay.every_export()
        flapped = [m for t in (LICENCE, CLOSED, OPENED, CAME_BACK) for m in self._moves(t)]
        self.authors = replay.authors_of(move.repo for move in flapped)
        self.times = [*replay.export_moments(), LAST + 24 * HOUR, LAST + 31 * HOUR]
        self.looks = replay.replay(self.world, folder, self.authors, self.times)

    @staticmethod
    def _moves(topic: Topic) -> list[Move]:
        return [move for move in replay.moves(topic.field) if topic.concerns(move)]

    def moves(self, topic: Topic) -> list[Move]:
        names = {name.casefold() for name in self.authors}
        return [move for move in self._moves(topic) if move.repo.partition("/")[0] in names]

    def baseline(self, account: str) -> datetime:
        """The first look at which the account listed anything: what it listed then is known, silently."""
        return next((time for time in self.times if self.world.at(time).of_author(account)), LAST)

    @cached_property
    def first_seen(self) -> Mapping[str, datetime]:
        """When a repo became known: with its account's baseline, or told as a newcomer."""
        found: dict[str, datetime] = {}
        for account in self.authors:
            time = self.baseline(account)
            found |= {row["id"].casefold(): time for row in self.world.at(time).of_author(account)}
        for look in self.looks:
            for kind in NEWCOMERS:
                for change in look.changes(kind):
                    found.setdefault(change.key.folded, look.at)
        return found

    def sweeps(self, account: str) -> list[datetime]:
        """The looks that read all of an account: a day after the last one that did, its baseline included."""
        found = [self.baseline(account)]
        for time in self.times:
            if time - found[-1] >= timedelta(hours=24):
                found.append(time)
        return found[1:]

    def missed(self, repo: str, gone: datetime) -> bool:
        """Whether an absence lasted from a sweep to another look, long enough after it."""
        back = [m.at for m in self._moves(CAME_BACK) if m.repo == repo and m.at > gone]
        until = min(back, default=self.times[-1] + HOUR)
        return any(
            gone <= sweep and time - sweep >= SECOND_LOOK_AFTER and time < until
            for sweep in self.sweeps(repo.partition("/")[0])
            for time in self.times
        )

    def young(self, move: Move) -> bool:
        """Whether the repo was made within a day before the move was looked at."""
        look = next(time for time in self.times if time >= move.at)
        row = self.world.at(look).get(move.repo)
        return row is not None and look - replay.moment(row["createdAt"]) < Policy().settle

    def fate(self, topic: Topic, move: Move) -> str:
        if topic is LICENCE and (why := _no_licence_change(move)):
            return why
        seen = self.first_seen.get(move.repo)
        if seen is None or seen >= move.at:
            return BEFORE_FIRST_SIGHT
        if topic is REMOVED and not self.missed(move.repo, move.at):
            return UNCONFIRMED
        if topic is CAME_BACK:
            gone = max(m.at for m in self._moves(REMOVED) if m.repo == move.repo and m.at < move.at)
            return TOLD if self.missed(move.repo, gone) else NEVER_MISSED
        if topic in (LICENCE, CLOSED, OPENED) and self.young(move) and not replay.in_bulk(move, topic.field):
            return YOUNG
        if topic is MADE_ANEW and self.world.at(move.at).get(move.repo) is None:
            return WHILE_GONE
        return TOLD


@pytest.fixture(scope="module")
def exports(tmp_path_factory: pytest.TempPathFactory) -> Exports:
    return Exports(tmp_path_factory.mktemp("exports"))


@pytest.mark.parametrize(
    ("topic", "fates"),
    [
        pytest.param(
            LICENCE,
            {TOLD: 100, YOUNG: 6, LOST_ITS_NAME: 1, STATES_NOTHING: 2, BEFORE_FIRST_SIGHT: 1},
            id="licences that moved from value to value",
        ),
        pytest.param(CLOSED, {TOLD: 29, YOUNG: 6, BEFORE_FIRST_SIGHT: 1}, id="repos that were gated"),
        pytest.param(OPENED, {TOLD: 13, YOUNG: 3}, id="repos that were opened"),
        pytest.param(REMOVED, {TOLD: 77, UNCONFIRMED: 35}, id="repos that went away"),
        pytest.param(
            CAME_BACK, {TOLD: 40, NEVER_MISSED: 35, BEFORE_FIRST_SIGHT: 51}, id="repos that came back"
        ),
        pytest.param(
            MADE_ANEW,
            {TOLD: 161, WHILE_GONE: 12, BEFORE_FIRST_SIGHT: 39},
            id="repos that were made anew under their id",
        ),
    ],
)
def test_every_export_in_between_is_told_as_its_rows_have_it(
    exports: Exports, topic: Topic, fates: Mapping[str, int]
) -> None:
    found = [(move, exports.fate(topic, move)) for move in exports.moves(topic)]
    assert Counter(fate for _, fate in found) == fates
    assert_told(topic, found, exports.looks)


def test_of_310_licences_that_moved_200_came_late_and_69_are_one_bulk(exports: Exports) -> None:
    moved = replay.moves("license")
    late = [move.repo for move in moved if not move.before]
    assert (len(moved), len(late)) == (310, 200)
    verdicts = [v for look in exports.looks for v in look.report.outcome.verdicts]
    of_bulk = [v for v in verdicts if v.change.kind is ChangeKind.LICENCE and v.trigger == "bulk-relabel"]
    assert not [c for c in told(exports.looks, ChangeKind.LICENCE) if c.before is None]
    assert Counter(v.change.key.id.partition("/")[0] for v in of_bulk) == {"pyaging": 68}
    (leader,) = {v.reason.rpartition(" told with ")[2] for v in of_bulk}
    assert [v.trigger for v in verdicts if v.change.key.id == leader] == ["not-in-use"]


def test_of_all_exports_one_new_player_is_an_alert_for_the_example_stack(exports: Exports) -> None:
    assert decided(exports.looks, Action.ALERT) == [
        ("new-family", "ornith-ai/Ornith-1.5-35B-A3B"),
    ]
    assert decided(exports.looks, Action.DIGEST) == [
        ("new-family", "ornith-ai/Ornith-1.5-9B"),
        ("version", "meta-llama/Llama-3.1-8B"),
        ("version", "mistralai/Mistral-7B-Instruct-v0.3"),
    ]


def test_the_command_syncs_the_example_twice_and_the_second_run_costs_one_request_per_account(
    folder: Path,
) -> None:
    with StandIn(World.from_rows(replay.two_states().at(FIRST).rows), now=FIRST) as hub:
        config = folder / "example.yaml"
        config.write_text(replay.example_config(hub.url, folder), encoding="utf-8")
        rounds = []
        for minutes in (4, 34):
            hub.requests.clear()
            with time_machine.travel(FIRST + timedelta(minutes=minutes)):
                answer = modelwatch("sync", "--config", config, "--json")
            assert (answer.status, answer.err) == (0, "")
            assert (answer.json["changes"], answer.json["alerts"]) == (0, [])
            assert sum(source["requests"] for source in answer.json["sources"]) == len(hub.requests)
            rounds.append(
                (len(answer.json["sources"]), len(hub.requests), answer.json["waiting_for_details"])
            )
        # 48 repos of the first round are young or in use: their files are asked for once.
        assert rounds == [(10, 10 + 48, 0), (10, 10, 0)]


def test_all_recorded_answers_are_served_word_for_word_and_read_three_renamed_repos_among_them() -> None:
    path = shared_data("hub/api_responses/huggingface_hub_recorded_http.json")
    exchanges = json.loads(path.read_text(encoding="utf-8"))
    everything = recorded_replies(exchanges)
    query = "?" + "&".join(f"expand={field}" for field in FULL_EXPAND)
    looks = []
    with StandIn(World()) as hub:
        source = HubSource(hub.url, None)
        for exchange in exchanges:
            [(target, reply)] = recorded_replies([exchange]).items()
            asked = target.partition("?")[0] + query
            hub.recorded = everything | {target: reply, asked: reply}
            assert hub.answer(target, {})[0].body.decode() == exchange["body"]
            looks.append(source.look(target.partition("?")[0].removeprefix("/api/models/"), LAST))
    moved = {
        look.repo_id: look.observation.key.id
        for look in looks
        if look.observation and look.presence is Presence.RENAMED
    }
    assert moved == {
        "bert-base-uncased": "google-bert/bert-base-uncased",
        "t5-small": "google-t5/t5-small",
        "meta-llama/Meta-Llama-3.1-8B-Instruct": "meta-llama/Llama-3.1-8B-Instruct",
    }
    assert Counter(look.presence for look in looks) == {Presence.PRESENT: 72, Presence.RENAMED: 4}
