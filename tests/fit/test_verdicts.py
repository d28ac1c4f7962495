"""The verdicts a team relies on: the founding table cell by cell, and the four scenarios.

The table is read at light load, one user with 8K of context. "Q4" is the 4-bit format that exists for
the model on that device: AWQ or W4A16 in vLLM, NVFP4 on the Spark and where the maker publishes it.
Three cells are decided differently, each in a test of its own that says why.
"""

import pytest

from tests.fit import configs as c
from tests.fit.asking import H100, H200, SPARK, ask, sized
from watcher.types import FitVerdict

FITS, TIGHT, NO = FitVerdict.FITS, FitVerdict.TIGHT, FitVerdict.NO
EVERY = ("bf16", "fp8", "awq")

TABLE = [
    *((c.QWEN3_4B, quant, device, FITS, "3-4B") for quant in EVERY for device in (H100, SPARK, H200)),
    *((c.LLAMA_8B, quant, device, FITS, "7-8B") for quant in EVERY for device in (H100, SPARK, H200)),
    *((c.QWEN3_14B, quant, device, FITS, "14B") for quant in EVERY for device in (H100, SPARK, H200)),
    (c.QWEN3_32B, "awq", H100, FITS, "27-32B"),
    (c.QWEN3_32B, "bf16", SPARK, FITS, "27-32B"),
    (c.QWEN3_32B, "fp8", SPARK, FITS, "27-32B"),
    *((c.QWEN3_32B, quant, H200, FITS, "27-32B") for quant in EVERY),
    (c.LLAMA_70B, "fp8", H100, TIGHT, "70B"),
    (c.LLAMA_70B, "awq", H100, FITS, "70B"),
    (c.LLAMA_70B, "nvfp4", SPARK, FITS, "70B"),
    (c.LLAMA_70B, "fp8", H200, FITS, "70B"),
    (c.LLAMA4_SCOUT, "w4a16", H100, FITS, "109B MoE"),
    (c.LLAMA4_SCOUT, "nvfp4", SPARK, FITS, "109B MoE"),
    (c.LLAMA4_SCOUT, "fp8", H200, FITS, "109B MoE"),
    (c.MISTRAL_SMALL_4, "nvfp4", H100, TIGHT, "119B MoE"),
    (c.MISTRAL_SMALL_4, "nvfp4", SPARK, FITS, "119B MoE"),
    (c.MISTRAL_SMALL_4, "fp8", H200, FITS, "119B MoE"),
    *((c.QWEN3_235B, quant, H100, NO, "235B MoE") for quant in EVERY),
    (c.QWEN3_235B, "fp8", H200, NO, "235B MoE"),
]


@pytest.mark.parametrize(
    ("config", "quant", "device", "verdict"),
    [
        pytest.param(config, quant, device, verdict, id=f"{size} at {quant} on {device}: {verdict}")
        for config, quant, device, verdict, size in TABLE
    ],
)
def test_the_founding_table(config: c.Config, quant: str, device: str, verdict: FitVerdict) -> None:
    engine = "sglang" if device == SPARK else "vllm"
    assert ask(config, quant, device, engine=engine).verdict is verdict


def test_32b_at_fp8_fits_an_h100_alone_and_is_tight_with_moderate_use() -> None:
    """The table says "tight (with moderate use)": 31 of 73 GiB are not tight for one user; 17 make it so."""
    assert ask(c.QWEN3_32B, "fp8", H100).verdict is FITS
    assert ask(c.QWEN3_32B, "fp8", H100, users=17).verdict is TIGHT


def test_235b_at_nvfp4_does_not_load_on_one_spark_but_on_two() -> None:
    """The table takes half a byte each, 118 GB. With its scales NVFP4 is above 130 GB, which two hold."""
    assert ask(c.QWEN3_235B, "nvfp4", SPARK, engine="sglang").verdict is NO
    assert ask(c.QWEN3_235B, sized(118), SPARK, engine="llama.cpp").verdict is TIGHT
    assert ask(c.QWEN3_235B, "nvfp4", SPARK, engine="sglang", count=2).verdict is FITS


