"""What people write of a model, a format and an engine."""

import pytest

from tests.accuracy.naming import device_of, engine_of, family_of, format_named, model_of
from watcher.formats import format_of


@pytest.mark.parametrize(
    ("text", "named", "engine", "label"),
    [
        pytest.param("Q4_K_M (ollama default)", "", "ollama", "Q4_K_M", id="words in brackets"),
        pytest.param("q4", "", "llama.cpp", "Q4_K_M", id="q4 of a GGUF engine"),
        pytest.param("INT4", "", "vLLM", "w4a16", id="INT4 of a serving engine"),
        pytest.param("gptq 4-bit", "", "vLLM", "gptq", id="a method and its bits"),
        pytest.param("bnb 4-bit", "", "vLLM", "bnb-4bit", id="bitsandbytes"),
        pytest.param("int4 AutoRound", "", "vLLM", "autoround", id="bits before the method"),
        pytest.param("nvfp4 a16", "", "vLLM", "nvfp4", id="weight-only NVFP4"),
        pytest.param("F16", "", "llama.cpp", "F16", id="16 bit of a GGUF"),
        pytest.param("i1-Q4_K_M", "", "llama.cpp", "Q4_K_M", id="a quantiser's mark"),
        pytest.param("FP8-dynamic", "", "vLLM", "fp8", id="FP8 and how it scales"),
        pytest.param("fp8/fp4 native", "", "vLLM", "fp8", id="DeepSeek V4's own mixture"),
        pytest.param("W8A8 INT8", "", "vLLM", "int8", id="weights and activations"),
        pytest.param("bnb nf4", "", "vLLM", "bnb-4bit", id="bitsandbytes by its number format"),
        pytest.param("GPTQ-Int8", "", "vLLM", "gptq-8bit", id="a method at eight bits"),
        pytest.param("MLX 4bit", "", "", "mlx-4bit", id="MLX"),
        pytest.param("Q4_K_M imatrix", "", "llama.cpp", "Q4_K_M", id="how a GGUF was made"),
        pytest.param("mxfp4 moe", "", "vLLM", "mxfp4", id="words after the format"),
        pytest.param("fp16", "", "llama.cpp", "F16", id="16 bit under another name"),
        pytest.param("8bit", "", "llama.cpp", "Q8_0", id="bits alone, in llama.cpp"),
        pytest.param("something new", "", "vLLM", None, id="a format nobody knows"),
        pytest.param("", "Qwen3-8B-Q6_K.gguf", "llama.cpp", "Q6_K", id="from the file name"),
        pytest.param("", "Qwen3-32B-AWQ", "vLLM", "awq", id="from the repo name"),
        pytest.param("", "Qwen3-32B", "vLLM", "bf16", id="vLLM loads what is there"),
        pytest.param("", "qwen3:8b", "ollama", "Q4_K_M", id="ollama's default"),
        pytest.param("", "Qwen3-32B", "llama.cpp", None, id="llama.cpp has no default"),
    ],
)
def test_formats(text: str, named: str, engine: str, label: str | None) -> None:
    found = format_named(text, "", named, engine)
    assert (found.label if found else None) == label


@pytest.mark.parametrize(
    ("text", "label", "engine"),
    [
        pytest.param("vLLM", "bf16", "vllm", id="by name"),
        pytest.param("llama.cpp or ollama", "Q4_K_M", "llama.cpp", id="one of two"),
        pytest.param("", "Q4_K_M", "llama.cpp", id="GGUF is llama.cpp's"),
        pytest.param("", "fp8", "vllm", id="safetensors are vLLM's"),
        pytest.param("exllamav3", "bf16", None, id="an engine nobody described"),
    ],
)
def test_engines(text: str, label: str, engine: str | None) -> None:
    assert engine_of(text, format_of(label), None) == engine


def test_memory_of_all_devices_together_names_each() -> None:
    found = device_of("RTX 3090", 48.0, 2)
    assert found is not None
    assert found.key == "rtx-3090"


def test_a_card_of_two_sizes_is_answered_for_speed_alone() -> None:
    assert device_of("RTX A2000", None) is None
    found = device_of("RTX A2000", None, any_size=True)
    assert found is not None
    assert found.key.startswith("rtx-a2000")


def test_a_model_that_only_states_its_size_is_a_guess() -> None:
    guessed = model_of("", "Somebody's own 13B")
    assert guessed is not None
    assert guessed.guessed
    assert model_of("", "a name without a size") is None
    assert family_of("meta-llama/Llama-3.1-8B", "") == "llama"
