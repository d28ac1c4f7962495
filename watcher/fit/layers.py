"""The layers of a model, one by one: what each caches per token, for which window, and what state it keeps.

Sources of every rule: docs/fit.md. What kind each layer is: patterns.py. Where several layers share a
cache, where rows are compressed, and where few of them are read: sparse.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from watcher.fit.heads import Heads, attention_parameters, heads_of
from watcher.fit.patterns import layer_kinds, window_of
from watcher.fit.reading import Reader, UnknownShape
from watcher.fit.state import State, short_conv, state_of, state_parameters


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One layer. cached elements per token (K and V together), within window tokens where there is one.

    kv_heads: how many heads share the cached row out; tensor parallel divides it no further than that,
    and the one latent row of MLA not at all.
    fixed: bytes per token besides, in a format of their own (sparse attention's index keys).
    stride: of how many tokens one row is kept (DeepSeek V4 compresses 4 or 128 into one).
    conv_elements, recurrent_elements: what the layer keeps per sequence whatever its length, the latter
    recurrent_width bytes wide where the engine does not choose. constant_bytes: such in a format of its own.
    in_flight_bytes: what a token takes besides until its step is done.
    heads, head_width: query heads, and key plus value width of one, for the FLOPs of attention.
    reads: how many rows sparse attention reads at most. parameters: attention weights.
    """

    kind: str
    cached: int = 0
    fixed: int = 0
    stride: int = 1
    window: int | None = None
    kv_heads: int = 1
    conv_elements: int = 0
    recurrent_elements: int = 0
    recurrent_width: int = 4
    constant_bytes: int = 0
    in_flight_bytes: int = 0
    heads: int = 0
    head_width: int = 0
    reads: int | None = None
    parameters: int = 0

    @property
    def state_bytes(self) -> int:
        """Bytes per sequence of any length, convolution state in 16 bit."""
        return self.conv_elements * 2 + self.recurrent_elements * self.recurrent_width + self.constant_bytes


_STATES = frozenset({"linear", "mamba", "recurrent", "rwkv"})
_CACHE_BYTES = 2  # of the constant rows of cross attention, an upper bound
# Keys that makers give as one number per layer.
_PER_LAYER = (
    "num_attention_heads",
    "num_query_heads",
    "num_key_value_heads",
    "num_kv_heads",
    "head_dim",
    "intermediate_size",
)


def attention_layers(read: Reader, count: int, hidden: int, drafts: int) -> tuple[list[Layer], list[str]]:
    """All layers in order, and notes on what had to be assumed."""
    kinds, notes = layer_kinds(read, count, drafts)
    own = overrides(read, count)
    made: dict[str, Layer] = {}
    layers = []
    for index, kind in enumerate(kinds):
        if index in own:
            layers.append(_layer(read.overlaid(own[index]), kind, hidden))
        else:
            if kind not in made:
                made[kind] = _layer(read, kind, hidden)
            layers.append(made[kind])
    return layers, notes


def overrides(read: Reader, count: int) -> dict[int, dict[str, Any]]:
    """Keys of single layers: per_layer_config of Transformers 5, by index or by the word for their kind, and
    lists with one number per layer."""
    found: dict[int, dict[str, Any]] = {}
    stated, words = read.get("per_layer_config"), read.texts("layer_types")[:count]
    for name, keys in stated.items() if isinstance(stated, Mapping) else ():
        chosen = [
            index for index in range(count) if str(index) == str(name) or words[index : index + 1] == [name]
        ]
        for index in chosen if isinstance(keys, Mapping) else ():
            found.setdefault(index, {}).update(keys)
    for name in _PER_LAYER:
        listed = read.items(name) or read.items(f"{name}_per_layer")
        if len(listed) == count and len(set(map(repr, listed))) > 1:
            for index, value in enumerate(listed):
                found.setdefault(index, {}).setdefault(name, value)
    return found


def _layer(read: Reader, kind: str, hidden: int) -> Layer:
    if kind in ("mlp", "moe", "none"):
        return Layer(kind=kind)
    if kind == "conv":
        return Layer(kind=kind, conv_elements=short_conv(read, hidden).conv, parameters=4 * hidden * hidden)
    if kind in _STATES:
        return with_state(
            Layer(kind="state", parameters=state_parameters(read, hidden, kind)), state_of(read, hidden, kind)
        )
    sliding = kind in ("sliding", "hybrid_sliding")
    heads = heads_of(read, hidden, sliding=sliding)
    weights = attention_parameters(read, heads, hidden, full=not sliding)
    layer = _attending(read, kind, heads, weights)
    if not kind.startswith("hybrid"):
        return layer
    weights += state_parameters(read, hidden, "mamba")
    return with_state(replace(layer, kind="hybrid", parameters=weights), state_of(read, hidden, "mamba"))


def _attending(read: Reader, kind: str, heads: Heads, weights: int) -> Layer:
    plain = Layer(
        kind="full",
        cached=heads.cached,
        kv_heads=1 if heads.latent and heads.latent_cache else heads.kv_heads,
        heads=heads.heads,
        head_width=heads.head_width,
        parameters=weights,
    )
    if kind == "cross":
        rows = _encoder_rows(read)
        return replace(plain, kind="cross", cached=0, constant_bytes=rows * heads.cached * _CACHE_BYTES)
    if kind.endswith("sliding") and (window := window_of(read)):
        return replace(plain, kind="sliding", window=window)
    if kind == "compressed":
        return replace(plain, kind="compressed")
    if kind == "chunked":
        chunk = read.size_or(0, "attention_chunk_size")
        context = read.size_or(0, "max_position_embeddings")
        if chunk and not (context and chunk >= context):
            return replace(plain, kind="chunked", window=chunk)
    return replace(plain, kind="mla") if heads.latent and heads.latent_cache else plain


def _encoder_rows(read: Reader) -> int:
    """Mllama's layers see one image: every tile's patches and one more."""
    vision = read.mapping("vision_config")
    side = vision.size_or(560, "image_size") // vision.size_or(14, "patch_size")
    return vision.size_or(4, "max_num_tiles") * (side * side + 1)


def with_state(layer: Layer, state: State) -> Layer:
    if max(state.conv, state.recurrent) >= 2**40:
        raise UnknownShape("the state that its layers keep is larger than any model has")
    return replace(
        layer, conv_elements=state.conv, recurrent_elements=state.recurrent, recurrent_width=state.width
    )
