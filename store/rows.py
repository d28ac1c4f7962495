"""From table rows to the types of watcher.types and back: the one place that knows both spellings."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row

from store.codec import CHECKS, DETAILS, FACTS, FIT, LINEAGE, clean, decode_strings, encode_strings
from watcher.types import (
    Action,
    Change,
    ChangeKind,
    Entry,
    FitRecord,
    Key,
    Known,
    Lineage,
    Member,
    Popularity,
    Variant,
    Verdict,
)

Values = dict[str, Any]


def fold(repo_id: str) -> str:
    """The form in which ids compare and are stored."""
    return clean(repo_id).casefold()


def repo_values(entry: Entry, now: datetime) -> Values:
    """An entry as a row of repos."""
    known, lineage = entry.known, entry.lineage
    facts = known.facts
    return {
        "folded": fold(facts.repo_id),
        "source": known.key.source,
        "repo_id": facts.repo_id,
        "hub_id": facts.hub_id,
        "author": facts.author,
        "family": lineage.family,
        "series": lineage.series,
        "version": lineage.version,
        "size": lineage.size,
        "variant": lineage.variant,
        "thread": lineage.thread,
        "base_repo": lineage.base_repo,
        "base_folded": fold(lineage.base_repo) if lineage.base_repo else None,
        "publisher": lineage.publisher,
        "official": lineage.official,
        "derived": lineage.derived,
        "quant": lineage.quant,
        "impersonates": lineage.impersonates,
        "stamp": lineage.stamp,
        "quant_label": lineage.quant_label,
        "licence": entry.licence,
        "gated": facts.gated.value if facts.gated else None,
        "created_at": facts.created_at,
        "last_modified": facts.last_modified,
        "revision": known.revision,
        "downloads": facts.popularity.downloads,
        "likes": facts.popularity.likes,
        "trending_score": facts.popularity.trending_score,
        "model_type": facts.model_type,
        "parameters_total": facts.parameters.total,
        "first_seen": known.first_seen,
        "last_seen": now,
        "removed_at": known.removed_at,
        "missing_since": known.missing_since,
        "facts": FACTS.encode(facts),
    }


def variant_values(repo: str, position: int, variant: Variant) -> Values:
    return {
        "repo": repo,
        "position": position,
        "format": variant.format,
        "label": variant.label,
        "bits": variant.bits,
        "size_bytes": variant.size_bytes,
        "size_source": variant.size_source,
        "files": encode_strings(variant.files),
    }


def variant_of(row: Row[Any], repo_id: str) -> Variant:
    return Variant(
        repo_id=repo_id,
        format=row.format,
        label=row.label,
        bits=row.bits,
        size_bytes=row.size_bytes,
        size_source=row.size_source,
        files=decode_strings(row.files),
    )


def known_of(row: Row[Any]) -> Known:
    """A row of repos with the document of its details (None where there are none)."""
    popularity = Popularity(downloads=row.downloads, likes=row.likes, trending_score=row.trending_score)
    return Known(
        key=Key(source=row.source, id=row.repo_id),
        facts=replace(FACTS.decode(row.facts), popularity=popularity),
        revision=row.revision,
        first_seen=row.first_seen,
        removed_at=row.removed_at,
        missing_since=row.missing_since,
        details=DETAILS.decode(row.document) if row.document is not None else None,
    )


def lineage_of(row: Row[Any]) -> Lineage:
    return Lineage(
        family=row.family,
        series=row.series,
        version=row.version,
        size=row.size,
        variant=row.variant,
        base_repo=row.base_repo,
        publisher=row.publisher,
        official=row.official,
        derived=row.derived,
        quant=row.quant,
        impersonates=row.impersonates,
        stamp=row.stamp,
        quant_label=row.quant_label,
    )


def member_of(row: Row[Any]) -> Member:
    return Member(
        repo_id=row.repo_id,
        lineage=lineage_of(row),
        created_at=row.created_at,
        first_seen=row.first_seen,
        model_type=row.model_type,
        parameters_total=row.parameters_total,
        licence=row.licence,
    )


def change_values(change_id: str, change: Change) -> Values:
    return {
        "id": change_id,
        "kind": change.kind.value,
        "source": change.key.source,
        "repo_id": change.key.id,
        "folded": fold(change.key.id),
        "family": change.lineage.family,
        "thread": change.lineage.thread,
        "lineage": LINEAGE.encode(change.lineage),
        "before": change.before,
        "after": change.after,
        "degree": change.degree,
        "evidence": encode_strings(change.evidence),
        "detected_at": change.detected_at,
    }


def change_of(row: Row[Any]) -> Change:
    return Change(
        kind=ChangeKind(row.kind),
        key=Key(source=row.source, id=row.repo_id),
        lineage=LINEAGE.decode(row.lineage),
        before=row.before,
        after=row.after,
        detected_at=row.detected_at,
        evidence=decode_strings(row.evidence),
        degree=row.degree,
    )


def verdict_values(change_id: str, verdict: Verdict, now: datetime) -> Values:
    return {
        "change_id": change_id,
        "deployment": verdict.deployment,
        "action": verdict.action.value,
        "trigger": verdict.trigger,
        "reason": verdict.reason,
        "until": verdict.until,
        "fit": FIT.encode(verdict.fit) if verdict.fit else None,
        "checks": CHECKS.encode(verdict.checks) if verdict.checks else None,
        "at": now,
    }


def verdict_of(row: Row[Any], change: Change) -> Verdict:
    return Verdict(
        action=Action(row.action),
        trigger=row.trigger,
        reason=row.reason,
        change=change,
        deployment=row.deployment,
        fit=FIT.decode(row.fit) if row.fit else None,
        until=row.until,
        checks=CHECKS.decode(row.checks) if row.checks else (),
    )


def fit_values(record: FitRecord, now: datetime) -> Values:
    fit = record.fit
    return {
        "repo": fold(record.repo_id),
        "label": record.label,
        "hardware": fit.hardware,
        "deployment": record.deployment or "",
        "engine": fit.engine,
        "verdict": fit.verdict.value,
        "users": fit.load.users,
        "context_tokens": fit.load.context_tokens,
        "required_bytes": fit.required_bytes,
        "budget_bytes": fit.budget_bytes,
        "decode_tokens_per_second": fit.decode_tokens_per_second.expected
        if fit.decode_tokens_per_second
        else None,
        "fit": FIT.encode(fit),
        "at": now,
    }
