"""TensorRT-LLM's blocks: a pool per window size, blocks of 32 tokens, one block more where a window slides.

Source: aiconfigurator 0.12 sdk/memory.py; NVIDIA/TensorRT-LLM KVCacheManager (tokens_per_block).
"""

from watcher.fit.layout import Layout, rows


class TensorRtBlocks:
    """Bytes on one device."""

    def __init__(self, layout: Layout, *, block_tokens: int) -> None:
        self._layout, self._block = layout, block_tokens
        self._state = layout.state()

    def need(self, users: int, tokens: int) -> tuple[int, int]:
        one = 0
        for layer, count in self._layout.shape.groups:
            blocks = -(-rows(layer, tokens) // self._block) + (1 if layer.window else 0)
            one += count * self._layout.row(layer) * blocks * self._block
        return users * one, users * self._state
