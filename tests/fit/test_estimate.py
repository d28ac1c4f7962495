"""The breakdown: terms, sources, searches, engines and what is said where little is known."""

import pytest

from tests.fit import configs as c
from tests.fit.asking import H100, H200, SPARK, ask, pool, sized
from watcher.fit.devices import devices
from watcher.fit.engines import GIB, engines
from watcher.fit.estimate import estimate
from watcher.fit.shape import shape_of
from watcher.types import FitVerdict, Load, Parameters, Variant

FITS, TIGHT, NO = FitVerdict.FITS, FitVerdict.TIGHT, FitVerdict.NO


def test_a_reader_can_redo_the_sum() -> None:
    fit = ask(c.LLAMA_8B, sized(16.06, "bf16", "safetensors"), H100, users=4)
    assert fit.budget_bytes == int(devices()[H100].visible_bytes * 0.92)
    assert fit.weights.bytes == pytest.approx(16_060_000_000, abs=1)
    assert fit.kv_cache.bytes == 4 * 8192 * 131072
    assert fit.state.bytes == 0
    assert fit.activations.bytes == 1024 * 128256 * 4 * 19 // 2
    assert fit.overhead.bytes == int(0.15 * GIB) + GIB // 4
    assert fit.kv_bytes_per_token == 131072
    assert [t.source for t in (fit.weights, fit.kv_cache, fit.overhead)] == ["files", "config", "table"]


