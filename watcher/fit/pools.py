"""The hardware that a text names: a device, a pool of several, or a machine described in place.

`h100`, `4 x H100`, `NVIDIA GB10`, `2xdgx-spark`, `memory=96GB,bandwidth=1792GB/s,count=2`.
"""

import difflib
import math
import re
from collections.abc import Iterable

from watcher.fit.described import LARGEST_POOL, BadDescription, described
from watcher.fit.device_names import LONGEST_NAME, candidates, device_named
from watcher.fit.devices import devices
from watcher.tables import table
from watcher.types import Hardware

__all__ = ["UnknownHardware", "device_named", "pool_of", "pools_of"]

_COUNT_FIRST = re.compile(r"(\d{1,6})\s*[x×*]\s*(\S.*)", re.IGNORECASE)
_COUNT_LAST = re.compile(r"(.*\S)\s+[x×*]\s*(\d{1,6})", re.IGNORECASE)
_LOOSE_LAST = re.compile(r"(\S.*[a-z0-9])x(\d{1,4})", re.IGNORECASE)
_LOOSE_FIRST = re.compile(r"(\d{1,4})\s+(\S.*)")
_MAC = re.compile(r"^(apple\s+)?(i?mac|mac\s*book|mac)(\s*(studio|mini|pro|air))?\s+(?=m\d)", re.IGNORECASE)
_SHOWN = 12


class UnknownHardware(ValueError):  # noqa: N818 - a plain word for what happened
    """A text names no hardware that we know, or several. candidates: device keys, likeliest first."""

    def __init__(self, message: str, candidates: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.candidates = tuple(candidates)


def pool_of(text: str, memory_gb: float | None = None) -> Hardware:
    """The pool that a text names. memory_gb, of one device, chooses where a name comes in several sizes.

    Raises UnknownHardware with the nearest names, the candidates, or what a description lacks.
    """
    plain = " ".join(text.split())
    if not plain or len(plain) > LONGEST_NAME or not plain.isprintable():
        raise UnknownHardware(f"{_shown(text)} names no hardware")
    if "=" in plain:
        try:
            return described(plain)
        except BadDescription as e:
            raise UnknownHardware(f"{_shown(text)}: {e}") from e
    named = table("hardware")["pools"].get(re.sub(r"\s*[x×*]\s*(?=\S)|\s+", _joined, plain.casefold()))
    if named is not None:
        return _pool(named["device"], named["count"])
    count, name = _counted(plain)
    found = candidates(name, memory_gb)
    if not found:
        count, name = _loosely(text, count, name)
        found = candidates(name, memory_gb)
    if len(found) == 1:
        return _pool(found[0].key, count)
    raise _unknown(text, name, [device.key for device in found])


def pools_of(text: str) -> tuple[Hardware, ...]:
    """Several pools, separated by commas; the parts of a description stay together."""
    parts: list[str] = []
    for piece in filter(None, (piece.strip() for piece in text.split(","))):
        key = piece.partition("=")[0].strip().casefold()
        if "=" in piece and parts and "=" in parts[-1] and f",{key}=" not in f",{parts[-1].casefold()}":
            parts[-1] += f",{piece}"
        else:
            parts.append(piece)
    return tuple(pool_of(part) for part in parts)


def _joined(match: re.Match[str]) -> str:
    return "-" if match[0].isspace() else match[0].strip()


def _pool(key: str, count: int) -> Hardware:
    return Hardware(name=key if count == 1 else f"{count}x{key}", device=devices()[key], count=count)


def _counted(text: str) -> tuple[int, str]:
    """How many, and of what: "2xh100", "4 x H100", "H100 x4"."""
    if match := _COUNT_FIRST.fullmatch(text):
        count, name = int(match[1]), match[2]
    elif match := _COUNT_LAST.fullmatch(text):
        count, name = int(match[2]), match[1]
    else:
        return 1, text
    if not 1 <= count <= LARGEST_POOL:
        raise UnknownHardware(f"{_shown(text)}: a pool has 1 to {LARGEST_POOL} devices")
    return count, name


def _loosely(text: str, count: int, name: str) -> tuple[int, str]:
    """What is no name as it stands: "h100x4", "4 h100", "mac studio m3 ultra"."""
    name = _MAC.sub("", name)
    if count == 1 and (match := _LOOSE_LAST.fullmatch(name)):
        name, count = match[1], int(match[2])
    elif count == 1 and (match := _LOOSE_FIRST.fullmatch(name)):
        count, name = int(match[1]), match[2]
    if not 1 <= count <= LARGEST_POOL:
        raise UnknownHardware(f"{_shown(text)}: a pool has 1 to {LARGEST_POOL} devices")
    return count, name


def _unknown(text: str, name: str, found: list[str]) -> UnknownHardware:
    known = sorted(devices())
    if found:
        return UnknownHardware(f"{_shown(text)} may be {' or '.join(found)}: say which", found)
    folded = "-".join(name.casefold().split())
    near = difflib.get_close_matches(folded, known, n=3, cutoff=0.55)
    near += [key for key in known if folded and key.startswith(folded) and key not in near][:3]
    hint = f"; did you mean {' or '.join(near)}?" if near else "."
    listed = _listed()
    shown = listed[:: max(1, math.ceil(len(listed) / _SHOWN))]
    return UnknownHardware(
        f"{_shown(text)} is no hardware that we know{hint} Describe it as memory=96GB,bandwidth=1792GB/s, "
        f"or take one of {len(listed)} names, such as {', '.join(shown)}",
        near,
    )


def _listed() -> list[str]:
    """Every device, a Mac's sizes together."""
    rows = table("hardware")
    macs = [f"{key}-{'/'.join(map(str, chip['memory_gb']))}gb" for key, chip in rows["chips"].items()]
    return [*sorted(rows["devices"]), *macs]


def _shown(text: str) -> str:
    """A text of unknown origin, short and inert."""
    return repr(text if len(text) <= 60 else f"{text[:60]}...")
