"""Models on this machine: a folder as the Hub has it, the Hub's own cache, or one file of one.

Only sizes, JSON files and the headers of weight files are read, the latter when they are asked for.
"""

import json
import os
import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sources.hub_values import clean
from watcher.types import Json, LocalModel, SourceError, WeightFile

LARGEST_JSON = 10 * 1024**2
"""Bytes of a configuration; the largest real ones have 3 MB."""

LARGEST_INDEX = 100 * 1024**2
MOST_FILES = 20_000
_DEPTH = 2
_CONFIGS = ("config.json", "params.json")
_CONTAINERS = {".safetensors": "safetensors", ".gguf": "gguf"}
_SHARD = re.compile(r"-\d{5}-of-(\d{5})(?=\.)")
_INDEX = ".safetensors.index.json"


def read_local(path: Path) -> LocalModel:
    """What lies at a path: a folder, a config.json or params.json, a .gguf or a .safetensors.

    One file of a sharded set stands for the whole set; a configuration beside a weight file is read
    with it. SourceError in one clear line where there is nothing, no permission, or no JSON.
    """
    path = path.expanduser()
    mode = _mode(path)
    if stat.S_ISDIR(mode):
        return _folder(_snapshot(path), _name(path))
    if not stat.S_ISREG(mode):
        raise SourceError(f"{_shown(path)} is neither a file nor a folder")
    if path.suffix.casefold() == ".json":
        config = _json(path, LARGEST_JSON)
        return LocalModel(name=_name(path.parent), config=config, quantisation=_beside(path.parent))
    if path.suffix.casefold() not in _CONTAINERS:
        raise SourceError(f"{_shown(path)}: only .json, .safetensors and .gguf are read")
    return _one(path)


def _folder(folder: Path, name: str) -> LocalModel:
    problems: list[str] = []
    found: list[Path] = []
    for entry in _walk(folder, _DEPTH):
        if len(found) >= MOST_FILES:
            problems.append(f"{_shown(folder)} has more than {MOST_FILES} files: the rest was not looked at")
            break
        found.append(entry)
    config = next((_json(folder / file, LARGEST_JSON) for file in _CONFIGS if (folder / file).exists()), None)
    index_at = sorted(entry for entry in found if entry.parent == folder and entry.name.endswith(_INDEX))
    index = None
    for at in index_at[:1]:
        try:
            index = _json(at, LARGEST_INDEX)
        except SourceError as error:
            problems.append(str(error))
    files = tuple(
        _weights(entry, folder, problems) for entry in found if entry.suffix.casefold() in _CONTAINERS
    )
    weights = tuple(file for file in files if file is not None)
    if config is None and not weights:
        names = ", ".join((*_CONFIGS, *(f"*{ending}" for ending in _CONTAINERS)))
        raise SourceError(f"{_shown(folder)} holds no model: none of {names} is there")
    return LocalModel(
        name=name,
        config=config,
        quantisation=_beside(folder),
        index=index,
        files=weights,
        problems=tuple(problems),
    )


def _one(path: Path) -> LocalModel:
    """A weight file with the other files of its set, and what is configured beside it."""
    folder, problems = path.parent, list[str]()
    paths = [path]
    if match := _SHARD.search(path.name):
        stem, ending = path.name[: match.start()], f"-of-{match[1]}{path.name[match.end() :]}"
        paths = [
            entry for entry in _walk(folder, 0) if entry.name.startswith(stem) and entry.name.endswith(ending)
        ]
    files = (_weights(entry, folder, problems) for entry in sorted(paths))
    config = next((_json(folder / file, LARGEST_JSON) for file in _CONFIGS if (folder / file).exists()), None)
    return LocalModel(
        name=clean(_SHARD.sub("", path.name).removesuffix(path.suffix)),
        config=config if path.suffix.casefold() == ".safetensors" else None,
        quantisation=_beside(folder) if path.suffix.casefold() == ".safetensors" else None,
        files=tuple(file for file in files if file is not None),
        problems=tuple(problems),
    )


def _beside(folder: Path) -> Json | None:
    own = folder / "hf_quant_config.json"
    return _json(own, LARGEST_JSON) if own.exists() else None


