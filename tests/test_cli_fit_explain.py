"""One fit as an explanation: the golden file, bars, verdicts in words, and what breaks it first."""

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.commands import ROOT
from tests.fit.configs import QWEN3_32B
from watcher.cli_fit_ask import Answer, Model
from watcher.cli_fit_breaks import breaks
from watcher.cli_fit_explain import ASCII, explain, verdict_line
from watcher.cli_fit_json import fit_json
from watcher.fit.devices import devices
from watcher.fit.shape import shape_of
from watcher.types import (
    Fit,
    FitRecord,
    FitVerdict,
    Hardware,
    Load,
    Parameters,
    Settings,
    Speed,
    Term,
    Variant,
)

GOLDEN = Path(__file__).parent / "golden" / "fit_explained.txt"
GIB = 1024**3
H100 = Hardware(name="h100", device=devices()["h100-sxm-80gb"])
MODEL = Model(
    name="Qwen/Qwen3-32B",
    place="Qwen/Qwen3-32B-FP8",
    origin="catalog",
    shape=shape_of(QWEN3_32B),
    parameters=Parameters(total=32_762_123_264),
    variants=(),
)


def term(gib: float, source: str = "config") -> Term:
    return Term(bytes=round(gib * GIB), source=source)


def fit(**more: Any) -> Fit:
    """Qwen3-32B at FP8 on one H100 for one user, with figures that never change."""
    usual: dict[str, Any] = {
        "hardware": "h100",
        "engine": "vllm",
        "load": Load(users=1, context_tokens=32768),
        "verdict": FitVerdict.FITS,
        "budget_bytes": round(72.8 * GIB),
        "weights": term(32.0, "files"),
        "kv_cache": term(8.0),
        "state": term(0),
        "activations": term(5.5),
        "overhead": term(0.4, "table"),
        "kv_bytes_per_token": 262_144,
        "max_users": 4,
        "max_context": 40_960,
        "decode_tokens_per_second": Speed(low=41.0, expected=53.0, high=70.0),
        "total_tokens_per_second": Speed(low=41.0, expected=53.0, high=70.0),
        "prefill_seconds": 2.7,
        "ideal_bytes": 8 * GIB,
        "max_concurrency": 4.37,
        "settings": Settings(utilisation=0.92, batched_tokens=8192, cache_dtype="auto"),
    }
    return Fit(**(usual | more))


def answer(of: Fit, **more: Any) -> Answer:
    variant = Variant(
        repo_id="Qwen/Qwen3-32B-FP8",
        format="fp8",
        label="fp8",
        bits=8.0,
        size_bytes=of.weights.bytes,
        size_source="files",
        files=("model.safetensors",),
    )
    usual: dict[str, Any] = {
        "record": FitRecord(repo_id=variant.repo_id, label="fp8", deployment=None, fit=of),
        "variant": variant,
        "hardware": H100,
        "engine_reason": "vLLM batches continuously and is the least work to operate",
        "given": False,
    }
    return Answer(**(usual | more))


FITS = answer(
    fit(), command="vllm serve Qwen/Qwen3-32B-FP8 --max-model-len 32768 --gpu-memory-utilization 0.92"
)
TIGHT = answer(
    fit(
        verdict=FitVerdict.TIGHT,
        load=Load(users=8, context_tokens=16384),
        weights=term(32.0, "header"),
        kv_cache=term(31.0),
        state=term(0.4),
        ideal_bytes=29 * GIB,
        overhead=term(0.1, "table"),
        budget_bytes=round(76.8 * GIB),
        max_users=9,
        max_context=17_000,
        settings=Settings(utilisation=0.97, batched_tokens=2048, cache_dtype="fp8"),
        total_tokens_per_second=Speed(low=304.0, expected=400.0, high=528.0),
        notes=("loads only with --gpu-memory-utilization 0.97", "H100 has no FP4 units"),
        levers=("a smaller cache type: --kv-cache-dtype fp8", "fewer users at once: 4"),
        corrections=("overhead x1.20, as measured on 2026-11-20 (server.log)",),
    ),
    sketch="vllm serve OWNER/REPO --max-model-len 16384",
)
NO = answer(
    fit(
        verdict=FitVerdict.NO,
        weights=term(61.0, "table"),
        kv_cache=term(32.0),
        max_users=0,
        max_context=0,
        notes=("too large even with --gpu-memory-utilization 0.97", "its context ends at 40960 tokens"),
        levers=("4 such devices",),
    ),
    engine_reason=None,
)


def test_the_explanations_read_as_in_the_golden_file() -> None:
    """Review tests/golden/fit_explained.txt like a user; MODELWATCH_GOLDEN=write writes it anew."""
    parts = [explain(MODEL, FITS), explain(MODEL, TIGHT), explain(MODEL, NO, signs=ASCII, width=80)]
    said = "\n\n".join("\n".join(lines) for lines in parts) + "\n"
    if os.environ.get("MODELWATCH_GOLDEN") == "write":
        GOLDEN.write_text(said, encoding="utf-8")
    assert said == GOLDEN.read_text(encoding="utf-8")


