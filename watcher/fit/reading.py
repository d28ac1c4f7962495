"""Reading a config.json that anybody may have written: nested, null, misspelt, absurd."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from watcher.fit.architectures import Architecture, architecture
from watcher.types import Json

MOST = 2**40  # larger numbers in a configuration are mistakes, whatever the key
MOST_LAYERS = 2048
_TEXT_PARTS = ("text_config", "llm_config", "language_config", "thinker_config", "language_model_config")
# What a configuration of text alone must state; the text parts of others leave out what equals the default.
_STRUCTURE = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "intermediate_size",
    "vocab_size",
)
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers", "decoder_layers", "num_decoder_layers")


class UnknownShape(ValueError):  # noqa: N818 - reads as the fact that it states
    """A configuration that does not say enough to count bytes."""


class Reader:
    """Looks keys up in the text part first, then at top level, then among the class's defaults.

    Null and absurd numbers are absent. row: what architectures.yaml knows of the model's type.
    """

    def __init__(self, config: Json) -> None:
        stated = tuple(_nested(config))
        self.nested = len(stated) > 1
        names = [name for part in stated if isinstance(name := part.get("model_type"), str)]
        self.row: Architecture = architecture(*names)
        defaults = self.row.defaults
        if not self.nested:
            defaults = {name: value for name, value in defaults.items() if name not in _STRUCTURE}
        self._defaults: Json = defaults
        self._parts: tuple[Json, ...] = (*stated, defaults)

    def overlaid(self, override: Json) -> "Reader":
        """The same, with a layer's own keys before all others."""
        other = object.__new__(Reader)
        other.nested, other.row, other._defaults = self.nested, self.row, self._defaults
        other._parts = (override, *self._parts)
        return other

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
        if found > 0:
            return found
        stated = self.get(*names)
        if stated is None:
            raise UnknownShape(f"the configuration has no {names[0]}")
        raise UnknownShape(f"{names[0]} is {shown(stated)}, which no model has")

    def size_or(self, default: int, *names: str) -> int:
        """The first whole number from 1 to 2**40 under these names; of a list of them, the largest."""
        for part in self._parts:
            if part is self._defaults and any(True for _ in self.stated(*names)):
                return default  # what is stated, were it zero, beats the class's default
            for name in names:
                if value := _whole(part.get(name)):
                    return value
        return default

    def assumed(self) -> list[str]:
        """Keys of the structure that only the class's defaults give: in nested configurations alone."""
        return [name for name in _STRUCTURE if name in self._defaults and not any(self.stated(name))]

    def stated(self, *names: str) -> Iterator[tuple[str, Any]]:
        """Every value that a part of the configuration itself gives under these names, nulls left out."""
        for part in self._parts:
            if part is not self._defaults:
                yield from ((name, part[name]) for name in names if part.get(name) is not None)

    def flag(self, *names: str, default: bool) -> bool:
        value = self.get(*names)
        return value if isinstance(value, bool) else default

    def word(self, *names: str) -> str:
        value = self.get(*names)
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
        listed = listed or len(self.word("hybrid_override_pattern").replace("|", ""))
        count = self.size_or(listed, *_LAYERS)
        if not count:
            stated = self.get(*_LAYERS)
            if stated is None:
                raise UnknownShape("the configuration has no num_hidden_layers")
            raise UnknownShape(f"num_hidden_layers is {shown(stated)}, which no model has")
        if count > MOST_LAYERS:
            raise UnknownShape(f"{count} layers is more than any model has")
        return count


def shown(value: object) -> str:
    """A value from outside for an error message: printable and short."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python prints
        return "a number without end"
    plain = text.encode("ascii", "backslashreplace").decode()
    return plain if len(plain) <= 40 else plain[:37] + "..."


def _nested(config: Json) -> Iterator[Json]:
    """The text part of a multimodal configuration, innermost first, and the configuration itself."""
    part = next((p for name in _TEXT_PARTS if isinstance(p := config.get(name), Mapping)), None)
    if part is not None:
        inner = next((p for name in _TEXT_PARTS if isinstance(p := part.get(name), Mapping)), None)
        if inner is not None:
            yield inner
        yield part
    yield config


def _whole(value: Any) -> int:
    """A whole number from 1 to 2**40, or zero; of a list of numbers the largest, which is an upper bound."""
    if isinstance(value, list):
        return max((_whole(item) for item in value if not isinstance(item, list)), default=0)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 < value < MOST:
        return value
    return 0
