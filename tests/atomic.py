"""Twelve weeks of makers' and quantisers' repos, as six catalogues and the changes between them show them.

AtomicBot-ai/atomic-chat-model-catalog scrapes about 24 organisations every 12 hours. There are six of
its catalogues, cut to 15 organisations, and 863 change rows over all versions, computed by others. Each
organisation is capped and sorted by downloads: a record that leaves a catalogue is not deleted, so here
its page goes on answering while no listing shows it.
"""

import gzip
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from sources.standin.radar import hub_id
from sources.standin.world import BEGINNING, Row, World
from tests.shared import shared_data

Record = dict[str, Any]
Files = dict[str, tuple[int | None, str | None]]

FOLDER = "hub/atomic-chat-model-catalog"
DATES = ("2026-05-28", "2026-06-10", "2026-06-27", "2026-07-17", "2026-08-03", "2026-08-22")
FIRST = datetime(2026, 5, 28, 17, 57, 15, tzinfo=UTC)
LAST = datetime(2026, 8, 22, 12, 25, 33, tzinfo=UTC)
_UNITS = {"MB": 1024**2, "GB": 1024**3}
_PIPELINES = frozenset(
    {
        *("text-generation", "image-text-to-text", "any-to-any", "feature-extraction", "text-ranking"),
        *("automatic-speech-recognition", "sentence-similarity", "text-to-image", "translation"),
        *("text-to-video", "image-to-video", "text-to-speech"),
    }
)
_SCRAPES = timedelta(hours=12)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@cache
def catalogues() -> tuple[tuple[datetime, Mapping[str, Record]], ...]:
    """Each catalogue's moment and its records by id, in this module's own form."""
    found = []
    for date in DATES:
        with gzip.open(shared_data(f"{FOLDER}/catalog_{date}.json.gz"), "rt", encoding="utf-8") as file:
            document = json.load(file)
        records = {m["model_name"]: _record(m) for m in document["models"]}
        found.append((moment(document["commit_date"]), records))
    return tuple(found)


