"""Versions as makers write them: order, steps and the newest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.versions import degree, latest, version_key

STEPS = [
    ("the next whole number is a major step", ["3"], "4", "major"),
    ("Qwen 3 to Qwen 3.5 is a minor step", ["2.5", "3"], "3.5", "minor"),
    ("3.5 to 3.5.1 is a patch", ["3.5"], "3.5.1", "patch"),
    ("a dated refresh is a patch", ["3"], "3-2507", "patch"),
    ("a later date is a patch of an earlier one", ["3-2507"], "3-2512", "patch"),
    ("R1-0528 is a patch of R1", ["R1"], "R1-0528", "patch"),
    ("Terminus is a patch of V3.1", ["V3.1"], "3.1-terminus", "patch"),
    ("an experimental version comes before its release", ["3.2-exp"], "3.2", "patch"),
    ("and is newer than the version before it", ["3.1"], "V3.2-Exp", "minor"),
    ("an experimental version is not newer than its release", ["3.2"], "3.2-exp", None),
    ("a letter makes a patch", ["3"], "3n", "patch"),
    ("Mistral Small 3.2 to 4 is a major step despite the dates", ["3.2-2506"], "4-2603", "major"),
    ("a number beats a bare date", ["2409"], "3-2501", "major"),
    ("dates alone order refreshes", ["2507"], "2602", "patch"),
    ("the same version is not newer", ["3.5"], "3.5", None),
    ("3.0 is 3", ["3"], "3.0", None),
    ("spelling and case do not matter", ["v3.2-EXP"], "3.2-exp", None),
    ("10 comes after 9", ["9"], "10", "major"),
    ("2.10 comes after 2.9", ["2.9"], "2.10", "minor"),
    ("an older version than the newest known is no step", ["2", "4"], "3", None),
    ("the first version of a line is a major step", [], "1", "major"),
    ("a version after members without one is a major step", [""], "2", "major"),
    ("no version is no step", ["3"], "", None),
]


@pytest.mark.parametrize(
    ("known", "version", "step"), [row[1:] for row in STEPS], ids=[row[0] for row in STEPS]
)
def test_a_step_is_as_big_as_people_say(known: list[str], version: str, step: str | None) -> None:
    assert degree(known, version) == step


def test_the_newest_is_returned_as_it_was_written() -> None:
    assert latest(["2.5", "V3.2-Exp", "3-0324", ""]) == "V3.2-Exp"
    assert latest(["", " "]) is None


VERSIONS = st.one_of(
    st.text(),
    st.from_regex(r"[vVRK]?\d{1,3}(\.\d{1,2}){0,3}[a-z]?(-(exp|preview|terminus|\d{4}))?", fullmatch=True),
)


@given(VERSIONS, VERSIONS)
def test_any_two_texts_have_an_order(one: str, other: str) -> None:
    a, b = version_key(one), version_key(other)
    assert (a < b) + (a == b) + (a > b) == 1


@given(VERSIONS)
def test_a_version_is_never_newer_than_itself(text: str) -> None:
    assert degree([text], text) is None


@given(VERSIONS, VERSIONS)
def test_only_one_of_two_can_be_newer(one: str, other: str) -> None:
    assert degree([one], other) is None or degree([other], one) is None


@given(st.from_regex(r"[vVRK]?\d{1,3}(\.\d{1,2}){0,3}(-(exp|terminus))?", fullmatch=True))
def test_case_does_not_matter(text: str) -> None:
    assert version_key(text.upper()) == version_key(text.lower())


def test_a_number_too_long_for_python_is_no_version() -> None:
    assert degree(["3"], "9" * 5000) in (None, "major", "minor", "patch")
