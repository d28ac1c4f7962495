"""Lines of the log as what was seen then: the way back from rows of the Hub, and of our own spelling.

A log may come from anywhere: what is wrong in a line is left out, and only a line that says nothing
at all is an error.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sources.hub_rows import RowError, checked_id, files_of, to_observation
from sources.hub_values import Reader, shown, storable
from sources.hub_weights import slim_config
from watcher.types import Details, Evaluation, Graded, Json, Key, Look, Presence, Sight

SOURCE = "hub"
EVALUATION = "eval"
DETAILS = "hub/details"
LOOK = "hub/look"
TRENDING = "hub/trending"
ACCOUNT = "hub/account"
SOURCES = (SOURCE, DETAILS, LOOK, ACCOUNT, TRENDING, EVALUATION)


def to_sight(source: str, key: str, seen_at: datetime, row: Json) -> Sight:
    """One line, understood. RowError says in one line why it says nothing."""
    if source == SOURCE:
        observation = to_observation(row, seen_at)
        return Sight(key=observation.key, seen_at=seen_at, observation=observation)
    if source == TRENDING:
        return Sight(key=Key(source=SOURCE, id=key), seen_at=seen_at, trending=_repos(row))
    if source == ACCOUNT:
        empty_at = Reader().moment(row["empty_at"], "empty_at") if row.get("empty_at") else None
        account = Key(source=SOURCE, id=checked_id(key))
        return Sight(key=account, seen_at=seen_at, first_look=True, empty_at=empty_at)
    if source == EVALUATION:
        result = _evaluation(row)
        about = Key(source=EVALUATION, id=result.model)
        return Sight(key=about, seen_at=seen_at, evaluation=result)
    repo = Key(source=SOURCE, id=checked_id(key))
    if source == DETAILS:
        return Sight(key=repo, seen_at=seen_at, details=_details(repo.id, row))
    if source == LOOK:
        return Sight(key=repo, seen_at=seen_at, look=_look(repo.id, row), moved_to=_moved_to(row))
    raise RowError(f"{shown(source)}: not one of {', '.join(SOURCES)}")


def _details(repo_id: str, row: Json) -> Details:
    reader = Reader()
    revision = reader.text(row.get("revision"), "revision")
    return Details(
        repo_id=repo_id,
        revision=revision or "",
        files=files_of(_siblings(row.get("files")), reader) or (),
        config=_config(row.get("config")),
        quant_config=_config(row.get("quant_config")),
        licence_sha256=reader.text(row.get("licence_sha256"), "licence_sha256"),
        licence_blob=reader.text(row.get("licence_blob"), "licence_blob"),
        card_says=reader.texts(row.get("card_says"), "card_says"),
        problems=tuple(reader.problems),
    )


def _siblings(files: object) -> object:
    """Our spelling of files as the Hub's, whose reader knows what strangers write."""
    if not isinstance(files, list):
        return files
    return [
        {"rfilename": f.get("path"), "size": f.get("size_bytes"), "lfs": {"sha256": f.get("sha256")}}
        for f in files
        if isinstance(f, Mapping)
    ]


def _config(value: object) -> Json | None:
    if not isinstance(value, Mapping):
        return None
    try:
        slim: dict[str, Any] = storable(slim_config(value))
    except RecursionError:
        raise RowError("a configuration is nested too deeply") from None
    return slim


def _look(repo_id: str, row: Json) -> Look:
    try:
        presence = Presence(str(row.get("presence")))
    except ValueError:
        raise RowError(f"presence is none of {', '.join(Presence)}") from None
    return Look(repo_id=repo_id, presence=presence)


def _moved_to(row: Json) -> str | None:
    return checked_id(row["repo_id"]) if row.get("repo_id") is not None else None


def _repos(row: Json) -> tuple[str, ...]:
    repos = row.get("repos")
    if not isinstance(repos, list):
        raise RowError("repos is not a list")
    return tuple(checked_id(repo) for repo in repos)


def _evaluation(row: Json) -> Evaluation:
    reader = Reader()
    model, task = (reader.text(row.get(name), name) for name in ("model", "task"))
    score = reader.number(row.get("score"), "score")
    if not model or not task or score is None or not 0 <= score <= 1:
        raise RowError("a result needs a model, a task and a score from 0 to 1")
    at = row.get("at")
    items = row.get("items")
    return Evaluation(
        model=model,
        task=task,
        metric=reader.text(row.get("metric"), "metric") or "score",
        score=score,
        samples=reader.count(row.get("samples"), "samples"),
        stderr=reader.number(row.get("stderr"), "stderr"),
        source=reader.text(row.get("source"), "source") or "",
        at=None if at is None else reader.moment(at, "at"),
        items=_graded(items) if isinstance(items, Mapping) else (),
        position=reader.count(row.get("position"), "position") or 0,
    )


def _graded(items: Json) -> tuple[Graded, ...]:
    return tuple(Graded(prompt=str(prompt), right=right is True) for prompt, right in items.items())
