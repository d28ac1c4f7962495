"""Choosing among weights: what a configuration asks for, floors, engines, defaults, what may be published."""

import pytest

from tests.fit.configs import GPT_OSS_20B, LLAMA_8B, QWEN3_4B, Config
from watcher.fit.shape import shape_of
from watcher.formats import format_of, formats
from watcher.quants import (
    best_that,
    hypothetical,
    loads,
    matches_quant,
    parameters_in_name,
    preferred,
    quality_at_least,
)
from watcher.tables import table
from watcher.types import Parameters, Variant

GGUF = "bartowski/Llama-3.3-70B-Instruct-GGUF"
STEM = "Llama-3.3-70B-Instruct"


def variant(label: str, form: str = "gguf", bits: float | None = None) -> Variant:
    return Variant(
        repo_id=GGUF,
        format=form,
        label=label,
        bits=bits,
        size_bytes=1,
        size_source="files",
        files=(f"{STEM}-{label}.gguf",),
    )


FOUR_BIT = ("Q4_K_M", "Q4_K_S", "Q4_0", "UD-Q4_K_XL", "IQ4_XS", "nvfp4", "mxfp4", "awq", "gptq", "MXFP4")


@pytest.mark.parametrize(
    ("label", "wanted", "matches"),
    [
        *(pytest.param(label, "q4", True, id=f"{label} is a q4") for label in FOUR_BIT),
        *(
            pytest.param(label, "q4", False, id=f"{label} is no q4")
            for label in ("Q8_0", "Q3_K_L", "fp8", "bf16", "IQ2_M")
        ),
        pytest.param("Q4_K_M", "q4_k_m", True, id="the very label, in any case"),
        pytest.param("Q4_K_S", "Q4_K_M", False, id="another label of the family"),
        pytest.param("UD-Q4_K_XL", "UD-Q4_K_XL", True, id="the very dynamic label"),
        pytest.param("fp8", "fp8", True, id="fp8"),
        pytest.param("Q8_0", "fp8", False, id="Q8_0 is not what fp8 asks for"),
        pytest.param("bf16", "bf16", True, id="bf16"),
        pytest.param("F16", "bf16", True, id="the other 16 bit format"),
        pytest.param("BF16", "16bit", True, id="sixteen bits"),
        pytest.param("gptq-8bit", "int8", True, id="eight bits"),
        pytest.param("Q4_K_M", "gguf", True, id="the container"),
        pytest.param("Q4_K_M", GGUF, True, id="the very repo"),
        pytest.param("Q4_K_M", f"{GGUF}:{STEM}-Q4_K_M.gguf", True, id="the very file"),
        pytest.param("Q4_K_M", f"{GGUF}/{STEM}-Q4_K_M.gguf", True, id="the very file as a path"),
        pytest.param("Q4_K_M", f"{GGUF}:Q4_K_M", True, id="repo and label, as Ollama writes it"),
        pytest.param("Q4_K_S", f"{GGUF}:{STEM}-Q4_K_M.gguf", False, id="another file of that repo"),
        pytest.param("Q4_K_M", "unsloth/Llama-3.3-70B-Instruct-GGUF", False, id="another repo"),
        pytest.param("something", "q4", False, id="a label nobody knows"),
    ],
)
def test_what_a_configuration_asks_for(label: str, wanted: str, matches: bool) -> None:
    assert matches_quant(variant(label), wanted) is matches


@pytest.mark.parametrize(
    ("label", "floor", "enough"),
    [
        pytest.param("Q4_K_M", "q4", True, id="4 bits for a floor of 4"),
        pytest.param("nvfp4", "q4", True, id="NVFP4 for a floor of 4"),
        pytest.param("UD-Q4_K_XL", "Q4_K_M", True, id="a dynamic file for a floor of 4"),
        pytest.param("Q3_K_L", "q4", False, id="3 bits are below"),
        pytest.param("IQ2_M", "q4", False, id="2 bits are far below"),
        pytest.param("fp8", "q4", True, id="8 bits are above"),
        pytest.param("Q4_K_M", "fp8", False, id="client-facing work wants FP8"),
        pytest.param("Q8_0", "fp8", True, id="Q8_0 is of FP8's class"),
        pytest.param("bf16", "fp8", True, id="16 bits are above all"),
        pytest.param("fp8", "bf16", False, id="a floor of 16 bits"),
    ],
)
def test_quality_floors(label: str, floor: str, enough: bool) -> None:
    assert quality_at_least(variant(label), floor) is enough


@pytest.mark.parametrize(
    ("labels", "first"),
    [
        pytest.param(["Q8_0", "Q4_0", "Q4_K_M", "UD-Q4_K_XL"], "Q4_K_M", id="Q4_K_M before all"),
        pytest.param(["Q4_0", "UD-Q4_K_XL"], "UD-Q4_K_XL", id="legacy types are last"),
        pytest.param(["Q2_K", "Q5_K_M", "Q8_0"], "Q5_K_M", id="the next above"),
        pytest.param(["nvfp4"], "nvfp4", id="the only one"),
    ],
)
def test_the_variant_a_person_would_take_first(labels: list[str], first: str) -> None:
    found = preferred([variant(label) for label in labels])
    assert found is not None
    assert found.label == first
    assert preferred([]) is None


def test_the_best_that_passes() -> None:
    offered = [variant("Q8_0", bits=8.5), variant("Q4_K_M", bits=4.9), variant("Q2_K", bits=3.2)]
    assert best_that(offered, lambda v: (v.bits or 0) < 6) == offered[1]
    assert best_that(offered, lambda v: False) is None


