"""What each kind of layer keeps and reads: layers that share, choose, compress, cross or keep nothing."""

from typing import Any

import pytest

from tests.fit import configs as c
from watcher.fit.layers import Layer
from watcher.fit.shape import Shape, shape_of

INDEXED = {"index_head_dim": 128, "index_n_heads": 64, "index_topk": 2048}


def kinds(shape: Shape) -> list[str]:
    return [layer.kind for layer in shape.layers]


def first(shape: Shape, kind: str) -> Layer:
    return next(layer for layer in shape.layers if layer.kind == kind)


@pytest.mark.parametrize(
    ("config", "kind", "heads", "width"),
    [
        pytest.param(c.LLAMA_8B, "full", 32, 256, id="key and value of one head"),
        pytest.param(c.DEEPSEEK_V3, "mla", 128, 192 + 128, id="MLA compares 192 and returns 128"),
        pytest.param(c.GEMMA4_31B, "full", 32, 1024, id="Gemma 4's full layers have heads of 512"),
        pytest.param(c.GEMMA4_31B, "sliding", 32, 512, id="and its sliding layers of 256"),
        pytest.param(c.MIMO_V2_FLASH, "sliding", 64, 320, id="keys wider than values"),
        pytest.param(
            {
                **c.LLAMA_8B,
                "model_type": "step3p5",
                "head_dim": 128,
                "sliding_window": 512,
                "layer_types": ["sliding_attention"] * 32,
                "attention_other_setting": {"num_attention_heads": 96, "num_attention_groups": 8},
            },
            "sliding",
            96,
            256,
            id="Step 3.5 has more heads in its sliding layers",
        ),
        pytest.param(c.DEEPSEEK_V4_FLASH_WHOLE, "compressed", 64, 1024, id="compressed rows are both"),
        pytest.param(c.QWEN35_27B, "state", 0, 0, id="a state attends to nothing"),
    ],
)
def test_heads_for_the_cost_of_attention(config: c.Config, kind: str, heads: int, width: int) -> None:
    layer = first(shape_of(config), kind)
    assert (layer.heads, layer.head_width) == (heads, width)


@pytest.mark.parametrize(
    ("config", "heads", "kv_heads"),
    [
        pytest.param(c.LLAMA_70B, 64, 8, id="grouped queries"),
        pytest.param(c.DEEPSEEK_V3, 128, 1, id="one latent row for all heads"),
        pytest.param(c.GEMMA4_31B, 32, 16, id="the most of all layers"),
        pytest.param(
            {"model_type": "mamba2", "hidden_size": 64, "num_hidden_layers": 2}, 128, 0, id="no cache"
        ),
    ],
)
def test_heads_for_tensor_parallel(config: c.Config, heads: int, kv_heads: int) -> None:
    shape = shape_of(config)
    assert (shape.heads, shape.kv_heads) == (heads, kv_heads)


@pytest.mark.parametrize(
    ("keys", "own"),
    [
        pytest.param({}, 61, id="every layer chooses"),
        pytest.param({"indexer_types": ["full", *["shared"] * 60]}, 1, id="a list"),
        pytest.param({"index_topk_pattern": "FS" * 30 + "F"}, 31, id="letters"),
        pytest.param({"index_topk_freq": 4, "index_skip_topk_offset": 3}, 3 + 14, id="GLM-5.2's interval"),
        pytest.param({"index_topk_freq": 4}, 61, id="an interval without a start is not guessed at"),
    ],
)
def test_layers_that_choose_rows(keys: dict[str, Any], own: int) -> None:
    shape = shape_of({**c.DEEPSEEK_V3, **INDEXED, **keys})
    assert sum(layer.fixed > 0 for layer in shape.layers) == own
    assert {layer.reads for layer in shape.layers} == {2048}


def test_the_interval_of_glm_is_its_list() -> None:
    listed = ["full"] * 3 + (["shared"] * 3 + ["full"]) * 14 + ["shared"] * 2
    by_list = shape_of({**c.DEEPSEEK_V3, **INDEXED, "indexer_types": listed})
    by_interval = shape_of({**c.DEEPSEEK_V3, **INDEXED, "index_topk_freq": 4, "index_skip_topk_offset": 3})
    assert by_list.layers == by_interval.layers


def test_sparse_attention_over_an_ordinary_cache() -> None:
    own = {"sparse_block_size": 128, "sparse_topk_blocks": 16, "sparse_local_block": 1}
    every = {"sparse_attention_freq": [0, 0, *[1] * 30]}
    shape = shape_of({**c.LLAMA_8B, "sparse_attention_config": {**own, **every}})
    assert [layer.reads for layer in shape.layers] == [None, None, *[17 * 128] * 30]
    assert sum(layer.cached * 2 for layer in shape.layers) == 131072


