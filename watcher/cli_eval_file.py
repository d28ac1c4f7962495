"""The files of `modelwatch eval`: results to import, and the answers of a run, a line each as they arrive."""

import fcntl
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from watcher.evaluation_files import BadResults
from watcher.evaluation_run import Answer

_BEGINNING = b'{"id": "'
MOST_BYTES = 100 * 1024 * 1024


def read_bytes(path: Path) -> bytes:
    """A file of results; of an archive of Inspect (.eval) its header. Raises BadResults or OSError."""
    with path.open("rb") as file:
        if file.read(4) == b"PK\x03\x04":
            return _header(path)
        file.seek(0)
        raw = file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        size = path.stat().st_size / 1e6
        hint = "for a log of Inspect give the .eval file; it is an archive of which the header is enough"
        raise BadResults(
            str(path), [f"{size:,.0f} MB are more than is read ({MOST_BYTES / 1e6:,.0f} MB): {hint}"]
        )
    return raw


def _header(path: Path) -> bytes:
    again = "inspect log convert --to json FILE.eval makes a file that can be read"
    try:
        with zipfile.ZipFile(path) as archive:
            header = archive.getinfo("header.json")
            if header.file_size > MOST_BYTES:
                raise BadResults(str(path), ["its header.json is too large"])
            with archive.open(header) as file:
                raw = file.read(MOST_BYTES + 1)
                return raw[:MOST_BYTES]
    except KeyError:
        raise BadResults(
            str(path), ["an archive without header.json: no log of Inspect, or of a run that did not finish"]
        ) from None
    except NotImplementedError:
        raise BadResults(
            str(path), [f"compressed in a way that this Python can not read (zstd?): {again}"]
        ) from None
    except (zipfile.BadZipFile, EOFError, RuntimeError) as error:
        raise BadResults(str(path), [f"a damaged archive: {error}"]) from None


def answers_path(prompts: Path, model: str) -> Path:
    """Beside the prompts: helpdesk.jsonl and Qwen/Qwen3-32B make helpdesk.results-Qwen--Qwen3-32B.jsonl."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", model.replace("/", "--")).strip(".-")[:120] or "model"
    return prompts.with_name(f"{prompts.stem}.results-{safe}.jsonl")


class AnswersInUse(Exception):  # noqa: N818 - says what is the matter
    """Another run writes to the file, or it holds another model's answers, or no answers at all."""


class AnswersFile:
    """The answers of one model so far; every further one is on disk before the next is awaited."""

    def __init__(
        self, path: Path, model: str, file: IO[bytes], known: dict[str, Answer], broken: int
    ) -> None:
        self.path, self.model, self.known, self.broken = path, model, known, broken
        self._file = file

    def add(self, answer: Answer) -> None:
        row: dict[str, Any] = {"id": answer.prompt_id, "asked": answer.asked, "model": self.model}
        if answer.text is not None:
            row |= {"answer": answer.text, "cut_off": answer.cut_off, "seconds": round(answer.seconds, 3)}
        else:
            row |= {"error": answer.error}
        self._file.write((json.dumps(row) + "\n").encode())
        self._file.flush()
        self.known[answer.prompt_id] = answer


@contextmanager
def open_answers(path: Path, model: str, *, fresh: bool) -> Iterator[AnswersFile]:
    """Opens or makes the file, for this run alone; fresh copies an older one to FILE.old and begins anew.

    A last line that a killed run left unfinished is dropped. Raises AnswersInUse or OSError.
    """
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AnswersInUse(f"{path}: another run is writing to it") from None
        file.seek(0)
        raw = file.read()
        if not _ours(raw):
            raise AnswersInUse(f"{path}: holds something else than answers: give another --out")
        if fresh and raw:
            path.with_name(path.name + ".old").write_bytes(raw)
        whole = b"" if fresh else raw[: raw.rfind(b"\n") + 1]
        if len(whole) < len(raw):
            file.truncate(len(whole))
        known, broken = _known(path, whole, model)
        yield AnswersFile(path, model, file, known, broken)


def _ours(raw: bytes) -> bool:
    """Whether a file is empty or begins as ours do: nobody's prompts or notes are to be written into.

    The first line may be one that a killed run left unfinished.
    """
    first, ended, _ = raw.partition(b"\n")
    if not ended:
        return _BEGINNING.startswith(first[: len(_BEGINNING)]) and not _is_json(first)
    return any(_is_answer(line) for line in raw.split(b"\n")[:-1])


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _is_answer(line: bytes) -> bool:
    try:
        _answer(json.loads(line))
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return False
    return True


def _known(path: Path, raw: bytes, model: str) -> tuple[dict[str, Answer], int]:
    """By prompt id the last answer; and how many lines could not be read."""
    known: dict[str, Answer] = {}
    broken = 0
    for number, line in enumerate(raw.split(b"\n")[:-1], 1):
        try:
            row = json.loads(line)
            answer = _answer(row)
            whose = row["model"]
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            broken += 1
            continue
        if whose != model:
            raise AnswersInUse(
                f"{path}:{number}: answers of {whose}, not of {model}: give another --out, or --fresh"
            )
        known[answer.prompt_id] = answer
    return known, broken


def _answer(row: Any) -> Answer:
    text = row.get("answer")
    if (
        not isinstance(row["id"], str)
        or not isinstance(row["asked"], str)
        or not isinstance(text, str | None)
    ):
        raise TypeError
    return Answer(
        prompt_id=row["id"],
        asked=row["asked"],
        text=text,
        error=None if text is not None else str(row.get("error")),
        cut_off=row.get("cut_off") is True,
        seconds=float(row.get("seconds") or 0),
    )
