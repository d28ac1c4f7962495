"""Bytes per token, state and parameters against the figures of docs/fit.md, for real configurations."""

import json
from typing import Any

import pytest

from tests.fit import configs as c
from tests.shared import shared_data
from watcher.fit.shape import Shape, UnknownShape, shape_of

GIB = 1024**3
FOLDER = "hub/configs/ai-dynamo__aiconfigurator"


def figures(shape: Shape) -> tuple[int, int, int]:
    """Bytes per token of growing layers and of window layers at BF16, and bytes of state per sequence."""
    growing = sum(layer.cached * 2 + layer.fixed for layer in shape.layers if layer.window is None)
    window = sum(layer.cached * 2 for layer in shape.layers if layer.window is not None)
    return growing, window, sum(layer.state_bytes for layer in shape.layers)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        pytest.param(c.LLAMA_8B, (131072, 0, 0), id="grouped queries"),
        pytest.param(c.LLAMA_70B, (327680, 0, 0), id="grouped queries of a large model"),
        pytest.param(c.QWEN3_32B, (262144, 0, 0), id="a head size of its own, and a window that is off"),
        pytest.param(c.QWEN3_235B, (192512, 0, 0), id="a mixture of experts caches like a dense model"),
        pytest.param(c.LLAMA4_SCOUT, (49152, 147456, 0), id="every fourth layer full, the others in chunks"),
        pytest.param(c.MISTRAL_SMALL_4, (23040, 0, 0), id="one latent row per token"),
        pytest.param(c.DEEPSEEK_V3, (70272, 0, 0), id="latent rows are not multiplied by heads"),
        pytest.param(
            {**c.DEEPSEEK_V3, "index_head_dim": 128},
            (70272 + 8052, 0, 0),
            id="an indexer keeps 132 bytes per token and layer besides",
        ),
        pytest.param(
            {**c.DEEPSEEK_V3, "index_head_dim": 128, "indexer_types": ["full"] + ["shared"] * 60},
            (70272 + 132, 0, 0),
            id="layers that share an indexer keep none",
        ),
        pytest.param(c.GPT_OSS_20B, (24576, 24576, 0), id="every other layer slides"),
        pytest.param(c.GPT_OSS_120B, (36864, 36864, 0), id="every other layer of more slides"),
        pytest.param(c.GEMMA3_27B, (81920, 425984, 0), id="every sixth layer is full"),
        pytest.param(c.GEMMA4_31B, (81920, 819200, 0), id="full layers have heads of their own"),
        pytest.param(c.QWEN35_27B, (65536, 0, 153944064), id="three of four layers keep a state"),
        pytest.param(c.NEMOTRON3_NANO, (6144, 0, 49082368), id="a pattern of letters"),
        pytest.param(
            c.MIMO_V2_FLASH, (23040, 199680, 0), id="keys wider than values, a chunk size without chunks"
        ),
        pytest.param(
            {**c.LLAMA_8B, "sliding_window": 131072},
            (131072, 0, 0),
            id="a window as long as the context is none",
        ),
        pytest.param(
            {**c.LLAMA_8B, "model_type": "mistral", "sliding_window": 4096},
            (0, 131072, 0),
            id="a window on every layer",
        ),
        pytest.param(
            {**c.LLAMA_8B, "num_kv_shared_layers": 16}, (65536, 0, 0), id="the last layers share a cache"
        ),
        pytest.param(
            {**c.LLAMA_8B, "kv_source_layers": [0, 0, *range(2, 32)]},
            (131072 * 31 // 32, 0, 0),
            id="a layer that takes another's cache",
        ),
        pytest.param(
            {**c.LLAMA_8B, "num_key_value_heads": None, "multi_query": True},
            (16384, 0, 0),
            id="one head for all",
        ),
        pytest.param(
            {**c.LLAMA_8B, "num_key_value_heads": None, "attn_config": {"kv_n_heads": 4}},
            (65536, 0, 0),
            id="heads inside attn_config",
        ),
        pytest.param(
            {
                "dim": 4096,
                "n_layers": 32,
                "n_heads": 32,
                "n_kv_heads": 8,
                "hidden_dim": 14336,
                "vocab_size": 32768,
            },
            (131072, 0, 0),
            id="Mistral's own params.json",
        ),
    ],
)
def test_bytes_per_token_and_state(config: c.Config, expected: tuple[int, int, int]) -> None:
    assert figures(shape_of(config)) == expected


