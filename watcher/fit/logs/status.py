"""Decode speed from the lines that a busy server writes every few seconds."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from watcher.fit.logs.boot import MOST_SPEED, SpeedRow, Status


def decode_rows(statuses: Sequence[Status]) -> list[SpeedRow]:
    """For each number of sequences the median speed of one, from spans in which nothing else happened.

    A line counts when the lines before and after it show as many sequences and it read no prompt:
    otherwise its average holds pauses and prefill. Speeds are of one sequence.
    """
    steady: dict[int, list[Status]] = defaultdict(list)
    for before, here, after in zip(statuses, statuses[1:], statuses[2:], strict=False):
        same = before.running == here.running == after.running
        if same and here.running and not here.prefilling and 0 < here.total_tokens_per_second <= MOST_SPEED:
            steady[here.running].append(here)
    return [_row(running, found) for running, found in sorted(steady.items())]


def median_rows(timings: Sequence[SpeedRow]) -> list[SpeedRow]:
    """Of the timings of many requests the median of each kind, with the line it stands on."""
    found = []
    for kind in ("decode", "prefill"):
        rows = sorted((r for r in timings if r.kind == kind), key=lambda r: r.tokens_per_second)
        if rows:
            middle = rows[(len(rows) - 1) // 2]
            found.append(replace(middle, samples=len(rows)))
    return found


def _row(running: int, found: Sequence[Status]) -> SpeedRow:
    middle = sorted(found, key=lambda s: s.total_tokens_per_second)[(len(found) - 1) // 2]
    held = [s.held_tokens for s in found if s.held_tokens is not None]
    return SpeedRow(
        kind="decode",
        tokens_per_second=middle.total_tokens_per_second / running,
        line=middle.line,
        batch=running,
        depth_tokens=int(median(held) / running) if held else None,
        samples=len(found),
    )
