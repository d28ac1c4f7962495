"""`modelwatch advise --json`: see docs/json.md."""

from typing import Any

from watcher import advice_words as words
from watcher import licences
from watcher.advise import Advice, Place
from watcher.families import Registry
from watcher.types import Check, Comparison, Deployment, Speed
from watcher.ways import Way


def advice_json(advice: Advice, registry: Registry, most: int) -> dict[str, Any]:
    """An answer as programs read it; at most so many of each list, and the model in use wherever it is."""
    d = advice.deployment
    ranked = [_place(place, d, registry, rank) for rank, place in enumerate(advice.ranked, 1)]
    rejected = [_place(place, d, registry, None) for place in advice.rejected]
    hard = [_place(place, d, registry, rank) for rank, place in enumerate(advice.hard_cases, 1)]
    return {
        "deployment": d.name,
        "model_in_use": d.model,
        "task": d.task,
        "narrow": advice.narrow,
        "hardware": d.hardware.name,
        "users": d.load.users,
        "context": d.load.context_tokens,
        "answer": words.headline(advice),
        "ranked": [row for row in ranked if row["rank"] <= most or row["in_use"]],
        "rejected": [row for i, row in enumerate(rejected) if i < most or row["in_use"]],
        "hard_cases": hard[:most],
        "hard_share": advice.hard_share,
        "older": list(advice.older),
        "unknown": list(advice.unknown),
    }


def _place(place: Place, d: Deployment, registry: Registry, rank: int | None) -> dict[str, Any]:
    entry = place.way.contender.entry
    born = entry.known.facts.created_at
    return {
        "rank": rank,
        "model": place.name,
        "in_use": place.in_use,
        "as_it_runs": place.as_it_runs,
        "family": entry.lineage.family,
        "version": entry.lineage.version,
        "published_at": born.isoformat() if born else None,
        "origin": words.origin(place.way, registry),
        "licence": entry.licence,
        "licence_duties": list(licences.obligations(entry.licence)) if entry.licence else [],
        "capacity_billions": round(place.way.capacity, 1),
        "reasons": list(words.reasons(place)),
        **_way(place.way),
        "doubts": list(place.way.doubts),
        "cautions": list(place.way.cautions),
        "failed": [check.name for check in place.way.failed],
        "checks": [check_json(check) for check in place.way.checks],
        "other_weights": [_other(way) for way in place.others],
        "evaluation": _comparison(place.comparison),
        "command": words.command(place, d),
    }


def _way(way: Way) -> dict[str, Any]:
    variant, fit = way.weights.variant, way.fit
    return {
        "weights": {
            "repo_id": None if way.weights.hypothetical else variant.repo_id,
            "label": variant.label,
            "format": variant.format,
            "size_bytes": variant.size_bytes,
            "published": not way.weights.hypothetical,
        },
        "engine": way.choice.engine,
        "engine_reason": way.choice.reason,
        "kv_dtype": way.small_cache or "auto",
        "verdict": fit.verdict.value,
        "required_bytes": fit.required_bytes,
        "budget_bytes": fit.budget_bytes,
        "max_users": fit.max_users,
        "max_context": fit.max_context,
        "decode_tokens_per_second": _speed(fit.decode_tokens_per_second),
    }


def _other(way: Way) -> dict[str, Any]:
    against = way.failed[0] if way.failed else None
    return {**_way(way), "doubts": list(way.doubts), "against": check_json(against) if against else None}


def check_json(check: Check) -> dict[str, Any]:
    return {"name": check.name, "passed": check.passed, "wanted": check.wanted, "found": check.found}


def _speed(speed: Speed | None) -> dict[str, float] | None:
    if speed is None:
        return None
    return {name: round(getattr(speed, name), 1) for name in ("low", "expected", "high")}


def _comparison(c: Comparison | None) -> dict[str, Any] | None:
    if c is None:
        return None
    return {"task": c.task, "score": c.score, "gain": c.gain, "low": c.low, "high": c.high, "doubt": c.doubt}
