"""The recorded history of the demo: eight weeks of the Hub, written down from facts.

`history/*.yaml` holds one mapping a repo in few words; `sources.standin.expand` makes API rows of
them. A repo's `then` list says what happens to it later:

    - {at: 2026-03-12T09:00, gated: auto, quiet: true, staged: why}

takes over the new fields from that moment. Every entry is a commit, so sha and lastModified move,
unless it is `quiet` (a setting, like gating). `gone`, `back` and `renamed: new/id` do what they say.
`staged` marks what did not happen, or not then. What a good watcher makes of it all is in
`expected.yaml`, for people and for tests.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from typing import Any

import yaml

from sources.standin.expand import Spec, row_of
from sources.standin.world import World

FIRST_POLL = datetime(2026, 3, 2, 8, tzinfo=UTC)
WEEKS = 8
OTHER_FILES = ("shapes.yaml", "expected.yaml")

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ROW_WORDS = """
id created modified public licence licence_name licence_link gated base relation params stored dtype
weights_bytes weight_files model_type architectures shape quant quant_config tags languages library pipeline
downloads likes trending gguf_gib partial build title card_text texts staged
"""
_ROW_KEYS = frozenset(_ROW_WORDS.split())
_EVENT_KEYS = frozenset({"at", "quiet", "gone", "back", "renamed"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What a good watcher does about one event. poll counts from 1; held_from is the poll that first
    sees it where a quant of a brand-new model may be held back until it settles."""

    poll: int
    repo_id: str
    kind: str
    action: str
    why: str
    deployment: str | None = None
    held_from: int | None = None


class History(World):
    """A world and the times at which the demo polls it."""

    def __init__(self) -> None:
        super().__init__()
        self.weeks = tuple(FIRST_POLL + timedelta(weeks=week) for week in range(WEEKS))
        self.staged: list[tuple[str, str]] = []
        self.expected: tuple[Expected, ...] = ()


class HistoryError(ValueError):
    """The history contradicts itself; the message names file and repo."""


def load_history() -> tuple[History, tuple[datetime, ...]]:
    """The world of the demo and the times at which to poll it."""
    history = History()
    shapes = _read("shapes.yaml")
    for name in _file_names():
        for spec in _read(name)["repos"]:
            _tell(history, spec, shapes, f"{name}: {spec.get('id')}")
    history.expected = tuple(Expected(**item) for item in _read("expected.yaml")["events"])
    return history, history.weeks


def _file_names() -> list[str]:
    names = (entry.name for entry in files(__package__).joinpath("history").iterdir())
    return sorted(name for name in names if name.endswith(".yaml") and name not in OTHER_FILES)


def _read(name: str) -> Any:
    text = files(__package__).joinpath("history", name).read_text(encoding="utf-8")
    return yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader either way; the C one is 8 times faster


def _tell(history: History, spec: Spec, shapes: Mapping[str, Any], where: str) -> None:
    """Put a repo's first row and everything that happens to it into the world."""
    now = {key: value for key, value in spec.items() if key != "then"}
    if unknown := now.keys() - _ROW_KEYS:
        raise HistoryError(f"{where}: unknown keys {sorted(unknown)}")
    _note_staged(history, now)
    now["created"] = _moment(now["created"])
    public = _moment(now.get("public", now["created"]))
    now["modified"] = _moment(now["modified"]) if "modified" in now else public  # the launch is a commit too
    history.put(row_of(now, shapes), public)
    for moment, event in _in_order(spec.get("then") or [], where):
        if unknown := event.keys() - _ROW_KEYS - _EVENT_KEYS:
            raise HistoryError(f"{where}: unknown keys {sorted(unknown)} at {event['at']}")
        _note_staged(history, {"id": now["id"], **event})
        if event.get("gone"):
            history.remove(now["id"], moment)
            continue
        if "renamed" in event:
            history.rename(now["id"], event["renamed"], moment)
            now["born_as"] = now.get("born_as", now["id"])
            now["id"] = event["renamed"]
            continue
        now |= {key: value for key, value in event.items() if key not in _EVENT_KEYS}
        if not event.get("quiet") and not event.get("back"):
            now["modified"] = moment
        history.put(row_of(now, shapes), moment)


def _note_staged(history: History, said: Spec) -> None:
    if "staged" in said:
        history.staged.append((said["id"], said["staged"]))


def _in_order(events: list[Spec], where: str) -> Iterator[tuple[datetime, Spec]]:
    last = datetime.min.replace(tzinfo=UTC)
    for event in events:
        moment = _moment(event["at"])
        if moment <= last:
            raise HistoryError(f"{where}: events out of order at {event['at']}")
        last = moment
        yield moment, event


def _moment(value: datetime | date | str) -> datetime:
    """UTC; a bare date is its noon, so that no event falls together with a poll."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, 12, tzinfo=UTC)
    return value if value.tzinfo else value.replace(tzinfo=UTC)
