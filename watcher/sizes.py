"""Sizes as names write them, in parameters: 27B, 30B-A3B, 8x7B, 17B-16E, E4B, 1B-7B, 2.4T-A95B.

Names are round figures; a repo's own counts say it exactly where they are known.
"""

import re

_UNITS = {"M": 1e6, "B": 1e9, "T": 1e12}
_PART = re.compile(r"(?:(\d{1,4})X)?([AE]?)(\d{1,5}(?:\.\d{1,3})?)([BMTE])", re.ASCII)


def total_parameters(size: str | None) -> int | None:
    """All parameters that a size states; None for words (flash) and where only active ones are stated (A3B).

    8x7B is read as 56 billion, an upper bound: experts share their attention layers. Of two plain figures
    the larger is the total of a mixture (1B-7B), or both count where the larger comes first (9B-2B: an
    encoder and a decoder).
    """
    plain = _plain(size)
    if not plain or _experts(size):
        return None
    if len(plain) > 1 and plain[0] < plain[1]:
        return plain[1]
    return sum(plain)


def active_parameters(size: str | None) -> int | None:
    """Parameters read per token: 3 billion of 30B-A3B, 4 of E4B, 17 of 17B-16E; all of a dense model.

    None where the name does not say it, as in 8x7B.
    """
    parts = _parts(size)
    stated = [count for times, mark, count in parts if mark]
    if stated:
        return stated[0]
    plain = _plain(size)
    if not plain or any(times for times, _, _ in parts):
        return None
    return plain[0] if len(plain) > 1 and plain[0] < plain[1] else sum(plain)


def _parts(size: str | None) -> list[tuple[str | None, str, int]]:
    """Every figure as (experts times, A or E for active or effective, parameters); no counts of experts."""
    found = []
    for text in (size or "").upper().split("-"):
        match = _PART.fullmatch(text)
        if match and match[4] in _UNITS:
            found.append((match[1], match[2], round(float(match[3]) * _UNITS[match[4]])))
    return found


def _plain(size: str | None) -> list[int]:
    return [int(times or 1) * count for times, mark, count in _parts(size) if not mark]


def _experts(size: str | None) -> bool:
    """17B-16E: what is active, and among how many experts; the total is not stated."""
    return any(re.fullmatch(r"\d{1,4}E", text) for text in (size or "").upper().split("-"))
