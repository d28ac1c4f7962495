"""What a source says: observations, listings and the facts in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from watcher.types.evaluations import Evaluation

Json = Mapping[str, Any]


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
    licence_sha256: of the licence file, where the tag says "other". licence_blob: git's id of that file,
    whatever the tag. card_says: what the model card's text says of the licence, where the tag says nothing
    or "other"; a few lines, somebody else's words.
    """

    repo_id: str
    revision: str
    files: tuple[RepoFile, ...]
    config: Json | None = None
    quant_config: Json | None = None
    licence_sha256: str | None = None
    problems: tuple[str, ...] = ()
    licence_blob: str | None = None
    card_says: tuple[str, ...] = ()


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Sight:
    """One line of a log, understood: one of its fields says what was seen.

    observation: a row. details: files and configurations, of that row or late. look: what the page of a
    missing repo said, with moved_to where it led. trending: the repos of the Hub's trending list.
    evaluation: what a model was found to score. first_look: the account was read for the first time,
    or, after it had shown nothing up to empty_at, showed something.
    """

    key: Key
    seen_at: datetime
    observation: Observation | None = None
    details: Details | None = None
    look: Look | None = None
    moved_to: str | None = None
    trending: tuple[str, ...] = ()
    evaluation: Evaluation | None = None
    first_look: bool = False
    empty_at: datetime | None = None

    @property
    def about_repo(self) -> bool:
        return not (self.trending or self.evaluation or self.first_look)

    @property
    def account(self) -> str:
        return self.key.folded.partition("/")[0]


class SourceError(Exception):
    """A source could not be read: nothing was learned. retry_after_s when the source named a wait.

    limited: every further question would be refused as well, until that wait is over.
    """

    def __init__(self, message: str, *, retry_after_s: float | None = None, limited: bool = False) -> None:
        super().__init__(message)
        self.retry_after_s, self.limited = retry_after_s, limited
