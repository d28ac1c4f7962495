"""What we remember, whose model it is, and what changed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from watcher.types.observed import Details, Key, RepoFacts


@dataclass(frozen=True, kw_only=True, slots=True)
class Lineage:
    """Whose model a repo is. thread names the release: its quants, sizes and posts share it.

    official: the repo belongs to the family's own organisation. derived: somebody's fine-tune,
    merge or adapter. impersonates: the organisation whose name this publisher imitates. stamp: the date in
    the release's name, which version mostly holds too. quant_label: the weights format that the name states.
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
    stamp: str | None = None
    quant_label: str | None = None

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
    QUANT_METHOD = "quant-method"
    ENGINE_RELEASE = "engine-release"
    SECURITY_FIX = "security-fix"
    POST = "post"
    REGULATION = "regulation"
    HARDWARE = "hardware"
    REQUIREMENT = "requirement"
    EVALUATION = "evaluation"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One thing that became different. evidence holds short plain sentences for people.

    degree is major, minor or patch for a new version. For a new architecture it is minor where only its
    name is new, and "ability" where it is new by what it can do; for a new size "line" where only its line
    lacked it; for a licence "release" where a release brings it. None otherwise.
    """

    kind: ChangeKind
    key: Key
    lineage: Lineage
    before: str | None
    after: str | None
    detected_at: datetime
    evidence: tuple[str, ...] = ()
    degree: str | None = None
