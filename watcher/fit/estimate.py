"""Does it run here, and how well: a breakdown that a reader can redo on paper.

    required = weights + cache + state + activations + overhead      (all per device)
    fits     = required, at the far end of its error, is within the engine's budget
    no       = required is beyond what even a stretched budget holds, or the context is too long
    tight    = everything between

Rules and sources: docs/fit.md.
"""

from collections.abc import Callable
from dataclasses import dataclass

from watcher.fit.cache import Cache
from watcher.fit.engines import GIB, Engine, engines
from watcher.fit.shape import Shape
from watcher.fit.speed import speeds
from watcher.fit.stand_ins import stand_in
from watcher.quants import format_of
from watcher.types import Fit, FitVerdict, Hardware, Load, Parameters, Term, Variant

MOST_USERS, MOST_CONTEXT = 4096, 2**21
_TP_COPIES = 1.02  # norms, routers and small tensors are on every rank
_NCCL_BYTES = int(0.4 * GIB)
# How far each source of a term may be off (docs/fit.md has the comparison with measured numbers).
_ERROR = {"files": 0.01, "header": 0.01, "config": 0.05, "table": 0.05, "guess": 0.5}
_ACTIVATION_ERROR = 0.5


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
    rules = engines().get(engine, engines()["vllm"])
    assumed = shape if shape is not None else stand_in(parameters.total or _parameters_of(variant))
    desk = _Desk(
        shape=assumed,
        guessed=shape is None,
        variant=variant,
        hardware=hardware,
        engine=rules,
    )
    terms = desk.terms(load)
    total = parameters.total or assumed.parameters.total or 1
    share = (parameters.active or assumed.parameters.active or total) / max(
        total, assumed.parameters.total or 1
    )
    pace = speeds(
        shape=assumed,
        variant=variant,
        weights_bytes=desk.weights_bytes,
        active_share=min(1.0, share),
        cache=desk.cache,
        hardware=hardware,
        load=load,
    )
    known_speed = variant.size_bytes is not None
    return Fit(
        hardware=hardware.name,
        engine=engine,
        load=load,
        verdict=desk.verdict(load),
        budget_bytes=desk.budget,
        weights=terms[0],
        kv_cache=terms[1],
        state=terms[2],
        activations=terms[3],
        overhead=terms[4],
        kv_bytes_per_token=desk.cache.per_token(),
        max_users=_most(
            1, MOST_USERS, lambda n: desk.holds(Load(users=n, context_tokens=load.context_tokens))
        ),
        max_context=_most(1, desk.longest, lambda n: desk.holds(Load(users=load.users, context_tokens=n))),
        decode_tokens_per_second=pace.decode if known_speed else None,
        total_tokens_per_second=pace.total if known_speed else None,
        prefill_seconds=pace.prefill_seconds if known_speed else None,
        notes=desk.notes(load),
    )


def _parameters_of(variant: Variant) -> int:
    bits = variant.bits or 16.0
    return int((variant.size_bytes or 0) * 8 / bits) or 10**9


@dataclass(frozen=True, kw_only=True, slots=True)
class _Desk:
    """One set of weights on one pool: everything but the load."""

    shape: Shape
    guessed: bool
    variant: Variant
    hardware: Hardware
    engine: Engine

    @property
    def budget(self) -> int:
        return self.engine.budget(self.hardware.device)

    @property
    def weights_bytes(self) -> int:
        return self.variant.size_bytes or 0

    @property
    def cache(self) -> Cache:
        batched = self.engine.batched_tokens(self.hardware.device)
        return Cache(
            shape=self.shape,
            engine=self.engine,
            split=self.hardware.count,
            in_flight_tokens=self.engine.batches_in_flight * batched,
        )

    @property
    def longest(self) -> int:
        stated = None if self.guessed else self.shape.context_tokens
        return min(stated or MOST_CONTEXT, MOST_CONTEXT)

    def terms(self, load: Load) -> tuple[Term, Term, Term, Term, Term]:
        """weights, cache, state, activations, overhead: bytes on one device."""
        count = self.hardware.count
        copies = _TP_COPIES if count > 1 and self.engine.tensor_parallel else 1.0
        source = "guess" if self.guessed else "config"
        overhead = self.engine.context_bytes + self.engine.graphs_bytes + (_NCCL_BYTES if count > 1 else 0)
        return (
            Term(bytes=int(self.weights_bytes * copies / count), source=self.variant.size_source),
            Term(bytes=self.cache.reserved(load), source=source),
            Term(bytes=self.cache.state(load.users), source=source),
            Term(bytes=self._activations(), source=source),
            Term(bytes=overhead, source="table"),
        )

    def _activations(self) -> int:
        """The profiled peak: tokens of a batch times the widths of the model, and the logits."""
        batched = self.engine.batched_tokens(self.hardware.device)
        width = 6 * self.shape.hidden + 2 * self.shape.intermediate
        sequences = 1024 if batched > 2048 else 256
        logits = (
            sequences * self.shape.vocab * 4 * 2
            if self.engine.profiles_activations
            else batched * self.shape.vocab * 4
        )
        return int(batched * width * 2 / self.hardware.count + logits)

    def verdict(self, load: Load) -> FitVerdict:
        if self.variant.size_bytes is None or load.context_tokens > self.longest:
            return FitVerdict.NO
        terms = self.terms(load)
        required = sum(term.bytes for term in terms)
        weights, cache, state, activations, overhead = terms
        spread = max(
            _ERROR.get(weights.source, 0.5), self._table_spread() if weights.source == "table" else 0.0
        )
        error = (
            weights.bytes * spread
            + (cache.bytes + state.bytes) * _ERROR[cache.source]
            + activations.bytes * _ACTIVATION_ERROR
            + overhead.bytes * _ERROR[overhead.source]
        )
        if required > self.engine.most(self.hardware.device):
            return FitVerdict.NO
        return FitVerdict.FITS if required + error <= self.budget else FitVerdict.TIGHT

    def _table_spread(self) -> float:
        row = format_of(self.variant.label)
        return row.spread if row else 0.5

    def holds(self, load: Load) -> bool:
        return self.variant.size_bytes is not None and sum(t.bytes for t in self.terms(load)) <= self.budget

    def notes(self, load: Load) -> tuple[str, ...]:
        said = list(self.shape.notes)
        if self.guessed:
            said.append("no config.json was read: the cache is that of a common dense model of this size")
        if self.variant.size_source == "table" and self.variant.size_bytes is not None:
            said.append("the size of the weights is parameters times bits, not the files'")
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


def _most(least: int, most: int, holds: Callable[[int], bool]) -> int:
    """The greatest number that holds, by bisection; 0 when not even the least does."""
    if not holds(least):
        return 0
    low, high = least, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low
