"""Does it run here: memory, speed and the weights they are about."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from watcher.types.stack import Load


class FitVerdict(StrEnum):
    FITS = "fits"
    TIGHT = "tight"
    NO = "no"


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """One addend of a memory estimate and where it came from: header, files, config, table, guess."""

    bytes: int
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What an operator sets by hand; None is what the engine does by itself.

    utilisation: share of the device's memory. batched_tokens: most tokens in one step (vLLM's
    max_num_batched_tokens, SGLang's chunked_prefill_size, llama.cpp's ubatch). cache_dtype: bf16, fp8,
    q8_0, q4_0 ... tensor_parallel: over how many devices of the pool. eager: without CUDA graphs.
    prefix_caching: vLLM then keeps two states of a recurrent layer for every request instead of one.
    engine_year: when the engine was released; those before 2025 spend more on every step.
    """

    utilisation: float | None = None
    batched_tokens: int | None = None
    max_sequences: int | None = None
    cache_dtype: str | None = None
    tensor_parallel: int | None = None
    eager: bool = False
    prefix_caching: bool = True
    engine_year: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Correction:
    """What a team measured on its own machine: measured over predicted, per term of the estimate.

    Terms: usable, weights, kv_cache, activations, overhead, decode, prefill. source names the log.
    """

    device: str
    engine: str
    measured_on: date
    source: str
    factors: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Speed:
    """Tokens per second with an honest range."""

    low: float
    expected: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """Does it run here, and how well. Bytes are per device; notes and levers are plain sentences.

    ideal_bytes: what attention and state need of the load, of which kv_cache and state are what the
    engine sets aside. max_concurrency: requests of the load's context that the engine admits in its own
    worst case. devices: how many of the pool serve together. settings: those that the figures assume.
    levers: what would make it fit, or fit with room. corrections: the team's own measurements applied.
    """

    hardware: str
    engine: str
    load: Load
    verdict: FitVerdict
    budget_bytes: int
    weights: Term
    kv_cache: Term
    state: Term
    activations: Term
    overhead: Term
    kv_bytes_per_token: int
    max_users: int
    max_context: int
    decode_tokens_per_second: Speed | None
    total_tokens_per_second: Speed | None
    prefill_seconds: float | None
    notes: tuple[str, ...] = ()
    ideal_bytes: int = 0
    max_concurrency: float = 0.0
    devices: int = 1
    settings: Settings = Settings()
    levers: tuple[str, ...] = ()
    corrections: tuple[str, ...] = ()

    @property
    def required_bytes(self) -> int:
        terms = (self.weights, self.kv_cache, self.state, self.activations, self.overhead)
        return sum(term.bytes for term in terms)


@dataclass(frozen=True, kw_only=True, slots=True)
class Variant:
    """One loadable set of weights in a repo: a GGUF file type with its shards, or all safetensors.

    size_bytes is exact where size_source is "files", otherwise parameters times bits.
    """

    repo_id: str
    format: str
    label: str
    bits: float | None
    size_bytes: int | None
    size_source: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class FitRecord:
    """A fit as the catalog keeps it: which weights, on which pool, for which deployment's load."""

    repo_id: str
    label: str
    deployment: str | None
    fit: Fit
