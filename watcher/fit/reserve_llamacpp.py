"""llama.cpp's cells: one slot per user, the context of each rounded up to 256 cells.

Full layers hold every cell; sliding ones their window and one micro-batch, rounded likewise. Recurrent
and convolution state is F32 per slot. Layers are split over devices whole, so the fullest device
decides. Source: llama.cpp src/llama-kv-cache-iswa.cpp, llama-memory-recurrent.cpp.
"""

from watcher.fit.layout import Layout

_CELLS = 256
_F32 = 4


class LlamaCppSlots:
    """Bytes on the fullest of the devices that layers are split over."""

    def __init__(self, layout: Layout, *, devices: int, batched_tokens: int) -> None:
        layers = max(1, len(layout.shape.layers))
        self._share = -(-layers // devices) / layers if devices > 1 else 1.0
        self._rows = tuple(
            (count * layout.row(layer), layer.stride, _window(layer.window, batched_tokens))
            for layer, count in layout.shape.groups
            if layout.row(layer)
        )
        self._state = sum(
            count * ((layer.conv_elements + layer.recurrent_elements) * _F32 + layer.constant_bytes)
            for layer, count in layout.shape.groups
        )

    def need(self, users: int, tokens: int) -> tuple[int, int]:
        cells = _round(tokens)
        one = 0
        for row, stride, window in self._rows:
            one += row * (-(-cells // stride) if window is None else min(cells, window))
        return int(users * one * self._share), int(users * self._state * self._share)


def _window(window: int | None, batched_tokens: int) -> int | None:
    return None if window is None else _round(window + batched_tokens)


def _round(tokens: int) -> int:
    return -(-tokens // _CELLS) * _CELLS
