"""Models with an encoder: those of an encoder alone (BERT), and of encoder and decoder (T5, BART, Whisper).

An encoder reads its whole input at once and keeps no cache. A decoder beside one keeps its own cache,
and for every layer the encoder's output as keys and values, which do not grow with the answer.
"""

from dataclasses import replace

from watcher.fit.feed_forward import gated, width_of
from watcher.fit.heads import attention_parameters, heads_of
from watcher.fit.layers import Layer
from watcher.fit.reading import MOST_LAYERS, Reader, UnknownShape

_DECODER = {
    "num_hidden_layers": ("decoder_layers", "num_decoder_layers"),
    "num_attention_heads": ("decoder_attention_heads",),
    "intermediate_size": ("decoder_ffn_dim",),
}
_CACHE_BYTES = 2
_USUAL_INPUT = 512
NO_CACHE = "an encoder keeps no cache: figures per token are zero"


def decoder_keys(read: Reader) -> dict[str, int]:
    """The decoder's keys under the names of language models without an encoder."""
    found = {name: read.size_or(0, *keys) for name, keys in _DECODER.items()}
    return {name: size for name, size in found.items() if size}


def without_cache(layers: list[Layer]) -> list[Layer]:
    """The same layers as an encoder's."""
    return [replace(layer, kind="encoder", cached=0, fixed=0, window=None, kv_heads=1) for layer in layers]


def crossing(read: Reader, hidden: int, layers: list[Layer]) -> tuple[list[Layer], list[str]]:
    """Decoder layers that attend to an encoder's output as well as to their own."""
    heads = heads_of(read, hidden)
    stated = read.size_or(0, "max_source_positions", "max_encoder_position_embeddings", "n_positions")
    rows = stated or read.size_or(_USUAL_INPUT, "max_position_embeddings")
    if rows >= 2**24:
        raise UnknownShape(f"max_source_positions is {rows}, which no model has")
    cross = attention_parameters(read, heads, hidden)
    kept = rows * heads.cached * _CACHE_BYTES
    made = [
        replace(
            layer,
            kind=f"{layer.kind}+cross",
            constant_bytes=layer.constant_bytes + kept,
            parameters=layer.parameters + cross,
        )
        for layer in layers
    ]
    return made, [f"the encoder's output is counted as {rows} rows"]


def encoder_parameters(read: Reader, hidden: int) -> int:
    """Parameters of the encoder's layers."""
    count = read.size_or(0, "encoder_layers", "num_layers", "num_hidden_layers")
    if count > MOST_LAYERS:
        raise UnknownShape(f"{count} encoder layers is more than any model has")
    names = {
        "num_attention_heads": read.size_or(0, "encoder_attention_heads"),
        "intermediate_size": read.size_or(0, "encoder_ffn_dim"),
    }
    own = read.overlaid({name: size for name, size in names.items() if size})
    block = (3 if gated(own) else 2) * hidden * width_of(own, hidden)
    return count * (attention_parameters(own, heads_of(own, hidden), hidden) + block)
