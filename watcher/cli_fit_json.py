"""A fit as JSON and as a row of CSV: docs/json.md, `fit --json`."""

from dataclasses import asdict
from typing import Any

from watcher.cli_fit_ask import Answer, Model
from watcher.cli_fit_explain import levers_that_help

COLUMNS = [
    *("model", "label", "hardware", "engine", "context", "users", "verdict", "budget_bytes", "terms"),
    *("max_users", "max_context", "decode_tokens_per_second", "total_tokens_per_second"),
    *("prefill_seconds", "notes", "command"),
]


def fit_json(model: Model, answer: Answer) -> dict[str, Any]:
    """One object per set of weights and pool; bytes are on one device, speeds tokens per second."""
    f = answer.fit
    terms = {name: getattr(f, name) for name in ("weights", "kv_cache", "state", "activations", "overhead")}
    speeds = {
        "decode_tokens_per_second": f.decode_tokens_per_second,
        "total_tokens_per_second": f.total_tokens_per_second,
    }
    return {
        "model": answer.record.repo_id,
        "label": answer.record.label,
        "hardware": f.hardware,
        "engine": f.engine,
        "context": f.load.context_tokens,
        "users": f.load.users,
        "verdict": f.verdict.value,
        "budget_bytes": f.budget_bytes,
        "terms": {name: {"bytes": term.bytes, "source": term.source} for name, term in terms.items()},
        "kv_bytes_per_token": f.kv_bytes_per_token,
        "max_users": f.max_users,
        "max_context": f.max_context,
        **{
            name: {"low": s.low, "expected": s.expected, "high": s.high} if s else None
            for name, s in speeds.items()
        },
        "prefill_seconds": f.prefill_seconds,
        "notes": list(f.notes),
        "ideal_bytes": f.ideal_bytes,
        "max_concurrency": f.max_concurrency,
        "devices": f.devices,
        "settings": asdict(f.settings),
        "levers": list(levers_that_help(f)),
        "corrections": list(f.corrections),
        "command": answer.command,
        "engine_reason": answer.engine_reason,
        "sources": {
            "model": model.origin,
            "weights": "given" if answer.given else f.weights.source,
            "layers": f.kv_cache.source,
        },
    }