def test_compressed_layers_by_words_as_by_ratios() -> None:
    words = {0: "sliding_attention", 4: "compressed_sparse_attention", 128: "heavily_compressed_attention"}
    ratios = c.DEEPSEEK_V4_FLASH["compress_ratios"][:43]
    by_words = {**c.DEEPSEEK_V4_FLASH, "compress_ratios": None, "layer_types": [words[r] for r in ratios]}
    assert shape_of(by_words).layers == shape_of(c.DEEPSEEK_V4_FLASH).layers


def test_compressed_layers_read_what_their_index_chooses() -> None:
    by_stride = {layer.stride: layer.reads for layer in shape_of(c.DEEPSEEK_V4_FLASH_WHOLE).layers}
    assert by_stride == {1: None, 4: 512, 128: None}


def test_layers_that_look_at_a_picture() -> None:
    text = {**c.LLAMA_8B, "num_hidden_layers": 40, "cross_attention_layers": [3, 8, 13, 18, 23, 28, 33, 38]}
    vision = {"image_size": 560, "patch_size": 14, "max_num_tiles": 4}
    shape = shape_of({"model_type": "mllama", "text_config": text, "vision_config": vision})
    assert kinds(shape).count("cross") == 8
    cross = first(shape, "cross")
    assert (cross.cached, cross.state_bytes) == (0, 4 * 1601 * 8 * 256 * 2)


def test_a_decoder_beside_an_encoder() -> None:
    config = {
        "model_type": "whisper",
        "d_model": 1280,
        "encoder_layers": 32,
        "decoder_layers": 4,
        "decoder_attention_heads": 20,
        "num_hidden_layers": 32,
        "vocab_size": 51866,
        "max_source_positions": 1500,
        "max_target_positions": 448,
    }
    shape = shape_of(config)
    assert kinds(shape) == ["full+cross"] * 4
    assert shape.layers[0].cached == 2 * 1280
    assert shape.layers[0].state_bytes == 1500 * 2 * 1280 * 2
    assert shape.context_tokens == 448
    assert shape.notes == ("the encoder's output is counted as 1500 rows",)


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({**c.LLAMA_8B, "model_type": "bert"}, id="BERT"),
        pytest.param({**c.LLAMA_8B, "is_causal": False}, id="a language model made to embed"),
        pytest.param({**c.LLAMA_8B, "use_bidirectional_attention": True}, id="EmbeddingGemma's key"),
    ],
)
def test_encoders_keep_no_cache(config: c.Config) -> None:
    shape = shape_of(config)
    assert shape.attention == "encoder"
    assert sum(layer.cached for layer in shape.layers) == 0
    assert shape.notes == ("an encoder keeps no cache: figures per token are zero",)


@pytest.mark.parametrize(
    ("keys", "kept"),
    [
        pytest.param({"use_cla": True, "cla_share_factor": 2}, 16, id="Hunyuan shares in pairs"),
        pytest.param({"num_kv_shared_layers": 20}, 12, id="Gemma's last layers"),
        pytest.param({"num_kv_shared_layers": 1000}, 0, id="more than there are"),
        pytest.param({"kv_source_layers": [0, 0, 1, *range(3, 32)]}, 30, id="Mistral Large 4's list"),
        pytest.param(
            {"per_layer_config": {"0": {"num_key_value_heads": 1}}}, 32, id="a layer of its own size keeps it"
        ),
    ],
)
def test_layers_that_share_a_cache(keys: dict[str, Any], kept: int) -> None:
    assert sum(layer.cached > 0 for layer in shape_of({**c.LLAMA_8B, **keys}).layers) == kept


def test_numbers_of_single_layers() -> None:
    stated = {"1": {"num_key_value_heads": 2, "head_dim": 64, "intermediate_size": 1024}}
    shape = shape_of({**c.LLAMA_8B, "per_layer_config": stated})
    assert [layer.cached for layer in shape.layers[:3]] == [2048, 2 * 2 * 64, 2048]
    saved = (shape_of(c.LLAMA_8B).parameters.total or 0) - (shape.parameters.total or 0)
    assert saved == 3 * 4096 * (14336 - 1024) + 4096 * (2 * 4096 + 2048 - 2 * 32 * 64 - 256)