@pytest.mark.parametrize(
    ("config", "billions", "active"),
    [
        pytest.param(c.LLAMA_8B, 8.03, 8.03, id="Llama 3.1 8B"),
        pytest.param(c.LLAMA_70B, 70.55, 70.55, id="Llama 3.3 70B"),
        pytest.param(c.QWEN3_32B, 32.76, 32.76, id="Qwen3 32B"),
        pytest.param(c.QWEN3_235B, 235.1, 22.2, id="Qwen3 235B A22B"),
        pytest.param(c.LLAMA4_SCOUT, 107.8, 17.2, id="Llama 4 Scout"),
        pytest.param(c.GPT_OSS_120B, 116.8, 5.7, id="gpt-oss-120b"),
        pytest.param(c.GPT_OSS_20B, 20.9, 4.2, id="gpt-oss-20b"),
        pytest.param(c.DEEPSEEK_V3, 671.0, 37.5, id="DeepSeek V3 without its MTP layer"),
        pytest.param(c.MISTRAL_SMALL_4, 119.0, 6.6, id="Mistral Small 4"),
        pytest.param(c.GEMMA3_27B, 27.0, 27.0, id="Gemma 3 27B ties its embeddings without saying so"),
        pytest.param(c.GEMMA4_31B, 30.8, 30.8, id="Gemma 4 31B"),
        pytest.param(c.QWEN35_27B, 26.9, 26.9, id="Qwen3.5 27B"),
        pytest.param(c.NEMOTRON3_NANO, 31.6, 3.6, id="Nemotron 3 Nano"),
        pytest.param(c.DEVSTRAL_2, 125.0, 125.0, id="Devstral 2"),
    ],
)
def test_parameters_follow_from_the_configuration(config: c.Config, billions: float, active: float) -> None:
    parameters = shape_of(config).parameters
    assert parameters.total == pytest.approx(billions * 1e9, rel=0.01)
    assert parameters.active == pytest.approx(active * 1e9, rel=0.02)


@pytest.mark.parametrize(
    ("tokens", "gib"), [(32768, 0.120), (131072, 0.473), (1048576, 3.76)], ids=["32K", "128K", "1M"]
)
def test_compressed_layers_of_deepseek_v4(tokens: int, gib: float) -> None:
    shape = shape_of(c.DEEPSEEK_V4_FLASH)
    rows = sum(layer.fixed * -(-tokens // layer.stride) + layer.state_bytes for layer in shape.layers)
    assert rows / GIB == pytest.approx(gib, rel=0.01)


def test_configurations_that_leave_heads_to_class_defaults() -> None:
    shape = shape_of(c.GEMMA3_4B)
    assert figures(shape) == (5 * 4 * 512 * 2, 29 * 4 * 512 * 2, 0)
    assert shape.parameters.total == pytest.approx(3.88e9, rel=0.01)


@pytest.mark.parametrize(
    ("keys", "kinds"),
    [
        pytest.param(
            {"layer_types": ["full_attention", "sliding_attention"] * 16}, "full+sliding", id="layer_types"
        ),
        pytest.param(
            {"layers_block_type": ["mamba", "attention"] * 16}, "state+full", id="layers_block_type"
        ),
        pytest.param({"full_attn_idxs": [2, 5]}, "conv+full", id="LFM2's list of full layers"),
        pytest.param({"attn_layer_indices": [9, 18]}, "state+full", id="Bamba's list of attention layers"),
        pytest.param({"attn_type_list": [0, 1] * 16}, "state+full", id="MiniMax-01's zeros and ones"),
        pytest.param({"attn_layer_period": 8, "attn_layer_offset": 4}, "state+full", id="Jamba's period"),
        pytest.param({"model_type": "falcon_h1"}, "hybrid", id="attention and a state side by side"),
        pytest.param(
            {"linear_attn_config": {"full_attn_layers": [4, 8], "num_heads": 32, "head_dim": 128}},
            "state+full",
            id="Kimi Linear counts from one",
        ),
    ],
)
def test_kinds_of_layers(keys: dict[str, Any], kinds: str) -> None:
    shape = shape_of(
        {**c.LLAMA_8B, "sliding_window": 1024, **keys} if "layer_types" in keys else {**c.LLAMA_8B, **keys}
    )
    assert shape.attention == kinds
    assert shape.notes == ()


def test_unknown_kinds_count_as_full_attention_and_are_noted() -> None:
    shape = shape_of({**c.LLAMA_8B, "layer_types": ["quantum_attention"] * 32})
    assert figures(shape) == (131072, 0, 0)
    assert shape.notes == ("layers of unknown kind 'quantum_attention' are counted as full attention",)


def test_searched_architectures_have_layers_without_attention() -> None:
    block = {"attention": {"n_heads_in_group": 8}, "ffn": {"ffn_mult": 5.25}}
    bare = {"attention": {"no_op": True}, "ffn": {"ffn_mult": 2.625}}
    shape = shape_of({**c.LLAMA_70B, "num_key_value_heads": None, "block_configs": [block, bare] * 40})
    assert figures(shape) == (40 * 8 * 256 * 2, 0, 0)


def test_a_cache_of_eight_bits_where_the_checkpoint_asks_for_it() -> None:
    scheme = {"kv_cache_scheme": {"num_bits": 8, "type": "float"}}
    assert shape_of({**c.LLAMA_8B, "quantization_config": scheme}).cache_bytes == 1.0
    assert shape_of(c.LLAMA_8B).cache_bytes == 2.0


@pytest.mark.parametrize(
    "config",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"num_hidden_layers": 32}, id="layers alone"),
        pytest.param({**c.LLAMA_8B, "num_hidden_layers": 10**9}, id="a thousand million layers"),
        pytest.param({**c.LLAMA_8B, "num_hidden_layers": -1}, id="fewer than no layers"),
        pytest.param({**c.LLAMA_8B, "num_attention_heads": 0}, id="no heads"),
        pytest.param({**c.LLAMA_8B, "hidden_size": "4096"}, id="a width in quotes"),
        pytest.param({**c.LLAMA_8B, "hidden_size": float("nan")}, id="a width that is no number"),
        pytest.param({"text_config": ["a", "list"]}, id="a text part that is a list"),
    ],
)
def test_what_says_too_little_is_an_unknown_shape(config: c.Config) -> None:
    with pytest.raises(UnknownShape):
        shape_of(config)


