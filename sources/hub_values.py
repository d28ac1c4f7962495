"""Reads values that strangers wrote: one value at a time, noting what is not as it should be."""

import json
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

LARGEST_COUNT = 2**53
"""Where JSON numbers stop being exact; no repo has that many bytes, parameters or downloads."""

LONGEST_TEXT = 512

_TERMINAL_CODE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor moves
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # OSC: titles, links
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # device control strings
    r"|\x1b."
)


def clean(text: str, limit: int = LONGEST_TEXT) -> str:
    """The text as one printable line: no terminal codes, control or invisible characters, cut at limit."""
    if not text.isprintable():
        text = _TERMINAL_CODE.sub("", text)
        text = " ".join(text.split())
        text = "".join(c for c in text if c == " " or not unicodedata.category(c).startswith("C"))
    text = text.strip()
    return text if len(text) <= limit else text[: limit - 1] + "…"


def shown(value: object) -> str:
    """A stranger's value as a message may quote it."""
    return clean(repr(value) if not isinstance(value, str) else f'"{value}"', 60)


def parse_json(body: bytes) -> Any:
    """JSON as data: NaN and Infinity become null. ValueError with one clear line otherwise."""
    try:
        return json.loads(body, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        if body.lstrip()[:1] == b"<":
            raise ValueError("HTML instead of JSON") from None
        raise ValueError(
            f"not complete JSON ({error.msg} at character {error.pos} of {len(error.doc)})"
        ) from None
    except UnicodeDecodeError:
        raise ValueError("not JSON: the bytes are no text") from None
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None


def moment(value: object) -> datetime:
    """An ISO 8601 time as aware UTC; ValueError when it is none."""
    try:
        read = datetime.fromisoformat(str(value).strip())
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:
        raise ValueError("a time before or after all calendars") from None


def storable(value: Any) -> Any:
    """The same JSON without lone surrogates and NUL, which no UTF-8 file or database takes."""
    if isinstance(value, str):
        if "\x00" in value or not value.isprintable():
            value = value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
        return value
    if isinstance(value, dict):
        return {storable(str(key)): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


class Reader:
    """Takes values out of one row. What does not fit is left out and becomes a line in problems."""

    def __init__(self) -> None:
        self.problems: list[str] = []

    def note(self, message: str) -> None:
        if message not in self.problems:
            self.problems.append(message)

    def text(self, value: object, what: str) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            self.note(f"{what} is not text ({shown(value)}): left out")
            return None
        return clean(value) or None

    def texts(self, value: object, what: str) -> tuple[str, ...]:
        """A text or a list of texts, each once, in order."""
        if value is None:
            return ()
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list):
            self.note(f"{what} is not a list of texts ({shown(value)}): left out")
            return ()
        texts = (self.text(item, what) for item in found)
        return tuple(dict.fromkeys(text for text in texts if text))

    def count(self, value: object, what: str) -> int | None:
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            self.note(f"{what} is not a whole number ({shown(value)}): left out")
            return None
        if not 0 <= value <= LARGEST_COUNT:
            self.note(f"{what} is absurd ({shown(value)}): left out")
            return None
        return value

    def number(self, value: object, what: str) -> float | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > LARGEST_COUNT:
            self.note(f"{what} is not a usable number ({shown(value)}): left out")
            return None
        return float(value)

    def moment(self, value: object, what: str) -> datetime | None:
        if value is None:
            return None
        try:
            return moment(value)
        except ValueError:
            self.note(f"{what} is not a time ({shown(value)}): left out")
            return None

    def mapping(self, value: object, what: str) -> Mapping[str, Any]:
        """The mapping, or an empty one. None means absent and is no problem."""
        if isinstance(value, Mapping):
            return value
        if value is not None:
            self.note(f"{what} is not a mapping ({shown(value)}): left out")
        return {}
