"""Rows of a labelled release timeline as a history that a watcher would have seen.

Only the columns that the timeline's README allows as inputs are read: date, repo_id, variant,
params_total_b, params_active_b, architecture, context, hub_license_field, license, repo_created and
hub_tag_seen_2026. The labels (family, version, kind, rule, group_id, why and the wanted action) stay out.
"""

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from store.log import LogRow

# Rows of these kinds come from feeds and have no repo; the README says to leave them out here.
FROM_FEEDS = frozenset(
    {
        *("framework", "announcement", "proprietary_turn", "eu_regulation", "deprecation", "signal"),
        "hardware",
    }
)
# What the word for a repo's kind is as the Hub's pipeline tag; all others generate text.
_PIPELINES = {
    **dict.fromkeys(("vl", "moe-vl", "multimodal", "new modality", "moe-multimodal"), "image-text-to-text"),
    **dict.fromkeys(("omni", "omni-moe"), "any-to-any"),
    "audio": "audio-text-to-text",
    "tts": "text-to-speech",
    "embedding": "sentence-similarity",
    "translation": "translation",
}
# Somebody's work on another model: the Hub says so in a base_model tag, the timeline in this column.
_RELATIONS = {"finetune": "finetune", "merge": "merge", "distill": "finetune", "mirror": "quantized"}
# The repo was there before; what moved is its date, its card or its files.
_AGAIN = frozenset({"patch", "reupload"})
_METHODS = {
    "quant-fp8": {"quant_method": "fp8"},
    "quant-awq": {"quant_method": "awq", "bits": 4},
    "quant-gptq": {"quant_method": "gptq", "bits": 4},
    "quant-bnb4": {"quant_method": "bitsandbytes", "load_in_4bit": True},
    "quant-nvfp4": {"quant_method": "modelopt", "quant_algo": "NVFP4"},
    "quant-mxfp4": {"quant_method": "mxfp4"},
    "quant-int4": {"quant_method": "compressed-tensors", "bits": 4},
}
_REPO = re.compile(r"[\w.-]+/[\w.-]+")
_FIRST_LOOK = timedelta(days=30)
_NOON = time(12)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row: what a program may see. repo is None where the text names none on the Hub."""

    event: str
    day: date
    repo: str | None
    variant: str
    total: float | None
    architecture: str
    context_tokens: int | None
    licence: str
    created: date | None

    @property
    def seen_at(self) -> datetime:
        """Quants half an hour after the models of their day, as they are made from them."""
        later = timedelta(minutes=30) if self.variant.startswith("quant") else timedelta()
        return datetime.combine(self.day, _NOON, UTC) + later


@dataclass(frozen=True, kw_only=True, slots=True)
class Label:
    """What a good watcher does with a row: alert, digest or ignore; and what it is, for the tables."""

    action: str
    kind: str
    rule: str
    why: str


def read(path: Path) -> list[tuple[Row, Label]]:
    """The rows that speak of repos, in the order of the file. ValueError names line and column."""
    found = []
    with path.open(encoding="utf-8-sig", newline="") as lines:
        for number, raw in enumerate(csv.DictReader(lines), start=2):
            try:
                label = Label(
                    action=raw["what_a_good_watcher_should_do"].strip(),
                    kind=raw["kind"].strip(),
                    rule=raw.get("rule") or "",
                    why=raw.get("why") or "",
                )
                row = _row(raw)
            except (KeyError, ValueError) as error:
                raise ValueError(f"{path.name}, line {number}: {error}") from error
            if label.kind not in FROM_FEEDS:
                found.append((row, label))
    return found


def _row(raw: dict[str, str]) -> Row:
    repo = _REPO.match(raw["repo_id"].strip())
    stated = (raw.get("hub_license_field") or raw.get("license") or "").strip()
    return Row(
        event=raw.get("event_id") or raw["repo_id"],
        day=date.fromisoformat(raw["date"].strip()),
        repo=repo[0] if repo else None,
        variant=raw["variant"].strip().casefold(),
        total=float(raw["params_total_b"]) * 1e9 if raw["params_total_b"].strip() else None,
        architecture=raw["architecture"].strip().casefold(),
        context_tokens=_tokens(raw["context"].strip()),
        licence="" if stated == "unknown" else stated,
        created=date.fromisoformat(raw["repo_created"]) if raw.get("repo_created") else None,
    )


def _tokens(text: str) -> int | None:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kKmM]?)", text)
    if match is None:
        return None
    return int(float(match[1]) * {"": 1, "k": 1024, "m": 1024 * 1024}[match[2].casefold()])


def history(rows: Iterable[Row]) -> list[LogRow]:
    """The looks of a watcher that saw each repo on its day, in the order of their times.

    A release that speaks of a licence is read before its siblings of the day.
    """
    looks: dict[tuple[datetime, str], Row] = {}
    for row in sorted(rows, key=lambda r: (r.seen_at, r.variant != "licence")):
        if row.repo:
            looks.setdefault((row.seen_at, row.repo.casefold()), row)
    lines: list[LogRow] = []
    known: set[str] = set()
    for row in looks.values():
        if row.variant in _AGAIN and row.repo and row.repo.casefold() not in known:
            lines += _look(row, _first_look(row))
        lines += _look(row, row.seen_at)
        known.add((row.repo or "").casefold())
    return sorted(lines, key=lambda line: line.seen_at)


def _first_look(row: Row) -> datetime:
    """When a repo that only moved was first seen: soon after its creation, or a month before."""
    if row.created and row.day - row.created > timedelta(days=14):
        return datetime.combine(row.created, _NOON, UTC) + timedelta(days=1)
    return row.seen_at - _FIRST_LOOK


def _look(row: Row, at: datetime) -> Iterator[LogRow]:
    repo = row.repo or ""
    yield LogRow(line=0, source="hub", key=repo, seen_at=at, row=_hub_row(row, repo, at))
    config = _config(row)
    if config:
        details = {"revision": at.strftime("%Y%m%d"), "files": [], "config": config}
        yield LogRow(line=0, source="hub/details", key=repo, seen_at=at, row=details)


def _hub_row(row: Row, repo: str, at: datetime) -> dict[str, Any]:
    created = datetime.combine(row.created, _NOON, UTC) if row.created else at
    hub: dict[str, Any] = {
        "id": repo,
        "createdAt": min(created, at).isoformat(),
        "lastModified": at.isoformat(),
        "pipeline_tag": _PIPELINES.get(row.variant, "text-generation"),
        "tags": [],
        "siblings": [{"rfilename": "config.json"}, {"rfilename": _weights(row, repo)}],
        "cardData": _card(row.licence),
    }
    if relation := _RELATIONS.get(row.variant):
        hub["tags"] = [f"base_model:{relation}:not-named/base"]
    method = _METHODS.get(row.variant) or _METHODS.get(f"quant-{_named_format(repo)}")
    if method:
        hub["config"] = {"quantization_config": method}
    if row.total:
        quant = method or row.variant.startswith("quant")
        stored = {} if quant else {"parameters": {"BF16": int(row.total)}}
        hub["safetensors"] = {**stored, "total": int(row.total)}
    return hub


def _named_format(repo: str) -> str:
    """The format that ends a name, as config.json would state it: makers publish NVFP4 under its name."""
    match = re.search(r"-(fp8|awq|gptq|nvfp4|mxfp4|int4)(?:-int4)?$", repo.casefold())
    return match[1] if match else ""


def _weights(row: Row, repo: str) -> str:
    name = repo.partition("/")[2].removesuffix("-GGUF")
    return f"{name}-Q4_K_M.gguf" if row.variant.startswith("quant-gguf") else "model.safetensors"


def _card(licence: str) -> dict[str, str]:
    tag, _, name = licence.partition("+license_name:")
    return {k: v for k, v in (("license", tag), ("license_name", name)) if v}


def _config(row: Row) -> dict[str, Any]:
    """What config.json says of the columns: the context, experts, and layers that keep a state."""
    config: dict[str, Any] = {}
    if row.context_tokens:
        config["max_position_embeddings"] = row.context_tokens
    if "moe" in row.architecture:
        config["num_local_experts"] = 8
    if "hybrid" in row.architecture or row.architecture == "ssm":
        config["mamba_d_state"] = 128
    return config
