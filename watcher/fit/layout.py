"""A shape laid out on one device of a pool: bytes of its rows, and what attention touches.

This is the ideal: windows keep no more than their window and nothing is rounded. What engines set
aside on top is theirs (watcher/fit/reserve_*.py).
"""

from dataclasses import dataclass

from watcher.fit.shape import Layer, Shape

# vLLM's FP8 row of sparse latent attention: 512 values, 16 of scales, 128 of rope in BF16 (flashmla_sparse).
_SPARSE_FP8_ROW = 656


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """split: over how many devices heads are divided. element_bytes: of a cached element, 2 for BF16.

    layers_share: of all layers, what the fullest device holds where layers are split whole.
    """

    shape: Shape
    split: int
    element_bytes: float
    layers_share: float = 1.0

    def row(self, layer: Layer) -> int:
        """Bytes that one cached row of a layer takes on one device."""
        heads = max(1, layer.kv_heads)
        if layer.kind == "mla" and layer.fixed and self.element_bytes < 2:
            return _SPARSE_FP8_ROW + layer.fixed
        share = -(-heads // self.split) / heads
        return int(layer.cached * self.element_bytes * share) + layer.fixed

    def per_token(self) -> int:
        """Bytes that one more token costs once every window is full; before that where all layers slide."""
        growing = [(layer, n) for layer, n in self.shape.groups if layer.window is None]
        if not any(layer.cached or layer.fixed for layer, _ in growing):
            growing = list(self.shape.groups)
        return int(self.layers_share * sum(n * self.row(layer) / layer.stride for layer, n in growing))

    def ideal(self, tokens: int) -> int:
        """What one sequence needs: window layers no more than their window."""
        whole = sum(n * self.row(layer) * rows(layer, tokens) for layer, n in self.shape.groups)
        return int(self.layers_share * whole)

    def read(self, tokens: int) -> int:
        """What one step of one sequence reads: sparse attention its best rows, and every index key."""
        total = 0
        for layer, count in self.shape.groups:
            kept = rows(layer, tokens)
            row = self.row(layer)
            if layer.reads is not None and layer.reads < kept:
                total += count * ((row - layer.fixed) * layer.reads + layer.fixed * kept)
            else:
                total += count * row * kept
        return total

    def state(self) -> int:
        """Recurrent and other constant state of one sequence; it divides like heads."""
        return sum(n * layer.state_bytes for layer, n in self.shape.groups) // self.split

    def state_of_device(self) -> int:
        """The part of it that the fullest device holds."""
        return int(self.layers_share * self.state())


def rows(layer: Layer, tokens: int) -> int:
    """How many rows a layer keeps of a sequence of this many tokens."""
    if layer.window is not None:
        return min(tokens, layer.window)
    return -(-tokens // layer.stride)
