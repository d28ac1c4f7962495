"""What we do about it: verdicts, alerts and their way to people."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from watcher.types.catalog import Change
from watcher.types.fit import Fit


class Action(StrEnum):
    ALERT = "alert"
    DIGEST = "digest"
    HOLD = "hold"
    IGNORE = "ignore"


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One constraint of a deployment, held against one model. passed None: not known.

    wanted and found are figures or words for people: "10 tok/s per user", "6 to 11 tok/s".
    """

    name: str
    passed: bool | None
    wanted: str
    found: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """One decision for one change and one deployment (None: the team as a whole).

    checks: the deployment's constraints, one by one, where a model was weighed against them.
    """

    action: Action
    trigger: str
    reason: str
    change: Change
    deployment: str | None = None
    fit: Fit | None = None
    until: datetime | None = None
    checks: tuple[Check, ...] = ()


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
