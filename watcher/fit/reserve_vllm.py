"""vLLM's block pool: every kind of layer claims blocks of one size from one pool.

Layers of one kind are cut into groups of as many layers as the rarest kind has (the most frequent one's
number where the counts are close), so that a block serves any group. A request takes blocks in every
group: tokens over block size for full attention; window, tokens in flight and one block more for
sliding attention; one state or two for recurrent layers. Pages of different sizes are made equal by
longer blocks, or padded; with recurrent layers the attention block grows until it holds a state.
Chunked attention is charged in full, as vLLM does by default.

Source: vllm 0.33 v1/core/kv_cache_planning.py, v1/kv_cache_interface.py, checked against the printed
"Maximum concurrency" of vLLM 0.11 to 0.24.
"""

from collections import Counter
from dataclasses import dataclass

from watcher.fit.layout import Layout

_CLOSE = 1.5  # counts of layers closer than this are padded to the greater one


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kind:
    """Layers that claim blocks alike. row: bytes per token and layer; state: bytes of one state."""

    row: int = 0
    window: int | None = None
    state: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class _Group:
    """groups of layers of one kind, with tokens per block, and of a state how many blocks."""

    groups: int
    block_tokens: int
    window: int | None
    states: int

    def blocks(self, tokens: int, in_flight: int) -> int:
        if self.states:
            return 0
        if self.window is None:
            return -(-tokens // self.block_tokens) * self.groups
        kept = min(self.window - 1 + in_flight, tokens)
        return (-(-kept // self.block_tokens) + 1) * self.groups


class VllmBlocks:
    """How many bytes requests claim of the pool on one device."""

    def __init__(
        self, layout: Layout, *, block_tokens: int, in_flight_tokens: int, states_per_request: int
    ) -> None:
        self._in_flight = in_flight_tokens
        kinds, self._constant = _kinds(layout)
        self._in_flight_bytes = sum(n * layer.in_flight_bytes for layer, n in layout.shape.groups)
        self.block_bytes, self._groups = _pool(kinds, block_tokens, states_per_request)
        self._states = sum(group.states * group.groups for group in self._groups)

    def need(self, users: int, tokens: int) -> tuple[int, int]:
        """One request in prefill, the others decoding: tokens in flight are shared by all sequences."""
        blocks = sum(group.blocks(tokens, self._in_flight) for group in self._groups)
        if users > 1:
            blocks += (users - 1) * sum(group.blocks(tokens, 1) for group in self._groups)
        in_flight = min(self._in_flight, users * tokens) * self._in_flight_bytes
        return blocks * self.block_bytes + in_flight, users * (
            self._states * self.block_bytes + self._constant
        )

    @property
    def block_tokens(self) -> int:
        """Tokens in a block of the attention layers, 16 where nothing forces more."""
        return max((group.block_tokens for group in self._groups if not group.states), default=0)


def _kinds(layout: Layout) -> tuple[Counter[_Kind], int]:
    """Layers by what they claim, and the constant bytes per sequence that lie outside the pool's rules."""
    found: Counter[_Kind] = Counter()
    constant = 0
    for layer, count in layout.shape.groups:
        row = -(-layout.row(layer) // layer.stride)
        if row:
            window = None if layer.kind == "chunked" else layer.window
            found[_Kind(row=row, window=window)] += count
        state = layer.conv_elements * 2 + layer.recurrent_elements * layer.recurrent_width
        if state:
            found[_Kind(state=-(-state // layout.split))] += count
        constant += count * layer.constant_bytes
    return found, constant


def _pool(kinds: Counter[_Kind], block_tokens: int, states: int) -> tuple[int, tuple[_Group, ...]]:
    """Bytes of a block on one device, and the groups that claim such blocks."""
    if not kinds:
        return 0, ()
    windows = {kind.window for kind in kinds}
    if len(windows) == 1 and not any(kind.state for kind in kinds):
        block = block_tokens * sum(kind.row * count for kind, count in kinds.items())
        return block, (_Group(groups=1, block_tokens=block_tokens, window=windows.pop(), states=0),)
    fewest, most = min(kinds.values()), max(kinds.values())
    size = most if most < _CLOSE * fewest else fewest
    attention = [kind.row for kind in kinds if kind.row]
    state = max((kind.state for kind in kinds), default=0)
    if state and attention:
        block_tokens *= -(-state // (block_tokens * max(attention)))
    page = max([block_tokens * row for row in attention] + [state])
    groups = tuple(
        _Group(
            groups=-(-count // size),
            block_tokens=_stretched(kind.row, block_tokens, page),
            window=kind.window,
            states=states if kind.state else 0,
        )
        for kind, count in kinds.items()
    )
    return size * page, groups


def _stretched(row: int, block_tokens: int, page: int) -> int:
    """A smaller page that divides the common one holds more tokens; any other is padded."""
    own = row * block_tokens
    return block_tokens * (page // own) if own and page % own == 0 else block_tokens
