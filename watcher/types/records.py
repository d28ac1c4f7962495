"""What the catalog writes: one entry per repo, one state per source."""

from dataclasses import dataclass
from datetime import datetime

from watcher.types.catalog import Known, Lineage
from watcher.types.fit import Variant


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What the catalog writes for one repo. licence is canonical (watcher.licences)."""

    known: Known
    lineage: Lineage
    licence: str | None
    variants: tuple[Variant, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One known repo of a family or one quant of a base: what classifying a newcomer needs."""

    repo_id: str
    lineage: Lineage
    created_at: datetime | None
    first_seen: datetime
    model_type: str | None
    parameters_total: int | None
    licence: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceState:
    """How far a source has been read and how it does. failing_since marks the current episode.

    baseline_at None: never completed a listing, so the next one is a baseline.
    """

    source: str
    watermark: datetime | None = None
    baseline_at: datetime | None = None
    swept_at: datetime | None = None
    last_attempt_at: datetime | None = None
    last_success_at: datetime | None = None
    last_error: str | None = None
    failing_since: datetime | None = None
    not_before: datetime | None = None
