"""The model that is assumed where no config.json was read: the greediest common shape of its size."""

from watcher.fit.layers import Layer
from watcher.fit.shape import Experts, Shape
from watcher.tables import table
from watcher.types import Parameters

_EXPERTS = 128  # the most common count; what matters is the share that a token visits


def stand_in(parameters: int, active: int | None = None) -> Shape:
    """A model with grouped-query attention of about this many parameters; dense unless fewer are active."""
    row = next(row for row in table("formats")["stand_ins"] if parameters <= row["up_to"])
    cached = row["kv_heads"] * 2 * row["head_dim"]
    layer = Layer(kind="full", cached=cached, kv_heads=row["kv_heads"])
    return Shape(
        layers=(layer,) * row["layers"],
        hidden=row["hidden"],
        intermediate=row["intermediate"],
        vocab=row["vocab"],
        experts=_experts(parameters, active),
        parameters=Parameters(total=parameters, active=min(active or parameters, parameters)),
        embedding_parameters=row["vocab"] * row["hidden"],
        context_tokens=None,
        cache_bytes=2.0,
        attention_parameters=0,
    )


def _experts(parameters: int, active: int | None) -> Experts | None:
    """Half of what a token visits is shared, as in most mixtures; the rest is its experts."""
    if not active or active > 0.6 * parameters:
        return None
    shared = active / 2
    routed_share = 1 - shared / parameters
    per_token = max(1, round(_EXPERTS * (active - shared) / (parameters - shared)))
    return Experts(count=_EXPERTS, per_token=per_token, routed_share=routed_share)