def test_numbers_of_a_kind_of_layers() -> None:
    keys = {"layer_types": ["full_attention", "sliding_attention"] * 16, "sliding_window": 512}
    stated = {"sliding_attention": {"num_key_value_heads": 2}}
    shape = shape_of({**c.LLAMA_8B, **keys, "per_layer_config": stated})
    assert [layer.cached for layer in shape.layers[:2]] == [2048, 512]


def test_two_attentions_in_one_layer() -> None:
    shape = shape_of({**c.DEEPSEEK_V3, "model_type": "longcat_flash", "num_hidden_layers": 28})
    assert kinds(shape) == ["mla"] * 56


def test_delta_attention_by_its_short_convolution() -> None:
    ling = {"layer_group_size": 6, "short_conv_kernel_size": 4, "num_attention_heads": 32, "head_dim": 128}
    shape = shape_of({**c.LLAMA_8B, **ling, "num_hidden_layers": 6})
    assert kinds(shape) == ["state"] * 5 + ["full"]
    assert shape.layers[0].state_bytes == 3 * 32 * 128 * 3 * 2 + 32 * 128 * 128 * 4


def test_lists_of_numbers_are_those_of_layers() -> None:
    shape = shape_of({**c.LLAMA_8B, "num_key_value_heads": [4, 8] * 16})
    assert [layer.cached for layer in shape.layers[:2]] == [4 * 256, 8 * 256]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param({"sliding_window_pattern": 4}, "sliding+full", id="every fourth is full"),
        pytest.param({"sliding_window_pattern": "LLLG"}, "sliding+full", id="letters, repeated"),
        pytest.param({"use_sliding_window": False}, "full", id="switched off"),
        pytest.param({"model_type": "qwen2"}, "full", id="Qwen's window is off unless switched on"),
        pytest.param(
            {"model_type": "qwen2", "use_sliding_window": True, "max_window_layers": 28},
            "full+sliding",
            id="Qwen's later layers slide",
        ),
        pytest.param({"attention_layers": ["global", "local"] * 16}, "full+sliding", id="GPT-Neo's words"),
        pytest.param(
            {"block_types": ["recurrent", "recurrent", "attention"]}, "state+full", id="a block, repeated"
        ),
        pytest.param({"layer_group_size": 8}, "state+full", id="the last of every group"),
        pytest.param({"local_layer_ids": [0, 1]}, "sliding+full", id="a list of sliding layers"),
        pytest.param({"layer_types": ["hybrid", "hybrid_sliding"] * 16}, "hybrid", id="both in one layer"),
        pytest.param({"hybrid_override_pattern": "M|-*E" * 8}, "state+mlp+full+moe", id="letters with bars"),
        pytest.param({"model_type": "rwkv7"}, "state", id="no attention at all"),
    ],
)
def test_patterns(keys: dict[str, Any], expected: str) -> None:
    shape = shape_of({**c.LLAMA_8B, "sliding_window": 1024, **keys})
    assert shape.attention == expected
    assert shape.notes == ()


def test_the_last_layer_of_gemma_4_is_full() -> None:
    text = {**c.GEMMA4_31B["text_config"], "num_hidden_layers": 8}
    assert kinds(shape_of({"model_type": "gemma4", "text_config": text}))[-1] == "full"


def test_layers_without_rotary_positions_see_everything() -> None:
    text = {**c.LLAMA4_SCOUT["text_config"], "no_rope_layers": [1, 0] * 24}
    assert kinds(shape_of({"model_type": "llama4", "text_config": text}))[:2] == ["chunked", "full"]


@pytest.mark.parametrize(
    ("keys", "note"),
    [
        pytest.param(
            {"layer_types": ["full_attention"] * 30},
            "layer_types lists 30 of 32 layers: the others are counted as full attention",
            id="too short",
        ),
        pytest.param(
            {"layer_types": ["full_attention"] * 40},
            "layer_types lists 40 layers for a model of 32: the first 32 are counted",
            id="too long",
        ),
        pytest.param(
            {"num_local_experts": 4, "num_experts_per_tok": 8},
            "num_experts_per_tok is 8 of 4 experts: all are counted",
            id="more experts per token than there are",
        ),
        pytest.param(
            {"num_local_experts": 4},
            "no num_experts_per_tok: one expert per token is assumed",
            id="experts without a number per token",
        ),
        pytest.param(
            {"sliding_window": 512},
            "which layers slide over 512 tokens is not stated: all count as full",
            id="a window of nobody knows which layers",
        ),
        pytest.param(
            {"mamba_num_heads": 64, "mamba_head_dim": 64, "ssm_state_size": 128},
            "which layers keep a state is not stated: all count as attention and state",
            id="a state of nobody knows which layers",
        ),
        pytest.param(
            {"o_lora_rank": 1024},
            "no compress_ratios: a row per token is counted",
            id="compressed by nobody knows how much",
        ),
        pytest.param(
            {"ngram_vocab_size_base": 20000000}, "tables of n-grams are not counted", id="tables of n-grams"
        ),
        pytest.param(
            {"intermediate_size": None},
            "no intermediate_size: feed-forward blocks are taken as 16384 wide",
            id="no width",
        ),
    ],
)
def test_what_is_assumed_is_noted(keys: dict[str, Any], note: str) -> None:
    assert shape_of({**c.LLAMA_8B, **keys}).notes == (note,)


