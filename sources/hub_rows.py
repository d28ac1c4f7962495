"""Turns the Hub's rows into observations. The only place that knows the Hub's field names.

A row comes from the listing (`/api/models?expand=...`) or from a repo's own page. Only its id must be
right; any other value that does not fit is left out, and one line says so.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils._validators import validate_repo_id

from sources.hub_values import Reader, shown, storable
from sources.hub_weights import quantisation_of, slim_quantisation
from watcher.types import (
    BaseModel,
    Gate,
    Key,
    Licence,
    Observation,
    Parameters,
    Popularity,
    RepoFacts,
    RepoFile,
)

SOURCE = "hub"

SLIM_EXPAND = ("sha", "lastModified", "createdAt", "gated", "disabled", "downloads", "likes")
"""What moves without moving lastModified. No tags: a licence without its name would look changed."""

FULL_EXPAND = (
    *SLIM_EXPAND,
    "tags",
    "cardData",
    "siblings",
    "safetensors",
    "gguf",
    "config",
    "pipeline_tag",
    "library_name",
    "trendingScore",
)

CLOCK_SKEW = timedelta(minutes=10)
"""How far the Hub's clock may be ahead of ours before a time counts as being in the future."""

_BULK = {"widgetData", "spaces", "model-index", "transformersInfo", "inferenceProviderMapping"}
_BASE_MODEL_TAG = re.compile(r"base_model:(?:(quantized|finetune|adapter|merge):)?(\S+)")
_REVISION = re.compile(r"[0-9A-Za-z_.-]{1,64}")
_HUB_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class RowError(ValueError):
    """A row that names no repo; the message is one line."""


def to_observation(row: Mapping[str, Any], now: datetime) -> Observation:
    """One row of the Hub as we see it at now (UTC). RowError when it names no repo."""
    return read_row(row, now)[0]


def read_row(row: object, now: datetime) -> tuple[Observation, tuple[str, ...]]:
    """The observation and one line for every value that had to be left out."""
    if not isinstance(row, Mapping):
        raise RowError(f"a row is not an object ({shown(row)})")
    repo_id = checked_id(row.get("id"))
    reader = Reader()
    try:
        facts = _facts(row, repo_id, reader, now)
        kept = kept_row(row)
    except RecursionError:
        raise RowError(f"the row of {repo_id} is nested too deeply") from None
    sha = row.get("sha")
    observation = Observation(
        key=Key(source=SOURCE, id=repo_id),
        seen_at=now,
        revision=sha if isinstance(sha, str) and _REVISION.fullmatch(sha) else "",
        facts=facts,
        row=kept,
    )
    return observation, tuple(reader.problems)


def checked_id(value: object) -> str:
    """A repo id in the Hub's own grammar; RowError otherwise."""
    if not isinstance(value, str) or not value:
        raise RowError(
            "a row without an id" if value in (None, "") else f"an id is not text ({shown(value)})"
        )
    try:
        validate_repo_id(value)
    except HFValidationError:
        raise RowError(f"{shown(value)} is not a repo id") from None
    return value


def kept_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row for the log: its bulk (gate texts, chat templates, widgets) gone, its facts all there."""
    kept = {key: value for key, value in row.items() if key not in _BULK}
    if isinstance(config := kept.get("config"), Mapping):
        kept["config"] = {
            key: slim_quantisation(value) if key == "quantization_config" else value
            for key, value in config.items()
            if key in {"architectures", "model_type", "quantization_config"}
        }
    if isinstance(gguf := kept.get("gguf"), Mapping):
        kept["gguf"] = {key: value for key, value in gguf.items() if key != "chat_template"}
    if isinstance(card := kept.get("cardData"), Mapping):
        kept["cardData"] = {
            key: value
            for key, value in card.items()
            if not str(key).startswith("extra_gated_") and key not in {"widget", "model-index"}
        }
    cleaned: dict[str, Any] = storable(kept)
    return cleaned


def _facts(row: Mapping[str, Any], repo_id: str, reader: Reader, now: datetime) -> RepoFacts:
    card = _card(row.get("cardData"))
    config = reader.mapping(row.get("config"), "config")
    gguf = reader.mapping(row.get("gguf"), "gguf")
    tags = reader.texts(row.get("tags"), "tags")
    files = files_of(row.get("siblings"), reader)
    hub_id = row.get("_id")
    return RepoFacts(
        repo_id=repo_id,
        hub_id=hub_id if isinstance(hub_id, str) and _HUB_ID.fullmatch(hub_id) else None,
        created_at=_past(row, "createdAt", reader, now),
        last_modified=_past(row, "lastModified", reader, now),
        licence=_licence(card, tags, reader),
        gated=_gate(row.get("gated"), reader),
        disabled=row.get("disabled") is True,
        base_models=_base_models(card, tags, repo_id),
        pipeline_tag=reader.text(row.get("pipeline_tag"), "pipeline_tag"),
        library=reader.text(row.get("library_name"), "library_name"),
        languages=reader.texts(card.get("language") or None, "language"),
        tags=tags,
        model_type=reader.text(config.get("model_type"), "config.model_type")
        or reader.text(gguf.get("architecture"), "gguf.architecture"),
        architectures=reader.texts(config.get("architectures"), "config.architectures"),
        quantisation=quantisation_of(config, gguf, tags, files, reader),
        parameters=_parameters(row, gguf, reader),
        files=files,
        context_tokens=reader.count(gguf.get("context_length"), "gguf.context_length") or None,
        popularity=_popularity(row, reader),
    )


def _card(value: object) -> Mapping[str, Any]:
    """cardData may be absent, null or a list, as its author liked: then it states nothing."""
    return value if isinstance(value, Mapping) else {}


def _past(row: Mapping[str, Any], key: str, reader: Reader, now: datetime) -> datetime | None:
    """A time in the future is left out: clamped, it would move with every look and feign something new."""
    moment = reader.moment(row.get(key), key)
    if moment is not None and moment > now + CLOCK_SKEW:
        reader.note(f"{key} is in the future ({moment:%Y-%m-%d %H:%M}): left out")
        return None
    return moment


def _licence(card: Mapping[str, Any], tags: Iterable[str], reader: Reader) -> Licence:
    """The card's own words first, else the tags. Several licences are joined as "a + b", sorted."""
    stated = reader.texts(card.get("license"), "license")
    if not stated:
        stated = tuple(tag.removeprefix("license:") for tag in tags if tag.startswith("license:"))
    return Licence(
        id=" + ".join(sorted(set(filter(None, stated)))) or None,
        name=reader.text(card.get("license_name"), "license_name"),
        link=reader.text(card.get("license_link"), "license_link"),
    )