def test_235b_at_fp8_takes_two_h200() -> None:
    assert ask(c.QWEN3_235B, "fp8", H200, count=2).verdict is FITS


def test_32b_at_16_bit_on_an_h100_leaves_little() -> None:
    """The table is silent. vLLM 0.11 left 4.45 GiB for the cache (llm-d-benchmark): 16K loaded, 32K not."""
    assert ask(c.QWEN3_32B, "bf16", H100).verdict is TIGHT
    assert ask(c.QWEN3_32B, "bf16", H100, context=16000).verdict is TIGHT


class TestScenarios:
    """The acceptance cases of the founding booklet, as far as memory and speed decide them."""

    def test_helpdesk_mistral_small_4_fits_a_spark_for_ten_users(self) -> None:
        fit = ask(c.MISTRAL_SMALL_4, "nvfp4", SPARK, users=10, engine="sglang")
        assert fit.verdict is FITS
        assert fit.decode_tokens_per_second is not None
        assert fit.decode_tokens_per_second.high > 10

    def test_helpdesk_mistral_small_4_is_fast_for_one(self) -> None:
        fit = ask(c.MISTRAL_SMALL_4, "nvfp4", SPARK, engine="sglang")
        assert fit.decode_tokens_per_second is not None
        assert fit.decode_tokens_per_second.expected > 30

    def test_helpdesk_gemma_4_31b_at_q4_fits_for_ten_users(self) -> None:
        assert ask(c.GEMMA4_31B, "Q4_K_M", SPARK, users=10, engine="llama.cpp").verdict is FITS

    def test_helpdesk_llama_70b_at_q4_fits_but_decodes_at_4_to_8(self) -> None:
        fit = ask(c.LLAMA_70B, "nvfp4", SPARK, engine="vllm")
        assert fit.verdict is FITS
        assert fit.decode_tokens_per_second is not None
        assert 4 <= fit.decode_tokens_per_second.expected <= 8

    def test_review_qwen3_32b_at_fp8_fits_an_h100_with_32k(self) -> None:
        assert ask(c.QWEN3_32B, "fp8", H100, context=32768).verdict is FITS

    def test_review_a_16k_model_does_not_serve_32k(self) -> None:
        phi4 = {**c.QWEN3_14B, "max_position_embeddings": 16384}
        fit = ask(phi4, "fp8", H100, context=32768)
        assert fit.verdict is NO
        assert fit.max_context == 16384
        assert "its context ends at 16384 tokens" in fit.notes

    @pytest.mark.parametrize("quant", ["bf16", "fp8", "awq", "nvfp4"])
    def test_review_devstral_2_does_not_fit_an_h100_with_room(self, quant: str) -> None:
        assert ask(c.DEVSTRAL_2, quant, H100, context=32768).verdict is not FITS

    def test_review_llama_70b_at_fp8_has_no_headroom_for_32k(self) -> None:
        fit = ask(c.LLAMA_70B, "fp8", H100, context=32768)
        assert fit.verdict is not FITS
        assert "--kv-cache-dtype fp8" in fit.notes[0]

    def test_shutdown_llama_70b_at_fp8_has_no_room_for_twenty_users(self) -> None:
        assert ask(c.LLAMA_70B, "fp8", H100, users=20).verdict is NO

    def test_shutdown_llama_70b_at_awq_serves_twenty_with_an_fp8_cache(self) -> None:
        fit = ask(c.LLAMA_70B, "awq", H100, users=20)
        assert fit.verdict is TIGHT
        assert any("--kv-cache-dtype fp8" in note for note in fit.notes)
        assert fit.max_users >= 20
        assert fit.kv_bytes_per_token == 327680 // 2

    def test_extraction_a_small_model_fits_easily(self) -> None:
        assert ask(c.LLAMA_8B, "nvfp4", SPARK, users=8, engine="tensorrt-llm").verdict is FITS