def test_entries_for_draft_layers_are_no_mistake() -> None:
    keys = {"layer_types": ["full_attention"] * 35, "num_nextn_predict_layers": 3}
    assert shape_of({**c.LLAMA_8B, **keys}).notes == ()


@pytest.mark.parametrize(
    ("keys", "quantisation", "width"),
    [
        pytest.param({}, None, 2.0, id="nothing is asked for"),
        pytest.param({"quantization_config": {"kv_cache_scheme": {"num_bits": 8}}}, None, 1.0, id="a scheme"),
        pytest.param({"quantization_config": {"kv_cache_scheme": "FP8"}}, None, 1.0, id="a bare name"),
        pytest.param({"quantization_config": {"kv_cache_scheme": None}}, None, 2.0, id="a null"),
        pytest.param({"quantization_config": {"kv_cache_quant_algo": "FP8"}}, None, 1.0, id="ModelOpt's key"),
        pytest.param({}, {"quantization": {"kv_cache_quant_algo": "FP8"}}, 1.0, id="ModelOpt's own file"),
        pytest.param(
            {}, {"quantization": {"kv_cache_quant_algo": "NVFP4"}}, 0.5625, id="four bits and scales"
        ),
        pytest.param({}, {"quantization": {"kv_cache_quant_algo": None}}, 2.0, id="its null"),
        pytest.param({}, {"quantization": "FP8"}, 2.0, id="its nonsense"),
    ],
)
def test_the_cache_that_a_checkpoint_asks_for(
    keys: dict[str, Any], quantisation: dict[str, Any] | None, width: float
) -> None:
    assert shape_of({**c.LLAMA_8B, **keys}, quantisation).cache_bytes == width


@pytest.mark.parametrize(
    ("keys", "width"),
    [
        pytest.param({}, 2.0, id="nothing is said"),
        pytest.param({"torch_dtype": "float32"}, 4.0, id="whole"),
        pytest.param({"dtype": "bfloat16", "torch_dtype": "float32"}, 2.0, id="the newer key first"),
        pytest.param({"dtype": "torch.float16"}, 2.0, id="with its module"),
        pytest.param({"dtype": "float8_e4m3fn"}, 1.0, id="eight bits"),
        pytest.param({"dtype": ["x"]}, 2.0, id="nonsense"),
    ],
)
def test_bytes_of_published_weights(keys: dict[str, Any], width: float) -> None:
    assert shape_of({**c.LLAMA_8B, **keys}).dtype_bytes == width


@pytest.mark.parametrize(
    ("keys", "tokens"),
    [
        pytest.param({}, 131072, id="as stated"),
        pytest.param({"model_max_length": 8192}, 8192, id="Cohere's key wins"),
        pytest.param({"seq_length": 4096}, 4096, id="the least of several"),
        pytest.param(
            {
                "max_position_embeddings": 40960,
                "rope_scaling": {
                    "rope_type": "yarn",
                    "factor": 4.0,
                    "original_max_position_embeddings": 32768,
                },
            },
            131072,
            id="extended by YaRN",
        ),
        pytest.param(
            {
                "rope_scaling": {
                    "rope_type": "yarn",
                    "factor": 1e300,
                    "original_max_position_embeddings": 2**39,
                }
            },
            131072,
            id="absurd YaRN",
        ),
    ],
)
def test_context(keys: dict[str, Any], tokens: int) -> None:
    assert shape_of({**c.LLAMA_8B, **keys}).context_tokens == tokens


def test_nests_of_omni_models() -> None:
    nested = {"model_type": "qwen3_omni_moe", "thinker_config": {"text_config": c.QWEN3_235B}}
    assert shape_of(nested).layers == shape_of(c.QWEN3_235B).layers
