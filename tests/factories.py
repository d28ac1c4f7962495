"""Small ready-made nouns for tests: each takes only what the test is about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from watcher.families import load_families
from watcher.licences import canonical
from watcher.situation import Candidate, Evidence, Policy, Situation
from watcher.types import (
    BaseModel,
    Change,
    ChangeKind,
    Deployment,
    Details,
    Device,
    Entry,
    Fit,
    FitVerdict,
    Gate,
    Hardware,
    Key,
    Known,
    Licence,
    LicenceRules,
    Lineage,
    Load,
    Member,
    Observation,
    Parameters,
    RepoFacts,
    RepoFile,
    Speed,
    Stack,
    Term,
)

NOW = datetime(2026, 4, 20, 8, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=90)
SPARK = Hardware(
    name="spark",
    device=Device(
        key="dgx-spark",
        name="DGX Spark",
        vendor="nvidia",
        kind="unified",
        usable_bytes=130_000_000_000,
        planning_bytes=107_374_182_400,
        bandwidth_bytes_per_s=273e9,
        tflops={"bf16": 125.0, "fp8": 250.0, "fp4": 500.0},
        sm=121,
    ),
)


def facts(repo_id: str = "mistralai/Mistral-Small-4-119B-2603", **stated: Any) -> RepoFacts:
    licence = stated.pop("licence", "apache-2.0")
    base = stated.pop("base", None)
    relation = stated.pop("relation", "quantized")
    files = stated.pop("files", ("model-00001-of-00001.safetensors",))
    total = stated.pop("total", None)
    usual: dict[str, Any] = {"created_at": LONG_AGO, "last_modified": LONG_AGO, "gated": Gate.NONE}
    return RepoFacts(
        repo_id=repo_id,
        licence=licence if isinstance(licence, Licence) else Licence(id=licence),
        base_models=(BaseModel(repo_id=base, relation=relation),) if base else (),
        files=None if files is None else tuple(RepoFile(path=path) for path in files),
        parameters=Parameters(total=total),
        **(usual | stated),
    )


def details(revision: str = "a1", **sha256: str) -> Details:
    """Details whose files are named by keyword: model_gguf="aa" is model.gguf with hash aa."""
    files = tuple(
        RepoFile(path=name.replace("_", "."), size_bytes=1, sha256=value) for name, value in sha256.items()
    )
    return Details(repo_id="x/y", revision=revision, files=files)


def observation(of: RepoFacts, *, revision: str = "a2", with_details: Details | None = None) -> Observation:
    key = Key(source="hub", id=of.repo_id)
    return Observation(
        key=key, seen_at=NOW, revision=revision, facts=of, row={"id": of.repo_id}, details=with_details
    )


def known(of: RepoFacts, **more: Any) -> Known:
    usual: dict[str, Any] = {"key": Key(source="hub", id=of.repo_id), "facts": of, "revision": "a1"}
    return Known(**(usual | {"first_seen": LONG_AGO} | more))


def lineage(**more: Any) -> Lineage:
    mistral = {
        "family": "mistral",
        "series": "Mistral Small",
        "version": "4",
        "size": "119B",
        "publisher": "mistralai",
    }
    return Lineage(**(mistral | {"official": True} | more))


def member(repo_id: str, *, model_type: str | None = None, total: int | None = None, **more: Any) -> Member:
    return Member(
        repo_id=repo_id,
        lineage=lineage(**more),
        created_at=LONG_AGO,
        first_seen=LONG_AGO,
        model_type=model_type,
        parameters_total=total,
    )


def change(kind: ChangeKind, repo_id: str = "mistralai/Mistral-Small-4-119B-2603", **more: Any) -> Change:
    line = more.pop("lineage", None) or lineage()
    fields = {"before": None, "after": "after", "detected_at": NOW} | more
    return Change(kind=kind, key=Key(source="hub", id=repo_id), lineage=line, **fields)


def deployment(**more: Any) -> Deployment:
    usual: dict[str, Any] = {
        "name": "helpdesk",
        "model": "mistralai/Mistral-Small-4-119B-2603",
        "quant": "q4",
        "engine": "sglang",
        "hardware": SPARK,
        "task": "chat",
        "languages": ("en",),
        "load": Load(users=10, context_tokens=8192),
        "min_tokens_per_second": 10.0,
        "quality_floor": None,
        "licence": LicenceRules(allow=("apache-2.0", "mit"), refuse_origin=("CN",)),
    }
    return Deployment(**(usual | more))


def fit(verdict: FitVerdict, speed: float | None = 20.0) -> Fit:
    term = Term(bytes=10 * 1024**3, source="files")
    pace = Speed(low=speed * 0.8, expected=speed, high=speed * 1.2) if speed else None
    return Fit(
        hardware="spark",
        engine="sglang",
        load=Load(users=10),
        verdict=verdict,
        budget_bytes=100 * 1024**3,
        weights=term,
        kv_cache=term,
        state=Term(bytes=0, source="config"),
        activations=term,
        overhead=term,
        kv_bytes_per_token=23040,
        max_users=30,
        max_context=65536,
        decode_tokens_per_second=pace,
        total_tokens_per_second=pace,
        prefill_seconds=None,
    )


def candidate(verdict: FitVerdict = FitVerdict.FITS, label: str = "nvfp4", **more: Any) -> Candidate:
    return Candidate(label=label, hypothetical=False, fit=fit(verdict, **more))


def stack(*deployments: Deployment, **more: Any) -> Stack:
    return Stack(
        **(
            {
                "hardware": (SPARK,),
                "deployments": deployments,
                "families": ("mistral", "qwen", "gemma"),
                "quantisers": ("bartowski", "unsloth", "nvidia"),
            }
            | more
        )
    )


def situation(of: RepoFacts | None = None, **more: Any) -> Situation:
    of = of or facts()
    place = more.pop("deployment", deployment())
    usual: dict[str, Any] = {
        "stack": more.pop("stack", None) or stack(*([place] if place else [])),
        "registry": load_families(),
        "policy": Policy(),
        "now": NOW,
        "facts": of,
        "licence": canonical(of.licence),
        "complete": True,
        "deployment": place,
        "first_seen": NOW - timedelta(days=2),
        "candidate": candidate(),
        "incumbent_family": "mistral",
    }
    return Situation(**(usual | more))


def two_quantisers() -> Evidence:
    return Evidence(quantised_by=frozenset({"bartowski", "unsloth"}))


def entry(of: RepoFacts, **more: Any) -> Entry:
    usual: dict[str, Any] = {"known": known(of), "lineage": lineage(), "licence": canonical(of.licence)}
    return Entry(**(usual | more))
