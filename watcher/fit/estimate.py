"""Does it run here, and how well: a breakdown that a reader can redo on paper.

    required = weights + cache + state + activations + overhead      (all per device)
    fits     = in the engine's usual way, with room for what the estimate may be off by
    tight    = within that error, or only with settings that the notes name
    no       = not even with those, or the context is too long

The terms and the budget are those of the way in which it loads; of a "no", those of the most frugal
one. Rules and sources: docs/fit.md.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

from watcher.fit.cache import Cache
from watcher.fit.engines import GIB, Engine, Plan, engines
from watcher.fit.shape import Shape
from watcher.fit.speed import speeds
from watcher.fit.stand_ins import stand_in
from watcher.formats import format_of
from watcher.types import Fit, FitVerdict, Hardware, Load, Parameters, Term, Variant

MOST_USERS, MOST_CONTEXT = 4096, 2**24
MOST_BYTES = 2**60  # sizes above are mistakes
_TP_COPIES = 1.02  # norms, routers and small tensors are on every rank
_NCCL_BYTES = int(0.4 * GIB)
# How far each source of a term may be off (docs/fit.md has the comparison with measured numbers).
_ERROR = {"files": 0.01, "header": 0.01, "config": 0.05, "table": 0.05, "guess": 0.5}
_ACTIVATION_ERROR = 0.2
_SAMPLER_COPIES = 9.5
# Verdicts flip by engine version when less than about 5 GiB of a large device are left.
_LEAST_ROOM, _LEAST_ROOM_SHARE = 5 * GIB, 0.06
_ROOM_OF_A_GUESS = 0.75  # without a config.json, more than this share of the budget is never said to fit


def estimate(
    *,
    shape: Shape | None,
    variant: Variant,
    parameters: Parameters,
    hardware: Hardware,
    load: Load,
    engine: str,
) -> Fit:
    """The fit of one set of weights on one pool under a load. Never raises; what is unknown is said in notes.

    shape None: a dense stand-in of the same size is assumed for the cache. variant.size_bytes None
    counts as weights that do not fit.
    """
    load = replace(load, users=max(1, load.users), context_tokens=max(1, load.context_tokens))
    hardware = replace(hardware, count=max(1, hardware.count))
    rules = engines().get(engine, engines()["vllm"])
    assumed = shape
    if assumed is None:
        assumed = stand_in(parameters.total or _parameters_of(variant), parameters.active)
    usual, *frugal = (
        _Desk(
            shape=assumed,
            guessed=shape is None,
            variant=variant,
            hardware=hardware,
            engine=rules,
            plan=plan,
        )
        for plan in rules.plans(hardware.device, assumed.cache_bytes)
    )
    desk = next((d for d in (usual, *frugal) if d.holds(load)), frugal[-1])
    return _fit(desk, _verdict(desk, load), parameters, load, engine)


def _verdict(desk: "_Desk", load: Load) -> FitVerdict:
    if not desk.holds(load) or load.context_tokens > desk.longest:
        return FitVerdict.NO
    return FitVerdict.TIGHT if desk.plan.how or not desk.has_room(load) else FitVerdict.FITS


def _fit(desk: "_Desk", verdict: FitVerdict, parameters: Parameters, load: Load, engine: str) -> Fit:
    weights, cache, state, activations, overhead = desk.terms(load)
    total = parameters.total or desk.shape.parameters.total or 1
    active = parameters.active or desk.shape.parameters.active or total
    pace = speeds(
        shape=desk.shape,
        variant=desk.variant,
        weights_bytes=desk.weights_bytes,
        active_share=min(1.0, active / max(total, desk.shape.parameters.total or 1)),
        cache=desk.cache,
        hardware=desk.hardware,
        load=load,
    )
    known_speed, left = bool(desk.weights_bytes), desk.left
    need, users, tokens = desk.cache.bytes, load.users, load.context_tokens
    return Fit(
        hardware=desk.hardware.name,
        engine=engine,
        load=load,
        verdict=verdict,
        budget_bytes=desk.plan.budget_bytes,
        weights=weights,
        kv_cache=cache,
        state=state,
        activations=activations,
        overhead=overhead,
        kv_bytes_per_token=desk.cache.per_token(),
        max_users=_most(MOST_USERS, lambda n: need(Load(users=n, context_tokens=tokens)), left),
        max_context=_most(desk.longest, lambda n: need(Load(users=users, context_tokens=n)), left),
        decode_tokens_per_second=pace.decode if known_speed else None,
        total_tokens_per_second=pace.total if known_speed else None,
        prefill_seconds=pace.prefill_seconds if known_speed else None,
        notes=(*_settings(desk, verdict), *desk.notes(load)),
    )


def _settings(desk: "_Desk", verdict: FitVerdict) -> tuple[str, ...]:
    """What a tight fit takes, in words."""
    if not desk.plan.how:
        return ()
    how = " ".join(desk.plan.how)
    return (f"loads only with {how}" if verdict is FitVerdict.TIGHT else f"too large even with {how}",)


def _parameters_of(variant: Variant) -> int:
    bits = max(1.0, variant.bits or 16.0)
    return int(max(0, min(variant.size_bytes or 0, MOST_BYTES)) * 8 / bits) or 10**9


@dataclass(frozen=True, kw_only=True, slots=True)
class _Desk:
    """One set of weights on one pool run in one way: everything but the load."""

    shape: Shape
    guessed: bool
    variant: Variant
    hardware: Hardware
    engine: Engine
    plan: Plan

    @property
    def weights_bytes(self) -> int:
        return max(0, min(self.variant.size_bytes or 0, MOST_BYTES))

    @property
    def cache(self) -> Cache:
        return Cache(
            shape=self.shape,
            engine=self.engine,
            split=self.hardware.count,
            in_flight_tokens=self.engine.batches_in_flight * self.plan.batched_tokens,
            element_bytes=self.plan.element_bytes,
        )

    @property
    def longest(self) -> int:
        stated = None if self.guessed else self.shape.context_tokens
        return min(stated or MOST_CONTEXT, MOST_CONTEXT)

    def terms(self, load: Load) -> tuple[Term, Term, Term, Term, Term]:
        """weights, cache, state, activations, overhead: bytes on one device."""
        source = "guess" if self.guessed else "config"
        return (
            Term(bytes=self._weights(), source=self.variant.size_source),
            Term(bytes=self.cache.reserved(load), source=source),
            Term(bytes=self.cache.state(load.users), source=source),
            Term(bytes=self._activations(), source=source),
            Term(bytes=self._overhead(), source="table"),
        )

    def _weights(self) -> int:
        copies = _TP_COPIES if self.hardware.count > 1 and self.engine.tensor_parallel else 1.0
        return int(self.weights_bytes * copies / self.hardware.count)

    def _overhead(self) -> int:
        nccl = _NCCL_BYTES if self.hardware.count > 1 else 0
        return self.engine.context_bytes + self.plan.graphs_bytes + nccl

    def _activations(self) -> int:
        """The profiled peak: a full batch passing a layer, or all sequences passing the sampler.

        The sampler holds its logits several times over, sorted and scattered: 9.5 copies of FP32 meet what
        vLLM 0.11 profiled for five of six models on an H100 (llm-d-benchmark).
        """
        batched, vocab = self.plan.batched_tokens, self.shape.vocab
        width = 6 * self.shape.hidden + 2 * self.shape.intermediate
        forward = batched * width * 2 // self.hardware.count
        if not self.engine.profiles_activations:
            return forward + batched * vocab * 4
        sequences = 1024 if batched > 2048 else 256
        return max(forward, int(sequences * vocab * 4 * _SAMPLER_COPIES))

    def holds(self, load: Load) -> bool:
        """Whether it loads in this way, were the estimate exact."""
        return self.cache.bytes(load) <= self.left

    @property
    def left(self) -> int:
        """Bytes for cache and state, were the estimate exact; below zero where nothing loads."""
        if self.variant.size_bytes is None:
            return -1
        return self.plan.budget_bytes - self._weights() - self._activations() - self._overhead()

    def has_room(self, load: Load) -> bool:
        """Whether it still loads at the far end of the estimate's error."""
        terms = weights, cache, state, activations, overhead = self.terms(load)
        required = sum(term.bytes for term in terms)
        error = math.hypot(  # the terms err independently
            weights.bytes * self._weights_error(),
            (cache.bytes + state.bytes) * _ERROR[cache.source],
            activations.bytes * _ACTIVATION_ERROR,
            overhead.bytes * _ERROR[overhead.source],
        )
        least = min(_LEAST_ROOM, _LEAST_ROOM_SHARE * self.hardware.device.usable_bytes)
        share = _ROOM_OF_A_GUESS if self.guessed else 1.0
        return required + max(error, least) <= share * self.plan.budget_bytes

    def _weights_error(self) -> float:
        known = _ERROR.get(self.variant.size_source, 0.5)
        if self.variant.size_source != "table":
            return known
        row = format_of(self.variant.label)
        return max(known, row.spread if row else 0.5)

    def notes(self, load: Load) -> tuple[str, ...]:
        said = list(self.shape.notes)
        if self.guessed:
            said.append("no config.json was read: cache and speed are those of a common model of this size")
        if self.variant.size_source == "table" and self.variant.size_bytes is not None:
            said.append("the size of the weights is parameters times bits, not the files'")
        if self.variant.size_source == "guess" and self.variant.size_bytes is not None:
            said.append("the size of the weights is guessed from the name")
        if self.variant.size_bytes is None:
            said.append("the size of the weights is not known")
        if load.context_tokens > self.longest:
            said.append(f"its context ends at {self.longest} tokens")
        row = format_of(self.variant.label)
        if row and row.compute and row.compute not in self.hardware.device.tflops:
            said.append(
                f"{self.hardware.device.name} has no {row.compute.upper()} units: saves memory, not compute"
            )
        if self.variant.format == "gguf" and self.engine.name in ("vllm", "sglang", "tensorrt-llm"):
            said.append(f"GGUF is llama.cpp's format; {self.engine.name} runs it slowly or not at all")
        return tuple(said)


def _most(most: int, need: Callable[[int], int], left: int) -> int:
    """The greatest number up to most whose need is within left; 0 when not even one's is.

    Needs grow in a few straight lines, so the point where a chord crosses left is close; every other
    step halves, so that a kink costs no more than it must.
    """
    low, high = 1, most
    at_low, at_high = need(low), need(high)
    if at_low > left:
        return 0
    if at_high <= left:
        return most
    halve = False
    while high - low > 1:
        along = (high - low) // 2 if halve else (left - at_low) * (high - low) // (at_high - at_low)
        middle = low + min(max(along, 1), high - low - 1)
        at_middle = need(middle)
        if at_middle <= left:
            low, at_low = middle, at_middle
        else:
            high, at_high = middle, at_middle
        halve = not halve
    return low