def test_max_users_and_max_context_are_the_last_that_hold() -> None:
    fit = ask(c.QWEN3_32B, "fp8", H100)
    free = fit.budget_bytes - fit.required_bytes + fit.kv_cache.bytes
    assert fit.max_users == free // (8192 * fit.kv_bytes_per_token)
    assert fit.max_context == min(40960, free // fit.kv_bytes_per_token)


def test_a_no_shows_how_many_users_would_do() -> None:
    fit = ask(c.LLAMA_70B, "fp8", H100, users=20)
    assert fit.verdict is NO
    assert 1 <= fit.max_users < 20
    assert fit.required_bytes > fit.budget_bytes


def test_a_tight_fit_shows_the_terms_of_the_way_in_which_it_loads() -> None:
    fit = ask(c.LLAMA_70B, "awq", H100, users=20)
    assert fit.verdict is TIGHT
    assert fit.required_bytes <= fit.budget_bytes
    assert fit.notes[0] == "loads only with --kv-cache-dtype fp8"


def test_an_fp8_cache_takes_units_for_it() -> None:
    fit = ask(c.LLAMA_70B, "awq", "a100-sxm-80gb", users=20)
    assert fit.verdict is NO
    assert fit.kv_bytes_per_token == 327680


@pytest.mark.parametrize(
    ("device", "engine", "budget_gib"),
    [
        pytest.param(H100, "vllm", 72.85, id="a share of what programs see, 79.18 GiB"),
        pytest.param(H100, "llama.cpp", 78.18, id="all but one GiB"),
        pytest.param(SPARK, "vllm", 100.0, id="unified memory is shared with the system"),
        pytest.param(SPARK, "llama.cpp", 100.0, id="unified memory, whatever the engine"),
        pytest.param(H100, "an engine nobody knows", 72.85, id="an unknown engine counts as vLLM"),
    ],
)
def test_budgets(device: str, engine: str, budget_gib: float) -> None:
    assert ask(c.LLAMA_8B, "fp8", device, engine=engine).budget_bytes / GIB == pytest.approx(
        budget_gib, rel=0.001
    )


def test_a_window_is_not_charged_again_in_flight_for_every_user() -> None:
    one, two = (ask(c.GEMMA3_27B, sized(1), H100, users=users, context=131072) for users in (1, 2))
    assert (two.kv_cache.bytes - one.kv_cache.bytes) / GIB == pytest.approx(10.41, rel=0.01)


@pytest.mark.parametrize(
    ("config", "gib"),
    [
        pytest.param(c.LLAMA_8B, 4.76, id="Llama 3.1 8B"),
        pytest.param(c.LLAMA_70B, 4.84, id="Llama 3.3 70B"),
        pytest.param(c.QWEN3_32B, 5.64, id="Qwen3 32B"),
        pytest.param(c.GPT_OSS_20B, 7.38, id="gpt-oss-20b"),
        pytest.param(c.GPT_OSS_120B, 7.38, id="gpt-oss-120b"),
    ],
)
def test_activations_meet_what_vllm_profiled(config: c.Config, gib: float) -> None:
    """vLLM 0.11 on an H100 of 79.18 GiB: github.com/llm-d/llm-d-benchmark, config_explorer."""
    assert ask(config, sized(1), H100).activations.bytes / GIB == pytest.approx(gib, rel=0.05)


@pytest.mark.parametrize(
    ("config", "halves"),
    [
        pytest.param(c.LLAMA_70B, True, id="heads divide over two devices"),
        pytest.param(c.DEEPSEEK_V3, False, id="one latent row is on both"),
        pytest.param({**c.LLAMA_8B, "num_key_value_heads": 1}, False, id="one head is on both"),
    ],
)
def test_tensor_parallel_divides_heads(config: c.Config, halves: bool) -> None:
    one, two = (ask(config, sized(8), H100, count=count) for count in (1, 2))
    assert two.kv_cache.bytes == one.kv_cache.bytes // (2 if halves else 1)
    assert two.weights.bytes == pytest.approx(one.weights.bytes / 2, rel=0.006)
    assert two.weights.bytes > one.weights.bytes / 2


class TestWithoutConfiguration:
    def test_a_stand_in_is_assumed_and_said_so(self) -> None:
        fit = ask(None, sized(40), H200, billions=70)
        assert fit.kv_bytes_per_token == 327680
        assert fit.kv_cache.source == "guess"
        assert any(note.startswith("no config.json was read: cache and speed") for note in fit.notes)

    def test_clear_slack_still_fits(self) -> None:
        assert ask(None, sized(5), H100, billions=8).verdict is FITS

    def test_what_fits_with_a_configuration_is_only_tight_without(self) -> None:
        assert ask(c.LLAMA_70B, sized(48), H100, users=4).verdict is FITS
        assert ask(None, sized(48), H100, users=4, billions=70).verdict is TIGHT

    def test_nothing_known_does_not_fit(self) -> None:
        nothing = Variant(
            repo_id="a/b", format="gguf", label="Q4_K_M", bits=None, size_bytes=None, size_source="table"
        )
        fit = ask(None, nothing, H100)
        assert fit.verdict is NO
        assert fit.decode_tokens_per_second is None
        assert fit.max_users == fit.max_context == 0
        assert "the size of the weights is not known" in fit.notes


def test_guessed_and_assumed_sizes_are_said_so() -> None:
    assert (
        "the size of the weights is parameters times bits, not the files'"
        in ask(c.LLAMA_8B, "fp8", H100).notes
    )


@pytest.mark.parametrize(
    ("quant", "device", "expected"),
    [
        pytest.param(
            "nvfp4", H100, "H100 SXM 80 GB has no FP4 units: saves memory, not compute", id="NVFP4 on Hopper"
        ),
        pytest.param(
            "fp8",
            "a100-sxm-80gb",
            "A100 SXM 80 GB has no FP8 units: saves memory, not compute",
            id="FP8 on Ampere",
        ),
        pytest.param(
            "Q4_K_M", H100, "GGUF is llama.cpp's format; vllm runs it slowly or not at all", id="GGUF in vLLM"
        ),
    ],
)
def test_formats_that_hardware_or_engine_do_not_like(quant: str, device: str, expected: str) -> None:
    assert expected in ask(c.LLAMA_8B, quant, device).notes


def test_a_load_of_nothing_counts_as_one() -> None:
    fit = estimate(
        shape=shape_of(c.LLAMA_8B),
        variant=sized(5),
        parameters=Parameters(),
        hardware=pool(H100, 0),
        load=Load(users=0, context_tokens=-5),
        engine="vllm",
    )
    assert fit.load == Load(users=1, context_tokens=1)
    assert fit.verdict is FITS


def test_every_device_and_engine_has_its_source() -> None:
    assert all(device.source for device in devices().values())
    assert {"h100-sxm-80gb", "h100-pcie-80gb", "h200-sxm-141gb", "dgx-spark", "a100-sxm-80gb"} <= set(
        devices()
    )
    assert {"l40s", "rtx-4090", "rtx-5090", "rtx-pro-6000", "b200-sxm-180gb"} <= set(devices())
    assert devices()["dgx-spark"].planning_bytes == 100 * GIB
    assert set(engines()) == {"vllm", "sglang", "tensorrt-llm", "llama.cpp", "ollama"}
