"""Vision and audio encoders beside a language model: an estimate of their parameters.

Counted from their layers: four attention matrices of the encoder's width and a feed-forward block of
two matrices, or three where its activation is that of a gated one. Patch embeddings, position tables
and projectors are left out, a few percent of a tower. Towers that are only named are rows of
watcher/data/architectures.yaml.
"""

from watcher.fit.architectures import tower_parameters
from watcher.fit.reading import MOST_LAYERS, Reader

_PARTS = (
    "vision_config",
    "vision_tower_config",
    "vit_config",
    "visual",
    "vision_encoder",
    "audio_config",
    "audio_encoder",
)
_LAYERS = ("num_hidden_layers", "depth", "layers", "vt_num_hidden_layers", "encoder_layers", "n_layer")
_WIDTHS = ("embed_dim", "vt_hidden_size", "hidden_size", "width", "d_model")
_INNER = ("intermediate_size", "vt_intermediate_size", "encoder_ffn_dim", "mlp_dim")
_NAMES = ("model_name", "architecture", "mm_vision_tower", "name_or_path")
_GATED_TYPES = ("gemma4_vision", "qwen2_5_vl", "pixtral")
_CONFORMER = 23  # matrices of a conformer block in squares of its width: two blocks, attention, convolution
_WIDEST = 2**16


def towers(read: Reader) -> int:
    """Parameters of all encoders that a configuration mentions; zero for a model of text alone."""
    parts = [read.mapping(name) for name in _PARTS if read.get(name) is not None]
    found = sum(_tower(part) for part in parts)
    if found:
        return found
    return _named(read) + _named(read.mapping("img_processor"))


def _tower(part: Reader) -> int:
    if conformer := part.size_or(0, "conf_num_hidden_layers"):
        return _blocks(conformer, _CONFORMER * part.size_or(1536, "hidden_size") ** 2)
    width = part.size_or(0, *_WIDTHS)
    layers = part.size_or(0, *_LAYERS) + part.size_or(0, "num_global_layers")
    if not width or not layers or width > _WIDEST:
        return _named(part) or _named(part.mapping("params"))
    if part.word("model_type") == "gemma4_audio":
        return _blocks(layers, _CONFORMER * width**2)
    inner = part.size_or(0, *_INNER)
    if not inner:
        ratio = part.get("mlp_ratio")
        inner = int(width * ratio) if isinstance(ratio, int | float) and 0 < ratio < 16 else 4 * width
    gated = part.word("hidden_act") in ("silu", "swiglu") or part.word("model_type") in _GATED_TYPES
    return _blocks(layers, 4 * width**2 + (3 if gated else 2) * width * min(inner, 16 * width))


def _blocks(layers: int, one: int) -> int:
    return layers * one if layers <= MOST_LAYERS and one < 2**34 else 0


def _named(part: Reader) -> int:
    return tower_parameters(part.word(*_NAMES))
