"""The nouns that every part of modelwatch shares: frozen, keyword-only, free of I/O.

The edges (sources, store, alerts) import this module and nothing else of ours, so this is the
whole vocabulary in which they meet. "Model" always means an LLM; sizes are bytes, durations are
seconds unless a name says otherwise, and every datetime is timezone-aware UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

Json = Mapping[str, Any]


# --- what a source says -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """One thing of one source. Ids compare case-folded, as the Hub's do."""

    source: str
    id: str

    @property
    def folded(self) -> str:
        return self.id.casefold()


class Gate(StrEnum):
    """Who may download: everyone, everyone who clicks, or whom the owner approves."""

    NONE = "none"
    AUTO = "auto"
    MANUAL = "manual"


@dataclass(frozen=True, kw_only=True, slots=True)
class Licence:
    """A licence as the card states it: the Hub tag, and name and link where the tag is "other"."""

    id: str | None = None
    name: str | None = None
    link: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BaseModel:
    """A parent of a repo; relation is the Hub's word: finetune, quantized, adapter or merge."""

    repo_id: str
    relation: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RepoFile:
    """A file in a repo. Listings name files only; size and hash come with the details."""

    path: str
    size_bytes: int | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantisation:
    """How weights are stored, as tags or config.json state it; label is a GGUF file type."""

    method: str
    bits: float | None = None
    label: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Parameters:
    """Parameter counts; per_dtype as the safetensors headers give them (packed types as stored)."""

    total: int | None = None
    active: int | None = None
    per_dtype: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Popularity:
    """Volatile counters: shown to people, never a change."""

    downloads: int | None = None
    likes: int | None = None
    trending_score: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RepoFacts:
    """What a Hub repo says of itself. None and empty mean "not stated", never "none"."""

    repo_id: str
    hub_id: str | None = None
    created_at: datetime | None = None
    last_modified: datetime | None = None
    licence: Licence = Licence()
    gated: Gate | None = None
    disabled: bool = False
    base_models: tuple[BaseModel, ...] = ()
    pipeline_tag: str | None = None
    library: str | None = None
    languages: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    model_type: str | None = None
    architectures: tuple[str, ...] = ()
    quantisation: Quantisation | None = None
    parameters: Parameters = Parameters()
    files: tuple[RepoFile, ...] | None = None
    context_tokens: int | None = None
    popularity: Popularity = Popularity()

    @property
    def author(self) -> str:
        return self.repo_id.partition("/")[0] if "/" in self.repo_id else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Details:
    """The expensive facts of one revision: file sizes and hashes, config.json, ModelOpt's config.

    config and quant_config are slimmed by the source: per-layer ignore lists do not survive.
    """

    repo_id: str
    revision: str
    files: tuple[RepoFile, ...]
    config: Json | None = None
    quant_config: Json | None = None
    licence_sha256: str | None = None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Observation:
    """One look at one thing. row is the outside's own row, kept for the append-only log."""

    key: Key
    seen_at: datetime
    revision: str
    facts: RepoFacts
    row: Json
    details: Details | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """Something wrong with one item or one source, in one clear line."""

    source: str
    key: str | None
    message: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """A complete listing of one source: an incomplete one is an error, never a shorter Listing.

    newest is the greatest last-modified seen, never in the future; exhaustive says that every
    row there is was listed, so that absence means something.
    """

    source: str
    observations: tuple[Observation, ...]
    newest: datetime | None
    exhaustive: bool
    problems: tuple[Problem, ...] = ()


class Presence(StrEnum):
    """What a repo's own page says. GONE covers deleted and private: the Hub does not tell them apart."""

    PRESENT = "present"
    RENAMED = "renamed"
    GATED = "gated"
    DISABLED = "disabled"
    GONE = "gone"


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """The answer of one repo's own page."""

    repo_id: str
    presence: Presence
    observation: Observation | None = None


