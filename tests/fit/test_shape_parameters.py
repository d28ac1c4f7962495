"""Parameters that follow from a configuration, against what model cards state."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fit import configs as c
from watcher.fit.shape import Shape, shape_of

ROWS = yaml.safe_load(Path(__file__).with_name("published.yaml").read_text("utf-8"))["rows"]


def active(shape: Shape, counts: str) -> float:
    """Active parameters as the card counts them."""
    every = shape.parameters.active or 0
    if counts == "all" or shape.tied:
        return every
    return every - shape.embedding_parameters * (1 if counts == "no input" else 2)


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_published_totals(row: dict[str, Any]) -> None:
    shape = shape_of(row["config"])
    total = (shape.parameters.total or 0) + shape.tower_parameters
    assert total == pytest.approx(row["total"] * 1e9, rel=0.02)
    if "active" in row:
        assert active(shape, row["counts"]) == pytest.approx(row["active"] * 1e9, rel=0.05)


@pytest.mark.parametrize(
    ("config", "billions", "counts"),
    [
        pytest.param(c.QWEN3_235B, 22, "all", id="Qwen3 235B A22B"),
        pytest.param(c.DEEPSEEK_V3, 37, "no input", id="DeepSeek V3 37B"),
        pytest.param(c.GPT_OSS_120B, 5.13, "no input", id="gpt-oss-120b 5.1B"),
        pytest.param(c.GPT_OSS_20B, 3.61, "no input", id="gpt-oss-20b 3.6B"),
        pytest.param(c.LLAMA4_SCOUT, 17, "all", id="Llama 4 Scout 17B"),
        pytest.param(c.DEEPSEEK_V4_FLASH_WHOLE, 13, "no input", id="DeepSeek V4 Flash 13B"),
    ],
)
def test_published_active_parameters(config: c.Config, billions: float, counts: str) -> None:
    assert active(shape_of(config), counts) == pytest.approx(billions * 1e9, rel=0.05)


def test_the_params_json_of_mistral_large_3() -> None:
    """675B with 41B active, 2.5B of them vision; experts and shared ones are named inside moe."""
    shape = shape_of(
        {
            "dim": 7168,
            "n_layers": 61,
            "n_heads": 128,
            "n_kv_heads": 128,
            "q_lora_rank": 1536,
            "kv_lora_rank": 512,
            "qk_rope_head_dim": 64,
            "qk_nope_head_dim": 128,
            "v_head_dim": 128,
            "hidden_dim": 16384,
            "moe": {
                "num_experts": 128,
                "num_experts_per_tok": 4,
                "num_shared_experts": 1,
                "expert_hidden_dim": 4096,
                "first_k_dense_replace": 3,
            },
            "vocab_size": 131072,
            "vision_encoder": {"hidden_size": 1664, "num_hidden_layers": 48, "intermediate_size": 8192},
        }
    )
    assert shape.parameters.total == pytest.approx(673e9, rel=0.01)
    assert active(shape, "all") == pytest.approx(39e9, rel=0.03)
    assert shape.tower_parameters > 10**9


def test_compressed_attention_has_few_weights() -> None:
    assert shape_of(c.DEEPSEEK_V4_FLASH_WHOLE).parameters.total == pytest.approx(284e9, rel=0.01)


def test_drafts_are_counted_apart() -> None:
    shape = shape_of({**c.DEEPSEEK_V3, "num_nextn_predict_layers": 1})
    assert shape.parameters == shape_of(c.DEEPSEEK_V3).parameters
    assert shape.draft_layers == 1
    copies = 2 * shape.embedding_parameters  # its checkpoint repeats both embeddings in the draft layer
    assert shape.draft_parameters + copies == pytest.approx((684.5 - 671.0) * 1e9, rel=0.02)


@pytest.mark.parametrize(
    ("keys", "drafts"),
    [
        pytest.param({"num_nextn_predict_layers": 0}, 0, id="none"),
        pytest.param({"mtp_num_hidden_layers": 1}, 1, id="Qwen's key"),
        pytest.param({"num_mtp_layers": 2}, 2, id="another key"),
        pytest.param({"num_mtp_modules": 3, "use_mtp": True}, 3, id="MiniMax's key"),
        pytest.param({"num_mtp_modules": 3, "use_mtp": False}, 0, id="switched off"),
    ],
)
def test_draft_layers(keys: dict[str, Any], drafts: int) -> None:
    assert shape_of({**c.LLAMA_8B, **keys}).draft_layers == drafts


@pytest.mark.parametrize(
    ("part", "billions"),
    [
        pytest.param(
            {"vision_config": {"hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 27}},
            0.41,
            id="SigLIP so400m, 0.4B",
        ),
        pytest.param(
            {"vision_config": {"depth": 32, "embed_dim": 1280, "hidden_size": 3584, "mlp_ratio": 4}},
            0.63,
            id="Qwen2-VL states the width of its output as hidden_size",
        ),
        pytest.param(
            {"vision_config": {"model_name": "siglip_so400m_patch14_384"}}, 0.428, id="a tower known by name"
        ),
        pytest.param(
            {"mm_vision_tower": "openai/clip-vit-large-patch14-336"}, 0.304, id="LLaVA's tower, elsewhere"
        ),
        pytest.param(
            {"audio_config": {"d_model": 1280, "encoder_layers": 32, "encoder_ffn_dim": 5120}},
            0.63,
            id="Whisper's encoder",
        ),
        pytest.param({"vision_config": {"hidden_size": 10**12, "depth": 10**9}}, 0, id="an absurd tower"),
        pytest.param({"vision_config": None}, 0, id="no tower"),
    ],
)
def test_towers_are_counted_apart(part: dict[str, Any], billions: float) -> None:
    shape = shape_of({**c.LLAMA_8B, **part})
    assert shape.parameters == shape_of(c.LLAMA_8B).parameters
    assert shape.tower_parameters == pytest.approx(billions * 1e9, rel=0.03)


@pytest.mark.parametrize(
    ("keys", "tied", "gathered"),
    [
        pytest.param({}, False, 128256 * 4096, id="an embedding of its own is looked up"),
        pytest.param({"tie_word_embeddings": True}, True, 0, id="a tied one is read as output matrix"),
        pytest.param(
            {
                "tie_word_embeddings": True,
                "hidden_size_per_layer_input": 256,
                "vocab_size_per_layer_input": 1000,
            },
            True,
            1000 * 32 * 256,
            id="tables per layer are looked up",
        ),
    ],
)
def test_tables_that_a_step_looks_up(keys: dict[str, Any], tied: bool, gathered: int) -> None:
    shape = shape_of({**c.LLAMA_8B, **keys})
    assert (shape.tied, shape.gathered_parameters) == (tied, gathered)


@pytest.mark.parametrize(
    ("architecture", "has_head"),
    [
        pytest.param("LlamaForCausalLM", True, id="a language model"),
        pytest.param("MistralModel", False, id="an embedding model"),
        pytest.param("LlamaForSequenceClassification", False, id="a reward model"),
        pytest.param("InternVLChatModel", True, id="a chat model that is called so"),
        pytest.param(None, True, id="nothing is said"),
    ],
)
def test_models_without_an_output_matrix(architecture: str | None, has_head: bool) -> None:
    shape = shape_of({**c.LLAMA_8B, "architectures": [architecture] if architecture else None})
    missing = 0 if has_head else shape.embedding_parameters
    assert shape.parameters.total == (shape_of(c.LLAMA_8B).parameters.total or 0) - missing
