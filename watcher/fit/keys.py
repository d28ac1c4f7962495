"""Reading config.json: which key means what, and nothing absurd gets through.

The language model's part of the file comes first, the top level second; a key may be there with
the value null, which counts as absent.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from watcher.types import Json

LARGEST = 10**9  # no dimension, vocabulary or context of a real config.json is above
MOST_LAYERS = 2000
PARTS = ("text_config", "llm_config", "language_config", "thinker_config")

# google/gemma-3-*: multimodal configs leave out what equals the class default (transformers Gemma3TextConfig).
DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "gemma3_text": {
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "vocab_size": 262208,
        "tie_word_embeddings": True,
        "max_position_embeddings": 131072,
    }
}
ALWAYS_TIED = ("gemma", "cohere", "command-r")


class UnknownShape(ValueError):
    """config.json does not say what an estimate needs, or says something no model is."""


class Keys:
    """config.json as the engine reads it."""

    def __init__(self, config: Json) -> None:
        if not isinstance(config, Mapping):
            raise UnknownShape("config.json is not an object")
        self.top = config
        self.text = _language_part(config)
        self.model_type = str(self.text.get("model_type") or config.get("model_type") or "")
        self._defaults = DEFAULTS.get(self.model_type, {})

    def get(self, *names: str) -> Any:
        """The first of the names that has a value, or None."""
        for source in (self.text, self.top, self._defaults):
            for name in names:
                value = source.get(name)
                if value is not None:
                    return value
        return None

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self.get(name)
        return value if isinstance(value, Mapping) else {}

    def sequence(self, *names: str) -> Sequence[Any]:
        """The list under the first of the names that holds one, or an empty one."""
        for name in names:
            value = self.get(name)
            if isinstance(value, list | tuple) and value:
                return value
        return ()

    def whole(self, *names: str, default: int = 0) -> int:
        """A count that is at least 0; UnknownShape where the value is no such thing."""
        for name in names:
            value = self.get(name)
            if value is not None and not isinstance(value, list | tuple | Mapping | str):
                return whole(value, name)
        return default

    def needed(self, *names: str) -> int:
        """A count that is at least 1; UnknownShape where it is missing."""
        value = self.whole(*names)
        if value < 1:
            raise UnknownShape(f"config.json does not say {names[0]}")
        return value

    def each(self, layers: int, *names: str, default: int = 0) -> list[int]:
        """A count per layer: the file gives one for all of them or a list."""
        listed = self.sequence(*names)
        if listed:
            if len(listed) < layers:
                raise UnknownShape(f"{names[0]} has {len(listed)} entries for {layers} layers")
            return [whole(value or 0, names[0]) for value in listed[:layers]]
        return [self.whole(*names, default=default)] * layers


def whole(value: Any, name: str) -> int:
    """value as a count from 0 to LARGEST; UnknownShape otherwise."""
    fine = isinstance(value, int | float) and not isinstance(value, bool)
    if not fine or value != value or not 0 <= value <= LARGEST:
        raise UnknownShape(f"{name} is {str(value)[:40]!r}, which is no count")
    return int(value)


def _language_part(config: Json) -> Json:
    for name in PARTS:
        part = config.get(name)
        if isinstance(part, Mapping) and part:
            return _language_part(part) if name == "thinker_config" else part
    return config
