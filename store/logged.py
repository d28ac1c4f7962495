"""How the log spells what no row of the Hub says: files, pages of missing repos, what trends, evaluations.

sources/log_lines.py reads these lines again; docs/json.md describes them.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from store.codec import encode_row
from store.moments import to_text
from watcher.types import Details, Evaluation, Json, Key, Look, Observation, Presence, RepoFile

DETAILS = "hub/details"
LOOK = "hub/look"
EVALUATION = "eval"
ACCOUNT = "hub/account"
TRENDING = Key(source="hub/trending", id="trending")

Line = dict[str, Any]


def lines_of(seen: Observation) -> Iterator[Line]:
    """What one look adds to the log. A look at what we remember says nothing new but its details."""
    if seen.row:
        yield line(seen.key, seen.seen_at, seen.row)
    if seen.details is not None:
        yield line(replace(seen.key, source=DETAILS), seen.seen_at, _details(seen.details))


def line_of_page(look: Look, now: datetime) -> Line:
    """What the page of a missing repo said; repo_id is where it led to."""
    row: Line = {"presence": look.presence.value}
    if look.presence is Presence.RENAMED and look.observation is not None:
        row["repo_id"] = look.observation.key.id
    return line(Key(source=LOOK, id=look.repo_id), now, row)


def line_of_result(result: Evaluation, now: datetime) -> Line:
    """What a model was found to score; items: fingerprints of prompts, and whether the answers passed."""
    row = {
        "model": result.model,
        "task": result.task,
        "metric": result.metric,
        "score": result.score,
        "samples": result.samples,
        "stderr": result.stderr,
        "source": result.source,
        "at": to_text(result.at) if result.at else None,
        "items": {item.prompt: item.right for item in result.items} or None,
        "position": result.position,
    }
    return line(Key(source=EVALUATION, id=result.model), now, _stated(row))


def line(key: Key, seen_at: datetime, row: Json) -> Line:
    """One line of the log, as its table has it but for the folded key."""
    return {"source": key.source, "key": key.id, "seen_at": seen_at, "row": encode_row(row)}


def _details(details: Details) -> Json:
    row = {
        "revision": details.revision,
        "files": [_stated(_file(file)) for file in details.files],
        "config": details.config,
        "quant_config": details.quant_config,
        "licence_sha256": details.licence_sha256,
        "licence_blob": details.licence_blob,
        "card_says": list(details.card_says) or None,
    }
    return _stated(row)


def _file(file: RepoFile) -> Line:
    return {"path": file.path, "size_bytes": file.size_bytes, "sha256": file.sha256}


def _stated(row: Line) -> Line:
    return {key: value for key, value in row.items() if value is not None}
