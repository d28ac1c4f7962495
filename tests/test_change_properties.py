"""What holds for any sequence of polls: noise is no change, and every change is decided exactly once."""

import sqlite3
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sources.standin.world import World
from store.db import Store
from tests.factories import NOW, deployment, facts, known, lineage, observation
from tests.inprocess import WorldSource
from tests.rows import START, api_row
from watcher.asking import Limits
from watcher.changes import compare
from watcher.families import load_families
from watcher.rounds import Round, RoundReport
from watcher.rules import Rules
from watcher.situation import Policy
from watcher.types import Popularity, Stack

HOUR = timedelta(hours=1)
MODEL = "mistralai/Mistral-Small-4-119B-2603"
REPOS = (
    MODEL,
    "mistralai/Mistral-Small-5-30B",
    "unsloth/Mistral-Small-4-119B-2603-GGUF",
    "lab/one",
    "lab/two",
)
PLACES = (deployment(), deployment(name="code", model="mistralai/Mistral-Small-5-30B", task="code"))
Poll = tuple[int, list[tuple[int, str, Any]]]  # hours since the last one; repo, what is done to it, how
QUIET: list[Poll] = [(30 * 24, [])] * 3

_COUNTS = st.integers(0, 10**7)
_NOISE = st.one_of(
    st.tuples(st.just("popularity"), st.tuples(_COUNTS, _COUNTS, st.integers(0, 100))),
    st.tuples(st.just("commit"), st.text("0123456789abcdef", min_size=40, max_size=40)),
    st.tuples(st.just("tags"), st.permutations(["chat", "region:us", "arxiv:1", "license:apache-2.0"])),
    st.tuples(st.just("prose"), st.text(max_size=200)),
)
_MOVES = st.one_of(
    st.tuples(st.just("licence"), st.sampled_from([None, "mit", "apache-2.0", "mrl", "other"])),
    st.tuples(st.just("gate"), st.sampled_from([False, "auto", "manual"])),
    st.tuples(st.just("weights"), st.sampled_from("abc")),
    st.tuples(st.just("gone"), st.none()),
    st.tuples(st.just("anew"), st.integers(1, 3)),
)


def _polls(moves: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Poll]]:
    edits = st.tuples(st.integers(0, len(REPOS) - 1), moves).map(lambda pair: (pair[0], *pair[1]))
    return st.lists(st.tuples(st.sampled_from([1, 7, 13, 25, 80]), st.lists(edits, max_size=4)), max_size=6)


def _rules() -> Rules:
    stack = Stack(
        hardware=(PLACES[0].hardware,),
        deployments=PLACES,
        families=("mistral",),
        quantisers=("unsloth",),
    )
    return Rules(stack=stack, registry=load_families(), policy=Policy(), channels={"test": frozenset()})


def _edited(row: dict[str, Any], what: str, how: Any, at: datetime) -> dict[str, Any] | None:
    """The row after one edit; None where it is gone. Whatever is edited moves the date, as on the Hub."""
    if what == "gone":
        return None
    row = {**row, "lastModified": at.strftime("%Y-%m-%dT%H:%M:%S.000Z")}
    if what == "popularity":
        return row | dict(zip(("downloads", "likes", "trendingScore"), how, strict=True))
    if what == "commit":
        return row | {"sha": how}
    if what == "tags":
        others = [tag for tag in row["tags"] if tag.startswith(("base_model:", "license:"))]
        return row | {"tags": [*(tag for tag in how if not tag.startswith("license:")), *others]}
    if what == "prose":
        return row | {"card": f"---\nlicense: apache-2.0\n---\n# {how}\n"}
    if what == "licence":
        tags = [tag for tag in row["tags"] if not tag.startswith("license:")]
        stated = {"license": how} if how else {}
        return row | {"cardData": stated, "tags": [*tags, *([f"license:{how}"] if how else [])]}
    if what == "gate":
        return row | {"gated": how}
    if what == "weights":
        return api_row(row["id"], modified=at, files={"model.safetensors": (16_000_000_000, how)})
    return api_row(row["id"], modified=at, created=at, _id=f"{REPOS.index(row['id'])}{how:023x}")


def _play(polls: Sequence[Poll], folder: str) -> tuple[list[RoundReport], Path]:
    """A baseline, the polls, and quiet ones until absences are told and no hold is left."""
    path = Path(folder) / "test.db"
    now = START
    world = World.from_rows(_first())
    shown = {row["id"]: row for row in _first()}
    reports = []
    with Store.open(f"sqlite:///{path}") as store:
        for hours, edits in [(0, []), *polls, *QUIET]:
            now += hours * HOUR
            for number, what, how in edits:
                name = REPOS[number]
                row = _edited(shown[name], what, how, now)
                if row is None:
                    world.remove(name, now)
                else:
                    shown[name] = row
                    world.put(row, now)
            round_ = Round(
                source=WorldSource(world), catalog=store, rules=_rules(), limits=Limits(), now=now, fits=False
            )
            reports.append(round_.run(["mistralai", "lab", "unsloth"]))
    return reports, path


def _first() -> list[dict[str, Any]]:
    return [api_row(name, base=MODEL if name.startswith("unsloth/") else None) for name in REPOS]


# To shrink a whole life takes minutes.
_FEW = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


@given(_polls(_NOISE))
@_FEW
def test_popularity_commits_tags_and_prose_never_make_a_change(polls: list[Poll]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        reports, _ = _play(polls, folder)
    assert [report.outcome.changes for report in reports] == [[] for _ in reports]


@given(_polls(st.one_of(_NOISE, _MOVES)))
@_FEW
def test_every_change_has_exactly_one_decision_per_deployment(polls: list[Poll]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        reports, path = _play(polls, folder)
        with sqlite3.connect(path) as database:
            changes = {row[0] for row in database.execute("SELECT id FROM changes")}
            rows = database.execute(
                "SELECT change_id, deployment, action FROM verdicts ORDER BY id"
            ).fetchall()
        database.close()
    final = Counter((change, place) for change, place, action in rows if action != "hold")
    assert set(final) == {(change, place.name) for change in changes for place in PLACES}
    assert set(final.values()) <= {1}
    recorded = [change_id for report in reports for change_id, _ in report.outcome.changes]
    assert sorted(recorded) == sorted(changes)
    assert reports[-1].outcome.changes == []


@given(
    popularity=st.builds(Popularity, downloads=_COUNTS, likes=_COUNTS, trending_score=st.floats(0, 100)),
    tags=st.lists(st.text(max_size=20), max_size=5).map(tuple),
    revision=st.text(max_size=40),
    days=st.integers(0, 400),
)
def test_facts_that_differ_in_what_nobody_acts_on_are_the_same(
    popularity: Popularity, tags: tuple[str, ...], revision: str, days: int
) -> None:
    before = facts()
    after = replace(before, popularity=popularity, tags=tags, last_modified=NOW - days * timedelta(days=1))
    assert compare(known(before), observation(after, revision=revision), lineage()) == []
