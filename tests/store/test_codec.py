"""What goes into the catalog as JSON comes out the same, and hostile text does not stop it."""

import dataclasses
import json
import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.codec import ALERT, DETAILS, FACTS, FIT, LINEAGE, Codec, clean, encode_row
from watcher.types import Alert, Details, Fit, Gate, Lineage, Popularity, RepoFacts, RepoFile

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_LEAVES: dict[Any, st.SearchStrategy[Any]] = {
    datetime: st.builds(lambda s, zone: datetime.fromtimestamp(s, zone), st.floats(0, 4e9), _OFFSETS),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: st.text(max_size=20),
    int: st.integers(),
    bool: st.booleans(),
    type(None): st.none(),
    Any: _JSON,
}


def _values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a type hint as watcher.types uses them."""
    if hint in _LEAVES:
        return _LEAVES[hint]
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        hints = typing.get_type_hints(hint)
        return st.builds(hint, **{f.name: _values(hints[f.name]) for f in dataclasses.fields(hint)})
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and inner[-1] is Ellipsis:
        return st.lists(_values(inner[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(_values, inner))
    if origin is Mapping:
        return st.dictionaries(_values(inner[0]), _values(inner[1]), max_size=3)
    if inner:
        return st.one_of(*map(_values, inner))
    return st.sampled_from(list(hint))


@pytest.mark.parametrize(
    ("codec", "kind"),
    [
        pytest.param(FACTS, RepoFacts, id="facts of a repo"),
        pytest.param(DETAILS, Details, id="details with configs"),
        pytest.param(LINEAGE, Lineage, id="lineage"),
        pytest.param(FIT, Fit, id="fit"),
        pytest.param(ALERT, Alert, id="alert"),
    ],
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_round_trip(codec: Codec[Any], kind: type[Any], data: st.DataObject) -> None:
    value = data.draw(_values(kind))
    if isinstance(value, RepoFacts):
        value = dataclasses.replace(value, popularity=Popularity())
    assert codec.decode(codec.encode(value)) == value


def test_keys_of_a_newer_version_are_ignored() -> None:
    text = '{"repo_id": "a/b", "shoe_size": 43, "licence": {"id": "mit", "mood": "good"}, "gated": "auto"}'
    read = FACTS.decode(text)
    assert (read.repo_id, read.licence.id, read.gated) == ("a/b", "mit", Gate.AUTO)


def test_popularity_is_kept_in_columns_only() -> None:
    text = FACTS.encode(RepoFacts(repo_id="a/b", popularity=Popularity(downloads=7)))
    assert json.loads(text) == {"repo_id": "a/b"}


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        pytest.param("Qwen3 \u2603 通义", "Qwen3 \u2603 通义", id="ordinary text stays"),
        pytest.param("a\ud800b", "a\ufffdb", id="a lone surrogate is replaced"),
        pytest.param("\ud83d\ude00", "\U0001f600", id="a split pair is joined"),
    ],
)
def test_text_that_no_file_can_hold(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned
    assert DETAILS.decode(
        DETAILS.encode(
            Details(repo_id="a/b", revision="r", files=(RepoFile(path=text),), config={text: [text]})
        )
    ) == Details(repo_id="a/b", revision="r", files=(RepoFile(path=cleaned),), config={cleaned: [cleaned]})


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        pytest.param({"id": "a/b", "n": 10**30}, {"id": "a/b", "n": 10**30}, id="a number beyond 64 bits"),
        pytest.param({"x": [float("nan"), float("-inf"), 1.5]}, {"x": [None, None, 1.5]}, id="not a number"),
        pytest.param({"t": "\ud800"}, {"t": "\ud800"}, id="a lone surrogate, escaped"),
        pytest.param(
            {"at": datetime(2026, 1, 1, tzinfo=UTC)}, {"at": "2026-01-01 00:00:00+00:00"}, id="a datetime"
        ),
    ],
)
def test_any_row_becomes_one_line_of_strict_json(row: dict[str, Any], kept: dict[str, Any]) -> None:
    text = encode_row(row)
    assert "\n" not in text
    assert text.isascii()
    assert json.loads(text) == kept
