"""KV cache and recurrent state on one device: what attention touches, and what an engine sets aside."""

from dataclasses import dataclass

from watcher.fit.engines import Engine
from watcher.fit.shape import Layer, Shape
from watcher.types import Load


@dataclass(frozen=True, kw_only=True, slots=True)
class Cache:
    """Bytes on one device of a pool. split: over how many devices tensor parallel divides heads.

    element_bytes: of one cached element, 2 for BF16.
    """

    shape: Shape
    engine: Engine
    split: int
    in_flight_tokens: int
    element_bytes: float

    def per_token(self) -> int:
        """Bytes that one more token costs once every window is full; before that where all layers slide."""
        growing = [layer for layer in self.shape.layers if layer.window is None]
        if not any(layer.cached or layer.fixed for layer in growing):
            growing = list(self.shape.layers)
        return int(sum(self._row(layer) / layer.stride for layer in growing))

    def touched(self, tokens: int) -> int:
        """What attention reads for one sequence: window layers no more than their window."""
        return int(self._one(tokens, 0, reserving=False))

    def reserved(self, load: Load) -> int:
        """What the engine sets aside for all users.

        Tokens in flight during prefill are shared by all sequences, so the surplus that window layers
        keep for them (window - 1 + in flight) is charged once, and the window for every user.
        """
        once = self._one(load.context_tokens, self.in_flight_tokens, reserving=True)
        steady = self._one(load.context_tokens, 0, reserving=True)
        return int(once + (load.users - 1) * steady)

    def bytes(self, load: Load) -> int:
        """All that grows with the load."""
        return self.reserved(load) + self.state(load.users)

    def state(self, users: int) -> int:
        """Recurrent state does not grow with the context; it divides like heads."""
        return users * sum(n * layer.state_bytes for layer, n in self.shape.groups) // self.split

    def _one(self, tokens: int, extra: int, *, reserving: bool) -> float:
        full = reserving and self.engine.chunked_is_full
        return sum(
            count
            * self._row(layer)
            * (tokens if full and layer.kind == "chunked" else _rows(layer, tokens, extra))
            for layer, count in self.shape.groups
        )

    def _row(self, layer: Layer) -> float:
        heads = max(1, layer.kv_heads)
        return layer.cached * self.element_bytes * max(1, heads // self.split) / heads + layer.fixed


def _rows(layer: Layer, tokens: int, extra: int) -> int:
    if layer.window is None:
        return -(-tokens // layer.stride)
    return min(tokens, layer.window + extra)
