"""The bytes of weights that one device holds once an engine has loaded them.

Drafts for speculative decoding stay out. vLLM pads the rows of MXFP4 experts. llama.cpp leaves the input
embedding to the host where device and host have memories of their own. Tensor parallel copies small
tensors to every rank; a split by layers puts whole layers on devices, so the fullest one decides.
"""

from watcher.fit.engines import Engine
from watcher.fit.shape import Shape
from watcher.fit.traffic import parts_of
from watcher.fit.weights import Weights, padding_bytes, per_rank_bytes
from watcher.types import Device, Variant

# Loaders keep a little beside an equal share: Qwen3 32B at 61.03 GiB loads 30.59 on each of two devices,
# Llama 3.3 70B at 67.72 loads 33.88 (vLLM 0.11, llm-d-benchmark).
_RANK_COPIES = 1.002


def loaded_bytes(
    *,
    shape: Shape,
    guessed: bool,
    variant: Variant,
    weights_bytes: int,
    engine: Engine,
    device: Device,
    devices: int,
) -> int:
    """Bytes on the fullest of so many devices. guessed: the shape is a stand-in, so parts are not known."""
    parts = None if guessed else parts_of(shape, variant.label)
    if parts is None or not parts.total_bytes:
        return int(weights_bytes * _share(shape, engine, devices))
    scale = weights_bytes / parts.total_bytes
    if engine.tensor_parallel:
        return _on_rank(parts, scale, padding_bytes(parts, shape, variant.label, engine.name), devices)
    kept = parts.loaded_bytes
    if device.kind != "unified":
        kept -= parts.embedding_bytes
    layers = kept - parts.head_bytes
    return int((layers * _share(shape, engine, devices) + parts.head_bytes) * scale)


def _on_rank(parts: Weights, scale: float, padding: int, ranks: int) -> int:
    own = per_rank_bytes(parts, ranks) + padding / ranks
    return int(own * scale * (_RANK_COPIES if ranks > 1 else 1.0))


def _share(shape: Shape, engine: Engine, devices: int) -> float:
    if devices <= 1:
        return 1.0
    if engine.tensor_parallel:
        return _RANK_COPIES / devices
    layers = max(1, len(shape.layers))
    return -(-layers // devices) / layers