def test_the_readme_shows_the_first_of_them() -> None:
    first = GOLDEN.read_text(encoding="utf-8").partition("\n\n")[0]
    assert first in (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_key_of_the_json_is_documented() -> None:
    told = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    told = told[told.index("`modelwatch fit MODEL --json`") : told.index("`modelwatch fit calibrate")]
    document = fit_json(MODEL, FITS)
    names = {*document, *document["terms"], *document["settings"], *document["sources"]}
    assert {name for name in names if not re.search(rf"\b{name}\b", told)} == set()


@pytest.mark.parametrize("width", [80, 100])
def test_no_line_but_a_command_is_wider_than_the_terminal(width: int) -> None:
    for one in (FITS, TIGHT, NO):
        lines = explain(MODEL, one, width=width)
        told = [line for line in lines[1:] if "vllm serve" not in line]
        assert max(map(len, told)) <= width


def test_without_blocks_everything_is_ascii() -> None:
    for one in (FITS, TIGHT, NO):
        assert all(line.isascii() for line in explain(MODEL, one, signs=ASCII))


@pytest.mark.parametrize(
    ("of", "words"),
    [
        pytest.param(fit(), "fits, with 26.9 GiB to spare", id="fits"),
        pytest.param(
            fit(devices=2), "fits, with 26.9 GiB to spare on each of 2 devices", id="on several devices"
        ),
        pytest.param(
            fit(verdict=FitVerdict.TIGHT, budget_bytes=47 * GIB),
            "tight: 1.1 GiB to spare, less than the estimate may be off by",
            id="tight within the error",
        ),
        pytest.param(
            fit(verdict=FitVerdict.TIGHT, notes=("MLX weights run in mlx-lm on a Mac",)),
            "tight: MLX weights run in mlx-lm on a Mac",
            id="tight for another reason than memory",
        ),
        pytest.param(
            fit(verdict=FitVerdict.NO, budget_bytes=40 * GIB), "no: 5.9 GiB too much", id="too large"
        ),
        pytest.param(
            fit(verdict=FitVerdict.NO, notes=("a note", "its context ends at 8192 tokens")),
            "no: its context ends at 8192 tokens",
            id="too long",
        ),
        pytest.param(
            fit(verdict=FitVerdict.NO, notes=("the size of the weights is not known",)),
            "no: the size of the weights is not known",
            id="unknown weights",
        ),
    ],
)
def test_the_verdict_names_its_reason(of: Fit, words: str) -> None:
    assert verdict_line(of)[0] == words


def test_of_a_guess_no_speed_and_no_end_is_told() -> None:
    said = "\n".join(explain(MODEL, answer(fit(kv_cache=term(8.0, "guess"))), width=200))
    assert "speed: not said, since its layers were not read" in said
    assert "a guess, from half to twice of it" in said
    assert "breaks first" not in said
    assert "Maximum concurrency" not in said


@pytest.mark.parametrize(
    ("of", "longest", "first"),
    [
        pytest.param(fit(), 40_960, "a context beyond 40,960 tokens (the model's own end)", id="its own end"),
        pytest.param(fit(), None, "a context beyond 40,960 tokens", id="memory ends its context"),
        pytest.param(
            fit(max_users=1, max_context=34_000), None, "more than 1 user at 32,768 tokens", id="users"
        ),
        pytest.param(
            fit(budget_bytes=47 * GIB), None, "1.1 GiB taken by anything else on the device", id="memory"
        ),
        pytest.param(
            fit(load=Load(users=3, context_tokens=32768), max_context=33_000),
            None,
            "a context beyond 33,000 tokens for each of 3 users",
            id="context of several users",
        ),
    ],
)
def test_what_is_nearest_to_its_end_breaks_first(of: Fit, longest: int | None, first: str) -> None:
    assert breaks(of, longest)[0].what == first


def test_what_does_not_fit_has_nothing_left_to_break() -> None:
    assert breaks(fit(verdict=FitVerdict.NO), None) == ()


@given(
    st.lists(st.integers(0, 2**45), min_size=6, max_size=6),
    st.integers(1, 10**6),
    st.integers(1, 10**8),
    st.sampled_from(FitVerdict),
)
def test_any_figures_make_lines(sizes: list[int], users: int, tokens: int, verdict: FitVerdict) -> None:
    weights, cache, state, activations, overhead, budget = sizes
    wild = replace(
        fit(verdict=verdict, budget_bytes=budget, load=Load(users=users, context_tokens=tokens)),
        weights=Term(bytes=weights, source="files"),
        kv_cache=Term(bytes=cache, source="config"),
        state=Term(bytes=state, source="config"),
        activations=Term(bytes=activations, source="config"),
        overhead=Term(bytes=overhead, source="table"),
    )
    lines = explain(MODEL, answer(wild))
    assert lines[1].strip().startswith(verdict.value)
    bars = [line[14:42] for line in lines if line.startswith(("  weights", "  cache", "  budget"))]
    assert len(bars) >= 3
    for end in breaks(wild, 8192):
        assert end.headroom >= 0
