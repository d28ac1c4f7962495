"""Predicted against measured: what a boot on the team's own machine teaches, and what it must not."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fit.asking import H100, pool, sized
from tests.fit.configs import LLAMA_8B, QWEN3_14B, QWEN3_32B, QWEN3_235B, Config
from tests.fit.sample_logs import LLAMA_CPP, OLLAMA, SGLANG, TWO_RANKS, V1, log_of, text_of
from watcher.fit.calibration import Predict, Row, compare, correction_of, load_of
from watcher.fit.estimate import estimate
from watcher.fit.logs import BootLog, Measure, SpeedRow, read_log
from watcher.fit.shape import shape_of
from watcher.types import Correction, Fit, Load, Variant

TODAY = date(2026, 11, 23)
GIB = 2**30
LLAMA = sized(16.060522496, "bf16", "safetensors")


def predictor(
    log: BootLog,
    config: Config,
    weights: Variant,
    device: str = H100,
    count: int = 1,
    corrections: tuple[Correction, ...] = (),
) -> Predict:
    """Our fit of a model with the settings of a boot."""
    shape = shape_of(config)

    def predict(load: Load) -> Fit:
        return estimate(
            shape=shape,
            variant=weights,
            parameters=shape.parameters,
            hardware=pool(device, count),
            load=load,
            engine=log.engine,
            settings=log.settings,
            corrections=corrections,
        )

    return predict


def rows_of(log: BootLog, *model: Any) -> dict[str, Row]:
    predict = predictor(log, *model)
    return {row.term: row for row in compare(log, predict, pool(model[2] if len(model) > 2 else H100).device)}


def learned(rows: Any, device: str = H100, engine: str = "vllm") -> tuple[Correction, tuple[str, ...]]:
    return correction_of(list(rows), device=device, engine=engine, source="boot.log", measured_on=TODAY)


@pytest.mark.parametrize(
    ("name", "model", "terms"),
    [
        pytest.param(
            V1,
            (LLAMA_8B, LLAMA),
            [
                "memory of the device",
                "weights",
                "activations",
                "overhead",
                "cache of 16,000 tokens",
                "room for the cache",
                "requests of 16,000 tokens",
                "decode, 1 user at 1,683 tokens",
            ],
            id="vLLM with its profile",
        ),
        pytest.param(
            TWO_RANKS,
            (QWEN3_32B, sized(65.524246528, "bf16", "safetensors"), H100, 2),
            [
                "weights",
                "activations and overhead",
                "cache of 16,000 tokens",
                "room for the cache",
                "requests of 16,000 tokens",
            ],
            id="vLLM without debug lines: activations and overhead are one sum",
        ),
        pytest.param(
            SGLANG,
            (QWEN3_235B, sized(236, "fp8", "safetensors"), H100, 4),
            [
                "weights",
                "cache of a token",
                "room for the cache",
                "tokens in the cache",
                "decode, 1 user at 1,117 tokens",
            ],
            id="SGLang",
        ),
        pytest.param(
            LLAMA_CPP,
            (QWEN3_14B, sized(9.00175296), "rtx-4090"),
            [
                "memory of the device",
                "weights",
                "activations",
                "overhead",
                "cache of 16,384 tokens",
                "decode, 1 user at 1,906 tokens",
                "prefill of 1,650 tokens",
            ],
            id="llama.cpp",
        ),
        pytest.param(
            OLLAMA,
            (LLAMA_8B, sized(4.92), "rtx-4090"),
            ["weights", "activations", "cache of 2,048 tokens"],
            id="Ollama",
        ),
    ],
)
def test_each_engine_is_compared_by_what_its_log_tells(
    name: str, model: tuple[Any, ...], terms: list[str]
) -> None:
    assert list(rows_of(log_of(name), *model)) == terms


@pytest.mark.parametrize(
    ("name", "model", "term"),
    [
        pytest.param(V1, (LLAMA_8B, LLAMA), "cache of 16,000 tokens", id="vLLM, 8B"),
        pytest.param(
            TWO_RANKS,
            (QWEN3_32B, sized(65.524246528, "bf16", "safetensors"), H100, 2),
            "cache of 16,000 tokens",
            id="vLLM over two devices",
        ),
        pytest.param(
            SGLANG,
            (QWEN3_235B, sized(236, "fp8", "safetensors"), H100, 4),
            "cache of a token",
            id="SGLang over four devices",
        ),
        pytest.param(
            LLAMA_CPP, (QWEN3_14B, sized(9.0), "rtx-4090"), "cache of 16,384 tokens", id="llama.cpp"
        ),
        pytest.param(
            OLLAMA, (LLAMA_8B, sized(4.92), "rtx-4090"), "cache of 2,048 tokens", id="four slots of Ollama"
        ),
    ],
)
def test_the_cache_of_dense_models_is_met(name: str, model: tuple[Any, ...], term: str) -> None:
    row = rows_of(log_of(name), *model)[term]
    assert row.ratio == pytest.approx(1.0, abs=0.005)
    assert row.corrects == ("kv_cache",)


def test_a_correction_brings_the_estimate_to_what_was_measured() -> None:
    log = log_of(V1)
    measured, left_out = learned(compare(log, predictor(log, LLAMA_8B, LLAMA), pool(H100).device))
    assert not left_out
    assert set(measured.factors) == {"usable", "weights", "activations", "overhead", "kv_cache", "decode"}
    fit = predictor(log, LLAMA_8B, LLAMA, H100, 1, (measured,))(load_of(log))
    assert log.weights is not None
    assert log.activations is not None
    assert fit.weights.bytes == pytest.approx(log.weights.value, rel=1e-4)
    assert fit.activations.bytes == pytest.approx(log.activations.value, rel=1e-4)
    assert fit.overhead.bytes == pytest.approx((0.13 + 0.45) * GIB, rel=1e-4)
    assert any("boot.log" in said for said in fit.corrections)


def test_one_sum_of_activations_and_overhead_corrects_both_alike() -> None:
    log = log_of(TWO_RANKS)
    model = (QWEN3_32B, sized(65.524246528, "bf16", "safetensors"), H100, 2)
    row = rows_of(log, *model)["activations and overhead"]
    assert row.measured / GIB == pytest.approx(0.9 * 79.18 - 30.59 - 34.49, rel=1e-3)
    measured, _ = learned([row])
    assert set(measured.factors) == {"activations", "overhead"}
    assert len(set(measured.factors.values())) == 1


def test_graphs_outside_the_budget_are_added_and_those_inside_are_not() -> None:
    log = replace(log_of(V1), activations=None, non_torch=None)
    term = "activations and overhead"
    outside = rows_of(log, LLAMA_8B, LLAMA)[term].measured
    inside = rows_of(replace(log, graphs_inside=True), LLAMA_8B, LLAMA)[term].measured
    assert (outside - inside) / GIB == pytest.approx(0.45)
    assert term not in rows_of(replace(log, graphs=None), LLAMA_8B, LLAMA), "the capture is not in the log"


def test_a_cache_too_small_for_one_request_tells_its_size() -> None:
    text = text_of(V1).replace("GPU KV cache size", "").replace("Maximum concurrency", "")
    text += "ValueError: To serve at least one request with the models's max seq len (131072), (16.0 GiB KV "
    text += "cache is needed, which is larger than the available KV cache memory (12.5 GiB)."
    log = read_log(text)
    assert load_of(log).context_tokens == 131_072
    row = rows_of(log, LLAMA_8B, LLAMA)["cache of 131,072 tokens"]
    assert row.ratio == pytest.approx(1.0, abs=0.001)


@pytest.mark.parametrize(
    ("change", "term", "reason"),
    [
        pytest.param(
            lambda log: replace(log, refused={"decode": "speculative decoding was on"}),
            "decode",
            "speculative decoding was on",
            id="speculative decoding",
        ),
        pytest.param(
            lambda log: replace(log, refused={"rest": "LoRA adapters"}), "overhead", "LoRA", id="adapters"
        ),
        pytest.param(
            lambda log: replace(log, weights=Measure(value=5.0 * GIB, line=9)),
            "weights",
            "other files",
            id="weights of another size are other files",
        ),
        pytest.param(
            lambda log: replace(log, max_concurrency=Measure(value=52.6, line=14)),
            "kv_cache",
            "another cache type",
            id="half the cache is another cache type",
        ),
        pytest.param(
            lambda log: replace(log, device_memory=Measure(value=39.4 * GIB, line=16)),
            "usable",
            "a part of one",
            id="half a device",
        ),
        pytest.param(
            lambda log: replace(log, activations=Measure(value=1.0, line=11)),
            "activations",
            "misread line",
            id="next to nothing",
        ),
        pytest.param(
            lambda log: replace(log, activations=Measure(value=-3.0 * GIB, line=11)),
            "activations",
            "proportion",
            id="less than nothing",
        ),
    ],
)
def test_what_is_no_measurement_of_the_device_is_left_out_with_its_reason(
    change: Any, term: str, reason: str
) -> None:
    rows = rows_of(change(log_of(V1)), LLAMA_8B, LLAMA).values()
    measured, left_out = learned(rows)
    assert term not in measured.factors
    assert any(reason in said for said in left_out)
    assert "weights" in measured.factors or term == "weights", "other terms are learned all the same"


def test_a_guessed_size_of_weights_is_not_corrected() -> None:
    guessed = replace(LLAMA, size_source="table")
    measured, left_out = learned(rows_of(log_of(V1), LLAMA_8B, guessed).values())
    assert "weights" not in measured.factors
    assert any("not read from the files" in said for said in left_out)


@pytest.mark.parametrize(
    ("ratio", "factor"),
    [
        pytest.param(1.5, 1.5, id="as measured"),
        pytest.param(7.0, 5.0, id="held at five"),
        pytest.param(0.1, 0.2, id="held at a fifth"),
        pytest.param(25.0, None, id="absurdly much"),
        pytest.param(0.01, None, id="absurdly little"),
        pytest.param(float("nan"), None, id="not a number"),
    ],
)
def test_factors_stay_within_reason(ratio: float, factor: float | None) -> None:
    row = Row(term="decode", predicted=10, measured=10 * ratio, unit="tok/s", line=1, corrects=("decode",))
    measured, left_out = learned([row])
    assert measured.factors.get("decode") == factor
    assert bool(left_out) is (factor != ratio)


def test_speeds_at_several_depths_count_alike() -> None:
    speeds = [SpeedRow(kind="decode", tokens_per_second=s, line=1, depth_tokens=64) for s in (100.0, 400.0)]
    log = BootLog(engine="vllm", speeds=tuple(speeds))
    predict = predictor(log, LLAMA_8B, LLAMA)
    said = predict(Load(users=1, context_tokens=64)).decode_tokens_per_second
    assert said is not None
    measured, _ = learned(compare(log, predict, pool(H100).device))
    assert measured.factors == {"decode": pytest.approx(200 / said.expected, rel=1e-3)}


def test_speed_of_a_batch_is_that_of_one_of_its_users() -> None:
    row = SpeedRow(kind="decode", tokens_per_second=80.0, line=3, depth_tokens=1000, batch=8)
    log = BootLog(engine="vllm", speeds=(row,))
    rows = rows_of(log, LLAMA_8B, LLAMA)
    alone = predictor(log, LLAMA_8B, LLAMA)(Load(users=8, context_tokens=1000)).decode_tokens_per_second
    assert alone is not None
    assert rows["decode, 8 users at 1,000 tokens"].predicted == alone.expected


_FIGURES = ["weights", "activations", "non_torch", "graphs", "kv_cache", "kv_tokens", "state"]
_FIGURES += ["device_memory", "max_concurrency", "kv_needed", "unaccounted"]
_FIGURE = st.none() | st.builds(Measure, value=st.floats(-(2.0**50), 2.0**50), line=st.just(1))


@given(
    st.fixed_dictionaries(dict.fromkeys(_FIGURES, _FIGURE)),
    st.sampled_from(["vllm", "sglang", "llama.cpp", "ollama"]),
)
def test_whatever_a_log_says_the_correction_is_sane(figures: dict[str, Measure | None], engine: str) -> None:
    log = replace(log_of(V1), engine=engine, **figures)  # type: ignore[arg-type]
    measured, _ = learned(compare(log, predictor(log, LLAMA_8B, LLAMA), pool(H100).device))
    assert all(0.2 <= factor <= 5 for factor in measured.factors.values())
