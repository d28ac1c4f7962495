"""What does not change during a round, and what a step of it brought about."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from watcher.families import Registry
from watcher.releases import Releases, load_releases
from watcher.situation import Policy
from watcher.types import Alert, Change, Stack, Verdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """What does not change during a round: whom we serve, what we know of the world, how patient we are.

    channels: the deployments each channel wants to hear of; empty for all. catching_up: nobody has
    looked for so long that what changed is told in one message. releases: what families had before
    our catalog began.
    """

    stack: Stack
    registry: Registry
    policy: Policy
    channels: Mapping[str, frozenset[str]]
    trending: frozenset[str] = frozenset()
    catching_up: bool = False
    releases: Releases = field(default_factory=load_releases)


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What a step wrote: counted for the report, listed for the demo."""

    changes: list[tuple[str, Change]] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)

    def add(self, other: "Outcome") -> None:
        self.changes += other.changes
        self.verdicts += other.verdicts
        self.alerts += other.alerts
