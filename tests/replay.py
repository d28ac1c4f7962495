"""Three days of the real Hub, replayed: HF//RADAR's exports behind the stand-in, read by the example stack.

radar-huggingface-dataset - HF//RADAR, data from the Hugging Face Hub, CC-BY-4.0. There are two whole
exports, and change rows between the exports in between, computed by others from the exports alone.
docs/replay.md explains what comes out.
"""

import gzip
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from sources.hub import HubSource
from sources.standin.radar import radar_world
from sources.standin.server import StandIn
from sources.standin.world import World
from store.db import Store
from tests.shared import shared_data
from watcher import app
from watcher.asking import Limits
from watcher.cli_common import read_config
from watcher.relabels import LEAST
from watcher.rounds import Round, RoundReport
from watcher.types import Change, ChangeKind

Record = dict[str, Any]

FOLDER = "hub/radar-huggingface-dataset"
EXAMPLE = Path(__file__).parents[1] / "config.example.yaml"
FIRST = datetime(2026, 8, 19, 7, 36, tzinfo=UTC)
LAST = datetime(2026, 8, 22, 20, 0, 29, tzinfo=UTC)
COMPARED = ("license", "gated", "removed", "created_at")
BUDGET = Limits(details=0, looks=5000)  # the exports hold no files to ask for


@dataclass(frozen=True, kw_only=True, slots=True)
class Move:
    """One field of one repo that differs between two exports. repo: case-folded id."""

    repo: str
    at: datetime
    before: Any
    after: Any


@cache
def records(name: str) -> tuple[Record, ...]:
    with gzip.open(shared_data(f"{FOLDER}/{name}.jsonl.gz"), "rt", encoding="utf-8") as lines:
        return tuple(json.loads(line) for line in lines)


def first_state() -> tuple[Record, ...]:
    return records("models_2026-08-19T0736Z")


def last_state() -> tuple[Record, ...]:
    return records("models_2026-08-22T2000Z")


@cache
def change_rows() -> tuple[Record, ...]:
    """The independent rows, oldest first."""
    return tuple(sorted(records("changes_between_exports"), key=lambda row: moment(row["seen_after"])))


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def moves(field: str) -> list[Move]:
    """Every row on a field, oldest first."""
    return [
        Move(repo=row["id"].casefold(), at=moment(row["seen_after"]), before=pair[0], after=pair[1])
        for row in change_rows()
        if (pair := row["changes"].get(field))
    ]


def net(field: str) -> dict[str, Move]:
    """A repo's rows on a field put together: what differs from the first state to the last."""
    found: dict[str, Move] = {}
    for move in moves(field):
        first = found.get(move.repo, move)
        found[move.repo] = Move(repo=move.repo, at=move.at, before=first.before, after=move.after)
    return {repo: move for repo, move in found.items() if move.before != move.after}


def in_bulk(move: Move, field: str) -> bool:
    """Whether its account moved as many repos alike in the same export as make a bulk."""
    way = (move.at, move.repo.partition("/")[0], move.before, move.after)
    alike = [m for m in moves(field) if (m.at, m.repo.partition("/")[0], m.before, m.after) == way]
    return len(alike) >= LEAST


def under_the_same_tag() -> set[str]:
    """Repos whose licence reads otherwise in a row although their license: tag stayed what it was."""
    moved = [row for row in change_rows() if "license" in row["changes"]]
    tags = ((row["id"], row["changes"].get("tags", {})) for row in moved)
    return {
        repo.casefold()
        for repo, sides in tags
        if not any(tag.startswith("license:") for side in ("added", "removed") for tag in sides.get(side, ()))
    }


def there(state: Iterable[Record]) -> set[str]:
    """The repos that a state lists."""
    return {record["id"].casefold() for record in state if not record["removed"]}


def spelt_twice(state: tuple[Record, ...]) -> frozenset[str]:
    """Repos of which a state has two records, under ids that differ in case."""
    counts = Counter(record["id"].casefold() for record in state)
    return frozenset(repo for repo, count in counts.items() if count > 1)


def export_moments() -> list[datetime]:
    """When the exports were taken, less two that follow another within the hour."""
    rows = change_rows()
    taken = sorted({FIRST} | {moment(row[key]) for row in rows for key in ("seen_before", "seen_after")})
    return [FIRST, *(b for a, b in pairwise(taken) if b - a > timedelta(hours=1))]


