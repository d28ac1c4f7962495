"""Short ways to write down entries, changes and alerts; what a test does not name is of no matter to it."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from watcher.types import (
    Action,
    Alert,
    Change,
    ChangeKind,
    Details,
    Entry,
    Fit,
    FitRecord,
    FitVerdict,
    Key,
    Known,
    Lineage,
    Load,
    Observation,
    RepoFacts,
    Section,
    Speed,
    Term,
    Variant,
    Verdict,
)

NOW = datetime(2026, 8, 22, 10, tzinfo=UTC)
GB = 10**9


def facts(repo_id: str, **stated: Any) -> RepoFacts:
    return RepoFacts(repo_id=repo_id, **{"created_at": NOW, "last_modified": NOW, **stated})


def known(repo_id: str, *, details: Details | None = None, **stated: Any) -> Known:
    key = Key(source="hub", id=repo_id)
    return Known(key=key, facts=facts(repo_id, **stated), revision="r1", first_seen=NOW, details=details)


def variant(repo_id: str, label: str, bits: float, *, format: str = "gguf") -> Variant:
    return Variant(
        repo_id=repo_id,
        format=format,
        label=label,
        bits=bits,
        size_bytes=int(bits * GB),
        size_source="files",
        files=(f"model-{label}.{format}",),
    )


def entry(
    repo_id: str,
    *,
    lineage: Lineage | None = None,
    variants: tuple[Variant, ...] = (),
    licence: str | None = "apache-2.0",
    **stated: Any,
) -> Entry:
    publisher = repo_id.partition("/")[0]
    return Entry(
        known=known(repo_id, **stated),
        lineage=lineage or Lineage(family="qwen", series="qwen3", version="3", publisher=publisher),
        licence=licence,
        variants=variants,
    )


def quant(
    repo_id: str, base: str | None, labels: dict[str, float], *, format: str = "gguf", **stated: Any
) -> Entry:
    family = stated.pop("family", "qwen")
    publisher = repo_id.partition("/")[0]
    return entry(
        repo_id,
        lineage=Lineage(family=family, version="3", base_repo=base, publisher=publisher, quant=True),
        variants=tuple(variant(repo_id, label, bits, format=format) for label, bits in labels.items()),
        **stated,
    )


def observation(repo_id: str, row: dict[str, Any], seen_at: datetime = NOW) -> Observation:
    return Observation(
        key=Key(source="hub", id=repo_id), seen_at=seen_at, revision="r1", facts=facts(repo_id), row=row
    )


def change(repo_id: str = "Qwen/Qwen3-8B", **said: Any) -> Change:
    given: dict[str, Any] = {
        "kind": ChangeKind.LICENCE,
        "key": Key(source="hub", id=repo_id),
        "lineage": Lineage(family="qwen", series="qwen3", version="3", publisher="Qwen"),
        "before": "apache-2.0",
        "after": "other",
        "detected_at": NOW,
        "evidence": ("the card says so",),
    }
    return Change(**{**given, **said})


def verdict(of: Change, action: Action, *, deployment: str | None = "helpdesk", **said: Any) -> Verdict:
    given: dict[str, Any] = {"trigger": "licence-in-use", "reason": f"{action.value}, because"}
    return Verdict(action=action, change=of, deployment=deployment, **{**given, **said})


def fit(hardware: str, answer: FitVerdict) -> Fit:
    term = Term(bytes=GB, source="files")
    return Fit(
        hardware=hardware,
        engine="vllm",
        load=Load(users=10, context_tokens=8192),
        verdict=answer,
        budget_bytes=100 * GB,
        weights=term,
        kv_cache=term,
        state=term,
        activations=term,
        overhead=term,
        kv_bytes_per_token=1024,
        max_users=20,
        max_context=32768,
        decode_tokens_per_second=Speed(low=8.0, expected=10.0, high=12.0),
        total_tokens_per_second=None,
        prefill_seconds=None,
        notes=("measured nowhere",),
    )


def fit_record(
    repo_id: str, label: str, hardware: str, answer: FitVerdict, deployment: str | None = None
) -> FitRecord:
    return FitRecord(repo_id=repo_id, label=label, deployment=deployment, fit=fit(hardware, answer))


def alert(alert_id: str = "abcdef0123456789", **said: Any) -> Alert:
    given: dict[str, Any] = {
        "thread": "qwen3-3",
        "trigger": "licence-in-use",
        "title": "Qwen/Qwen3-8B: licence apache-2.0 -> other",
        "sections": (Section(heading="What changed", lines=("the licence",)),),
        "links": (("Qwen/Qwen3-8B", "https://huggingface.co/Qwen/Qwen3-8B"),),
        "deployments": ("helpdesk",),
        "created_at": NOW,
    }
    return Alert(id=alert_id, **{**given, **said})


def rows(path: Path, sql: str) -> list[dict[str, Any]]:
    """The answer of a plain sqlite3, as a person would ask."""
    connection = sqlite3.connect(path)
    try:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(sql)]
    finally:
        connection.close()
