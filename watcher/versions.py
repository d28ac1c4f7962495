"""Versions as makers write them: 3.5, V3.2-Exp, R1-0528, 4-2603, 2.5-preview, 3n.

No standard covers them, so a version is read as numbers, an optional letter, a stage (preview
before the release, anything else after it) and a date stamp. That gives a total order on any text;
text without a version in it is older than everything.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

VersionKey = tuple[tuple[int, ...], str, int, int, tuple[str, ...]]

# Words that come before the release they name; every other word names something after it.
EARLY = frozenset({"exp", "experimental", "preview", "prev", "alpha", "beta", "rc", "dev", "pre", "test"})
# Words that belong to a version when they follow one: early stages and later editions.
SUFFIXES = (EARLY - {"test"}) | {"terminus", "final", "update"}

_PARTS = re.compile(r"[\s\-_+/]+")
# Nine digits keep a hostile name from becoming a number that int() refuses.
_NUMBER = re.compile(r"[a-z]*?v?(\d{1,9}(?:\.\d{1,9})*)([a-z]?)", re.ASCII)
_YYMM = re.compile(r"2[2-9](?:0[1-9]|1[0-2])", re.ASCII)
_MMDD = re.compile(r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.ASCII)
_FULL = re.compile(r"20[2-9]\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.ASCII)


def is_stamp(token: str) -> bool:
    """A date in a name: 2507 (July 2025), 0528 (28 May) or 20240522."""
    return any(pattern.fullmatch(token) for pattern in (_YYMM, _MMDD, _FULL))


@lru_cache(maxsize=4096)
def version_key(text: str) -> VersionKey:
    """A sort key for any text; equal keys mean the same version however it is written."""
    numbers: tuple[int, ...] = ()
    letter, stage, stamp = "", 0, 0
    words: list[str] = []
    for token in _PARTS.split(text.casefold().strip()):
        if not token:
            continue
        match = _NUMBER.fullmatch(token)
        if is_stamp(token):
            stamp = max(stamp, int(token))
        elif match and not numbers:
            numbers, letter = tuple(int(part) for part in match[1].split(".")), match[2]
        else:
            words.append(token)
            early = token.rstrip("0123456789") in EARLY
            stage = -1 if early else (stage or 1)
    while numbers and numbers[-1] == 0 and len(numbers) > 1:
        numbers = numbers[:-1]
    return numbers, letter, stage, stamp, tuple(words)


def latest(versions: Iterable[str]) -> str | None:
    """The newest of several versions as it was written; None when none states anything."""
    return max((v for v in versions if v.strip()), key=version_key, default=None)


def degree(known_versions: Iterable[str], version: str) -> str | None:
    """How big a step version is over everything known: major, minor or patch; None when not newer.

    The first number makes a major step, the second a minor one; a third number, a letter, a stage
    or a date stamp makes a patch.
    """
    if not version.strip():
        return None
    seen = version_key(version)
    newest = max((version_key(known) for known in known_versions), default=None)
    if newest is None:
        return "major"
    if seen <= newest:
        return None
    width = max(len(seen[0]), len(newest[0]), 2)
    ours, theirs = (numbers + (0,) * (width - len(numbers)) for numbers in (seen[0], newest[0]))
    if ours[0] != theirs[0]:
        return "major"
    return "minor" if ours[1] != theirs[1] else "patch"
