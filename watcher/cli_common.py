"""What the commands share: finding the configuration, printing rows, ending with the right status.

Exit statuses: 0 done, 1 the answer is no or nothing was found, 2 bad configuration or usage,
3 a source failed, 4 the store refused.
"""

import csv
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from watcher.config import Config, parse_config
from watcher.config_errors import ConfigError
from watcher.config_values import parse_duration
from watcher.families import load_families
from watcher.fit.devices import devices
from watcher.inert import plain

DEFAULT_CONFIG = "modelwatch.yaml"
_NOT_ASCII = re.compile(r"[^\n -~]")
_DEFAULTS = 'hub: {token: "${HF_TOKEN:-}"}'

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help=f"The configuration; without it $MODELWATCH_CONFIG, {DEFAULT_CONFIG}, or built-in defaults.",
        show_default=False,
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs (docs/json.md).")]
CsvOption = Annotated[bool, typer.Option("--csv", help="Print CSV with a header line.")]


def configuration(path: Path | None) -> Config:
    """The configuration of this call; raises ConfigError naming file, line, column and key."""
    named = path or (Path(value) if (value := os.environ.get("MODELWATCH_CONFIG")) else None)
    if named is None and Path(DEFAULT_CONFIG).exists():
        named = Path(DEFAULT_CONFIG)
    if named is None:
        return read_config(_DEFAULTS, "(built-in defaults)")
    return read_config(_text(named), str(named))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{path} is not UTF-8 text") from None
    except OSError as error:
        hint = "; modelwatch init writes a starter" if isinstance(error, FileNotFoundError) else ""
        raise typer.BadParameter(f"{path} can not be read: {error.strerror}{hint}") from None


def read_config(text: str, file: str) -> Config:
    """A configuration from its text, checked against the devices and families we know."""
    return parse_config(
        text,
        file=file,
        env=os.environ,
        read_file=lambda secret: secret.read_text(encoding="utf-8"),
        devices=devices(),
        families=load_families().by_key,
    )


def fail(error: Exception) -> NoReturn:
    """Ends with helpful lines and the status that belongs to the error; a bug keeps its traceback."""
    if isinstance(error, OSError) and error.filename is not None:
        status, text = 2, f"{error.filename}: {error.strerror}"
    else:
        status = 2 if isinstance(error, ConfigError) else _STATUS.get(type(error).__name__, 0)
        text = str(error)
    if not status:
        raise error
    for line in text.splitlines():
        typer.echo(f"modelwatch: {plain(line)}", err=True)
    sys.exit(status)


# By name, so that an error's module is only loaded by the command that can raise it.
_STATUS = {
    "SourceError": 3,
    "RateLimited": 3,
    "StoreError": 4,
    "StoreBusy": 4,
    "NothingKnown": 1,
    "NoSuchRepoError": 1,
    "UsageError": 2,
}


def since(text: str | None) -> datetime | None:
    """A point in the past: "7d", "24h", or a date such as 2026-03-01; None stays None."""
    if text is None:
        return None
    try:
        return datetime.now(UTC) - parse_duration(text)
    except OverflowError:
        raise typer.BadParameter(f"{text!r} goes back beyond the first year") from None
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is neither a span such as 7d nor a date such as 2026-03-01"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def print_json(value: object) -> None:
    """One JSON document with dates as ISO 8601 and stable key order.

    Characters that could steer a terminal or hide there are escaped: JSON itself does so up to U+001F only.
    """
    text = json.dumps(value, default=str, indent=2, ensure_ascii=False)
    typer.echo(_NOT_ASCII.sub(lambda c: c[0] if c[0].isprintable() else json.dumps(c[0])[1:-1], text))


def print_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Rows as CSV; nested values become JSON. A leading =, +, - or @ is defused for spreadsheets."""
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])


def _cell(value: object) -> object:
    if isinstance(value, dict | list):
        return json.dumps(value, default=str)
    if isinstance(value, str) and value[:1] in "=+-@":
        return "'" + plain(value)
    return plain(value) if isinstance(value, str) else value


def print_table(title: str, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[object]]) -> None:
    """A table for people: columns are (heading, justify). Cell text is never read as markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for index, (heading, justify) in enumerate(columns):
        table.add_column(
            heading, justify="right" if justify == "right" else "left", no_wrap=index == 0, overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(plain("" if cell is None else str(cell)), style=_style(cell)) for cell in row))
    Console(width=None if sys.stdout.isatty() else 160, highlight=False).print(table)


def _style(cell: object) -> str:
    return {"fits": "green", "tight": "yellow", "no": "red"}.get(str(cell), "")


def size(size_bytes: int | None) -> str:
    """Bytes as the Hub shows them: decimal GB."""
    return "?" if size_bytes is None else f"{size_bytes / 1e9:.1f} GB"


def ago(moment: datetime | str | None, now: datetime) -> str:
    """How long ago, in one unit: "3 h ago"; a date where that was more than two months back."""
    if moment is None:
        return "never"
    then = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    seconds = int((now - (then if then.tzinfo else then.replace(tzinfo=UTC))).total_seconds())
    span = timedelta(seconds=abs(seconds))
    if span > timedelta(days=60):
        return f"{then:%Y-%m-%d}"
    text = next(
        f"{span // unit} {name}"
        for unit, name in (
            (timedelta(days=1), "d"),
            (timedelta(hours=1), "h"),
            (timedelta(minutes=1), "min"),
            (timedelta(seconds=1), "s"),
        )
        if span >= unit or name == "s"
    )
    return f"{text} ago" if seconds >= 0 else f"in {text}"
