"""Reads the front matter of model cards, the YAML between two lines of `---`.

Authors write it by hand, so it may be anything. Text stays text, as in YAML 1.2, which the Hub reads:
`no` is Norwegian, 3.10 is no 3.1, a date is no datetime. What can not be read is a problem, never an
empty answer: metadata that vanished must not look like a licence that was withdrawn.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

LARGEST_FRONT_MATTER = 1024 * 1024
_FRONT_MATTER = re.compile(r"\A\s*---[ \t]*\r?\n(.*?)(?:^---[ \t]*(?:\r?\n|\Z)|\Z(?P<open>))", re.S | re.M)


@dataclass(frozen=True, kw_only=True, slots=True)
class FrontMatter:
    """Plain JSON-like data; problem is one line, and then data holds what could still be relied on."""

    data: Mapping[str, Any] = field(default_factory=dict)
    problem: str | None = None


class _CardLoader(yaml.CSafeLoader):
    """The fast safe loader with YAML 1.2's plain scalars, collecting keys that occur twice."""

    # A dict of our own: the inherited one belongs to every safe loader in the process.
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - as in yaml

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self.twice: dict[str, bool] = {}  # key: whether its values agree

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        values: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue
            value = yaml.serialize(value_node)
            if key_node.value in values:
                agree = values[key_node.value] == value
                self.twice[key_node.value] = agree and self.twice.get(key_node.value, True)
            values[key_node.value] = value
        return super().construct_mapping(node, deep=deep)


for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("int", r"[-+]?(?:0|[1-9][0-9]{0,17})", list("-+0123456789")),
    ("merge", r"<<", ["<"]),
):
    _CardLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(rf"(?:{_pattern})\Z"), _first)


def _as_text(_: _CardLoader, node: yaml.Node) -> str:
    return str(node.value)


for _tag in ("timestamp", "binary", "float"):
    _CardLoader.add_constructor(f"tag:yaml.org,2002:{_tag}", _as_text)


def read_front_matter(text: str) -> FrontMatter:
    """The front matter of a whole card. A card without any is no problem."""
    match = _FRONT_MATTER.match(text.removeprefix("\ufeff"))
    if match is None:
        return FrontMatter()
    if match["open"] is not None:
        return FrontMatter(problem="the front matter has no end: a line of --- is missing")
    if len(match[1]) > LARGEST_FRONT_MATTER:
        return FrontMatter(problem="the front matter is larger than 1 MB")
    try:
        return _read(match[1])
    except yaml.YAMLError as error:
        return FrontMatter(problem=_line(error))
    except RecursionError:
        return FrontMatter(problem="the front matter is nested too deeply")
    except ValueError as error:
        return FrontMatter(problem=f"the front matter holds an impossible value ({error})")


def without_front_matter(text: str) -> str:
    """What a card says to people."""
    plain = text.removeprefix("\ufeff")
    match = _FRONT_MATTER.match(plain)
    return plain[match.end() :] if match and match["open"] is None else plain


def _read(block: str) -> FrontMatter:
    if "*" in block and any(
        isinstance(event, yaml.AliasEvent) for event in yaml.parse(block, yaml.CSafeLoader)
    ):
        return FrontMatter(problem="the front matter uses YAML aliases, which can grow without limit")
    loader = _CardLoader(block)
    try:
        data = loader.get_single_data()
        twice = loader.twice
    finally:
        loader.dispose()
    if data is None:
        return FrontMatter()
    if not isinstance(data, dict):
        return FrontMatter(problem=f"the front matter is no mapping but a {type(data).__name__}")
    unclear = {key for key, agree in twice.items() if not agree}
    kept = {key: value for key, value in data.items() if isinstance(key, str) and key not in unclear}
    problem = (
        f"keys that occur twice in the front matter: {', '.join(sorted(twice))[:200]}" if twice else None
    )
    return FrontMatter(data=kept, problem=problem)


def _line(error: yaml.YAMLError) -> str:
    """One line: what and where, without the card's own text."""
    mark = getattr(error, "problem_mark", None)
    what = str(getattr(error, "problem", None) or "unreadable characters").replace("\n", " ")
    what = "".join(c for c in what if c.isprintable())[:120]
    where = f" (line {mark.line + 2}, column {mark.column + 1})" if mark is not None else ""
    return f"the front matter is no YAML: {what}{where}"
