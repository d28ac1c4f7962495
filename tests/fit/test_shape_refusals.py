"""Configurations that are no language model's or contradict themselves are refused by name."""

from typing import Any

import pytest

from tests.fit import configs as c
from watcher.fit.shape import UnknownShape, shape_of


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        pytest.param({}, "the configuration has no hidden_size", id="nothing"),
        pytest.param(
            {"_class_name": "FluxTransformer2DModel", "num_layers": 19},
            "a diffusion pipeline has no layers of text",
            id="a diffusion model",
        ),
        pytest.param(
            {"peft_type": "LORA", "r": 16},
            "an adapter's configuration does not state the layers of its base model",
            id="an adapter",
        ),
        pytest.param(
            {"quantization": {"quant_algo": "NVFP4"}},
            "the settings of a quantisation are no model's configuration",
            id="hf_quant_config.json",
        ),
        pytest.param(
            {"model_type": "clip_vision_model", "hidden_size": 1280, "num_hidden_layers": 32},
            "a vision encoder has no layers of text",
            id="a vision encoder",
        ),
        pytest.param(
            {"model_type": "wav2vec2", "hidden_size": 1280, "num_hidden_layers": 32},
            "an audio model has no layers of text",
            id="a speech encoder",
        ),
    ],
)
def test_other_things(config: c.Config, reason: str) -> None:
    with pytest.raises(UnknownShape) as caught:
        shape_of(config)
    assert str(caught.value) == reason


def test_a_vision_encoder_beside_text_is_no_reason() -> None:
    assert shape_of({"model_type": "clip", "text_config": c.LLAMA_8B}).layers


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        pytest.param(
            {"num_hidden_layers": None}, "the configuration has no num_hidden_layers", id="no layers"
        ),
        pytest.param(
            {"num_hidden_layers": -1}, "num_hidden_layers is -1, which no model has", id="minus one"
        ),
        pytest.param(
            {"num_hidden_layers": 5000}, "num_hidden_layers is 5000, which no model has", id="five thousand"
        ),
        pytest.param(
            {"num_attention_heads": None}, "the configuration has no num_attention_heads", id="no heads"
        ),
        pytest.param(
            {"num_attention_heads": 0}, "num_attention_heads is 0, which no model has", id="zero heads"
        ),
        pytest.param(
            {"num_key_value_heads": 64},
            "num_key_value_heads is 64, more than the 32 attention heads",
            id="more keys than queries",
        ),
        pytest.param(
            {"num_key_value_heads": "8"}, "num_key_value_heads is '8', which no model has", id="in quotes"
        ),
        pytest.param({"head_dim": -128}, "head_dim is -128, which no model has", id="a negative head"),
        pytest.param(
            {"hidden_size": float("inf")}, "hidden_size is inf, which no model has", id="without end"
        ),
        pytest.param(
            {"hidden_size": 4096.5}, "hidden_size is 4096.5, which no model has", id="half an element"
        ),
        pytest.param(
            {"vocab_size": 10**30}, f"vocab_size is {10**30}, which no model has", id="a vocabulary"
        ),
        pytest.param(
            {"num_attention_heads": 8192, "num_key_value_heads": None},
            "no head_dim, and hidden_size 4096 is less than 8192 heads",
            id="heads of less than one element",
        ),
        pytest.param(
            {"hidden_size": 2**20, "intermediate_size": 2**24, "num_hidden_layers": 2048},
            "its parameters are more than any model has",
            id="each possible, together not",
        ),
    ],
)
def test_contradictions(keys: dict[str, Any], reason: str) -> None:
    with pytest.raises(UnknownShape) as caught:
        shape_of({**c.LLAMA_8B, **keys})
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param({"head_dim": 0}, id="zero counts as absent"),
        pytest.param({"head_dim": None}, id="null counts as absent"),
        pytest.param({"hidden_size": 4096.0}, id="a whole number with a point"),
        pytest.param({"sliding_window": -1, "model_type": "mistral"}, id="a window of minus one is off"),
    ],
)
def test_what_is_harmless(keys: dict[str, Any]) -> None:
    assert shape_of({**c.LLAMA_8B, **keys}).layers == shape_of(c.LLAMA_8B).layers
