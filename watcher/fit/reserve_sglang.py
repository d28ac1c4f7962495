"""SGLang's pools: full attention, sliding windows and states each have their own.

The pool of the windows has window_pool as many tokens as the full one, whatever the window; states get
state_pool as many bytes as the rows. Source: sglang 0.5.23 srt/model_executor/pool_configurator.py and
the defaults of srt/server_args.py.
"""

from watcher.fit.layout import Layout


class SglangPools:
    """Bytes of all pools on one device, so large that the scarcest still holds the load."""

    def __init__(self, layout: Layout, *, window_pool: float, state_pool: float) -> None:
        self._share, self._state_share = window_pool, state_pool
        full = [
            (layer, n) for layer, n in layout.shape.groups if layer.window is None or layer.kind == "chunked"
        ]
        slides = [(layer, n) for layer, n in layout.shape.groups if layer.window and layer.kind != "chunked"]
        self._full = sum(-(-layout.row(layer) // layer.stride) * n for layer, n in full)
        self._slides = sum(layout.row(layer) * n for layer, n in slides)
        self._window = max((layer.window or 0 for layer, _ in slides), default=0)
        self._state = layout.state()

    def need(self, users: int, tokens: int) -> tuple[int, int]:
        kept, state = users * self._kept(tokens), users * self._state
        if not state:
            return kept, 0
        return max(kept, int(state / self._state_share)), max(state, int(kept * self._state_share))

    def _kept(self, tokens: int) -> int:
        if not self._slides:
            return tokens * self._full
        if not self._full:
            return min(tokens, self._window) * self._slides
        pool = max(tokens, int(min(tokens, self._window) / self._share) + 1)
        return int(pool * (self._full + self._share * self._slides)) + 1
