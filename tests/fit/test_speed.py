"""Decode and prefill against measured and quoted figures; ranges, batches and engines."""

import pytest

from tests.fit import configs as c
from tests.fit.asking import H100, H200, SPARK, ask, sized
from watcher.types import Fit, Speed


def decode(fit: Fit) -> Speed:
    assert fit.decode_tokens_per_second is not None
    return fit.decode_tokens_per_second


def total(fit: Fit) -> Speed:
    assert fit.total_tokens_per_second is not None
    return fit.total_tokens_per_second


@pytest.mark.parametrize(
    ("config", "quant", "device", "low", "high"),
    [
        pytest.param(c.LLAMA_8B, "fp8", H100, 250, 300, id="8B FP8 on an H100"),
        pytest.param(c.LLAMA_8B, "fp8", SPARK, 20, 34, id="8B FP8 on a Spark"),
        pytest.param(c.LLAMA_8B, "nvfp4", SPARK, 38, 40, id="8B NVFP4 on a Spark"),
        pytest.param(c.QWEN3_14B, "nvfp4", H100, 180, 180, id="14B NVFP4 on an H100"),
        pytest.param(c.QWEN3_14B, "nvfp4", SPARK, 22, 22, id="14B NVFP4 on a Spark"),
        pytest.param(c.GEMMA3_27B, "Q4_K_M", H100, 80, 110, id="27B Q4 on an H100"),
        pytest.param(c.GEMMA3_27B, "Q4_K_M", H200, 120, 160, id="27B Q4 on an H200"),
        pytest.param(c.GEMMA3_27B, "Q4_K_M", SPARK, 9, 11, id="27B Q4 on a Spark"),
        pytest.param(c.LLAMA_70B, "awq", H100, 60, 96, id="70B Q4 on an H100"),
        pytest.param(c.LLAMA_70B, "nvfp4", SPARK, 4, 8, id="70B Q4 on a Spark"),
        pytest.param(c.LLAMA_70B, "fp8", H100, 35, 48, id="70B FP8 on an H100"),
        pytest.param(c.LLAMA_70B, "fp8", H200, 48, 69, id="70B FP8 on an H200"),
        pytest.param(c.LLAMA_70B, "fp8", SPARK, 2.7, 4, id="70B FP8 on a Spark"),
        pytest.param(c.GPT_OSS_120B, "mxfp4", SPARK, 41, 55, id="gpt-oss-120b on a Spark"),
    ],
)
def test_the_range_meets_the_founding_figures(
    config: c.Config, quant: str, device: str, low: float, high: float
) -> None:
    """One user and a short context, as such figures are taken."""
    speed = decode(ask(config, quant, device, context=1024))
    assert speed.low <= high
    assert speed.high >= low


@pytest.mark.parametrize(
    ("config", "quant", "guessed"),
    [
        pytest.param(c.LLAMA_8B, "fp8", 360, id="8B FP8: 360 to 430 by the booklet"),
        pytest.param(c.LLAMA_70B, "awq", 90, id="70B Q4: 90 to 137 by the booklet"),
    ],
)
def test_an_h200_gains_less_than_its_bandwidth(config: c.Config, quant: str, guessed: float) -> None:
    """The booklet's H200 column is its own estimate: the H100's figures times the bandwidth.

    Measured, one user: Llama 3 8B BF16 in vLLM 129 on an H100, 131 on an H200
    (FreedomIntelligence/AccelMark); Qwen3.6 27B Q4 74 and 76, gpt-oss-20b 286 and 292 in llama.cpp
    (pavlokhmel.com, June 2026).
    """
    h100, h200 = (decode(ask(config, quant, device, context=1024)) for device in (H100, H200))
    assert h100.expected < h200.expected < 1.43 * h100.expected
    assert h200.high < guessed


@pytest.mark.parametrize(
    ("config", "size", "device", "milliseconds"),
    [
        pytest.param(c.GPT_OSS_120B, 65.25, H100, 4.5, id="gpt-oss-120b on an H100"),
        pytest.param(c.GPT_OSS_120B, 65.25, H200, 4.1, id="gpt-oss-120b on an H200"),
        pytest.param(c.GPT_OSS_20B, 13.76, H100, 3.1, id="gpt-oss-20b on an H100"),
        pytest.param(c.GPT_OSS_20B, 13.76, H200, 2.8, id="gpt-oss-20b on an H200"),
    ],
)
def test_mixtures_of_experts_pay_a_fixed_step(
    config: c.Config, size: float, device: str, milliseconds: float
) -> None:
    """aiconfigurator's silicon tables at batch 1 and 2048 tokens."""
    speed = decode(ask(config, sized(size, "mxfp4", "safetensors"), device, context=2048))
    assert 1000 / speed.expected == pytest.approx(milliseconds, rel=0.3)


def test_a_longer_context_slows_decoding_but_not_past_a_window() -> None:
    short, long = (decode(ask(c.LLAMA_8B, "fp8", H100, context=n)).expected for n in (1024, 131072))
    assert long < short / 2
    gpt_short, gpt_long = (
        decode(ask(c.GPT_OSS_20B, "mxfp4", H100, context=n)).expected for n in (1024, 8192)
    )
    assert gpt_long > 0.9 * gpt_short


def test_batching_raises_the_total_and_lowers_each_user() -> None:
    one, many = (ask(c.LLAMA_8B, "nvfp4", SPARK, users=users, context=512) for users in (1, 32))
    assert decode(many).expected < decode(one).expected
    assert 10 < total(many).expected / total(one).expected <= 32


def test_a_batch_visits_more_experts() -> None:
    one, many = (ask(c.MISTRAL_SMALL_4, "nvfp4", SPARK, users=users) for users in (1, 10))
    assert total(many).expected < 10 * total(one).expected * 0.5


def test_ollama_shares_one_stream_among_its_users() -> None:
    one, five = (ask(c.LLAMA_8B, "Q4_K_M", H100, users=users, engine="ollama") for users in (1, 5))
    assert decode(five).expected == pytest.approx(decode(one).expected / 5)
    assert total(five).expected == pytest.approx(total(one).expected)


def test_a_layer_split_does_not_speed_up_one_user() -> None:
    one, two = (ask(c.LLAMA_70B, "Q4_K_M", H100, count=count, engine="llama.cpp") for count in (1, 2))
    assert decode(two).expected == pytest.approx(decode(one).expected, rel=0.05)
    tensor = ask(c.LLAMA_70B, "awq", H100, count=2)
    assert decode(tensor).expected > 1.3 * decode(ask(c.LLAMA_70B, "awq", H100)).expected


def test_i_quants_decode_slower_than_their_size() -> None:
    plain, small = (
        decode(ask(c.LLAMA_8B, sized(4, label), H100, engine="llama.cpp")) for label in ("Q3_K_M", "IQ3_M")
    )
    assert small.expected < 0.95 * plain.expected


def test_prefill_follows_the_active_parameters() -> None:
    dense, mixture = ask(c.LLAMA_70B, "fp8", H200), ask(c.MISTRAL_SMALL_4, "fp8", H200)
    assert dense.prefill_seconds is not None
    assert mixture.prefill_seconds is not None
    assert mixture.prefill_seconds < dense.prefill_seconds / 4
    assert ask(c.LLAMA_8B, "Q4_K_M", "apple-m4-max-128gb", engine="llama.cpp").prefill_seconds is None
