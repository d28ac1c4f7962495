"""The bytes that one decoding step moves, by how often they are read: the input of every speed estimate.

Read for every step: attention, dense blocks, shared experts and the head. Of routed experts a step reads
those that its tokens visit. Never read: the input embedding (one row), vision and audio towers, drafts.
"""

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache

from watcher.fit.layout import Layout
from watcher.fit.shape import Experts, Shape
from watcher.fit.weights import Weights, weights_from_shape
from watcher.types import Variant


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """Bytes of the whole model per step, and on one device per sequence of the load's length.

    state_bytes is read and written in every step. layers: of attention with its feed-forward, so that one
    of either alone counts half; expert_layers: those that route. active_parameters: of one token.
    """

    always_bytes: float
    routed_bytes: float
    experts: Experts | None
    cache_bytes: int
    state_bytes: int
    layers: float
    expert_layers: int
    active_parameters: int

    def visited(self, batch: int, routing: float) -> float:
        """Bytes of routed experts that a batch reads. routing: for how many tokens each further one counts.

        Balanced routing visits 1 - (1 - k/E)^batch of the experts; tokens of one batch choose alike, so
        those beyond the first count for less than one.
        """
        if self.experts is None:
            return 0.0
        missed = 1 - self.experts.per_token / self.experts.count
        tokens = 1 + (batch - 1) * routing
        return float(self.routed_bytes * (1 - missed**tokens))


def traffic_of(shape: Shape, variant: Variant, weights_bytes: int, layout: Layout, tokens: int) -> Traffic:
    """What a step moves of these weights and of a cache of so many tokens per sequence."""
    always, routed = _read(shape, variant.label, weights_bytes)
    layers, expert_layers = _layers(shape)
    return Traffic(
        always_bytes=always,
        routed_bytes=routed,
        experts=shape.experts,
        cache_bytes=layout.read(tokens),
        state_bytes=layout.state(),
        layers=layers,
        expert_layers=expert_layers,
        active_parameters=shape.parameters.active or shape.parameters.total or 0,
    )


def _layers(shape: Shape) -> tuple[float, int]:
    """Hybrids such as Nemotron-H list attention, state and feed-forward as layers of their own."""
    kinds = Counter(layer.kind for layer in shape.layers)
    count = len(shape.layers)
    if kinds["mlp"] or kinds["moe"]:
        return count / 2, kinds["moe"]
    return float(count), count if shape.is_moe else 0


def _read(shape: Shape, label: str, weights_bytes: int) -> tuple[float, float]:
    """Bytes read for every token, and of routed experts, of weights of a known size."""
    parts = parts_of(shape, label)
    if parts is None or not parts.total_bytes:
        unread = shape.embedding_parameters / max(1, shape.parameters.total or 1)
        routed = shape.experts.routed_share if shape.experts else 0.0
        return weights_bytes * max(0.0, 1 - routed - min(unread, 0.33)), weights_bytes * routed
    scale = weights_bytes / parts.total_bytes
    return (parts.rest_bytes + parts.head_bytes) * scale, parts.routed_bytes * scale


@lru_cache(maxsize=1024)
def parts_of(shape: Shape, label: str) -> Weights | None:
    """What the bytes of a model in a format are made of; None for a format nobody knows."""
    return weights_from_shape(shape, label)
