"""Over how many devices of a pool a model can be served together."""

from watcher.fit.engines import Engine
from watcher.fit.shape import Shape
from watcher.types import Hardware, Settings


def devices_used(shape: Shape, hardware: Hardware, engine: Engine, settings: Settings) -> int:
    """How many devices serve together: as told, else as many of the pool as heads divide over."""
    if settings.tensor_parallel:
        return settings.tensor_parallel
    if not engine.tensor_parallel:
        return hardware.count
    return next((n for n in range(hardware.count, 0, -1) if divides(shape, n)), 1)


def divides(shape: Shape, ranks: int) -> bool:
    """Whether tensor parallel cuts query heads evenly, and key-value heads evenly or into equal copies.

    vLLM and SGLang refuse the rest (vllm model_executor/models: total_num_kv_heads and the world size).
    """
    if shape.heads % ranks:
        return False
    kept = {layer.kv_heads for layer, _ in shape.groups if layer.cached and layer.kv_heads > 1}
    return all(heads % ranks == 0 or (heads < ranks and ranks % heads == 0) for heads in kept)


def possible(shape: Shape, hardware: Hardware, engine: Engine, devices: int) -> bool:
    """Whether the pool has the devices, and the heads divide over them."""
    return devices <= hardware.count and (not engine.tensor_parallel or divides(shape, devices))
