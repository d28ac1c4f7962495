"""Configurations that are no language model's or contradict themselves: said by name, not guessed at."""

import math
from typing import Any

from watcher.fit.reading import Reader, UnknownShape, shown
from watcher.types import Json

# Keys whose value, where there is one, has to be a number that a model can have; and the largest such.
_LARGEST = {
    "hidden_size": 2**20,
    "d_model": 2**20,
    "n_embd": 2**20,
    "dim": 2**20,
    "num_hidden_layers": 2048,
    "num_attention_heads": 2**14,
    "num_key_value_heads": 2**14,
    "head_dim": 2**14,
    "v_head_dim": 2**14,
    "kv_lora_rank": 2**16,
    "q_lora_rank": 2**20,
    "qk_rope_head_dim": 2**14,
    "qk_nope_head_dim": 2**14,
    "intermediate_size": 2**24,
    "moe_intermediate_size": 2**24,
    "vocab_size": 2**26,
    "num_experts": 2**16,
    "n_routed_experts": 2**16,
    "num_local_experts": 2**16,
    "num_experts_per_tok": 2**16,
    "max_position_embeddings": 2**40,
}
_ALSO_LISTS = frozenset(
    {"intermediate_size", "moe_intermediate_size", "num_attention_heads", "num_key_value_heads", "head_dim"}
    | {"num_experts", "num_experts_per_tok"}
)
_PARTS = {"vision": "a vision encoder has no layers of text", "audio": "an audio model has no layers of text"}
MOST_PARAMETERS = 10**15


def refuse_other_things(config: Json) -> None:
    """UnknownShape for files that look like a configuration and are none of a language model."""
    if "_class_name" in config or "_diffusers_version" in config:
        raise UnknownShape("a diffusion pipeline has no layers of text")
    if "peft_type" in config:
        raise UnknownShape("an adapter's configuration does not state the layers of its base model")
    if "quantization" in config and not any("hidden" in str(key) or "dim" in str(key) for key in config):
        raise UnknownShape("the settings of a quantisation are no model's configuration")


def refuse_other_models(read: Reader) -> None:
    """UnknownShape for model types that produce no text, unless a text part is there."""
    if not read.nested and (reason := _PARTS.get(read.row.part)):
        raise UnknownShape(reason)


def refuse_absurd(read: Reader) -> None:
    """UnknownShape that names the first key whose value no model has."""
    for name, value in read.stated(*_LARGEST):
        listed = value if isinstance(value, list) and name in _ALSO_LISTS else [value]
        for item in listed:
            if not _possible(item, _LARGEST[name]):
                raise UnknownShape(f"{name} is {shown(item)}, which no model has")


def _possible(value: Any, largest: int) -> bool:
    if isinstance(value, float):
        return math.isfinite(value) and value.is_integer() and 0 <= value <= largest
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest


def refuse_too_large(name: str, size: int) -> None:
    if size > MOST_PARAMETERS:
        raise UnknownShape(f"its {name} are more than any model has")