@cache
def change_rows() -> tuple[Record, ...]:
    """Oldest first."""
    path = shared_data(f"{FOLDER}/changes_2026-05-27_to_2026-08-22.jsonl.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return tuple(sorted(rows, key=lambda row: moment(row["first_seen_after"])))


@cache
def renames() -> Mapping[str, tuple[str, datetime]]:
    """Old id to new id and when it was first seen; pairs that are two repos by their names are left out."""
    rows = json.loads(shared_data(f"{FOLDER}/renames_inferred.json").read_text(encoding="utf-8"))
    return {
        row["old"]: (row["new"], moment(row["new_first_seen"])) for row in rows if "dhara" not in row["old"]
    }


def organisations() -> tuple[str, ...]:
    """Everybody whom a catalogue or a change row speaks of."""
    names = {name.partition("/")[0] for _, records in catalogues() for name in records}
    return tuple(sorted(names | {row["id"].partition("/")[0] for row in change_rows()}, key=str.casefold))


def world(only: Collection[str] = ()) -> World:
    """The Hub of these weeks, from BEGINNING as the first catalogue has it; only: these organisations."""
    shown = World()
    rows: dict[str, list[Record]] = defaultdict(list)
    for row in change_rows():
        if _wanted(row["id"], only):
            rows[row["id"]].append(row)
    listed = {name for _, records in catalogues() for name in records if _wanted(name, only)}
    former = {new: old for old, (new, _) in renames().items()}
    for name in listed:
        for when, record in _timeline(name, rows[name]):
            shown.put(_row(record, former.get(name, name)), when)
    for name in rows.keys() - listed:
        for when, record in _known_by_rows(name, rows[name]):
            shown.put(_row(record, former.get(name, name)), when)
    for old, (new, when) in renames().items():
        if shown.at(when).get(old) and shown.at(LAST).get(new):
            shown.rename(old, new, when)
    return shown


def _wanted(name: str, only: Collection[str]) -> bool:
    return not only or name.partition("/")[0] in only


def _timeline(name: str, rows: Iterable[Record]) -> list[tuple[datetime, Record]]:
    """What a repo shows from when on: each catalogue's record, the rows between, and absence from lists."""
    states: list[tuple[datetime, Record]] = []
    current: Record | None = None
    since: datetime | None = None
    for when, records in catalogues():
        own = [r for r in rows if (since or BEGINNING) < moment(r["first_seen_after"]) <= when]
        seen = records.get(name)
        if since is None:
            states += [(BEGINNING, seen)] if seen else []
        elif current is not None:
            for row in own:
                current = _moved(current, row["changes"], 1)
                states.append((moment(row["first_seen_after"]), current))
            states.append((when, seen or current | {"unlisted": True}))
        elif seen is not None:
            states += _appearance(seen, own, since, when)
        current, since = seen, when
    return states


def _appearance(
    seen: Record, rows: list[Record], since: datetime, until: datetime
) -> list[tuple[datetime, Record]]:
    """A record that the catalogue before lacks: from its birth, or from when a row first speaks of it."""
    record, states = seen, [(until, seen)]
    for row in reversed(rows):
        states.append((moment(row["first_seen_after"]), record))
        record = _moved(record, row["changes"], 0)
    born = moment(record["created_at"]) if record["created_at"] else since
    first = min([until, *(moment(row["last_seen_before"]) for row in rows[:1])])
    appeared = min(first, born + _SCRAPES) if born > since else first
    return [(appeared, record), *reversed(states)]


def _known_by_rows(name: str, rows: list[Record]) -> list[tuple[datetime, Record]]:
    """A repo of which only its changes are known, there from the beginning."""
    record: Record = {"id": name, "tags": [], "files": {}, "created_at": None, "last_modified": None}
    for row in reversed(rows):
        record = _moved(record, row["changes"], 0)
    states = [(BEGINNING, record)]
    for row in rows:
        record = _moved(record, row["changes"], 1)
        states.append((moment(row["first_seen_after"]), record))
    return states


def _record(model: Record) -> Record:
    tags = model["description"].removeprefix("**Tags**: ").split(", ")
    files: Files = {}
    for entry in [*model["quants"], *model["mmproj_models"], *model["safetensors_files"]]:
        path = entry["path"].partition("/resolve/main/")[2]
        files[path] = (_bytes(entry["file_size"]), entry.get("sha256"))
    return {
        "id": model["model_name"],
        "tags": tags,
        "files": files,
        "library_name": model.get("library_name"),
        "created_at": model["created_at"],
        "last_modified": model["last_modified"],
        "downloads": model["downloads"],
        "likes": model["likes"],
    }


def _bytes(text: str) -> int | None:
    number, _, unit = text.partition(" ")
    return int(float(number) * _UNITS[unit]) if unit in _UNITS else None


def _moved(record: Record, changes: Record, side: int) -> Record:
    """The record with one side of a row's values (1: after)."""
    moved = record | {
        key: changes[key][side] for key in ("last_modified", "created_at", "library_name") if key in changes
    }
    if "license" in changes:
        others = [tag for tag in moved["tags"] if not tag.startswith("license:")]
        moved["tags"] = [*others, *(f"license:{name}" for name in changes["license"][side])]
    if "base_model_tags" in changes:
        others = [tag for tag in moved["tags"] if not tag.startswith("base_model:")]
        moved["tags"] = [*others, *changes["base_model_tags"][side]]
    files = dict(moved["files"])
    for key in ("gguf_files", "safetensors"):
        _move_files(files, changes.get(key) or {}, side)
    return moved | {"files": files}


def _move_files(files: Files, changes: Record, side: int) -> None:
    come, gone = ("added", "removed") if side else ("removed", "added")
    for path in changes.get(gone, ()):
        files.pop(path, None)
    for path in changes.get(come, ()):
        files.setdefault(path, (None, None))
    for path, *sizes in changes.get("size_changed", ()):
        files[path] = (_bytes(sizes[side]), None)
    for name, *hashes in changes.get("sha256_changed", ()):
        files[name] = (files.get(name, (None, None))[0], hashes[side])


def _row(record: Record, born_as: str) -> Row:
    """The API's row. A file without a known hash has one of its path and size: another size, another file."""
    files = [
        {"path": path, "size": size, "sha256": sha256 or _hash(path, size)}
        for path, (size, sha256) in record["files"].items()
    ]
    said = json.dumps([record["id"], record["last_modified"], files, record["tags"]], sort_keys=True)
    row: Row = {
        "_id": hub_id(born_as, record["created_at"] or ""),
        "id": record["id"],
        "modelId": record["id"],
        "author": record["id"].partition("/")[0],
        "sha": hashlib.sha1(said.encode(), usedforsecurity=False).hexdigest(),
        "lastModified": record["last_modified"],
        "createdAt": record["created_at"],
        "private": False,
        "disabled": False,
        "gated": False,
        "tags": record["tags"],
        "downloads": record.get("downloads") or 0,
        "likes": record.get("likes") or 0,
        "trendingScore": 0,
        "cardData": _card(record["tags"]),
        "files": files,
    }
    pipeline = next((tag for tag in record["tags"] if tag in _PIPELINES), None)
    row |= {"pipeline_tag": pipeline} if pipeline else {}
    row |= {"library_name": record["library_name"]} if record.get("library_name") else {}
    return row | ({"unlisted": True} if record.get("unlisted") else {})


def _hash(path: str, size: int | None) -> str | None:
    return hashlib.sha256(f"{path} {size}".encode()).hexdigest() if size else None


_BASE = re.compile(r"base_model:(?!(?:quantized|finetune|adapter|merge):)(\S+)")


def _card(tags: Iterable[str]) -> Row:
    licences = [tag.removeprefix("license:") for tag in tags if tag.startswith("license:")]
    bases = [match[1] for tag in tags if (match := _BASE.fullmatch(tag))]
    return ({"license": licences[0]} if licences else {}) | ({"base_model": bases} if bases else {})
