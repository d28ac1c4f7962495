"""The metadata of a GGUF file say the same as the configuration it was made from."""

import math
from typing import Any

import pytest

from tests.fit import configs as c
from watcher.fit.gguf import Skipped
from watcher.fit.gguf_shape import shape_of_gguf
from watcher.fit.shape import Shape, UnknownShape, shape_of
from watcher.fit.tensors import Tensor

GPT_OSS: dict[str, Any] = {
    "block_count": 24,
    "embedding_length": 2880,
    "context_length": 131072,
    "attention.head_count": 64,
    "attention.head_count_kv": 8,
    "attention.key_length": 64,
    "attention.value_length": 64,
    "attention.sliding_window": 128,
    "feed_forward_length": 2880,
    "expert_feed_forward_length": 2880,
    "expert_count": 32,
    "expert_used_count": 4,
    "vocab_size": 201088,
}
DEEPSEEK: dict[str, Any] = {
    "block_count": 61,
    "embedding_length": 7168,
    "context_length": 163840,
    "attention.head_count": 128,
    "attention.kv_lora_rank": 512,
    "attention.q_lora_rank": 1536,
    "rope.dimension_count": 64,
    "feed_forward_length": 18432,
    "expert_feed_forward_length": 2048,
    "expert_count": 256,
    "expert_used_count": 8,
    "expert_shared_count": 1,
    "leading_dense_block_count": 3,
    "vocab_size": 129280,
}
DEEPSEEK_NEW = {
    **DEEPSEEK,
    "attention.head_count_kv": 1,
    "attention.key_length": 576,
    "attention.value_length": 512,
    "attention.key_length_mla": 192,
    "attention.value_length_mla": 128,
}
DEEPSEEK_OLD = {
    **DEEPSEEK,
    "attention.head_count_kv": 128,
    "attention.key_length": 192,
    "attention.value_length": 128,
}
QWEN35: dict[str, Any] = {
    "block_count": 65,  # the last one only drafts
    "nextn_predict_layers": 1,
    "embedding_length": 5120,
    "attention.head_count": 24,
    "attention.head_count_kv": 4,
    "attention.key_length": 256,
    "attention.value_length": 256,
    "full_attention_interval": 4,
    "ssm.conv_kernel": 4,
    "ssm.inner_size": 6144,
    "ssm.state_size": 128,
    "ssm.time_step_rank": 48,
    "ssm.group_count": 16,
    "feed_forward_length": 17408,
    "vocab_size": 248320,
}
LETTERS = c.NEMOTRON3_NANO["hybrid_override_pattern"]
NEMOTRON: dict[str, Any] = {
    "block_count": 52,
    "embedding_length": 2688,
    "attention.head_count": 32,
    "attention.head_count_kv": [2 if letter == "*" else 0 for letter in LETTERS],
    "attention.key_length": 128,
    "attention.value_length": 128,
    "feed_forward_length": [1856 if letter == "E" else 0 for letter in LETTERS],
    "expert_feed_forward_length": 1856,
    "expert_shared_feed_forward_length": 3712,
    "expert_count": 128,
    "expert_used_count": 6,
    "ssm.conv_kernel": 4,
    "ssm.inner_size": 4096,
    "ssm.state_size": 128,
    "ssm.time_step_rank": 64,
    "ssm.group_count": 8,
    "vocab_size": 131072,
}
GEMMA4: dict[str, Any] = {
    "block_count": 60,
    "embedding_length": 5376,
    "attention.head_count": 32,
    "attention.head_count_kv": [16, 16, 16, 16, 16, 4] * 10,
    "attention.key_length": 512,
    "attention.value_length": 512,
    "attention.key_length_swa": 256,
    "attention.value_length_swa": 256,
    "attention.sliding_window": 1024,
    "attention.sliding_window_pattern": [True, True, True, True, True, False] * 10,
    "feed_forward_length": 21504,
    "vocab_size": 262144,
}
LLAMA: dict[str, Any] = {
    "block_count": 32,
    "embedding_length": 4096,
    "context_length": 131072,
    "attention.head_count": 32,
    "attention.head_count_kv": 8,
    "feed_forward_length": 14336,
    "vocab_size": 128256,
}


