"""Layers that only guess the next tokens (multi-token prediction): in the checkpoint, off by default."""

from watcher.fit.layers import Layer
from watcher.fit.reading import MOST_LAYERS, Reader

_LAYERS = ("num_nextn_predict_layers", "mtp_num_hidden_layers", "num_mtp_layers", "num_mtp_modules")
_IDLE = frozenset({"state", "mlp", "moe", "conv", "none", "cross"})


def draft_layers(read: Reader) -> int:
    """How many there are. MiniMax counts modules, and its flag may switch them off."""
    if not read.flag("use_mtp", default=True):
        return 0
    return min(read.size_or(0, *_LAYERS), MOST_LAYERS)


def draft_parameters(count: int, layers: list[Layer], block: int, hidden: int) -> int:
    """Parameters of count draft layers: one attention layer, one feed-forward block, and the matrix that
    joins the last state with the next embedding. Copies of the embeddings, which some checkpoints hold
    (DeepSeek's), are not counted: engines share them."""
    attention = next((layer.parameters for layer in reversed(layers) if layer.kind not in _IDLE), 0)
    return count * (attention + block + 2 * hidden * hidden)