REAL = [
    ("meta-llama--Meta-Llama-3.1-405B", (516096, 0, 0), 405.8),
    ("meta-llama--Llama-4-Maverick-17B-128E-Instruct", (49152, 147456, 0), 400.7),
    ("Qwen--Qwen3-30B-A3B", (98304, 0, 0), 30.5),
    ("Qwen--Qwen3.5-35B-A3B", (20480, 0, 64389120), 34.7),
    ("Qwen--Qwen3.5-122B-A10B", (24576, 0, 153649152), 122.1),
    ("Qwen--Qwen3.5-397B-A17B", (30720, 0, 192061440), 396.3),
    ("nvidia--Qwen3.6-27B-NVFP4", (65536, 0, 153944064), 26.9),
    ("google--gemma-4-26B-A4B", (20480, 204800, 0), 25.2),
    ("nvidia--Gemma-4-31B-IT-NVFP4", (81920, 819200, 0), 30.8),
    ("openai--gpt-oss-120b", (36864, 36864, 0), 116.8),
    ("deepseek-ai--DeepSeek-R1", (70272, 0, 0), 671.0),
    ("deepseek-ai--DeepSeek-V3.2", (78324, 0, 0), 671.0),
    ("moonshotai--Kimi-K2-Instruct", (70272, 0, 0), 1026.4),
    ("moonshotai--Kimi-K3", (27648, 0, 449372160), 2777.1),
    ("zai-org--GLM-5-FP8", (89856 + 10296, 0, 0), 743.2),
    ("nvidia--NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", (6144, 0, 49082368), 31.6),
    ("nvidia--NVIDIA-Nemotron-3-Super-120B-A12B-FP8", (8192, 0, 170229760), 120.7),
    ("nvidia--NVIDIA-Nemotron-3-Ultra-550B-A55B-BF16", (12288, 0, 407961600), 549.3),
    ("nvidia--Nemotron-H-56B-Base-8K", (40960, 0, 912605184), 56.3),
    ("nvidia--Llama-3_3-Nemotron-Super-49B-v1", (200704, 0, 0), 49.9),
    ("XiaomiMiMo--MiMo-V2-Flash", (23040, 199680, 0), 309.6),
    ("MiniMaxAI--MiniMax-M2.5", (253952, 0, 0), 228.7),
    ("MiniMaxAI--MiniMax-M3", (122880, 0, 0), 425.9),
    ("stepfun-ai--Step-3.7-Flash", (49152, 135168, 0), 195.8),
    ("mistralai--Mixtral-8x7B-v0.1", (131072, 0, 0), 46.7),
]


@pytest.mark.parametrize(("name", "expected", "billions"), REAL, ids=[row[0] for row in REAL])
def test_real_configurations(name: str, expected: tuple[int, int, int], billions: float) -> None:
    shape = shape_of(json.loads(shared_data(f"{FOLDER}/{name}_config.json").read_text("utf-8")))
    assert figures(shape) == expected
    assert shape.parameters.total == pytest.approx(billions * 1e9, rel=0.01)


def test_every_real_configuration_is_read_or_refused_with_a_reason() -> None:
    refused: dict[str, list[str]] = {}
    paths = sorted(shared_data("hub/configs").glob("*/*.json"))
    for path in paths:
        try:
            assert shape_of(json.loads(path.read_text("utf-8"))).layers
        except UnknownShape as error:
            refused.setdefault(str(error), []).append(path.name)
    quantisations = refused.pop("the settings of a quantisation are no model's configuration")
    assert all(name.endswith("hf_quant_config.json") for name in quantisations)
    assert refused == {"a vision encoder has no layers of text": ["clip_vision_model.json"]}
    assert len(paths) - len(quantisations) == 168


def test_the_cache_that_nvidia_asks_for_beside_its_configuration() -> None:
    """ModelOpt's own file asks for FP8 where config.json is silent."""
    folder = shared_data(FOLDER)
    for path in sorted(folder.glob("*hf_quant_config.json")):
        beside = folder / path.name.replace("hf_quant_config", "config")
        own = json.loads(path.read_text("utf-8"))
        if beside.exists():
            shape = shape_of(json.loads(beside.read_text("utf-8")), own)
            asked = own["quantization"].get("kv_cache_quant_algo")
            assert shape.cache_bytes == (1.0 if asked == "FP8" else 2.0), path.name