def metadata(arch: str, own: dict[str, Any]) -> dict[str, object]:
    return {"general.architecture": arch, **{f"{arch}.{key}": value for key, value in own.items()}}


def figures(shape: Shape) -> tuple[int, int, int]:
    """Bytes per token of growing layers and of window layers in 16 bit, and bytes of state."""
    growing = sum(layer.cached * 2 + layer.fixed for layer in shape.layers if layer.window is None)
    window = sum(layer.cached * 2 for layer in shape.layers if layer.window is not None)
    return growing, window, sum(layer.state_bytes for layer in shape.layers)


@pytest.mark.parametrize(
    ("arch", "own", "config"),
    [
        pytest.param("llama", LLAMA, c.LLAMA_8B, id="Llama 3.1 8B"),
        pytest.param("gpt-oss", GPT_OSS, c.GPT_OSS_20B, id="gpt-oss, whose windows no key lists"),
        pytest.param("deepseek2", DEEPSEEK_NEW, c.DEEPSEEK_V3, id="DeepSeek V3 with its latent row"),
        pytest.param("qwen35", QWEN35, c.QWEN35_27B, id="Qwen3.5, DeltaNet under Mamba's names"),
        pytest.param("nemotron_h_moe", NEMOTRON, c.NEMOTRON3_NANO, id="Nemotron 3, kinds by zeros"),
    ],
)
def test_the_same_as_the_configuration(arch: str, own: dict[str, Any], config: c.Config) -> None:
    ours, theirs = shape_of_gguf(metadata(arch, own)), shape_of(config)
    assert figures(ours) == figures(theirs)
    assert ours.parameters == theirs.parameters
    assert [layer.kind for layer in ours.layers] == [layer.kind for layer in theirs.layers]


@pytest.mark.parametrize(
    ("arch", "own", "expected"),
    [
        pytest.param("gemma4", GEMMA4, (81920, 819200, 0), id="a number and a flag for every layer"),
        pytest.param(
            "deepseek2", DEEPSEEK_OLD, (61 * 128 * 320 * 2, 0, 0), id="old conversions keep every head"
        ),
        pytest.param(
            "llama", {**LLAMA, "attention.sliding_window": 4096}, (131072, 0, 0), id="a window not used"
        ),
        pytest.param(
            "mystery",
            {**LLAMA, "attention.sliding_window": 4096, "attention.sliding_window_pattern": 4},
            (32768, 98304, 0),
            id="an unknown architecture that lists its windows",
        ),
        pytest.param(
            "llama4",
            {**LLAMA, "context_length": 10**6},
            (32768, 98304, 0),
            id="chunks of Llama 4, which no key states",
        ),
        pytest.param(
            "gemma3n",
            {**LLAMA, "attention.shared_kv_layers": 10},
            (4 * 4096, 18 * 4096, 0),
            id="shared caches",
        ),
        pytest.param(
            "lfm2",
            {**LLAMA, "attention.head_count_kv": [0, 8] * 16, "shortconv.l_cache": 3},
            (65536, 0, 16 * 4096 * 2 * 2),
            id="short convolutions by zeros",
        ),
        pytest.param(
            "mamba",
            {
                "block_count": 64,
                "embedding_length": 2560,
                "attention.head_count": 0,
                "feed_forward_length": 0,
                "ssm.conv_kernel": 4,
                "ssm.inner_size": 5120,
                "ssm.state_size": 16,
            },
            (0, 0, 64 * 5120 * (3 * 2 + 16 * 4)),
            id="Mamba has no heads",
        ),
        pytest.param("bert", {**LLAMA, "attention.causal": False}, (0, 0, 0), id="an encoder"),
    ],
)
def test_bytes(arch: str, own: dict[str, Any], expected: tuple[int, int, int]) -> None:
    assert figures(shape_of_gguf(metadata(arch, own))) == expected


