"""A log as clean lines: without colours and progress bars, with the numbers that an editor shows."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

_ANSI = re.compile(r"\x1b(?:\[[0-?]{0,20}[ -/]{0,4}[@-~]|\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)?)")
_RANK = re.compile(
    r"\((\w{1,40}(?: rank=\d{1,4})? pid=\d{1,9}[^)]{0,60})\)"
    r"|\[\d[-\d]{5,9} [\d:]{5,8} ([A-Z]{2}\d{1,3}[ A-Z\d]{0,20})\]"
)
_LONGEST = 65_536  # a configuration printed on one line has some ten thousand
_BINARY_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a log; number counts from 1."""

    number: int
    text: str

    @property
    def rank(self) -> str:
        """Which process of several wrote it, in the log's own words; "" where it is not told.

        The innermost, where one hands on what another wrote ("(EngineCore pid=1) (RayWorkerWrapper pid=7)").
        """
        found = [match[1] or match[2] for match in _RANK.finditer(self.text[:300])]
        return found[-1] if found else ""


def lines(text: str) -> Iterator[Line]:
    """Every line that says anything; what a progress bar wrote over itself counts as lines of one number."""
    for index, raw in enumerate(text.split("\n"), start=1):
        if len(raw) < 6:
            continue
        bare = _ANSI.sub("", raw[:_LONGEST]) if "\x1b" in raw else raw[:_LONGEST]
        if bare.startswith('{"log":'):
            bare = _of_docker(bare)
        for part in bare.split("\r") if "\r" in bare else (bare,):
            if part.strip():
                yield Line(index, part.rstrip())


def _of_docker(raw: str) -> str:
    """The line inside one of Docker's json-file driver."""
    try:
        inner = json.loads(raw)["log"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return raw
    return str(inner).replace("\n", " ")


def is_binary(text: str) -> bool:
    """Whether this was no text to begin with."""
    head = text[:100_000]
    strange = head.count("\x00") + head.count("\ufffd")
    return bool(head) and strange / len(head) > _BINARY_SHARE


def decode(raw: bytes) -> str:
    """The text of a log file; a shell on Windows writes UTF-16 with its byte order in front."""
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", errors="replace")
    return raw.decode("utf-8-sig", errors="replace")


def setting(text: str, key: str) -> str | None:
    """The value of key in a printed configuration: key=value, 'key': value; None when absent or None."""
    found = re.search(
        rf"(?<![\w.])['\"]?{key}['\"]?\s?[=:]\s?(?:'([^']{{0,300}})'|\"([^\"]{{0,300}})\"|([^\s,'\"(){{}}\[\]]{{1,80}}))",
        text,
    )
    if found is None:
        return None
    value = next(group for group in found.groups() if group is not None)
    return None if value in ("None", "null", "") else value
