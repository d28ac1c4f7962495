"""YAML as plain values that remember where they stood.

Scalars stay text, whatever YAML would make of them: the country NO is not false and version 3.10 is
not 3.1; the settings' types decide instead. Only null is None. Knows nothing of our keys: what a
value may be is watcher.config's matter.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import yaml

from watcher.config_errors import ConfigError, KeyPath, Mistake, dotted, printable

Plain: TypeAlias = "str | dict[str, Plain] | list[Plain] | None"

MAX_CHARACTERS = 256 * 1024
MAX_VALUES = 10_000
MAX_DEPTH = 24

_CORE = "tag:yaml.org,2002:"
_VALUE_KINDS = {
    _CORE + kind
    for kind in ("str", "null", "bool", "int", "float", "timestamp", "value", "merge", "map", "seq")
}
_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}|\$\{")
_KEY_KINDS = {
    "bool": "YAML reads this key as yes or no: put it in quotes",
    "int": "YAML reads this key as a number: put it in quotes",
    "float": "YAML reads this key as a number: put it in quotes",
    "timestamp": "YAML reads this key as a date: put it in quotes",
    "null": "a key is missing in front of the colon",
    "merge": "the merge key << is not supported: repeat the keys instead",
}
_ADVICE = {
    "mapping values are not allowed": (
        "a colon where none may stand: check the indentation, and quote a value that holds ': '"
    ),
    "expected <block end>": "the indentation of this line does not match the lines above it",
    "expected ',' or '": "a { or [ is not closed before here",
    "unexpected end of stream": "a quotation mark is not closed",
    "could not find expected ':'": "a colon and a space are missing after the key",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a key and its value stand, from 1. raw is a scalar as the file says it, before ${...}."""

    key: tuple[int, int]
    value: tuple[int, int]
    raw: str | None = None


@dataclass(kw_only=True, slots=True)
class Document:
    """A YAML mapping as plain data, the place of every value in it, and what was wrong so far.

    unreadable: paths that were complained of and hold None, so that nobody complains twice.
    """

    file: str
    data: dict[str, Plain] = field(default_factory=dict)
    places: dict[KeyPath, Place] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)
    unreadable: set[KeyPath] = field(default_factory=set)

    def complain(self, path: KeyPath, message: str, *, at_key: bool = False) -> None:
        """Note a mistake at path, or at its nearest ancestor when the file does not hold path itself."""
        known = next((path[:n] for n in range(len(path), -1, -1) if path[:n] in self.places), ())
        place = self.places.get(known, Place(key=(1, 1), value=(1, 1)))
        line, column = place.key if at_key or known != path else place.value
        self.mistakes.append(Mistake(line=line, column=column, key=dotted(path), message=message))


def read_yaml(text: str, *, file: str, env: Mapping[str, str]) -> Document:
    """The mapping that text holds, with ${NAME} and ${NAME:-default} expanded from env.

    Raises ConfigError at once where there is no mapping to go on with (broken YAML, too big, empty);
    smaller mistakes are collected in the document.
    """
    node = _compose(text.removeprefix("\ufeff"), file)
    if node is None or (isinstance(node, yaml.ScalarNode) and node.tag == _CORE + "null"):
        raise _refusal(
            file, (1, 1), "the file is empty: `modelwatch init` writes a first one; {} means all defaults"
        )
    if not isinstance(node, yaml.MappingNode):
        raise _refusal(file, _start(node), "the file must be a mapping of keys to values, such as `hub:`")
    document = Document(file=file)
    document.data = _Reading(document, env).mapping(node, ())
    return document


def _refusal(file: str, at: tuple[int, int], message: str) -> ConfigError:
    return ConfigError(file, [Mistake(line=at[0], column=at[1], key="", message=message)])