@pytest.mark.parametrize(
    ("engine", "label", "form", "expected"),
    [
        pytest.param("llama.cpp", "Q4_K_M", "gguf", True, id="GGUF in llama.cpp"),
        pytest.param("ollama", "BF16", "gguf", True, id="GGUF at BF16 in Ollama"),
        pytest.param("llama.cpp", "MXFP4", "gguf", True, id="GGUF at MXFP4 in llama.cpp"),
        pytest.param("vllm", "Q4_K_M", "gguf", False, id="GGUF is not vLLM's"),
        pytest.param("vllm", "awq", "awq", True, id="AWQ in vLLM"),
        pytest.param("llama.cpp", "awq", "awq", False, id="AWQ is not llama.cpp's"),
        pytest.param("sglang", "bf16", "safetensors", True, id="safetensors in SGLang"),
        pytest.param("vllm", "mlx-4bit", "mlx", False, id="MLX is Apple's"),
        pytest.param("an engine", "Q4_K_M", "gguf", True, id="an engine nobody knows"),
    ],
)
def test_which_engine_is_made_for_what(engine: str, label: str, form: str, expected: bool) -> None:
    assert loads(engine, variant(label, form)) is expected


@pytest.mark.parametrize(
    ("name", "billions"),
    [
        ("meta-llama/Llama-3.3-70B-Instruct", 70),
        ("Qwen/Qwen3-30B-A3B", 30),
        ("mistralai/Mixtral-8x7B-v0.1", 56),
        ("Qwen/Qwen3-0.6B", 0.6),
        ("openai/gpt-oss-120b", 120),
        ("unsloth/X-bnb-4bit", None),
        ("deepseek-ai/DeepSeek-V3", None),
        ("7b-labs/nameless", None),
    ],
)
def test_sizes_in_names(name: str, billions: float | None) -> None:
    assert parameters_in_name(name) == (None if billions is None else int(billions * 1e9))


@pytest.mark.parametrize(
    ("wanted", "engine", "label", "gigabytes"),
    [
        pytest.param("q4", "vllm", "awq", 39.8, id="4 bits in vLLM"),
        pytest.param("q4", "ollama", "Q4_K_M", 42.5, id="4 bits in Ollama"),
        pytest.param("fp8", "vllm", "fp8", 72.7, id="FP8"),
        pytest.param("bf16", "vllm", "bf16", 141.1, id="BF16"),
    ],
)
def test_weights_that_somebody_may_publish(wanted: str, engine: str, label: str, gigabytes: float) -> None:
    """Llama 3.3 70B: 72.7 GB is RedHatAI's FP8 repo, 42.5 bartowski's Q4_K_M, 39.8 a usual AWQ."""
    found = hypothetical("a/b", wanted, Parameters(total=70_553_706_496), engine)
    assert found is not None
    assert found.label == label
    assert found.size_bytes == pytest.approx(gigabytes * 1e9, rel=0.04)


@pytest.mark.parametrize(
    ("config", "wanted", "engine", "quantisation", "gigabytes"),
    [
        pytest.param(QWEN3_4B, "q4", "ollama", None, 2.50, id="a small model, whose embeddings weigh more"),
        pytest.param(LLAMA_8B, "fp8", "vllm", None, 9.08, id="FP8 with a head at 16 bit"),
        pytest.param(
            GPT_OSS_20B, "q4", "llama.cpp", {"quant_method": "mxfp4"}, 11.6, id="experts that stay MXFP4"
        ),
        pytest.param(
            LLAMA_8B, "awq", "vllm", {"quant_method": "fp8"}, 5.73, id="the maker's FP8 changes nothing"
        ),
    ],
)
def test_a_shape_tells_more_than_a_count(
    config: Config, wanted: str, engine: str, quantisation: Config | None, gigabytes: float
) -> None:
    found = hypothetical(
        "a/b", wanted, Parameters(), engine, shape=shape_of(config), quantisation=quantisation
    )
    assert found is not None
    assert found.size_bytes == pytest.approx(gigabytes * 1e9, rel=0.01)
    assert found.size_source == "table"


def test_nothing_can_be_assumed_of_an_unknown_format_or_size() -> None:
    assert hypothetical("a/b", "unheard-of", Parameters(total=10**9)) is None
    assert hypothetical("a/b", "q4", Parameters()) is None


@pytest.mark.parametrize(
    ("label", "container"),
    [
        ("MXFP4_MOE", "gguf"),
        ("MXFP4", "gguf"),
        ("mxfp4", "safetensors"),
        ("NVFP4", "gguf"),
        ("nvfp4", "safetensors"),
        ("UD-Q4_K_XL", "gguf"),
        ("q4_k_m", "gguf"),
        ("FP8", "safetensors"),
    ],
)
def test_labels_of_both_containers_are_told_apart_by_their_case(label: str, container: str) -> None:
    row = format_of(label)
    assert row is not None
    assert row.container == container


def test_every_row_of_the_table_has_a_source_that_is_explained() -> None:
    sources = table("formats")["sources"]
    assert all(row["source"] in sources for row in table("formats")["formats"].values())
    assert all(1 <= row.bits <= 32 and row.level in (1, 2, 3, 4, 5, 6, 8, 16) for row in formats().values())
    assert all(format_of(label) for label in table("formats")["preference"])
