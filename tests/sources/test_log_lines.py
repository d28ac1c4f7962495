"""Lines of the log come back as what was seen, and lines of strangers break nothing."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.hub_rows import RowError
from sources.log_lines import to_sight
from store.db import Store
from store.log import export_log, import_log
from tests.rows import api_row
from tests.store.builders import facts
from watcher.types import (
    Details,
    Evaluation,
    Graded,
    Key,
    Look,
    Observation,
    Presence,
    Problem,
    RepoFile,
    Sight,
)

NOW = datetime(2026, 4, 1, 8, tzinfo=UTC)
DETAILS = Details(
    repo_id="a/b",
    revision="r1",
    files=(RepoFile(path="m.gguf", size_bytes=5, sha256="ab" * 32), RepoFile(path="README.md")),
    config={"model_type": "llama", "num_hidden_layers": 32, "text_config": {"model_type": "x"}},
    quant_config={"quantization": {"quant_algo": "NVFP4"}},
    licence_sha256="cd" * 32,
    licence_blob="ef" * 20,
    card_says=("You may not use this commercially.",),
)


def _back(folder: Path, **written: Any) -> list[Sight]:
    """What a log gives back after a look and other lines were written to it and exported."""
    with Store.open(f"sqlite:///{folder / 'log.db'}") as store:
        with store.write() as tx:
            tx.log(written.get("observations", ()))
            tx.log_looks(written.get("looks", ()), NOW)
            tx.saw_trending(written.get("trending", ()), NOW)
        out = StringIO()
        export_log(store, out)
    rows = list(import_log(out.getvalue().splitlines()))
    return [to_sight(r.source, r.key, r.seen_at, r.row) for r in rows if not isinstance(r, Problem)]


def _look(repo_id: str, row: Mapping[str, Any], details: Details | None = None) -> Observation:
    key = Key(source="hub", id=repo_id)
    return Observation(key=key, seen_at=NOW, revision="r1", facts=facts(repo_id), row=row, details=details)


def test_files_and_configurations_come_back_as_they_were(tmp_path: Path) -> None:
    row, details = _back(tmp_path, observations=[_look("a/b", api_row("a/b"), DETAILS)])
    assert row.observation is not None
    assert details == Sight(key=Key(source="hub", id="a/b"), seen_at=NOW, details=DETAILS)


def test_every_field_of_details_is_logged() -> None:
    """A field that is new must be logged, or a backtest decides by less than the live watch did."""
    default = {f.name for f in fields(Details) if getattr(DETAILS, f.name) == f.default}
    assert default == {"problems"}  # what went wrong in reading them is no fact of the repo


def test_late_details_are_a_line_without_a_row(tmp_path: Path) -> None:
    [late] = _back(tmp_path, observations=[_look("a/b", {}, DETAILS)])
    assert (late.observation, late.details) == (None, DETAILS)


def test_what_pages_said_comes_back(tmp_path: Path) -> None:
    moved = Look(repo_id="a/b", presence=Presence.RENAMED, observation=_look("c/d", api_row("c/d")))
    gone = Look(repo_id="a/x", presence=Presence.GONE)
    first, second = _back(tmp_path, looks=[moved, gone])
    assert (first.look, first.moved_to) == (Look(repo_id="a/b", presence=Presence.RENAMED), "c/d")
    assert (second.look, second.moved_to) == (gone, None)


def test_a_trending_list_comes_back_and_an_empty_one_is_no_line(tmp_path: Path) -> None:
    [listed] = _back(tmp_path, trending=["a/b", "c/d"])
    assert listed.trending == ("a/b", "c/d")
    other = tmp_path / "other"
    other.mkdir()
    assert _back(other, trending=[]) == []


def test_results_of_evaluations_come_back(tmp_path: Path) -> None:
    items = (Graded(prompt="f1", right=True), Graded(prompt="f2", right=False))
    result = Evaluation(
        model="a/b",
        task="helpdesk",
        score=0.5,
        samples=2,
        stderr=0.1,
        source="us",
        at=NOW,
        items=items,
        position=1,
    )
    with Store.open(f"sqlite:///{tmp_path / 'log.db'}") as store:
        with store.write() as tx:
            tx.save_evaluations([result], NOW)
        out = StringIO()
        export_log(store, out)
    [line] = import_log(out.getvalue().splitlines())
    assert not isinstance(line, Problem)
    assert to_sight(line.source, line.key, line.seen_at, line.row).evaluation == result


@pytest.mark.parametrize(
    ("source", "key", "row", "why"),
    [
        ("hub", "a/b", {}, "a row without an id"),
        ("hub/details", "a b", {"files": []}, "is not a repo id"),
        ("hub/look", "a/b", {"presence": "asleep"}, "presence is none of present, renamed, gated"),
        ("hub/look", "a/b", {"presence": "renamed", "repo_id": "../x"}, "is not a repo id"),
        ("hub/trending", "trending", {"repos": "a/b"}, "repos is not a list"),
        ("hub/trending", "trending", {"repos": ["a/b", 7]}, "an id is not text"),
        ("eval", "a/b", {"model": "a/b", "task": "t", "score": 70}, "a score from 0 to 1"),
        ("eval", "a/b", {"model": "a/b", "score": 0.7}, "needs a model, a task"),
        ("\x1b[2J", "a/b", {}, ": not one of hub"),
    ],
)
def test_a_line_that_says_nothing_is_an_error_in_one_line(
    source: str, key: str, row: dict[str, Any], why: str
) -> None:
    with pytest.raises(RowError, match=why) as error:
        to_sight(source, key, NOW, row)
    assert str(error.value).isprintable()


def test_odd_values_of_files_are_left_out() -> None:
    files = [
        {"path": "../../etc/passwd"},
        {"path": "m.gguf", "size_bytes": -5, "sha256": "zz"},
        "README.md",
        {"size_bytes": 5},
    ]
    details = to_sight("hub/details", "a/b", NOW, {"files": files, "config": [], "revision": 7}).details
    assert details is not None
    assert details.files == (RepoFile(path="m.gguf"),)
    assert (details.config, details.revision) == (None, "")


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_WORDS = (
    "revision files config quant_config card_says presence repo_id repos model task score items samples at"
)
_ROW = st.dictionaries(st.sampled_from(_WORDS.split()), _JSON)


@settings(max_examples=200, deadline=None)
@given(source=st.sampled_from(["hub/details", "hub/look", "hub/trending", "eval"]), row=_ROW)
def test_any_json_is_a_sight_or_one_clear_error(source: str, row: dict[str, Any]) -> None:
    try:
        said = to_sight(source, "a/b", NOW, row).key.id
    except RowError as error:
        said = str(error)
    assert "\n" not in said