def test_a_window_that_llama_cpp_does_not_use_is_noted() -> None:
    shape = shape_of_gguf(metadata("llama", {**LLAMA, "attention.sliding_window": 4096}))
    assert len(shape.notes) == 1
    assert "llama.cpp does not use" in shape.notes[0]


def test_drafts_are_no_layers() -> None:
    shape = shape_of_gguf(metadata("qwen35", QWEN35))
    assert (len(shape.layers), shape.draft_layers) == (64, 1)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        pytest.param(["a"] * 500, 500, id="a list"),
        pytest.param(Skipped(length=128256), 128256, id="a list too long to be kept"),
        pytest.param("a", 0, id="nonsense"),
    ],
)
def test_the_vocabulary_is_counted_where_no_key_states_it(tokens: object, expected: int) -> None:
    own = {key: value for key, value in LLAMA.items() if key != "vocab_size"}
    shape = shape_of_gguf({**metadata("llama", own), "tokenizer.ggml.tokens": tokens})
    assert shape.vocab == expected


def tensor(name: str, *shape: int) -> Tensor:
    return Tensor(name=name, dtype="Q4_K", shape=shape, bytes=math.prod(shape) // 2)


def test_tensors_count_exactly() -> None:
    own = {**LLAMA, "block_count": 3, "nextn_predict_layers": 1, "expert_count": 4, "expert_used_count": 1}
    tensors = [tensor("token_embd.weight", 4096, 1000), tensor("output.weight", 4096, 1000)]
    for block in range(3):
        tensors += [tensor(f"blk.{block}.attn_q.weight", 100), tensor(f"blk.{block}.ffn_up_exps.weight", 400)]
    shape = shape_of_gguf(metadata("llama", own), tensors)
    assert (shape.parameters.total, shape.parameters.active) == (2 * 4096000 + 1000, 2 * 4096000 + 400)
    assert (shape.draft_parameters, shape.tied, shape.gathered_parameters) == (500, False, 4096000)
    assert shape.experts is not None
    assert shape.experts.routed_share == pytest.approx(800 / (2 * 4096000 + 1000))


def test_tensors_of_one_part_of_many_do_not_count() -> None:
    part = [tensor("token_embd.weight", 4096, 1000), tensor("blk.0.attn_q.weight", 100)]
    parameters = shape_of_gguf(metadata("llama", {**LLAMA, "block_count": 2}), part).parameters
    assert (parameters.total or 0) > 10**8


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param({}, "the file has no general.architecture", id="nothing"),
        pytest.param(metadata("llama", {}), "the file has no llama.block_count", id="no layers"),
        pytest.param(
            metadata("llama", {"block_count": 2}), "the file has no llama.embedding_length", id="no width"
        ),
        pytest.param(
            metadata("llama", {"block_count": 2, "embedding_length": 64}),
            "the file has no llama.attention.head_count",
            id="no heads",
        ),
        pytest.param(
            metadata("llama", {**LLAMA, "block_count": 10**6}),
            "1000000 layers is more than any model has",
            id="many",
        ),
        pytest.param(metadata("clip", LLAMA), "a projector has no layers of text", id="a projector"),
        pytest.param(
            {**metadata("llama", LLAMA), "general.type": "adapter"},
            "an adapter does not state the layers of its base model",
            id="an adapter",
        ),
        pytest.param(metadata("flux", {}), "a diffusion model has no layers of text", id="a diffusion model"),
    ],
)
def test_refusals(given: dict[str, object], reason: str) -> None:
    with pytest.raises(UnknownShape) as caught:
        shape_of_gguf(given)
    assert str(caught.value) == reason
