"""The model that is assumed where no config.json was read: the greediest common shape of its size."""

from watcher.fit.layers import Layer
from watcher.fit.shape import Shape
from watcher.tables import table
from watcher.types import Parameters


def stand_in(parameters: int) -> Shape:
    """A dense model with grouped-query attention of about this many parameters."""
    row = next(row for row in table("formats")["stand_ins"] if parameters <= row["up_to"])
    cached = row["kv_heads"] * 2 * row["head_dim"]
    layer = Layer(kind="full", cached=cached, kv_heads=row["kv_heads"])
    return Shape(
        layers=(layer,) * row["layers"],
        hidden=row["hidden"],
        intermediate=row["intermediate"],
        vocab=row["vocab"],
        experts=None,
        parameters=Parameters(total=parameters, active=parameters),
        embedding_parameters=row["vocab"] * row["hidden"],
        context_tokens=None,
        cache_bytes=2.0,
        attention_parameters=0,
    )
