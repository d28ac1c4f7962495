"""Reading a config.json that anybody may have written: nested, null, misspelt, absurd."""

from collections.abc import Mapping, Sequence
from typing import Any

from watcher.types import Json

MOST = 2**40  # larger numbers in a configuration are mistakes, whatever the key
MOST_LAYERS = 2048
# google/gemma-3-*: the multimodal configurations leave out what equals the class default (transformers).
_DEFAULTS: Mapping[str, Json] = {
    "gemma3_text": {
        "num_attention_heads": 8,
        "num_key_value_heads": 4,
        "head_dim": 256,
        "vocab_size": 262208,
        "max_position_embeddings": 131072,
    }
}
_TEXT_PARTS = ("text_config", "llm_config", "language_config")


class UnknownShape(ValueError):  # noqa: N818 - reads as the fact that it states
    """A configuration that does not say enough to count bytes."""


class Reader:
    """Looks keys up in the text part first, then at top level. Null and absurd numbers are absent."""

    def __init__(self, config: Json) -> None:
        nested = (config.get(name) for name in _TEXT_PARTS)
        text = next((part for part in nested if isinstance(part, Mapping)), None)
        parts: tuple[Json, ...] = (text, config) if text is not None else (config,)
        kind = parts[0].get("model_type")
        self._parts = (*parts, _DEFAULTS.get(kind, {}) if isinstance(kind, str) else {})

    def get(self, *names: str) -> Any:
        """The first value there is, of any type; None when there is none."""
        for part in self._parts:
            for name in names:
                if (value := part.get(name)) is not None:
                    return value
        return None

    def size(self, *names: str) -> int:
        """A positive whole number that must be there."""
        found = self.size_or(0, *names)
        if found <= 0:
            raise UnknownShape(f"the configuration has no {names[0]}")
        return found

    def size_or(self, default: int, *names: str) -> int:
        """The first whole number from 1 to 2**40 under these names."""
        for part in self._parts:
            for name in names:
                value = part.get(name)
                if isinstance(value, float) and value.is_integer():
                    value = int(value)
                if isinstance(value, int) and not isinstance(value, bool) and 0 < value < MOST:
                    return value
        return default

    def flag(self, *names: str, default: bool) -> bool:
        value = self.get(*names)
        return value if isinstance(value, bool) else default

    def word(self, name: str) -> str:
        value = self.get(name)
        return value if isinstance(value, str) else ""

    def items(self, name: str) -> Sequence[Any]:
        value = self.get(name)
        return value if isinstance(value, list) else ()

    def texts(self, name: str) -> list[str]:
        return [str(item) for item in self.items(name)]

    def mapping(self, *names: str) -> "Reader":
        """A nested mapping as a reader of its own; an empty one where there is none."""
        value = self.get(*names)
        return Reader(value if isinstance(value, Mapping) else {})

    def layer_count(self) -> int:
        listed = len(self.items("layers_block_type")) or len(self.items("layer_types"))
        count = self.size_or(listed, "num_hidden_layers", "n_layer", "num_layers", "n_layers")
        if not count:
            raise UnknownShape("the configuration does not say how many layers there are")
        if count > MOST_LAYERS:
            raise UnknownShape(f"{count} layers is more than any model has")
        return count
