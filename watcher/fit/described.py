"""Hardware described in place: memory=96GB,bandwidth=1792GB/s[,count=2][,kind=gddr][,bf16=504][,name=..]."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from watcher.tables import table
from watcher.types import Device, Hardware

LARGEST_POOL = 1024
_KINDS = ("hbm", "gddr", "unified")
_FORMATS = ("bf16", "fp8", "fp4", "int8")
_KEYS = ("memory", "bandwidth", "count", "kind", "link", "name", *_FORMATS)
_SIZE = re.compile(r"(\d{1,7}(?:\.\d{1,6})?)\s*([kmgt]i?b)(/s)?", re.IGNORECASE)
_UNIT = {"mb": 1e6, "gb": 1e9, "tb": 1e12, "mib": 2.0**20, "gib": 2.0**30, "tib": 2.0**40}
# Of unified memory the system keeps a part: a Spark plans with 100 of 121.7 GiB and reaches 112.
_PLANNED, _REACHED = 100 / 121.65, 112 / 121.65


class BadDescription(ValueError):  # noqa: N818 - a plain word for what happened
    """A description lacks something or says something impossible; the message names the part."""


def described(text: str) -> Hardware:
    """The pool of a description. What it leaves open is guessed, and the device's source says so.

    GB are 10**9 bytes, GiB 2**30. Raises BadDescription.
    """
    given = _parts(text)
    memory = _size(given, "memory", per_second=False, least=1e9, most=16e12)
    bandwidth = _size(given, "bandwidth", per_second=True, least=1e9, most=1e15)
    kind = given.get("kind") or _kind(bandwidth)
    if kind not in _KINDS:
        raise BadDescription(f"kind is one of {', '.join(_KINDS)}")
    link = given.get("link", "pcie4")
    if link not in table("hardware")["links"]:
        raise BadDescription(f"link is one of {', '.join(table('hardware')['links'])}")
    count = _count(given.get("count", "1"))
    name = given.get("name") or "described"
    guessed = "" if "kind" in given else f"; kind guessed as {kind} from the bandwidth"
    unified = kind == "unified"
    device = Device(
        key="described",
        name=name,
        vendor="unknown",
        kind=kind,
        usable_bytes=int(memory),
        planning_bytes=int(memory * _PLANNED) if unified else int(memory),
        optimistic_bytes=int(memory * _REACHED) if unified else int(memory),
        bandwidth_bytes_per_s=bandwidth,
        tflops=MappingProxyType({f: _tflops(given, f) for f in _FORMATS if f in given}),
        link=link,
        source=f"as described{guessed}",
    )
    return Hardware(name=name if count == 1 else f"{count}x{name}", device=device, count=count)


def _parts(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for piece in text.split(","):
        key, equals, value = (part.strip() for part in piece.partition("="))
        key = key.casefold()
        if not equals or not value:
            raise BadDescription(f"{piece.strip()[:40]!r} is no KEY=VALUE")
        if key not in _KEYS:
            raise BadDescription(f"{key[:40]!r} is unknown; known: {', '.join(_KEYS)}")
        if key in found:
            raise BadDescription(f"{key} is given twice")
        found[key] = value if key == "name" else value.casefold()
    for key in ("memory", "bandwidth"):
        if key not in found:
            raise BadDescription(f"{key} is missing, as in memory=96GB,bandwidth=1792GB/s")
    return found


def _size(given: Mapping[str, str], key: str, *, per_second: bool, least: float, most: float) -> float:
    match = _SIZE.fullmatch(given[key])
    unit = "GB/s or TB/s" if per_second else "GB or GiB"
    if match is None or match[2].casefold() not in _UNIT or (match[3] is not None and not per_second):
        raise BadDescription(f"{key} is a number with its unit, {unit}")
    size = float(match[1]) * _UNIT[match[2].casefold()]
    if not least <= size <= most:
        raise BadDescription(f"{key} of {given[key][:20]} is no accelerator's")
    return size


def _count(text: str) -> int:
    if not re.fullmatch(r"\d{1,6}", text, re.ASCII) or not 1 <= int(text) <= LARGEST_POOL:
        raise BadDescription(f"count is 1 to {LARGEST_POOL}")
    return int(text)


def _tflops(given: Mapping[str, str], key: str) -> float:
    if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?", given[key], re.ASCII) or not float(given[key]):
        raise BadDescription(f"{key} is dense TFLOPS, a plain number")
    return float(given[key])


def _kind(bandwidth: float) -> str:
    """GDDR ends at 1.8 TB/s, and what is slower than 280 GB/s is mostly a system's own memory."""
    if bandwidth >= 1.85e12:
        return "hbm"
    return "gddr" if bandwidth > 2.8e11 else "unified"
