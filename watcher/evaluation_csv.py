"""A sheet of scores: one line per model and task, as spreadsheets and scripts write them."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from watcher.config_errors import did_you_mean
from watcher.evaluation_files import LONGEST_NAME, BadResults, Parsed, listed
from watcher.types import Evaluation

MOST_LINES = 200_000
_COLUMNS = {
    "model": ("model", "model id", "model name", "repo"),
    "task": ("task", "benchmark", "eval", "evaluation", "test set"),
    "score": ("score", "accuracy", "acc", "value", "result"),
    "samples": ("samples", "n", "n samples", "num samples", "count"),
    "stderr": ("stderr", "standard error", "std err", "se"),
    "date": ("date", "at", "timestamp", "run date"),
    "metric": ("metric", "measure"),
}
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
_NOT_MEASURED = frozenset({"", "-", "n/a", "na", "nan", "none", "null", "#n/a"})
_LOWER_IS_BETTER = re.compile(
    r"\b(perplexity|ppl|loss|wer|cer|ter|error|errors|brier|latency|seconds|bits per byte)\b"
)
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,3})?")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    line: int
    model: str
    task: str
    metric: str
    score: float
    percent: bool
    samples: int | None
    stderr: float | None
    at: datetime | None


@dataclass(kw_only=True, slots=True)
class _Sheet:
    """One file while it is read."""

    delimiter: str
    columns: Mapping[str, int]
    default_task: str | None
    default_model: str | None
    rows: list[_Row] = field(default_factory=list)
    unmeasured: list[int] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)


def read_csv(file: str, raw: bytes, *, default_task: str | None, default_model: str | None) -> Parsed:
    """Columns model, task, score and, if there are, samples, stderr, date, metric, in any order.

    Scores are shares (0 to 1) or percent throughout the file; the notes say which. Raises BadResults.
    """
    text, notes = _decoded(file, raw)
    delimiter, header = _header(file, text)
    columns, ignored = _columns(file, header, default_task, default_model)
    if delimiter != ",":
        notes.append(f"columns are separated by {_DELIMITERS[delimiter]}")
    if ignored:
        notes.append(f"columns not used: {listed(ignored)}")
    sheet = _Sheet(
        delimiter=delimiter, columns=columns, default_task=default_task, default_model=default_model
    )
    for line, cells in _lines(file, text, delimiter):
        _read_row(sheet, line, cells, len(header))
    warnings = _without_copies(sheet)
    scale = _scale(sheet)
    if sheet.mistakes:
        raise BadResults(file, sheet.mistakes)
    if not sheet.rows:
        raise BadResults(file, ["no line has a score"])
    if sheet.unmeasured:
        lines = listed([str(line) for line in sheet.unmeasured])
        warnings.append(f"no score on line {lines}: left out")
    notes.append("scores are percent (0 to 100)" if scale == 100 else "scores are shares (0 to 1)")
    results = tuple(_evaluation(row, scale, file) for row in sheet.rows)
    return Parsed(format="CSV", results=results, notes=tuple(notes), warnings=tuple(warnings))


def _decoded(file: str, raw: bytes) -> tuple[str, list[str]]:
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            return raw.decode("utf-16"), ["the text is UTF-16"]
        except UnicodeDecodeError:
            raise BadResults(file, ["broken UTF-16 text: save it as UTF-8"]) from None
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadResults(file, [f":{line}: not UTF-8 text: save it as UTF-8"]) from None


def _lines(file: str, text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of every line after the header that is not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = True
        for cells in reader:
            if reader.line_num > MOST_LINES:
                raise BadResults(file, [f"more than {MOST_LINES:,} lines: split it"])
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                yield reader.line_num, cells
            header = False
    except csv.Error as error:
        raise BadResults(file, [f":{reader.line_num + 1}: {error}"]) from None


def _header(file: str, text: str) -> tuple[str, list[str]]:
    """The delimiter under which the first line names the most columns that we know, and its cells."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    known = {alias for aliases in _COLUMNS.values() for alias in aliases}
    found = {}
    for delimiter in _DELIMITERS:
        cells = next(csv.reader([first[:10_000]], delimiter=delimiter), [])
        found[delimiter] = (sum(_folded(cell) in known for cell in cells), cells)
    delimiter = max(found, key=lambda d: found[d][0])
    count, cells = found[delimiter]
    if count == 0:
        said = first.strip()[:60]
        hint = "the first line must name the columns (model, task, score), separated by commas"
        raise BadResults(file, [f":1: {hint}; it is {said!r}"])
    return delimiter, cells


def _folded(cell: str) -> str:
    return " ".join(cell.strip().casefold().replace("_", " ").replace("-", " ").split())


def _columns(
    file: str, header: list[str], task: str | None, model: str | None
) -> tuple[dict[str, int], list[str]]:
    names = [_folded(cell) for cell in header]
    columns: dict[str, int] = {}
    for column, aliases in _COLUMNS.items():
        there = [index for index, name in enumerate(names) if name in aliases]
        exact = [index for index in there if names[index] == column]
        if len(exact) > 1 or (len(there) > 1 and not exact):
            both = " and ".join(header[i].strip() for i in (exact or there)[:2])
            raise BadResults(file, [f":1: two columns for {column}: {both}"])
        if there:
            columns[column] = (exact or there)[0]
    given = {"model": model, "task": task, "score": None}
    missing = [column for column, instead in given.items() if column not in columns and instead is None]
    if missing:
        mine = ", ".join(cell.strip() or "(empty)" for cell in header[:12])
        near = "".join(did_you_mean(name, [column]) for column in missing for name in names if name)
        instead = (
            " or give --" + " and --".join(m for m in missing if m != "score") if missing != ["score"] else ""
        )
        raise BadResults(
            file, [f":1: no column {' and no column '.join(missing)}{near}{instead}; there are: {mine}"]
        )
    used = set(columns.values())
    return columns, [cell.strip() for i, cell in enumerate(header) if i not in used and cell.strip()]


