"""One set of weights on one pool, run in one way: the fixed terms, and what is left for caches.

left = budget - weights - activations - overhead      (bytes on one device)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from watcher.fit.engines import GIB, Engine, Plan
from watcher.fit.layout import Layout
from watcher.fit.model import Model
from watcher.fit.reserve import Reservation
from watcher.fit.shape import Shape
from watcher.formats import format_of
from watcher.types import Hardware, Load, Term, Variant

# How far each source of a term may be off (docs/fit.md has the comparison with measured numbers).
_ERROR = {"files": 0.01, "header": 0.01, "config": 0.05, "table": 0.05, "guess": 0.5}
_ACTIVATION_ERROR = 0.2
# Kinds of layers whose reservation no more than two public boots tell, and those up to twice ours.
_UNPROVEN = frozenset({"compressed"})
# Verdicts flip by engine version when less than about 5 GiB of a large device are left.
_LEAST_ROOM, _LEAST_ROOM_SHARE = 5 * GIB, 0.06
_ROOM_OF_A_GUESS = 0.75  # without a config.json, more than this share of the budget is never said to fit


@dataclass(frozen=True, kw_only=True)
class Placement:
    """devices: how many of the pool serve together. factors: measured over predicted, per term.

    weights, activations, overhead: bytes on one device; left: what is left for caches, were the estimate
    exact, below zero where nothing loads.
    """

    model: Model
    hardware: Hardware
    engine: Engine
    plan: Plan
    devices: int
    factors: Mapping[str, float]
    reserved: Reservation = field(init=False, repr=False)
    weights: int = field(init=False)
    activations: int = field(init=False)
    overhead: int = field(init=False)
    left: int = field(init=False)

    def __post_init__(self) -> None:
        loaded = self.model.loaded(self.engine, self.hardware.device, self.devices)
        weights = int(loaded * self.factors.get("weights", 1.0))
        activations = int(self._activations() * self.factors.get("activations", 1.0))
        held = int(self._held(activations) * self.factors.get("overhead", 1.0))
        free = self.plan.budget_bytes - weights - activations - held
        overhead = held + int(max(0, free) * (1 - self.plan.free_fraction))
        left = -1 if self.model.variant.size_bytes is None else free + held - overhead
        for name, value in (
            ("reserved", self.model.reserved(self.engine, self.plan, self.devices)),
            ("weights", weights),
            ("activations", activations),
            ("overhead", overhead),
            ("left", left),
        ):
            object.__setattr__(self, name, value)

    @property
    def shape(self) -> Shape:
        return self.model.shape

    @property
    def variant(self) -> Variant:
        return self.model.variant

    @property
    def guessed(self) -> bool:
        return self.model.guessed

    @property
    def layout(self) -> Layout:
        return self.model.layout(self.engine, self.plan, self.devices)

    @property
    def _static(self) -> bool:
        """SGLang's share, set by hand, is of weights and cache alone: the rest lies outside."""
        return self.engine.reserved is not None and self.plan.settings.utilisation is not None

    def _activations(self) -> int:
        return 0 if self._static else self._step()

    def _step(self) -> int:
        """The peak of a step: a full batch passing a layer, or all sequences passing the sampler.

        The sampler of vLLM's profile run holds its logits several times over, sorted and scattered: 9.5
        copies of FP32 meet what vLLM 0.11 profiled for five of six models on an H100 (llm-d-benchmark).
        llama.cpp keeps the logits of a whole micro-batch.
        """
        shape, batched = self.model.shape, self.plan.batched_tokens
        if not self.engine.tensor_parallel:
            return batched * (shape.vocab + 4 * shape.hidden) * 4
        forward = batched * (6 * shape.hidden + 2 * shape.intermediate) * 2 // self.devices
        return max(forward, int(self.plan.sequences * shape.vocab * 4 * self.engine.sampler_copies))

    def _squeezed(self) -> int:
        """What a share set by hand leaves too little of for a step and its graphs."""
        outside = self.hardware.device.visible_bytes - self.plan.budget_bytes
        return max(0, self._step() + self.plan.graphs_bytes - outside)

    def _held(self, activations: int) -> int:
        """What the engine allocates besides: kernels, graphs, talking to other devices, its own reserve."""
        engine, plan = self.engine, self.plan
        peers = engine.peers_bytes if self.devices > 1 else 0
        if self._static:
            return engine.non_torch_bytes + peers + self._squeezed()
        held = engine.non_torch_bytes + plan.graphs_bytes + peers
        if engine.reserved and not plan.own_share and not plan.planned:
            kept = engine.reserved.bytes(self.hardware.device, plan.batched_tokens, self.devices)
            return max(held, kept - activations)
        return held

    def cache(self, users: int, tokens: int) -> int:
        """All that grows with the load."""
        kv, state = self.reserved.need(users, tokens)
        return int((kv + state) * self.factors.get("kv_cache", 1.0))

    def holds(self, load: Load) -> bool:
        """Whether it loads in this way, were the estimate exact."""
        return self.left >= 0 and self.cache(load.users, load.context_tokens) <= self.left

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
        weights, overhead = self.weights * self._weights_error, self.overhead * _ERROR["table"]
        error = math.hypot(  # the terms err independently
            weights, cache * _ERROR[source], self.activations * _ACTIVATION_ERROR, overhead
        )
        if any(layer.kind in _UNPROVEN for layer, _ in self.shape.groups):
            error = weights + cache + self.activations + overhead
        least = min(_LEAST_ROOM, _LEAST_ROOM_SHARE * self.hardware.device.usable_bytes)
        share = _ROOM_OF_A_GUESS if self.guessed else 1.0
        required = self.plan.budget_bytes - self.left + cache
        return required + max(error, least) <= share * self.plan.budget_bytes

    @property
    def _weights_error(self) -> float:
        known = _ERROR.get(self.variant.size_source, 0.5)
        if self.variant.size_source != "table":
            return known
        row = format_of(self.variant.label)
        return max(known, row.spread if row else 0.5)
