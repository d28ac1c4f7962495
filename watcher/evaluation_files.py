"""Files of evaluation results, understood: a sheet of scores, or the log of a harness. Pure: bytes in.

A file is taken as a whole or not at all: what can not be understood is named with its line, and nothing of
the file counts. What may be missing (a score that was never measured, a metric that is no share or of which
less is better) is left out and said.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from watcher.types import Evaluation

LONGEST_NAME = 200
_MOST_NAMED = 20


class BadResults(ValueError):  # noqa: N818 - says what the file is, as its caller names it
    """A file that holds no evaluation results, or has mistakes: one line for each, with its place."""

    def __init__(self, file: str, mistakes: Sequence[str]) -> None:
        shown = [f"{file}{m}" if m.startswith(":") else f"{file}: {m}" for m in mistakes[:_MOST_NAMED]]
        rest = len(mistakes) - len(shown)
        super().__init__("\n".join([*shown, *([f"{file}: and {rest} more"] if rest else [])]))


@dataclass(frozen=True, kw_only=True, slots=True)
class Parsed:
    """What a file holds. format is a name for people; notes say how it was read, warnings what to look at."""

    format: str
    results: tuple[Evaluation, ...]
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def read_results(
    file: str, raw: bytes, *, now: datetime, task: str | None = None, model: str | None = None
) -> Parsed:
    """The results in a file. task and model name what it does not, choose one of several, or rename the only.

    file is its name for messages. Raises BadResults.
    """
    from watcher.evaluation_csv import read_csv

    if not raw.strip(b"\xef\xbb\xbf\r\n\t \x00"):
        raise BadResults(file, ["the file is empty"])
    if raw.lstrip(b"\xef\xbb\xbf\r\n\t ")[:1] in (b"{", b"["):
        parsed = _logged(file, parse_json(file, raw))
    else:
        parsed = read_csv(file, raw, default_task=task, default_model=model)
    parsed = _settled(file, parsed, "model", model, lambda e: e.model, lambda e, m: replace(e, model=m))
    parsed = _settled(file, parsed, "task", task, lambda e: e.task, lambda e, t: replace(e, task=t))
    late = [e for e in parsed.results if e.at and e.at > now + timedelta(days=1)]
    if late:
        raise BadResults(
            file, [f"{late[0].model} on {late[0].task} is dated in the future: {late[0].at:%Y-%m-%d}"]
        )
    return parsed


def _logged(file: str, document: Any) -> Parsed:
    from watcher.evaluation_logs import read_log

    try:
        return read_log(file, document)
    except RecursionError:
        raise BadResults(file, ["groups of tasks nested too deeply"]) from None


def parse_json(file: str, raw: bytes) -> Any:
    """JSON with NaN as None; BadResults with line and column."""
    try:
        return json.loads(raw.decode("utf-8-sig"), parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":
            hint = "these are JSON lines, one answer each: give the results_*.json of the same run"
            raise BadResults(file, [f":{error.lineno}:{error.colno}: {hint}"]) from None
        raise BadResults(file, [f":{error.lineno}:{error.colno}: not complete JSON: {error.msg}"]) from None
    except UnicodeDecodeError as error:
        raise BadResults(file, [f"not UTF-8 text (byte {error.start:,})"]) from None
    except RecursionError:
        raise BadResults(file, ["JSON nested too deeply"]) from None
    except ValueError:  # Python reads no whole number of more than 4,300 digits
        raise BadResults(file, ["JSON with a number of thousands of digits"]) from None


def _settled(
    file: str,
    parsed: Parsed,
    what: str,
    wanted: str | None,
    get: Callable[[Evaluation], str],
    put: Callable[[Evaluation, str], Evaluation],
) -> Parsed:
    """With --task or --model: only that one of several, or the only one under that name."""
    if wanted is None:
        return parsed
    there = {get(e).casefold(): get(e) for e in parsed.results}
    if wanted.casefold() in there:
        chosen = [put(e, wanted) for e in parsed.results if get(e).casefold() == wanted.casefold()]
        return replace(parsed, results=tuple(chosen))
    if len(there) > 1:
        names = listed(sorted(there.values()))
        raise BadResults(
            file, [f"--{what} {wanted}: the file has {len(there)} {what}s and none of that name: {names}"]
        )
    return replace(parsed, results=tuple(put(e, wanted) for e in parsed.results))


def listed(names: Sequence[str], most: int = 8) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def mapping(value: object) -> Mapping[str, Any]:
    """The mapping, or an empty one for anything else."""
    return value if isinstance(value, Mapping) else {}


def name_of(value: object) -> str:
    """A name as one printable line; empty for anything but text."""
    if not isinstance(value, str):
        return ""
    return "".join(c for c in value.strip() if c.isprintable())[:LONGEST_NAME]


def merged(lines: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(lines))
