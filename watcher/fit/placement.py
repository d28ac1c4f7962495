"""One set of weights on one pool, run in one way: the fixed terms, and what is left for caches.

left = budget - weights - activations - overhead      (bytes on one device)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from watcher.fit.engines import GIB, Engine, Plan
from watcher.fit.layout import Layout
from watcher.fit.reserve import Reservation, reservation
from watcher.fit.shape import Shape
from watcher.formats import format_of
from watcher.types import Hardware, Load, Term, Variant

MOST_BYTES = 2**60  # sizes above are mistakes
# Norms, routers and small tensors are on every rank: Qwen3 32B at 61.03 GiB loads 30.59 on each of two
# devices, Llama 3.3 70B at 67.72 loads 33.88 (vLLM 0.11, llm-d-benchmark).
_RANK_COPIES = 1.002
# How far each source of a term may be off (docs/fit.md has the comparison with measured numbers).
_ERROR = {"files": 0.01, "header": 0.01, "config": 0.05, "table": 0.05, "guess": 0.5}
_ACTIVATION_ERROR = 0.2
# Verdicts flip by engine version when less than about 5 GiB of a large device are left.
_LEAST_ROOM, _LEAST_ROOM_SHARE = 5 * GIB, 0.06
_ROOM_OF_A_GUESS = 0.75  # without a config.json, more than this share of the budget is never said to fit


@dataclass(frozen=True, kw_only=True)
class Placement:
    """devices: how many of the pool serve together. factors: the team's own measured over predicted, per term."""

    shape: Shape
    guessed: bool
    variant: Variant
    hardware: Hardware
    engine: Engine
    plan: Plan
    devices: int
    factors: Mapping[str, float]

    @cached_property
    def layout(self) -> Layout:
        split = self.devices if self.engine.tensor_parallel else 1
        return Layout(shape=self.shape, split=split, element_bytes=self.plan.element_bytes)

    @cached_property
    def reserved(self) -> Reservation:
        return reservation(
            self.layout,
            self.engine,
            self.plan,
            devices=self.devices,
            prefix_caching=self.plan.settings.prefix_caching,
        )

    @property
    def weights_bytes(self) -> int:
        """Of the whole model."""
        return max(0, min(self.variant.size_bytes or 0, MOST_BYTES))

    @cached_property
    def weights(self) -> int:
        share = 1 / self.devices
        if self.devices > 1 and self.engine.tensor_parallel:
            share *= _RANK_COPIES
        elif self.devices > 1:
            layers = max(1, len(self.shape.layers))
            share = -(-layers // self.devices) / layers
        return int(self.weights_bytes * share * self.factors.get("weights", 1.0))

    @cached_property
    def activations(self) -> int:
        """The peak of a step: a full batch passing a layer, or all sequences passing the sampler.

        The sampler of vLLM's profile run holds its logits several times over, sorted and scattered: 9.5
        copies of FP32 meet what vLLM 0.11 profiled for five of six models on an H100 (llm-d-benchmark).
        llama.cpp keeps the logits of a whole micro-batch.
        """
        batched, vocab = self.plan.batched_tokens, self.shape.vocab
        if not self.engine.tensor_parallel:
            peak = batched * (vocab + 4 * self.shape.hidden) * 4
        else:
            width = 6 * self.shape.hidden + 2 * self.shape.intermediate
            forward = batched * width * 2 // self.devices
            peak = max(forward, int(self.plan.sequences * vocab * 4 * self.engine.sampler_copies))
        return int(peak * self.factors.get("activations", 1.0))

    @cached_property
    def overhead(self) -> int:
        engine, plan = self.engine, self.plan
        peers = engine.peers_bytes if self.devices > 1 else 0
        held = engine.non_torch_bytes + plan.graphs_bytes + peers
        if engine.reserved and plan.settings.utilisation is None and not plan.how and not plan.planned:
            kept = engine.reserved.bytes(self.hardware.device, plan.batched_tokens, self.devices)
            held = max(held, kept - self.activations)
        held = int(held * self.factors.get("overhead", 1.0))
        free = self.plan.budget_bytes - self.weights - self.activations - held
        return held + int(max(0, free) * (1 - plan.free_fraction))

    @cached_property
    def left(self) -> int:
        """Bytes for caches, were the estimate exact; below zero where nothing loads."""
        if self.variant.size_bytes is None:
            return -1
        return self.plan.budget_bytes - self.weights - self.activations - self.overhead

    def cache(self, users: int, tokens: int) -> int:
        """All that grows with the load."""
        kv, state = self.reserved.need(users, tokens)
        return int((kv + state) * self.factors.get("kv_cache", 1.0))

    def holds(self, load: Load) -> bool:
        """Whether it loads in this way, were the estimate exact."""
        return self.cache(load.users, load.context_tokens) <= self.left

    def terms(self, load: Load) -> tuple[Term, Term, Term, Term, Term]:
        """weights, cache, state, activations, overhead: bytes on one device."""
        source = "guess" if self.guessed else "config"
        kv, state = self.reserved.need(load.users, load.context_tokens)
        factor = self.factors.get("kv_cache", 1.0)
        return (
            Term(bytes=self.weights, source=self.variant.size_source),
            Term(bytes=int(kv * factor), source=source),
            Term(bytes=int(state * factor), source=source),
            Term(bytes=self.activations, source=source),
            Term(bytes=self.overhead, source="table"),
        )

    def has_room(self, load: Load) -> bool:
        """Whether it still loads at the far end of the estimate's error."""
        source = "guess" if self.guessed else "config"
        cache = self.cache(load.users, load.context_tokens)
        error = math.hypot(  # the terms err independently
            self.weights * self._weights_error,
            cache * _ERROR[source],
            self.activations * _ACTIVATION_ERROR,
            self.overhead * _ERROR["table"],
        )
        least = min(_LEAST_ROOM, _LEAST_ROOM_SHARE * self.hardware.device.usable_bytes)
        share = _ROOM_OF_A_GUESS if self.guessed else 1.0
        required = self.plan.budget_bytes - self.left + cache
        return required + max(error, least) <= share * self.plan.budget_bytes

    @cached_property
    def _weights_error(self) -> float:
        known = _ERROR.get(self.variant.size_source, 0.5)
        if self.variant.size_source != "table":
            return known
        row = format_of(self.variant.label)
        return max(known, row.spread if row else 0.5)
