"""What `modelwatch fit calibrate` says: a table, each term in words, and what changes from now on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from watcher.cli_common import print_table
from watcher.inert import plain
from watcher.types import Correction, Hardware

if TYPE_CHECKING:
    from watcher.calibrating import Subject
    from watcher.fit.calibration import Row
    from watcher.fit.logs import BootLog

_GIB = 2**30


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A log, what we would have said, and what was learned. left_out: why the rest was not."""

    log: "BootLog"
    subject: "Subject"
    place: Hardware
    rows: "tuple[Row, ...]"
    correction: Correction
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    stored: bool


def show(answer: Answer, *, dry_run: bool) -> None:
    """The table, then sentences."""
    _table(answer)
    for row in answer.rows:
        typer.echo(plain(f"{row.term}: {_in_words(row)}"))
    for reason in answer.left_out:
        typer.echo(plain(f"not learned: {reason}"))
    for note in answer.notes:
        typer.echo(plain(f"note: {note}"))
    typer.echo(_from_now_on(answer, dry_run=dry_run))


def _table(answer: Answer) -> None:
    log, place = answer.log, answer.place
    devices = place.device.key if place.count == 1 else f"{place.count} x {place.device.key}"
    what = f"{answer.subject.name} {answer.subject.variant.label}"
    columns = [("term", "left"), ("predicted", "right"), ("measured", "right"), ("off by", "right")]
    print_table(
        plain(f"{what} on {devices} with {log.engine} {log.engine_version or ''}").rstrip(),
        [*columns, ("line", "right")],
        [
            [row.term, _amount(row.predicted, row.unit), _amount(row.measured, row.unit), _off(row), row.line]
            for row in answer.rows
        ],
    )


def _amount(value: float, unit: str) -> str:
    if unit != "bytes":
        return f"{value:,.0f} {unit}" if abs(value) >= 100 else f"{value:,.1f} {unit}"
    return f"{value / _GIB:.2f} GiB" if abs(value) >= 0.01 * _GIB else f"{value:,.0f} B"


def _off(row: "Row") -> str:
    return "-" if row.ratio is None else f"{(row.ratio - 1) * 100:+.1f} %"


def _in_words(row: "Row") -> str:
    said, took = _amount(row.predicted, row.unit), _amount(row.measured, row.unit)
    off = abs((row.ratio or 0) - 1)
    if row.ratio is not None and off < 0.03:
        return f"right to {off * 100:.1f} %"
    found = row.unit != "bytes" or row.term.startswith(("room", "memory"))
    return f"we said {said}, it {'was' if found else 'took'} {took}"


def _from_now_on(answer: Answer, *, dry_run: bool) -> str:
    correction = answer.correction
    where = f"on {correction.device} with {correction.engine}"
    factors = correction.factors.items()
    changes = ", ".join(f"{term} x{factor:.2f}" for term, factor in factors if abs(factor - 1) >= 0.005)
    if not factors:
        return "Nothing to learn from this log."
    if not answer.stored:
        return f"Not remembered{' (--dry-run)' if dry_run else ''}: {changes or 'all is as we said'}."
    return f"From now on, {where}: {changes}." if changes else f"Remembered that our figures hold {where}."


def as_document(answer: Answer) -> dict[str, Any]:
    """docs/json.md, `fit calibrate --json`: bytes on one device, tokens per second."""
    log, correction = answer.log, answer.correction
    names = ("term", "predicted", "measured", "unit", "ratio", "line", "corrects", "refused")
    return {
        "model": answer.subject.name,
        "label": answer.subject.variant.label,
        "device": answer.place.device.key,
        "devices": answer.place.count,
        "engine": log.engine,
        "engine_version": log.engine_version,
        "boots": log.boots,
        "complete": log.complete,
        "terms": [{name: getattr(row, name) for name in names} for row in answer.rows],
        "correction": {
            "device": correction.device,
            "engine": correction.engine,
            "measured_on": correction.measured_on.isoformat(),
            "source": correction.source,
            "factors": dict(correction.factors),
        },
        "left_out": list(answer.left_out),
        "notes": list(answer.notes),
        "stored": answer.stored,
    }