class SourceError(Exception):
    """A source could not be read: nothing was learned. retry_after_s when the source named a wait."""

    def __init__(self, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


# --- what we remember and what it means ---------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineage:
    """Whose model a repo is. thread names the release: its quants, sizes and posts share it.

    official: the repo belongs to the family's own organisation. derived: somebody's fine-tune,
    merge or adapter. impersonates: the organisation whose name this publisher imitates.
    """

    family: str | None
    series: str | None = None
    version: str | None = None
    size: str | None = None
    variant: str | None = None
    base_repo: str | None = None
    publisher: str = ""
    official: bool = False
    derived: bool = False
    quant: bool = False
    impersonates: str | None = None

    @property
    def thread(self) -> str:
        name = " ".join(part for part in (self.series or self.family, self.version) if part)
        return (name or self.base_repo or self.publisher).casefold().replace(" ", "-")


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the catalog remembers of one repo; only what a decision needs."""

    key: Key
    facts: RepoFacts
    revision: str
    first_seen: datetime
    removed_at: datetime | None = None
    missing_since: datetime | None = None
    details: Details | None = None


class ChangeKind(StrEnum):
    NEW_FAMILY = "new-family"
    NEW_VERSION = "new-version"
    NEW_SIZE = "new-size"
    NEW_ARCHITECTURE = "new-architecture"
    NEW_VARIANT = "new-variant"
    LICENCE = "licence"
    GATED = "gated"
    REMOVED = "removed"
    RENAMED = "renamed"
    RESTORED = "restored"
    NEW_QUANT = "new-quant"
    QUANT_REPLACED = "quant-replaced"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that became different. evidence holds short plain sentences for people.

    degree is major, minor or patch for a new version, and None otherwise.
    """

    kind: ChangeKind
    key: Key
    lineage: Lineage
    before: str | None
    after: str | None
    detected_at: datetime
    evidence: tuple[str, ...] = ()
    degree: str | None = None


# --- what the team runs -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """One accelerator. usable_bytes is what the driver reports; planning_bytes what one may plan with.

    Throughputs are dense; a format that the device has no units for is absent. kind is "hbm",
    "gddr" or "unified".
    """

    key: str
    name: str
    vendor: str
    kind: str
    usable_bytes: int
    planning_bytes: int
    bandwidth_bytes_per_s: float
    tflops: Mapping[str, float] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """A pool of the team's: count equal devices that serve one model together."""

    name: str
    device: Device
    count: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What the model has to serve: users at once, each with this many tokens of context."""

    users: int = 1
    context_tokens: int = 8192


@dataclass(frozen=True, kw_only=True, slots=True)
class LicenceRules:
    """allow: canonical licence ids or classes, empty for all. refuse_origin: ISO country codes."""

    allow: tuple[str, ...] = ()
    refuse_origin: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """A model in service. quant is a label (q4, Q4_K_M, fp8 ...) or an exact repo and file."""

    name: str
    model: str
    quant: str | None
    engine: str
    hardware: Hardware
    task: str
    languages: tuple[str, ...]
    load: Load
    min_tokens_per_second: float | None
    quality_floor: str | None
    licence: LicenceRules


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """What the team runs, may run, and whose new releases it wants to hear of."""

    hardware: tuple[Hardware, ...]
    deployments: tuple[Deployment, ...]
    shortlist: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    quantisers: tuple[str, ...] = ()


# --- does it fit --------------------------------------------------------------------------------


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
class Speed:
    """Tokens per second with an honest range."""

    low: float
    expected: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """Does it run here, and how well. Bytes are per device; notes are plain sentences."""

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


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """What the catalog writes for one repo. licence is canonical (watcher.licences)."""

    known: Known
    lineage: Lineage
    licence: str | None
    variants: tuple[Variant, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Member:
    """One known repo of a family or one quant of a base: what classifying a newcomer needs."""

    repo_id: str
    lineage: Lineage
    created_at: datetime | None
    first_seen: datetime
    model_type: str | None
    parameters_total: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceState:
    """How far a source has been read and how it does. failing_since marks the current episode.

    baseline_at None: never completed a listing, so the next one is a baseline.
    """

    source: str
    watermark: datetime | None = None
    baseline_at: datetime | None = None
    swept_at: datetime | None = None
    last_attempt_at: datetime | None = None
    last_success_at: datetime | None = None
    last_error: str | None = None
    failing_since: datetime | None = None
    not_before: datetime | None = None


# --- what we do about it ------------------------------------------------------------------------


class Action(StrEnum):
    ALERT = "alert"
    DIGEST = "digest"
    HOLD = "hold"
    IGNORE = "ignore"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """One decision for one change and one deployment (None: the team as a whole)."""

    action: Action
    trigger: str
    reason: str
    change: Change
    deployment: str | None = None
    fit: Fit | None = None
    until: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """A heading and its lines, all plain text: renderers escape for their target."""

    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Alert:
    """What is told, once: id is a hash of what it says. thread is the release it belongs to."""

    id: str
    thread: str
    trigger: str
    title: str
    sections: tuple[Section, ...]
    links: tuple[tuple[str, str], ...]
    deployments: tuple[str, ...]
    created_at: datetime


class DeliveryState(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    HELD = "held"
    UNKNOWN = "unknown"
    DEAD = "dead"


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """One alert on its way to one channel. unknown: the attempt timed out and may have arrived."""

    alert: Alert
    channel: str
    state: DeliveryState
    attempts: int
    next_attempt_at: datetime
    last_error: str | None = None