def _read_row(sheet: _Sheet, line: int, cells: list[str], width: int) -> None:
    if len(cells) > width and any(cell.strip() for cell in cells[width:]):
        sheet.mistakes.append(f":{line}: {len(cells)} cells, but the first line names {width} columns")
        return

    def cell(column: str) -> str:
        index = sheet.columns.get(column)
        return cells[index].strip() if index is not None and index < len(cells) else ""

    score = cell("score")
    if score.casefold() in _NOT_MEASURED:
        sheet.unmeasured.append(line)
        return
    try:
        value, percent = _share(sheet, "score", score)
        sheet.rows.append(
            _Row(
                line=line,
                model=_name("model", cell("model") or sheet.default_model or ""),
                task=_name("task", cell("task") or sheet.default_task or ""),
                metric=_metric(cell("metric")),
                score=value,
                percent=percent,
                samples=_count(cell("samples")),
                stderr=_share(sheet, "stderr", cell("stderr"))[0] if _stated(cell("stderr")) else None,
                at=_date(cell("date")),
            )
        )
    except ValueError as error:
        sheet.mistakes.append(f":{line}: {error}")


def _stated(cell: str) -> bool:
    return cell.casefold() not in _NOT_MEASURED


def _name(column: str, text: str) -> str:
    if not text:
        raise ValueError(f"column {column}: empty")
    if len(text) > LONGEST_NAME or not text.isprintable():
        raise ValueError(f"column {column}: {text[:40]!r} is no name")
    return text


def _metric(text: str) -> str:
    metric = text or "score"
    if _LOWER_IS_BETTER.search(_folded(metric)):
        raise ValueError(
            f"column metric: of {metric!r} less is better; give the share that was right, such as 1 - wer"
        )
    return _name("metric", metric)


def _share(sheet: _Sheet, column: str, text: str) -> tuple[float, bool]:
    """A number, and whether it carries a percent sign."""
    bare = text.replace("\u00a0", " ").replace("\u202f", " ")
    percent = bare.endswith("%")
    bare = bare.removesuffix("%").strip()
    if sheet.delimiter != ",":
        bare = bare.replace(",", ".")
    if not _NUMBER.fullmatch(bare):
        raise ValueError(f"column {column}: {text[:40]!r} is no number")
    value = float(bare)
    if not 0 <= value <= 100:
        raise ValueError(f"column {column}: {text[:40]} is not between 0 and 100")
    return value, percent


def _count(text: str) -> int | None:
    if not _stated(text):
        return None
    if not re.fullmatch(r"\d{1,9}(\.0*)?", text) or int(float(text)) < 1:
        raise ValueError(f"column samples: {text[:40]!r} is no number of answers (1, 2, 3 ...)")
    return int(float(text))


def _date(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"column date: {text[:40]!r}: write it as 2026-04-01") from None


def _without_copies(sheet: _Sheet) -> list[str]:
    """Of equal lines the first is kept; lines that contradict each other are a mistake: which one is true?"""
    kept: dict[tuple[str, str, str, datetime | None], _Row] = {}
    warnings = []
    for row in sheet.rows:
        first = kept.setdefault((row.model.casefold(), row.task.casefold(), row.metric, row.at), row)
        if first is row:
            continue
        same = (first.score, first.percent, first.samples, first.stderr)
        what = f"{row.model} on {row.task}"
        if same == (row.score, row.percent, row.samples, row.stderr):
            warnings.append(f"lines {first.line} and {row.line} are the same ({what}): counted once")
        else:
            sheet.mistakes.append(
                f":{row.line}: {what} is on line {first.line} already, with another result: "
                "keep one, or give each its date"
            )
    sheet.rows = list(kept.values())
    return warnings


def _scale(sheet: _Sheet) -> int:
    """1 for shares, 100 for percent; a file that may be either is a mistake."""
    if not sheet.rows:
        return 1
    signed = [row for row in sheet.rows if row.percent]
    bare = [row for row in sheet.rows if not row.percent]
    large = next((row for row in bare if row.score > 1), None)
    small = next((row for row in bare if 0 < row.score <= 1), None)
    if small and (large or signed):
        other = large or signed[0]
        sheet.mistakes.append(
            f":{small.line}: column score: {small.score:g} reads as a share, but line {other.line} is in "
            f"percent: write {small.score * 100:g} or {small.score:g} %"
        )
    scale = 100 if large or signed else 1
    for row in sheet.rows:
        if row.stderr is not None and row.stderr > scale / 2:
            sheet.mistakes.append(f":{row.line}: column stderr: {row.stderr:g} is more than it can be")
    return scale


def _evaluation(row: _Row, scale: int, file: str) -> Evaluation:
    return Evaluation(
        model=row.model,
        task=row.task,
        metric=row.metric,
        score=row.score / scale,
        samples=row.samples,
        stderr=row.stderr / scale if row.stderr is not None else None,
        source=file,
        at=row.at,
    )
