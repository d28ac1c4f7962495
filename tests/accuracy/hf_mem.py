"""hf-mem's cache formula, restated: the library itself asks the Hub for each model.

Source: hf_mem/safetensors/kv_cache.py of hf-mem 0.5.6.
"""

from watcher.fit.shape import Shape


def hf_mem_cache_bytes(shape: Shape, tokens: int, element_bytes: float) -> float:
    """hf-mem 0.5's formula: every layer of a model that mixes kinds keeps every token, with the same heads.

    Latent attention is not known to it: heads x hidden / heads for keys and again for values.
    """
    growing = [layer for layer in shape.layers if layer.cached]
    if not growing:
        return 0.0
    if any(layer.kind == "mla" for layer in growing):
        return 2.0 * shape.hidden * len(shape.layers) * tokens * element_bytes
    windows = [layer.window for layer in growing]
    mixed = any(windows) and not all(windows)
    most = tokens if mixed or not windows[0] else min(windows[0], tokens)
    return growing[-1].cached * len(shape.layers) * most * element_bytes
