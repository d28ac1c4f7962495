"""Front matter as people write it."""

from typing import Any

import pytest

from sources.cards import read_front_matter
from tests.shared import shared_data

READABLE = [
    pytest.param("---\nlicense: mit\n---\n# Hi", {"license": "mit"}, id="plain"),
    pytest.param("\ufeff---\nlicense: mit\n---\n", {"license": "mit"}, id="behind a byte-order mark"),
    pytest.param("\n\n---\r\nlicense: mit\r\n---\r\n", {"license": "mit"}, id="blank lines and CRLF before"),
    pytest.param("---\nlicense: mit\n---", {"license": "mit"}, id="nothing after it"),
    pytest.param("# Hi\n---\nlicense: mit\n---\n", {}, id="a rule in the text is no front matter"),
    pytest.param("", {}, id="an empty card"),
    pytest.param("---\n---\n", {}, id="empty front matter"),
    pytest.param("---\n# only a comment\n---\n", {}, id="only a comment"),
    pytest.param(
        "---\nlanguage: [en, no]\non: yes\n---\n",
        {"language": ["en", "no"], "on": "yes"},
        id="no is Norwegian",
    ),
    pytest.param("---\nversion: 3.10\n---\n", {"version": "3.10"}, id="3.10 is not 3.1"),
    pytest.param("---\ndate: 2026-08-22\n---\n", {"date": "2026-08-22"}, id="a date stays text"),
    pytest.param(
        "---\na: true\nb: null\nc: 12\nd: 007\ne: 1:30\nf: ~\ng:\n---\n",
        {"a": True, "b": None, "c": 12, "d": "007", "e": "1:30", "f": None, "g": None},
        id="what else a scalar may be",
    ),
    pytest.param(
        "---\na: |\n  x\n  ---\n  y\nb: 1\n---\n", {"a": "x\n---\ny\n", "b": 1}, id="a rule in a text"
    ),
    pytest.param(
        "---\nt: ** bold **\n---\n".replace("** bold **", "'* x'"), {"t": "* x"}, id="a quoted star"
    ),
    pytest.param(
        "---\n1: x\nlicense: mit\n---\n", {"license": "mit"}, id="keys that are no text are left out"
    ),
]


@pytest.mark.parametrize(("text", "data"), READABLE)
def test_readable(text: str, data: dict[str, Any]) -> None:
    front = read_front_matter(text)
    assert (front.problem, dict(front.data)) == (None, data)


BROKEN = [
    pytest.param("---\nlicense: mit\n", {}, "has no end", id="no closing line"),
    pytest.param("---\nlicense: [mit\n---\n", {}, "is no YAML", id="an open bracket"),
    pytest.param("---\n\tlicense: mit\n---\n", {}, "is no YAML", id="a tab"),
    pytest.param("---\nlicense: m\x1bit\n---\n", {}, "is no YAML", id="terminal codes"),
    pytest.param("---\n- a\n- b\n---\n", {}, "no mapping but a list", id="a list"),
    pytest.param("---\njust text\n---\n", {}, "no mapping but a str", id="a text"),
    pytest.param("---\n{a: b}: c\n---\n", {}, "is no YAML", id="a key that is a mapping"),
    pytest.param("---\na: !!python/object:os.system x\n---\n", {}, "is no YAML", id="a Python object"),
    pytest.param(
        "---\nlicense: mit\nlicense: gpl\na: 1\n---\n",
        {"a": 1},
        "twice in the front matter: license",
        id="twice",
    ),
    pytest.param(
        "---\nlicense: mit\nlicense: mit\n---\n",
        {"license": "mit"},
        "twice in the front matter: license",
        id="twice, the same",
    ),
    pytest.param("---\na: &x [1]\nb: [*x, *x]\n---\n", {}, "aliases", id="aliases"),
    pytest.param("---\na: " + "[" * 20_000 + "\n---\n", {}, "", id="a tower of brackets"),
    pytest.param("---\na: " + "x" * 1_100_000 + "\n---\n", {}, "larger than 1 MB", id="too long"),
]


@pytest.mark.parametrize(("text", "data", "problem"), BROKEN)
def test_broken(text: str, data: dict[str, Any], problem: str) -> None:
    front = read_front_matter(text)
    assert front.problem is not None
    assert problem in front.problem
    assert front.problem.isprintable()
    assert dict(front.data) == data


def test_every_real_card_is_read() -> None:
    paths = sorted(shared_data("hub/cards").glob("*/*.md"))
    assert len(paths) > 40
    read = {path.name: read_front_matter(path.read_text("utf-8")) for path in paths}
    assert {name: front.problem for name, front in read.items() if front.problem} == {}
    codestral = read["idx_13691824983.md"].data
    assert (codestral["license"], codestral["license_name"]) == ("other", "mnpl")
    assert read["QuantFactory__Arch-Agent-7B-GGUF.md"].data["license_name"] == "katanemo-research"
