"""How a model would run in a deployment's place: which weights, which engine, what is doubtful about it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.factories import NOW, deployment, entry, facts, lineage
from watcher.advise import advise
from watcher.contenders import Contender
from watcher.families import load_families
from watcher.fit.devices import devices
from watcher.situation import Policy
from watcher.types import Deployment, Entry, Hardware, LicenceRules, Load, Parameters, Variant
from watcher.ways import Bench, Way, as_it_runs, best, capacity, ways

GIB = 1024**3
BENCH = Bench(registry=load_families(), policy=Policy(), now=NOW)
SIZES = {"bf16": 61.0, "fp8": 32.0, "awq": 18.0, "nvfp4": 19.1, "Q4_K_M": 18.4, "Q8_0": 32.4}


def weights(repo_id: str, *labels: str, days: int = 300) -> Entry:
    """A repo of Qwen 3 32B with weights of these labels, so many days old."""
    variants = tuple(
        Variant(
            repo_id=repo_id,
            format="gguf" if label[0] == "Q" else "safetensors",
            label=label,
            bits=None,
            size_bytes=int(SIZES[label] * GIB),
            size_source="files",
            files=(f"{label}.gguf",) if label[0] == "Q" else (),
        )
        for label in labels
    )
    born = NOW - timedelta(days=days)
    return entry(
        facts(repo_id, total=32_762_123_264, created_at=born, languages=("en",)),
        lineage=lineage(family="qwen", series="Qwen", version="3", size="32B", publisher="Qwen"),
        variants=variants,
    )


def contender(*quants: Entry) -> Contender:
    return Contender(entry=weights("Qwen/Qwen3-32B", "bf16"), quants=quants)


def place(device: str = "h100-sxm-80gb", users: int = 4, **more: Any) -> Deployment:
    usual: dict[str, Any] = {
        "model": "Qwen/Qwen3-32B",
        "hardware": Hardware(name="box", device=devices()[device]),
        "load": Load(users=users, context_tokens=8192),
        "engine": "vllm",
        "min_tokens_per_second": None,
        "licence": LicenceRules(),
    }
    return deployment(**(usual | more))


def chosen(d: Deployment, *quants: Entry) -> Way:
    way = best(ways(contender(*quants), d, BENCH), d)
    assert way is not None
    return way


@pytest.mark.parametrize(
    ("device", "users", "quant", "labels", "label", "engine"),
    [
        pytest.param("h100-sxm-80gb", 4, "q4", ("awq", "nvfp4"), "awq", "vllm", id="AWQ on an H100"),
        pytest.param("dgx-spark", 4, "q4", ("awq", "nvfp4"), "nvfp4", "sglang", id="NVFP4 on a Spark"),
        pytest.param("h100-sxm-80gb", 20, "q4", ("awq", "Q4_K_M"), "awq", "vllm", id="no GGUF for 20 users"),
        pytest.param("h100-sxm-80gb", 1, "q4", ("Q4_K_M",), "Q4_K_M", "ollama", id="GGUF for one user"),
        pytest.param("h100-sxm-80gb", 4, "fp8", ("awq", "fp8"), "fp8", "vllm", id="the format asked for"),
    ],
)
def test_the_weights_and_the_engine_that_suit(
    device: str, users: int, quant: str, labels: tuple[str, ...], label: str, engine: str
) -> None:
    quants = (weights(f"nvidia/X-{name}", name) for name in labels)
    way = chosen(place(device, users, quant=quant, task="summarise"), *quants)
    assert (way.weights.variant.label, way.choice.engine) == (label, engine)
    assert "tgi" not in (way.choice.engine, *way.choice.alternatives)


def test_a_smaller_cache_is_tried_where_the_usual_one_does_not_do() -> None:
    many = chosen(place(users=20, quant="fp8"), weights("Qwen/Qwen3-32B-FP8", "fp8"))
    assert many.small_cache == "fp8"
    few = chosen(place(users=4, quant="fp8"), weights("Qwen/Qwen3-32B-FP8", "fp8"))
    assert few.small_cache is None


@pytest.mark.parametrize(
    ("place_", "quants", "doubt"),
    [
        pytest.param(
            place(quant="q4"),
            (weights("nvidia/X-AWQ", "awq", days=3),),
            "its weights are 3 days old: quants are often broken in their first week",
            id="young quants",
        ),
        pytest.param(
            place(quant="q4", licence=LicenceRules(domicile="FR")),
            (weights("nvidia/X-AWQ", "awq"),),
            "origin CN: needs a compliance talk for sensitive work",
            id="Chinese origin in the EU",
        ),
        pytest.param(
            place("dgx-spark", 4, quant="q4", min_tokens_per_second=12.0),
            (weights("nvidia/X-NVFP4", "nvfp4"),),
            "probably slower than 12 tok/s",
            id="a floor in the upper half of the range",
        ),
        pytest.param(
            place(users=20, quant="q4"),
            (weights("unsloth/X-GGUF", "Q4_K_M"),),
            "not made for 20 users at once",
            id="an engine without batching",
        ),
    ],
)
def test_a_doubt(place_: Deployment, quants: tuple[Entry, ...], doubt: str) -> None:
    found = [way for way in ways(contender(*quants), place_, BENCH) if way.weights.variant.label != "bf16"]
    assert any(said.startswith(doubt) or doubt in said for way in found for said in way.doubts)


def test_weights_that_nobody_published_are_assumed_in_the_wanted_format_and_doubted() -> None:
    assumed = [way for way in ways(contender(), place(quant="fp8"), BENCH) if way.weights.hypothetical]
    assert {way.doubts for way in assumed} == {("nobody published fp8 weights of it yet",)}


def test_what_runs_today_is_the_configured_engine_and_format_with_the_usual_cache() -> None:
    d = place(quant="q4", engine="llama.cpp")
    quants = (weights("nvidia/X-AWQ", "awq"), weights("unsloth/X-GGUF", "Q4_K_M", "Q8_0"))
    today = as_it_runs(contender(*quants), d, BENCH)
    assert today is not None
    assert (today.weights.variant.label, today.choice.engine, today.small_cache) == (
        "Q4_K_M",
        "llama.cpp",
        None,
    )


@pytest.mark.parametrize(
    ("total", "active", "worth"),
    [
        pytest.param(70e9, None, 70, id="a dense model is worth itself"),
        pytest.param(119e9, 6.6e9, 28, id="a mixture the mean of total and active"),
        pytest.param(None, None, 0, id="nothing known"),
    ],
)
def test_capacity(total: float | None, active: float | None, worth: int) -> None:
    counts = Parameters(total=int(total) if total else None, active=int(active) if active else None)
    assert round(capacity(counts)) == worth


@pytest.mark.parametrize(
    ("allow", "first", "older"),
    [
        pytest.param((), "Qwen/Qwen3-32B", ("Qwen/Qwen2.5-32B-Instruct",), id="the newer one does"),
        pytest.param(("mit",), "Qwen/Qwen2.5-32B-Instruct", (), id="the newer one's licence is refused"),
    ],
)
def test_an_older_release_steps_in_only_where_the_newer_is_refused(
    allow: tuple[str, ...], first: str, older: tuple[str, ...]
) -> None:
    new = contender(weights("nvidia/X-AWQ", "awq"))
    before = replace(weights("Qwen/Qwen2.5-32B-Instruct", "awq"), licence="mit")
    old = Contender(entry=before, newer=frozenset({"qwen/qwen3-32b"}))
    d = place(quant="q4", model="somebody/Else", licence=LicenceRules(allow=allow))
    found = advise(d, [new, old], BENCH)
    assert (found.ranked[0].name, found.older) == (first, older)
