"""The bytes of weights: by name of tensor, by shape and format, and on each rank; against real sizes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fit.configs import (
    DEEPSEEK_V3,
    GEMMA4_31B,
    GPT_OSS_20B,
    GPT_OSS_120B,
    LLAMA_8B,
    LLAMA_70B,
    QWEN3_4B,
    QWEN3_14B,
    QWEN3_32B,
    QWEN35_35B,
    Config,
)
from watcher.fit.shape import shape_of
from watcher.fit.tensors import Tensor
from watcher.fit.weights import (
    Weights,
    padding_bytes,
    per_rank_bytes,
    weights_from_shape,
    weights_from_tensors,
)

GIB = 2**30
FP8 = {"quant_method": "fp8", "weight_block_size": [128, 128]}
MXFP4 = {
    "quant_method": "mxfp4",
    "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "lm_head"],
}


def listed(*patterns: str, algorithm: str = "NVFP4") -> Config:
    return {"quantization": {"quant_algo": algorithm, "exclude_modules": list(patterns)}}


def weigh(config: Config, label: str, quantisation: Config | None = None) -> Weights:
    found = weights_from_shape(shape_of(config), label, quantisation)
    assert found is not None
    return found


GEMMA_LISTED = listed("lm_head", *(f"model.language_model.layers.{n}.self_attn*" for n in range(60)))


@pytest.mark.parametrize(
    ("config", "label", "quantisation", "gib"),
    [
        pytest.param(LLAMA_8B, "bf16", None, 14.99, id="Llama 3.1 8B BF16, loaded by vLLM 0.11"),
        pytest.param(LLAMA_70B, "fp8", None, 67.72, id="Llama 3.3 70B FP8-dynamic, loaded by vLLM 0.11"),
        pytest.param(LLAMA_70B, "awq", None, 37.09, id="Llama 3.1 70B AWQ, loaded by vLLM 0.14"),
        pytest.param(LLAMA_70B, "int8", None, 67.68, id="Llama 3.1 70B W8A8, files"),
        pytest.param(QWEN3_32B, "bf16", None, 61.03, id="Qwen3 32B BF16, loaded by vLLM 0.11"),
        pytest.param(DEEPSEEK_V3, "fp8", FP8, 641.3, id="DeepSeek R1 FP8 with its MTP layer, files"),
        pytest.param(GPT_OSS_120B, "mxfp4", MXFP4, 60.77, id="gpt-oss 120B, headers"),
        pytest.param(GPT_OSS_20B, "mxfp4", None, 12.82, id="gpt-oss 20B, headers"),
        pytest.param(GEMMA4_31B, "nvfp4", GEMMA_LISTED, 30.43, id="Gemma 4 31B NVFP4 by nvidia, files"),
        pytest.param(LLAMA_8B, "Q4_K_M", None, 4.58, id="Llama 3.1 8B Q4_K_M, file"),
        pytest.param(LLAMA_8B, "Q2_K", None, 2.95, id="Llama 3.1 8B Q2_K, file"),
        pytest.param(LLAMA_8B, "IQ2_XXS", None, 2.22, id="Llama 3.1 8B IQ2_XXS, file"),
        pytest.param(LLAMA_70B, "Q4_K_M", None, 39.60, id="Llama 3 70B Q4_K_M, file"),
        pytest.param(QWEN3_4B, "Q8_0", None, 3.986, id="Qwen3 4B Q8_0, file"),
        pytest.param(QWEN3_4B, "Q4_K_M", None, 2.33, id="Qwen3 4B Q4_K_M, file: the head weighs more"),
        pytest.param(QWEN3_14B, "UD-Q4_K_XL", None, 8.53, id="Qwen3 14B of unsloth's dynamic kind, file"),
        pytest.param(
            GPT_OSS_20B, "Q4_K_M", MXFP4, 10.83, id="gpt-oss 20B as Q4_K_M, whose experts stay MXFP4"
        ),
        pytest.param(GPT_OSS_20B, "F16", None, 12.85, id="gpt-oss 20B as F16: its type tells as much"),
        pytest.param(QWEN35_35B, "BF16", None, 64.6, id="Qwen3.5 35B BF16 without tower and MTP, file"),
    ],
)
def test_bytes_from_the_name_alone_are_within_a_tenth(
    config: Config, label: str, quantisation: Config | None, gib: float
) -> None:
    assert weigh(config, label, quantisation).total_bytes / GIB == pytest.approx(gib, rel=0.05)


def test_parts_of_a_mixture_of_experts() -> None:
    found = weigh({**DEEPSEEK_V3, "num_nextn_predict_layers": 1}, "fp8", FP8)
    assert found.routed_bytes == pytest.approx(653.9e9, rel=0.01)
    assert found.embedding_bytes == found.head_bytes == 129280 * 7168 * 2
    assert found.draft_bytes == pytest.approx(11.6e9, rel=0.02)
    assert found.loaded_bytes == found.total_bytes - found.draft_bytes
    assert found.rest_bytes == pytest.approx(15.4e9, rel=0.02)
    assert found.source == "config"


def test_one_table_that_is_the_head_as_well_is_counted_once() -> None:
    found = weigh(QWEN3_4B, "bf16")
    assert (found.embedding_bytes, found.head_bytes) == (0, 151936 * 2560 * 2)
    assert found.source == "table"


def test_a_format_nobody_knows_has_no_bytes() -> None:
    assert weights_from_shape(shape_of(LLAMA_8B), "unheard-of") is None


@pytest.mark.parametrize(
    ("quantisation", "gigabytes"),
    [
        pytest.param({"quant_method": "fp8"}, 9.08, id="FP8"),
        pytest.param(
            {"quant_method": "fbgemm_fp8", "modules_to_not_convert": ["lm_head"]}, 9.08, id="FBGEMM's"
        ),
        pytest.param({"quant_method": "awq", "bits": 4, "group_size": 128}, 5.73, id="AWQ"),
        pytest.param({"quant_method": "gptq", "bits": 4, "group_size": 32}, 6.14, id="GPTQ in groups of 32"),
        pytest.param({"quant_method": "gptq", "bits": 8, "group_size": 128}, 9.25, id="GPTQ of 8 bits"),
        pytest.param({"quant_method": "bitsandbytes", "load_in_4bit": True}, 6.03, id="NF4"),
        pytest.param(
            {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True},
            5.70,
            id="NF4 quantised twice",
        ),
        pytest.param({"quantization": {"bits": 4, "group_size": 64}}, 4.52, id="MLX's keys"),
        pytest.param(
            {
                "quant_method": "compressed-tensors",
                "ignore": ["lm_head", "re:.*self_attn.*"],
                "config_groups": {
                    "group_0": {
                        "targets": ["Linear"],
                        "weights": {"num_bits": 4, "type": "int", "group_size": 128, "symmetric": True},
                    }
                },
            },
            7.69,
            id="compressed tensors with attention left alone by a regular expression",
        ),
        pytest.param(listed("lm_head"), 6.03, id="ModelOpt's NVFP4"),
        pytest.param(listed("lm_head", "*.mlp.*"), 14.11, id="all feed-forward blocks left alone by a star"),
        pytest.param(listed("lm_head", "model.layers.1*"), 9.43, id="eleven layers by their first digit"),
        pytest.param(
            {
                "quant_algo": "MIXED_PRECISION",
                "quantized_layers": {
                    f"model.layers.{n}.{block}": {"quant_algo": algorithm}
                    for n in range(32)
                    for block, algorithm in (("self_attn.q_proj", "FP8"), ("mlp.down_proj", "W4A16_NVFP4"))
                },
            },
            12.80,
            id="each layer's precision by name",
        ),
    ],
)
def test_what_configurations_leave_alone(quantisation: Config, gigabytes: float) -> None:
    """Of Llama 3.1 8B: 2.10 GB of embeddings, 1.34 of attention and 5.64 of feed-forward parameters."""
    label = "mlx-4bit" if "bits" in quantisation.get("quantization", ()) else "nvfp4"
    assert weigh(LLAMA_8B, label, quantisation).total_bytes / 1e9 == pytest.approx(gigabytes, rel=0.005)


_wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=20,
)
_keys = st.sampled_from(
    (
        *("quantization_config", "quantization", "quant_method", "quant_algo", "ignore", "exclude_modules"),
        *(
            "bits",
            "config_groups",
            "quantized_layers",
            "group_size",
            "dynamic",
            "expert_dtype",
            "text_config",
        ),
    )
)


@given(
    st.dictionaries(
        _keys, _wild | st.lists(st.text(max_size=30).map(lambda t: "re:" + t), max_size=3), max_size=5
    )
)
def test_any_configuration_gives_a_size_between_two_bits_and_sixteen(quantisation: dict[str, Any]) -> None:
    found = weigh(LLAMA_8B, "nvfp4", quantisation)
    assert 0 < found.total_bytes < 2**60


def test_a_regular_expression_that_would_take_for_ever_is_left_out() -> None:
    slow = {"quant_method": "fp8", "ignore": ["re:(.*)*(.*)*$x", "re:" + "a?" * 60, "re:(", "lm_head"]}
    assert weigh(LLAMA_8B, "fp8", slow).total_bytes == pytest.approx(9.08e9, rel=0.005)


@pytest.mark.parametrize(
    ("config", "label", "ranks", "gib"),
    [
        pytest.param(LLAMA_70B, "fp8", 2, 33.88, id="Llama 3.3 70B FP8 on two"),
        pytest.param(QWEN3_32B, "bf16", 2, 30.59, id="Qwen3 32B on two"),
        pytest.param(QWEN3_32B, "bf16", 1, 61.03, id="Qwen3 32B on one"),
        pytest.param(QWEN3_32B, "bf16", 0, 61.03, id="no ranks count as one"),
    ],
)
def test_bytes_on_each_rank(config: Config, label: str, ranks: int, gib: float) -> None:
    """Measured by vLLM 0.11 on H100."""
    assert per_rank_bytes(weigh(config, label), ranks) / GIB == pytest.approx(gib, rel=0.005)


@pytest.mark.parametrize(
    ("config", "label", "engine", "gib"),
    [
        pytest.param(GPT_OSS_20B, "mxfp4", "vllm", 13.47, id="gpt-oss 20B in vLLM 0.11"),
        pytest.param(GPT_OSS_120B, "mxfp4", "vllm", 64.38, id="gpt-oss 120B in vLLM 0.11"),
        pytest.param(GPT_OSS_20B, "mxfp4", "sglang", 12.80, id="another engine"),
        pytest.param(LLAMA_8B, "fp8", "vllm", 8.46, id="another format"),
    ],
)
def test_what_an_engine_pads(config: Config, label: str, engine: str, gib: float) -> None:
    shape, found = shape_of(config), weigh(config, label)
    padded = found.loaded_bytes + padding_bytes(found, shape, label, engine)
    assert padded / GIB == pytest.approx(gib, rel=0.005)


def test_routers_and_the_way_down_to_the_latent_are_on_every_rank() -> None:
    found = weigh(DEEPSEEK_V3, "fp8", FP8)
    assert 0.0005 < found.copied_bytes / found.total_bytes < 0.01
    assert per_rank_bytes(found, 8) > found.loaded_bytes // 8
    assert per_rank_bytes(Weights(total_bytes=10, draft_bytes=10, copied_bytes=50), 2) == 0


def tensor(name: str, size: int = 8, shape: tuple[int, ...] = (2, 2)) -> Tensor:
    return Tensor(name=name, dtype="BF16", shape=shape, bytes=size)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        pytest.param("model.embed_tokens.weight", "embedding", id="input table"),
        pytest.param("tok_embeddings.weight", "embedding", id="input table of Mistral's"),
        pytest.param("token_embd.weight", "embedding", id="input table in GGUF"),
        pytest.param(
            "model.language_model.embed_tokens_per_layer.weight", "embedding", id="a table per layer"
        ),
        pytest.param("per_layer_token_embd.weight", "embedding", id="a table per layer in GGUF"),
        pytest.param("lm_head.weight", "head", id="head"),
        pytest.param("output.weight", "head", id="head in GGUF and Mistral's"),
        pytest.param("lm_head.weight_scale", "head", id="scales of the head"),
        pytest.param("model.layers.3.mlp.experts.7.up_proj.weight_packed", "routed", id="one expert"),
        pytest.param("model.layers.3.mlp.experts.gate_up_proj_blocks", "routed", id="all experts of gpt-oss"),
        pytest.param("model.layers.3.block_sparse_moe.experts.7.w1.weight", "routed", id="Mixtral's"),
        pytest.param("layers.3.experts.7.w1.weight", "routed", id="Mistral's own"),
        pytest.param("blk.3.ffn_up_exps.weight", "routed", id="experts in GGUF"),
        pytest.param("blk.3.ffn_up_shexp.weight", "rest", id="shared experts in GGUF"),
        pytest.param("model.layers.3.mlp.shared_experts.up_proj.weight", "rest", id="shared experts"),
        pytest.param("model.layers.3.mlp.gate.weight", "rest", id="a router"),
        pytest.param("model.layers.3.self_attn.output.weight", "rest", id="an output inside a layer"),
        pytest.param("model.layers.4.self_attn.q_proj.weight", "draft", id="a layer beyond the last"),
        pytest.param("mtp.layers.0.mlp.experts.7.up_proj.weight", "draft", id="MTP"),
        pytest.param("model.mtp_block.q_proj.weight", "draft", id="MTP by another name"),
        pytest.param("blk.4.nextn.eh_proj.weight", "draft", id="MTP in GGUF"),
        pytest.param("model.visual.blocks.30.attn.qkv.weight", "tower", id="a tower with more layers"),
        pytest.param("vision_tower.encoder.layers.30.fc1.weight", "tower", id="a tower by another name"),
        pytest.param("multi_modal_projector.linear_1.weight", "tower", id="a projector"),
        pytest.param("v.blk.0.attn_q.weight", "tower", id="a tower in GGUF"),
        pytest.param("model.audio_tower.layers.0.fc1.weight", "tower", id="ears"),
    ],
)
def test_what_a_tensor_is_by_its_name(name: str, part: str) -> None:
    others = [tensor("model.embed_tokens.weight", 1), tensor("lm_head.weight", 1)]
    found = weights_from_tensors([*others, tensor(name, 800)], layers=4)
    sizes = {
        kind: getattr(found, f"{kind}_bytes")
        for kind in ("embedding", "head", "routed", "draft", "tower", "rest")
    }
    assert max(sizes, key=lambda kind: sizes[kind]) == part
    assert sum(sizes.values()) == found.total_bytes == 802
    assert found.source == "header"


def test_a_layer_with_parts_of_a_draft_is_one() -> None:
    found = weights_from_tensors([tensor("blk.46.nextn.eh_proj.weight"), tensor("blk.46.attn_q.weight", 100)])
    assert found.draft_bytes == 108


def test_a_head_that_is_stored_beside_tied_embeddings_is_not_loaded() -> None:
    """Qwen3 0.6B: 1.50 GB of files, 1.12 GiB loaded."""
    stored = [
        tensor("model.embed_tokens.weight", 311),
        tensor("lm_head.weight", 311),
        tensor("model.norm.weight", 9),
    ]
    assert weights_from_tensors(stored).total_bytes == 631
    tied = weights_from_tensors(stored, tied=True)
    assert (tied.total_bytes, tied.head_bytes, tied.embedding_bytes) == (320, 311, 0)


def test_packed_weights_count_by_their_bytes() -> None:
    packed = Tensor(
        name="model.layers.0.mlp.up_proj.qweight", dtype="I32", shape=(512, 4096), bytes=512 * 4096 * 4
    )
    assert weights_from_tensors([packed]).total_bytes == 8_388_608


@given(st.lists(st.builds(tensor, st.text(max_size=40), st.integers(0, 2**40)), max_size=8))
def test_parts_of_any_tensors_add_up(tensors: list[Tensor]) -> None:
    found = weights_from_tensors(tensors)
    assert found.total_bytes == sum(t.bytes for t in tensors)
    assert found.rest_bytes >= 0
    assert 0 <= found.copied_bytes <= found.total_bytes