def _start(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line + 1, node.start_mark.column + 1


class _TooMuch(yaml.MarkedYAMLError):
    """More nesting or more values than any configuration needs."""


class _Composer(yaml.SafeLoader):
    """PyYAML's composer with a floor under hostile input: depth and values are bounded."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = 0
        self.values = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        self.values += 1
        if self.depth > MAX_DEPTH or self.values > MAX_VALUES:
            what = "nested too deeply" if self.depth > MAX_DEPTH else "too many values"
            raise _TooMuch(problem=what, problem_mark=self.get_mark())
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


def _compose(text: str, file: str) -> yaml.Node | None:
    if len(text) > MAX_CHARACTERS:
        raise _refusal(
            file, (1, 1), f"the file is larger than {MAX_CHARACTERS // 1024} KiB: this is no configuration"
        )
    try:
        loader = _Composer(text)
        try:
            return loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        at = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _refusal(file, at, _explained(error, text, mark.index if mark else 0)) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        at = (before.count("\n") + 1, len(before) - before.rfind("\n"))
        raise _refusal(file, at, "a control character: configuration is plain text") from None


def _explained(error: yaml.MarkedYAMLError, text: str, index: int) -> str:
    """What to do about broken YAML. PyYAML's words repeat aliases and tags: those may be a secret."""
    problem = error.problem or "broken YAML"
    if isinstance(error, _TooMuch):
        return f"{problem}: this is no configuration"
    if text[index : index + 1] == "\t":
        return "a tab: YAML is indented with spaces only"
    if text[index - 1 : index + 1] == "${":
        return 'inside { } and [ ] put "${NAME}" in quotes'
    if "alias" in problem or "anchor" in problem:
        return "a value that starts with * or & must be in quotes"
    if "tag" in problem:
        return "a value that starts with ! must be in quotes"
    if "single document" in (error.context or ""):
        return "a second document begins here: one file holds one configuration"
    for sign, advice in _ADVICE.items():
        if sign in problem:
            return advice
    return f"broken YAML: {printable(problem, 120)}"


class _Reading:
    """One walk over the nodes. Values are counted here too: an alias is one node read many times."""

    def __init__(self, document: Document, env: Mapping[str, str]) -> None:
        self.document = document
        self.env = env
        self.values = 0

    def mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Plain]:
        found: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            trouble = self._key_trouble(key_node)
            if trouble:
                self._complain(key_node, path, trouble)
                continue
            key = key_node.value
            here = (*path, key)
            if key in found:
                first = self.document.places[here].key[0]
                self._complain(key_node, here, f"given twice: the first is in line {first}")
                continue
            self.document.places[here] = Place(key=_start(key_node), value=_start(value_node))
            found[key] = self._value(value_node, here)
        return found

    @staticmethod
    def _key_trouble(node: yaml.Node) -> str | None:
        if not isinstance(node, yaml.ScalarNode):
            return "a key must be a word: quote a value that holds { } or [ ]"
        if node.tag == _CORE + "str":
            return None
        return _KEY_KINDS.get(node.tag.removeprefix(_CORE), "a key that starts with ! must be in quotes")

    def _value(self, node: yaml.Node, path: KeyPath) -> Plain:
        self.values += 1
        if self.values > MAX_VALUES or len(path) > MAX_DEPTH:
            raise _refusal(
                self.document.file, _start(node), "too many values behind an alias: write them out"
            )
        if node.tag not in _VALUE_KINDS:
            self._complain(node, path, "a value that starts with ! must be in quotes")
            self.document.unreadable.add(path)
            return None
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self._item(child, (*path, n)) for n, child in enumerate(node.value)]
        return self._scalar(node, path)

    def _item(self, node: yaml.Node, path: KeyPath) -> Plain:
        self.document.places[path] = Place(key=_start(node), value=_start(node))
        return self._value(node, path)

    def _scalar(self, node: yaml.Node, path: KeyPath) -> str | None:
        if node.tag == _CORE + "null":
            return None
        raw: str = node.value
        known = self.document.places[path]
        self.document.places[path] = Place(key=known.key, value=known.value, raw=raw)
        try:
            return _VARIABLE.sub(self._replaced, raw) or None if "${" in raw else raw
        except LookupError as error:
            self._complain(node, path, str(error.args[0]))
            self.document.unreadable.add(path)
            return None

    def _replaced(self, match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(2)
        if match.group() == "$${":
            return "${"
        if name is None:
            raise LookupError("write ${NAME} or ${NAME:-default}, and $${ for the two characters themselves")
        if default is not None:
            return self.env.get(name) or default
        if name not in self.env:
            raise LookupError(f"the environment variable {printable(name)} is not set")
        return self.env[name]

    def _complain(self, node: yaml.Node, path: KeyPath, message: str) -> None:
        line, column = _start(node)
        self.document.mistakes.append(Mistake(line=line, column=column, key=dotted(path), message=message))
