"""Records of HF//RADAR exports (radar-huggingface-dataset, CC-BY-4.0) in the API's shape.

The exports keep the Hub's tags but not its whole rows, so a few things are rebuilt: `_id` is a hash
of id and creation, so that a re-created repo is another; `sha` is a hash of what can tell a commit;
`gated` is only known to be on, which becomes "auto"; there is no file list.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sources.standin.world import BEGINNING, Row, World

Record = Mapping[str, Any]


def row_from_radar(record: Record) -> Row:
    """The API's row for one record, removed or not."""
    tags = list(record.get("tags") or ())
    row: Row = {
        "_id": hub_id(record["id"], record["created_at"]),
        "id": record["id"],
        "modelId": record["id"],
        "author": record["author"],
        "sha": _sha(record),
        "createdAt": record["created_at"],
        "lastModified": record["updated_at"],
        "private": False,
        "disabled": False,
        "gated": "auto" if record.get("gated") else False,
        "tags": tags,
        "downloads": record.get("downloads_30d") or 0,
        "likes": record.get("likes") or 0,
        "trendingScore": record.get("trending_score") or 0,
        "cardData": _card_data(record, tags),
    }
    optional = {"pipeline_tag": "pipeline_tag", "library": "library_name", "storage_bytes": "usedStorage"}
    row |= {ours: record[theirs] for theirs, ours in optional.items() if record.get(theirs) is not None}
    return row | _parameters(record)


def hub_id(repo_id: str, created_at: str) -> str:
    return hashlib.sha256(f"{repo_id.casefold()} {created_at}".encode()).hexdigest()[:24]


def _sha(record: Record) -> str:
    known = f"{record['id']} {record['updated_at']} {record.get('storage_bytes')}"
    return hashlib.sha1(known.encode(), usedforsecurity=False).hexdigest()


def _card_data(record: Record, tags: Sequence[str]) -> Row:
    """What the card must have said for the tags to be what they are.

    In one record of a hundred the export has a licence and the tags have none: then the card said it.
    """
    licences = [tag.removeprefix("license:") for tag in tags if tag.startswith("license:")]
    card: Row = {}
    if licences:
        card["license"] = licences[0] if len(licences) == 1 else licences
    if "other" in licences and record.get("license") not in (None, "other"):
        card["license_name"] = record["license"]
    elif not licences and record.get("license"):
        card["license"] = record["license"]
    bases = [tag.split(":", 1)[1] for tag in tags if tag.startswith("base_model:") and tag.count(":") == 1]
    if bases:
        card["base_model"] = bases
    if record.get("languages"):
        card["language"] = list(record["languages"])
    return card


def _parameters(record: Record) -> Row:
    """The count sits in the header of whichever format the repo holds."""
    total = record.get("parameters")
    formats = record.get("formats") or ()
    if not total:
        return {}
    if "safetensors" in formats:
        return {"safetensors": {"parameters": {"BF16": total}, "total": total}}
    return {"gguf": {"total": total}} if "gguf" in formats else {}


def radar_world(states: Iterable[tuple[datetime, Iterable[Record]]]) -> World:
    """A world that shows each export from its moment on. A record that an export leaves out stays.

    Two records whose ids differ in case are one repo: the one still there, then the latest, counts.
    """
    world = World()
    shown: dict[str, Row | None] = {}
    for number, (moment, records) in enumerate(states):
        since = moment if number else BEGINNING
        for record in _one_per_repo(records):
            row = None if record.get("removed") else row_from_radar(record)
            key = record["id"].casefold()
            if key in shown and shown[key] == row:
                continue
            shown[key] = row
            if row is None:
                world.remove(record["id"], since)
            else:
                world.put(row, since)
    return world


def _one_per_repo(records: Iterable[Record]) -> list[Record]:
    kept: dict[str, Record] = {}
    for record in records:
        other = kept.get(record["id"].casefold())
        if other is None or _weight(record) > _weight(other):
            kept[record["id"].casefold()] = record
    return list(kept.values())


def _weight(record: Record) -> tuple[bool, str]:
    return (not record.get("removed"), record["updated_at"])
