"""The types of watcher.types as JSON text and back.

Fields at their default are left out, which in these types means "not stated". Keys that a newer
version wrote are ignored, so that going back one version does not lose the catalog.
"""

import json
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter
from pydantic_core import PydanticSerializationError, to_json

from watcher.types import Alert, Check, Details, Fit, Graded, Lineage, RepoFacts, Stack

T = TypeVar("T")


def clean(text: str) -> str:
    """The text without what no UTF-8 file can hold: lone surrogates become U+FFFD, pairs are joined."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def clean_json(value: Any) -> Any:
    """A JSON value with every string and key cleaned, and NaN and the infinities as null."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): clean_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [clean_json(item) for item in value]
    if isinstance(value, float) and value - value != 0:
        return None
    return value


class Codec(Generic[T]):
    """Encodes one type; without leaves fields out that columns hold, full keeps the defaults."""

    def __init__(self, kind: type[T], *, without: frozenset[str] = frozenset(), full: bool = False) -> None:
        self._adapter: TypeAdapter[T] = TypeAdapter(kind)
        self._without, self._full = set(without), full

    def encode(self, value: T) -> str:
        # Without warnings: a read-only mapping, as tables have, is written as any other.
        options: dict[str, Any] = {
            "exclude": self._without,
            "exclude_defaults": not self._full,
            "warnings": False,
        }
        try:
            return self._adapter.dump_json(value, **options).decode()
        except PydanticSerializationError:
            return to_json(clean_json(self._adapter.dump_python(value, **options))).decode()

    def decode(self, text: str) -> T:
        """Raises pydantic.ValidationError on a text that is not this type."""
        return self._adapter.validate_json(text)


# Popularity moves with every poll and lives in columns that Tx.touch can update cheaply.
FACTS = Codec(RepoFacts, without=frozenset({"popularity"}))
DETAILS = Codec(Details)
LINEAGE = Codec(Lineage, full=True)
FIT = Codec(Fit, full=True)
ALERT = Codec(Alert, full=True)
CHECKS = Codec(tuple[Check, ...], full=True)
ITEMS = Codec(tuple[Graded, ...], full=True)
STACK = Codec(Stack, full=True)


def encode_row(row: Mapping[str, Any]) -> str:
    """Somebody else's JSON object as one line of strict JSON."""
    try:
        return json.dumps(dict(row), ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    except (ValueError, TypeError):
        return json.dumps(clean_json(row), ensure_ascii=True, default=str, separators=(",", ":"))


def encode_strings(values: tuple[str, ...]) -> str:
    return json.dumps(values, ensure_ascii=True)


def decode_strings(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))
