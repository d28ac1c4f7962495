"""What engines set aside, beside what attention needs: vLLM's planner executed, and its own log lines."""

import pytest

from tests.fit import configs as c
from watcher.fit.engines import GIB, engines
from watcher.fit.layout import Layout
from watcher.fit.reserve import Reservation
from watcher.fit.reserve_llamacpp import LlamaCppSlots
from watcher.fit.reserve_sglang import SglangPools
from watcher.fit.reserve_tensorrt import TensorRtBlocks
from watcher.fit.reserve_vllm import VllmBlocks
from watcher.fit.shape import shape_of

LARGE, SMALL = 2 * 8192, 2 * 2048  # tokens in flight on an H100, and on a Spark, an A100 or a 48 GB card


def layout(config: c.Config, *, split: int = 1, element_bytes: float = 2.0) -> Layout:
    return Layout(shape=shape_of(config), split=split, element_bytes=element_bytes)


def vllm(
    config: c.Config, *, in_flight: int = LARGE, states: int = 1, element_bytes: float = 2.0
) -> VllmBlocks:
    return VllmBlocks(
        layout(config, element_bytes=element_bytes),
        block_tokens=16,
        in_flight_tokens=in_flight,
        states_per_request=states,
    )


# GiB for one request of 32,768 tokens on a large and on a small card, and of 131,072 on a large one.
WORKED = [
    pytest.param(c.QWEN3_32B, 8.00, 8.00, 32.00, id="Qwen3-32B: full attention"),
    pytest.param(c.DEEPSEEK_V3, 2.145, 2.145, 8.578, id="DeepSeek-V3: one latent row"),
    pytest.param(
        c.QWEN35_27B, 2.153, 2.153, 8.183, id="Qwen3.5-27B: gated DeltaNet states in attention's pages"
    ),
    pytest.param(c.GPT_OSS_20B, 1.128, 0.847, 3.378, id="gpt-oss-20b: a window and what is in flight"),
    pytest.param(c.GPT_OSS_120B, 1.692, 1.271, 5.067, id="gpt-oss-120b: the same, more layers"),
    pytest.param(c.GEMMA3_27B, 10.48, 4.851, 17.98, id="Gemma 3 27B: six groups of sliding layers, padded"),
    pytest.param(c.GEMMA4_31B, 15.79, 6.418, 23.29, id="Gemma 4 31B: pages of two sizes"),
    pytest.param(c.GEMMA4_26B, 3.95, 1.605, 5.82, id="Gemma 4 26B-A4B: five groups"),
    pytest.param(c.LLAMA4_SCOUT, 6.00, 6.00, 24.0, id="Llama 4 Scout: chunked layers charged in full"),
]


@pytest.mark.parametrize(("config", "large", "small", "long"), WORKED)
def test_vllm_reserves_for_one_request(config: c.Config, large: float, small: float, long: float) -> None:
    """vLLM 0.33's planner, executed without prefix caching: equal to the figures' last digit."""
    assert sum(vllm(config).need(1, 32768)) / GIB == pytest.approx(large, rel=0.002)
    assert sum(vllm(config, in_flight=SMALL).need(1, 32768)) / GIB == pytest.approx(small, rel=0.002)
    assert sum(vllm(config).need(1, 131072)) / GIB == pytest.approx(long, rel=0.002)


@pytest.mark.parametrize(
    ("config", "tokens", "gib"),
    [
        pytest.param(c.QWEN35_27B, 32768, 2.143, id="Qwen3.5-27B at 32K"),
        pytest.param(c.GPT_OSS_20B, 32768, 0.753, id="gpt-oss-20b at 32K"),
        pytest.param(c.GEMMA3_27B, 131072, 10.41, id="Gemma 3 27B at 128K"),
        pytest.param(c.GEMMA4_31B, 32768, 3.281, id="Gemma 4 31B at 32K"),
        pytest.param(c.GEMMA4_26B, 131072, 2.695, id="Gemma 4 26B-A4B at 128K"),
        pytest.param(c.LLAMA4_SCOUT, 131072, 7.125, id="Llama 4 Scout at 128K"),
    ],
)
def test_what_attention_needs_is_less(config: c.Config, tokens: int, gib: float) -> None:
    assert (layout(config).ideal(tokens) + layout(config).state()) / GIB == pytest.approx(gib, rel=0.002)