def two_states() -> World:
    return radar_world([(FIRST, first_state()), (LAST, last_state())])


def every_export() -> World:
    """The exports in between, rebuilt: the first state moved on, row by row, and so towards the last.

    A repo that the first state lacks is the last state's, moved back; it appears in the export before
    its first row, or with the last state. A record that one export leaves out stays.
    """
    rows: dict[str, list[Record]] = defaultdict(list)
    for row in change_rows():
        rows[row["id"]].append(row)
    exports: dict[datetime, dict[str, Record]] = defaultdict(dict)
    for record in first_state():
        exports[FIRST][record["id"]] = record
        for row in rows.get(record["id"], ()):
            record = _moved(record, row["changes"], 1)
            exports[moment(row["seen_after"])][record["id"]] = record
    known = exports[FIRST].keys()
    for record in last_state():
        if record["id"] not in known:
            own = rows.get(record["id"], [])
            for row in reversed(own):
                exports[moment(row["seen_after"])][record["id"]] = record
                record = _moved(record, row["changes"], 0)
            exports[moment(own[0]["seen_before"]) if own else LAST][record["id"]] = record
    return radar_world((when, list(export.values())) for when, export in sorted(exports.items()))


def _moved(record: Record, changes: Record, side: int) -> Record:
    """The record with one side of a row's values (1: after), tags added and removed accordingly."""
    moved = record | {k: v[side] for k, v in changes.items() if k not in ("tags", "_file_deleted")}
    tags = changes.get("tags", {})
    gone, come = (tags.get(key, []) for key in (("removed", "added") if side else ("added", "removed")))
    moved["tags"] = [tag for tag in record["tags"] if tag not in gone]
    moved["tags"] += [tag for tag in come if tag not in moved["tags"]]
    return moved


def authors_of(repos: Iterable[str]) -> list[str]:
    """The accounts of some repos, as the last state spells them."""
    spelt = {record["author"].casefold(): record["author"] for record in last_state()}
    names = {repo.partition("/")[0].casefold() for repo in repos}
    return sorted((spelt.get(name, name) for name in names), key=str.casefold)


def example_config(hub: str, folder: Path, organisations: Sequence[str] = ()) -> str:
    """The text of config.example.yaml with another endpoint and store, and more organisations."""
    text = EXAMPLE.read_text(encoding="utf-8")
    for old, new in (
        ("https://huggingface.co", hub),
        ("sqlite:///modelwatch.db", f"sqlite:///{folder / 'replay.db'}"),
        ("organisations: []", f"organisations: {json.dumps(list(organisations))}"),
    ):
        assert text.count(old) == 1, f"config.example.yaml no longer has {old} once"
        text = text.replace(old, new)
    return text


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    """One round of the replay: when, what it cost and what came of it."""

    at: datetime
    requests: int
    report: RoundReport

    def changes(self, kind: ChangeKind) -> list[Change]:
        return [change for _, change in self.report.outcome.changes if change.kind is kind]


class Replay:
    """The example stack, watching some more accounts, against a stand-in Hub."""

    def __init__(self, hub: StandIn, folder: Path, organisations: Sequence[str]) -> None:
        self._hub = hub
        config = read_config(example_config(hub.url, folder, organisations), str(EXAMPLE))
        self.team = app.team_of(config)
        self.store = Store.open(config.store.url.get_secret_value())

    def look(self, now: datetime) -> Looked:
        self._hub.now = now
        self._hub.requests.clear()
        round_ = Round(
            source=HubSource(self._hub.url, None),
            catalog=self.store,
            rules=self.team.rules(self.team.config.channels),
            limits=BUDGET,
            now=now,
        )
        report = round_.run(self.team.authors)
        return Looked(at=now, requests=len(self._hub.requests), report=report)


def replay(world: World, folder: Path, organisations: Sequence[str], at: Sequence[datetime]) -> list[Looked]:
    """Rounds at these times over the example's accounts and some more."""
    with StandIn(world, now=at[0]) as hub:
        watch = Replay(hub, folder, organisations)
        with watch.store:
            return [watch.look(now) for now in at]


def told(looks: Iterable[Looked], kind: ChangeKind) -> list[Change]:
    return [change for look in looks for change in look.changes(kind)]
