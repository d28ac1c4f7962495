"""How a model is built, as far as its files and name tell: experts, state-space layers, what it can read.

Traits, not types: a mixture with linear attention has both, and a family that had each before has
nothing new. What is not stated is no trait.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from watcher.fit.architectures import architecture
from watcher.fit.shape import UnknownShape, shape_of
from watcher.releases import read_size
from watcher.types import Details, Json, RepoFacts

EXPERTS = "mixture of experts"
STATE = "state-space or linear attention"

# Keys of config.json that count routed experts, of all families whose configs we have read.
_EXPERT_KEYS = frozenset(
    {
        *("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "num_moe_experts"),
        *("moe_num_primary_experts", "num_routed_experts"),
    }
)
_STATE_KEYS = frozenset(
    {
        *("mamba_d_state", "ssm_cfg", "ssm_state_size", "mamba_n_heads", "mamba_num_heads", "state_size"),
        *("linear_num_value_heads", "linear_attn_config", "linear_num_key_heads"),
    }
)
_NUMBERS = re.compile(r"[\d.]+")
_PARTS = re.compile(r"_(?:text|vl|moe|unified|conditional|it)(?=_|$)")
_SEEING = frozenset({"image-text-to-text", "any-to-any", "visual-question-answering", "video-text-to-text"})


def traits_of(facts: RepoFacts, details: Details | None, size: str | None) -> frozenset[str]:
    """The traits of a repo, by its config.json, else its model type and the active share in its size."""
    config = details.config if details else None
    found = _of_shape(config) if config else None
    if found is None:
        found = _of_keys(_flat(config))
    named = read_size(size)
    if (named and named.active) or "moe" in (facts.model_type or "").casefold().split("_"):
        found.add(EXPERTS)
    return frozenset(found)


def _of_shape(config: Json) -> set[str] | None:
    """What whole layers say; None where the config does not state them."""
    try:
        shape = shape_of(config)
    except UnknownShape:
        return None
    found = {EXPERTS} if shape.is_moe else set()
    return found | ({STATE} if any(layer.recurrent_elements for layer, _ in shape.groups) else set())


def _of_keys(config: Mapping[str, Any]) -> set[str]:
    """What single keys say, where a config is partial or of a kind that we can not read."""
    found = {EXPERTS} if any(_count(config.get(key)) > 1 for key in _EXPERT_KEYS) else set()
    return found | ({STATE} if any(config.get(key) for key in _STATE_KEYS) else set())


def traits_of_design(design: str) -> frozenset[str]:
    """The traits of a design as the table of releases words it."""
    found = {EXPERTS} if "moe" in design else set()
    return frozenset(found | ({STATE} if design in ("ssm", "hybrid", "moe-hybrid") else set()))


def has_own_class(facts: RepoFacts) -> bool:
    """Whether transformers runs it without the repo's own code, by a model type that no other maker has.

    The Hub tags a repo whose code has to be trusted "custom_code".
    """
    known = not facts.model_type or bool(architecture(facts.model_type).name)
    runs = "transformers" in facts.tags or facts.library == "transformers"
    return runs and not known and "custom_code" not in facts.tags


def sees(facts: RepoFacts) -> bool:
    """Whether a model takes pictures, by its pipeline tag."""
    return facts.pipeline_tag in _SEEING


def stem_of(model_type: str | None) -> str | None:
    """A model type without version and parts, so that gemma3_text and gemma4 are one: "gemma"."""
    if not model_type:
        return None
    bare = _PARTS.sub("", _NUMBERS.sub("", model_type.casefold()))
    return re.sub(r"_+", "_", bare).strip("_") or None


def traits_in_words(traits: Iterable[str]) -> str:
    return " and ".join(sorted(traits))


def _flat(config: Json | None) -> Mapping[str, Any]:
    """The language model's part of a config over the whole."""
    if config is None:
        return {}
    text = config.get("text_config") or config.get("llm_config")
    return {**config, **text} if isinstance(text, Mapping) else config


def _count(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