def _walk(folder: Path, deeper: int) -> Iterator[Path]:
    """Files of a folder and of those in it, in order; hidden folders are left out."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise SourceError(f"{_shown(folder)}: {_reason(error)}") from None
    for entry in entries:
        if entry.is_dir():
            if deeper and not entry.name.startswith("."):
                yield from _walk(Path(entry.path), deeper - 1)
        else:
            yield Path(entry.path)


def _weights(path: Path, folder: Path, problems: list[str]) -> WeightFile | None:
    try:
        status = path.stat()
    except OSError as error:
        problems.append(f"{_shown(path)}: {_reason(error)}")
        return None
    if not stat.S_ISREG(status.st_mode):
        problems.append(f"{_shown(path)} is no file")
        return None
    return WeightFile(
        path=path.relative_to(folder).as_posix(),
        container=_CONTAINERS[path.suffix.casefold()],
        size_bytes=status.st_size,
        read=_reader(path),
    )


def _reader(path: Path) -> Callable[[int, int], bytes]:
    def read(offset: int, length: int) -> bytes:
        try:
            with path.open("rb") as file:
                file.seek(offset)
                return file.read(length)
        except OSError as error:
            raise SourceError(f"{_shown(path)}: {_reason(error)}") from None

    return read


def _snapshot(folder: Path) -> Path:
    """Of a folder of the Hub's cache the snapshot that main names, or the newest."""
    snapshots = folder / "snapshots"
    if not snapshots.is_dir():
        return folder
    try:
        main = (folder / "refs" / "main").read_text(encoding="utf-8", errors="replace")[:200].strip()
    except OSError:
        main = ""
    if re.fullmatch(r"\w+", main) and (snapshots / main).is_dir():
        return snapshots / main
    revisions = [entry for entry in snapshots.iterdir() if entry.is_dir()]
    if not revisions:
        raise SourceError(f"{_shown(folder)} has no snapshot: the download has not begun")
    return max(revisions, key=lambda entry: entry.stat().st_mtime)


def _name(folder: Path) -> str:
    """The repo of a folder of the Hub's cache, or the folder's own name."""
    resolved = folder.absolute()
    for part in (resolved, *resolved.parents[:2]):
        if part.name.startswith("models--"):
            return clean(part.name.removeprefix("models--").replace("--", "/", 1))
    return clean(resolved.name) or "model"


def _json(path: Path, largest: int) -> dict[str, Any]:
    """An object of JSON; SourceError with file, line and column where it is none."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) and not path.is_dir():  # a pipe would wait, /dev/zero never ends
            raise SourceError(f"{_shown(path)} is no file")
        size = status.st_size
        if size > largest:
            raise SourceError(
                f"{_shown(path)}: {size} bytes are no configuration (at most {largest} are read)"
            )
        with path.open("rb") as file:
            raw = file.read(largest + 1)
    except OSError as error:
        raise SourceError(f"{_shown(path)}: {_reason(error)}") from None
    try:
        found = json.loads(raw.decode("utf-8-sig"), parse_constant=lambda _: None)
    except UnicodeDecodeError as error:
        raise SourceError(f"{_shown(path)}: no text at byte {error.start}") from None
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise SourceError(f"{_shown(path)}: no JSON at {place}: {error.msg}") from None
    except (ValueError, RecursionError):
        raise SourceError(f"{_shown(path)}: no JSON that could be read") from None
    if not isinstance(found, dict):
        raise SourceError(f"{_shown(path)}: JSON, but no object: {type(found).__name__}")
    return found


def _mode(path: Path) -> int:
    try:
        return path.stat().st_mode
    except OSError as error:
        raise SourceError(f"{_shown(path)}: {_reason(error)}") from None
    except ValueError:
        raise SourceError(f"{_shown(path)} is no path") from None


def _reason(error: OSError) -> str:
    """The system's own word, in words: "no such file or directory"."""
    text = error.strerror or type(error).__name__
    return text[:1].lower() + text[1:]


def _shown(path: Path) -> str:
    return clean(str(path), 200)