def _gate(value: object, reader: Reader) -> Gate | None:
    """False, "auto" or "manual". A bare true (old exports) counts as the stricter of the two."""
    if value is None:
        return None
    if isinstance(value, bool):
        return Gate.MANUAL if value else Gate.NONE
    if isinstance(value, str) and value in {Gate.AUTO, Gate.MANUAL}:
        return Gate(value)
    reader.note(f"gated is neither false, auto nor manual ({shown(value)}): left out")
    return None


def _base_models(card: Mapping[str, Any], tags: Iterable[str], own_id: str) -> tuple[BaseModel, ...]:
    """From the tags, which the Hub derives; else from the card. What is no repo id is not a parent."""
    relations: dict[str, str | None] = {}
    for tag in tags:
        if match := _BASE_MODEL_TAG.fullmatch(tag):
            relations[match[2]] = match[1] or relations.get(match[2])
    if not relations:
        quiet = Reader()  # authors write anything here, and nothing can be done about it
        relation = quiet.text(card.get("base_model_relation"), "base_model_relation")
        relations = dict.fromkeys(quiet.texts(card.get("base_model"), "base_model"), relation)
    return tuple(
        BaseModel(repo_id=repo_id, relation=relation)
        for repo_id, relation in relations.items()
        if repo_id.casefold() != own_id.casefold() and _is_id(repo_id)
    )


def _is_id(text: str) -> bool:
    try:
        return bool(checked_id(text))
    except RowError:
        return False


def _parameters(row: Mapping[str, Any], gguf: Mapping[str, Any], reader: Reader) -> Parameters:
    """Counts as the safetensors headers give them, else the GGUF header's total."""
    tensors = reader.mapping(row.get("safetensors"), "safetensors")
    per_dtype: list[tuple[str, int]] = []
    for name, value in reader.mapping(tensors.get("parameters"), "safetensors.parameters").items():
        dtype = reader.text(name, "safetensors.parameters")
        count = reader.count(value, f"safetensors.parameters.{dtype}")
        if dtype and count:
            per_dtype.append((dtype, count))
    total = reader.count(tensors.get("total"), "safetensors.total") or sum(count for _, count in per_dtype)
    return Parameters(
        total=total or reader.count(gguf.get("total"), "gguf.total") or None,
        per_dtype=tuple(sorted(per_dtype)),
    )


def _popularity(row: Mapping[str, Any], reader: Reader) -> Popularity:
    score = reader.number(row.get("trendingScore"), "trendingScore")
    return Popularity(
        downloads=reader.count(row.get("downloads"), "downloads"),
        likes=reader.count(row.get("likes"), "likes"),
        trending_score=score,
    )


def files_of(siblings: object, reader: Reader) -> tuple[RepoFile, ...] | None:
    """The files of a row; None when it lists none. Sizes and hashes only come with `blobs=true`."""
    if siblings is None:
        return None
    if not isinstance(siblings, list):
        reader.note(f"siblings is not a list ({shown(siblings)}): left out")
        return None
    files: dict[str, RepoFile] = {}
    for sibling in siblings:
        entry = sibling if isinstance(sibling, Mapping) else {}
        path = entry.get("rfilename")
        if not isinstance(path, str) or not path or not path.isprintable() or ".." in path.split("/"):
            reader.note(f"a file has no usable name ({shown(path if entry else sibling)}): left out")
            continue
        stored = entry.get("lfs")
        lfs = stored if isinstance(stored, Mapping) else {}
        size = entry.get("size", lfs.get("size"))
        files[path] = RepoFile(
            path=path,
            size_bytes=None if size is None else reader.count(size, f"the size of {shown(path)}"),
            sha256=_sha256(lfs.get("sha256")),
        )
    return tuple(files.values())


def _sha256(value: object) -> str | None:
    return value if isinstance(value, str) and _SHA256.fullmatch(value) else None