@pytest.mark.parametrize(
    ("config", "element_bytes", "cache_gib", "tokens", "block_tokens", "printed"),
    [
        pytest.param(c.QWEN35_35B, 1.0, 3.07, 65536, 2096, 4.03, id="Qwen3.6-35B-A3B, FP8 cache, vLLM 0.20"),
        pytest.param(c.QWEN35_35B, 1.0, 6.01, 131072, 2096, 4.35, id="Qwen3.6-35B-A3B, FP8 cache, vLLM 0.24"),
        pytest.param(c.QWEN35_27B, 1.0, 6.67, 32768, 1568, 5.15, id="Qwen3.6-27B, FP8 cache"),
        pytest.param(c.QWEN3_4B, 2.0, 18.96, 131072, 16, 1.05, id="Qwen3-4B, 16-bit cache"),
    ],
)
def test_concurrency_is_what_vllm_prints(
    config: c.Config, element_bytes: float, cache_gib: float, tokens: int, block_tokens: int, printed: float
) -> None:
    """ "Maximum concurrency for N tokens per request" of boots in public logs, prefix caching on."""
    pool = vllm(config, states=2, element_bytes=element_bytes)
    blocks = int(cache_gib * GIB) // pool.block_bytes
    claimed = sum(pool.need(1, tokens)) // pool.block_bytes
    assert pool.block_tokens == block_tokens
    assert blocks / claimed == pytest.approx(printed, abs=0.01)


def test_a_window_in_flight_is_shared_by_all_sequences() -> None:
    pool = vllm(c.GEMMA3_27B)
    one, two = (pool.need(users, 131072)[0] for users in (1, 2))
    assert (two - one) / GIB == pytest.approx(10.5, rel=0.01)


def test_llama_cpp_keeps_states_in_f32() -> None:
    """Qwen3.6-27B with four slots logged 598.50 MiB (lmstudio-bug-tracker issue 1862)."""
    slots = LlamaCppSlots(layout(c.QWEN35_27B), devices=1, batched_tokens=512)
    assert slots.need(4, 8192)[1] == int(598.5 * 1024**2)


def test_llama_cpp_rounds_cells_and_adds_a_micro_batch_to_windows() -> None:
    slots = LlamaCppSlots(layout(c.GPT_OSS_20B), devices=1, batched_tokens=512)
    assert slots.need(1, 8000)[0] == 24576 * 8192 - 24576 * 8192 + 24576 * (8192 + 768)


def test_llama_cpp_splits_layers_whole() -> None:
    one, three = (
        LlamaCppSlots(layout(c.LLAMA_8B), devices=devices, batched_tokens=512).need(1, 8192)[0]
        for devices in (1, 3)
    )
    assert three == one * 11 // 32


def test_sglang_gives_windows_a_pool_of_their_own() -> None:
    pools = SglangPools(layout(c.GEMMA3_27B), window_pool=0.8, state_pool=0.9)
    assert pools.need(1, 32768)[0] == pytest.approx(32768 * (81920 + 0.8 * 425984), rel=0.001)


def test_tensorrt_counts_blocks_of_32_tokens() -> None:
    assert TensorRtBlocks(layout(c.LLAMA_8B), block_tokens=32).need(2, 33)[0] == 2 * 64 * 131072


def all_engines(config: c.Config) -> list[Reservation]:
    laid = layout(config)
    return [
        vllm(config),
        LlamaCppSlots(laid, devices=1, batched_tokens=512),
        SglangPools(laid, window_pool=0.8, state_pool=0.9),
        TensorRtBlocks(laid, block_tokens=32),
    ]


@pytest.mark.parametrize(
    "config",
    [
        pytest.param(c.LLAMA_8B, id="full"),
        pytest.param(c.GEMMA3_27B, id="sliding"),
        pytest.param(c.QWEN35_27B, id="states"),
        pytest.param(c.DEEPSEEK_V3, id="latent"),
        pytest.param(c.LLAMA4_SCOUT, id="chunked"),
        pytest.param(c.GPT_OSS_20B, id="short windows"),
    ],
)
@pytest.mark.parametrize("tokens", [1, 100, 1024, 5000, 131072])
def test_no_engine_sets_aside_less_than_attention_needs(config: c.Config, tokens: int) -> None:
    laid = layout(config)
    for pool in all_engines(config):
        for users in (1, 3):
            assert sum(pool.need(users, tokens)) >= users * (laid.ideal(tokens) + laid.state())


def test_every_engine_names_its_rules_and_its_source() -> None:
    assert {engine.reserve for engine in engines().values()} == {
        "vllm",
        "sglang",
        "tensorrt-llm",
        "llama.cpp",
    }
