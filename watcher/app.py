"""The one place that knows sources, store and alerts: it ties the knots and holds no rule of its own.

The edges are imported where they are opened: SQLAlchemy, the Hub client and Apprise cost most of
a second together, and a question to the catalog needs none of them.
"""

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TextIO

from watcher.config import Config
from watcher.team import Team as Team
from watcher.team import team_of as team_of
from watcher.types import Alert, SourceError

if TYPE_CHECKING:
    from alerts.channels import Channel
    from alerts.deliver import Outcome as DeliveryOutcome
    from sources.chat import ChatEndpoint
    from sources.hub import HubSource
    from sources.standin.server import StandIn
    from store.db import Store
    from store.lock import DaemonLock
    from store.log import LogRow
    from watcher.backtest import Replay
    from watcher.rounds import RoundReport
    from watcher.types import Correction, Entry, Known, LocalModel, Observation, Problem, Sight

Progress = Callable[[str, int, int], None]


def store_path(config: Config) -> Path:
    """The SQLite file that the configuration names."""
    from store.files import path_of

    return path_of(config.store.url.get_secret_value())


def open_store(config: Config) -> "Store":
    """Opens the catalog, bringing an older file up to date; raises StoreError saying what to do."""
    from store.db import Store

    return Store.open(config.store.url.get_secret_value())


def open_catalog(config: Config) -> "Store":
    """The catalog that is there already; a question must not leave an empty one behind."""
    from store.errors import StoreError

    path = store_path(config)
    if not path.is_file():
        raise StoreError(f"there is no database at {path} yet: run `modelwatch sync` first")
    return open_store(config)


def questions() -> ModuleType:
    """The catalog's answers, on plain sqlite3: see store.read."""
    import store.read

    return store.read


def open_source(
    config: Config, *, stop: threading.Event | None = None, on_page: Callable[[str, int], None] | None = None
) -> "HubSource":
    """The Hub that the configuration names."""
    from sources.hub import HubSource

    token = config.hub.token.get_secret_value() if config.hub.token else None
    return HubSource(config.hub.endpoint, token or None, stop=stop, on_page=on_page)


def open_channels(config: Config, stream: TextIO) -> "dict[str, Channel]":
    """The team's channels; with none configured, the terminal and alerts.jsonl beside the database."""
    from alerts.channels import JsonLinesChannel, TerminalChannel, open_channel

    if not config.channels:
        jsonl = store_path(config).resolve().parent / "alerts.jsonl"
        return {"terminal": TerminalChannel(stream), "alerts.jsonl": JsonLinesChannel(jsonl)}
    return {name: open_channel(name, entry.url.get_secret_value()) for name, entry in config.channels.items()}


def sync(
    team: Team,
    store: "Store",
    source: "HubSource",
    *,
    now: datetime,
    channels: Sequence[str],
    progress: Progress = lambda *_: None,
    stop: threading.Event | None = None,
) -> "RoundReport":
    """One round over all watched accounts; alerts are committed, not yet sent."""
    from watcher.asking import Limits
    from watcher.refit import refit
    from watcher.rounds import Round

    refit(store, team.stack, now)
    round_ = Round(
        source=source,
        catalog=store,
        rules=team.rules(channels),
        limits=Limits(sweep_every=team.config.schedule.sweep),
        now=now,
        progress=progress,
        stopped=stop.is_set if stop else lambda: False,
    )
    return round_.run(team.authors)


def open_chat(
    url: str, model: str, key: str | None, *, timeout_s: float, stop: threading.Event
) -> "ChatEndpoint":
    """An OpenAI-compatible endpoint; raises SourceError on an address or a key that can not be one."""
    from sources.chat import ChatEndpoint

    return ChatEndpoint(url, model, key, timeout_s=timeout_s, chance=random.SystemRandom(), stop=stop)


def send(
    store: "Store",
    channels: "Mapping[str, Channel]",
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    stop: threading.Event | None = None,
) -> "list[DeliveryOutcome]":
    """Works off what is due in the outbox, one target at a time."""
    from alerts.deliver import deliver

    return deliver(store, channels, now, random.SystemRandom(), stop)


def daemon_lock(config: Config) -> "DaemonLock":
    """One daemon per database; raises StoreBusy naming the process that holds it."""
    from store.lock import DaemonLock

    return DaemonLock(store_path(config))


def export_log(store: "Store", out: TextIO, since: datetime | None) -> int:
    """Writes the observation log as JSON lines; returns their number."""
    from store.log import export_log as write

    return write(store, out, since)


def import_log(team: Team, store: "Store", lines: Iterable[str]) -> tuple[int, list[str]]:
    """Takes a log in silence; returns how many lines were taken and what was wrong.

    Looks come in the order of their times, so that first sights, renames and what was said last are
    as they were. Repos that the catalog knows already, by any name, are left alone, so that importing
    twice changes nothing.
    """
    from store.log import import_log as read
    from watcher.history import take

    sights, problems = history(read(lines))
    with store.write() as tx:
        return take(tx, team.rules(()), sights), problems


def history(rows: "Iterable[LogRow | Problem]") -> "tuple[list[Sight], list[str]]":
    """The lines of a log as what was seen, and a sentence for each line that can not be read."""
    from sources.hub_log import to_sight
    from sources.hub_rows import RowError
    from watcher.types import Problem

    problems: list[str] = []
    seen: list[Sight] = []
    for row in rows:
        if isinstance(row, Problem):
            problems.append(row.message)
            continue
        try:
            seen.append(to_sight(row.source, row.key, row.seen_at, row.row))
        except RowError as error:
            problems.append(f"line {row.line}: {row.key}: {error}")
    return seen, problems


def backtest(
    team: Team,
    rows: "Iterable[LogRow | Problem]",
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    baseline_until: datetime | None = None,
    watched: Sequence[str] | None = None,
) -> "Replay":
    """What the team's policy makes of a log, in a temporary catalog: see watcher.backtest.replay.

    watched: the accounts whose first sight is silent; without it, those that the team watches.
    """
    from store.temporary import temporary_store
    from watcher.backtest import replay

    sights, problems = history(rows)
    with temporary_store() as catalog:
        played = replay(
            sights,
            team.rules(()),
            catalog,
            since=since,
            until=until,
            baseline_until=baseline_until,
            watched=team.authors if watched is None else watched,
        )
    return replace(played, problems=(*problems, *played.problems))


Finding = tuple[str, bool, str]


def check_store(config: Config) -> Iterator[Finding]:
    """Whether the catalog opens, writes, and belongs to a version that we understand."""
    from store.errors import StoreError

    try:
        with open_store(config) as store, store.write():
            yield "store", True, f"{store_path(config)} opens and can be written"
    except StoreError as error:
        yield "store", False, str(error)


def check_sources(team: Team) -> Iterator[Finding]:
    """Whether each watched account answers, and whether the models in use are where they should be."""
    from watcher.checks import sources

    yield from sources(open_source(team.config), team.authors, team.stack, datetime.now(UTC))


def check_channels(config: Config) -> Iterator[Finding]:
    """Whether each channel's address is one that Apprise understands; nothing is sent."""
    from alerts.channels import check_url, safe_name

    if not config.channels:
        yield "channels", True, "none configured: alerts go to the terminal and alerts.jsonl"
    for name, entry in config.channels.items():
        url = entry.url.get_secret_value()
        problem = check_url(url)
        yield (
            f"channel {name}",
            problem is None,
            problem or f"{safe_name(url)} is well-formed; try: channels test",
        )


def try_channel(channel: "Channel", now: datetime) -> str | None:
    """Sends a sample alert; what went wrong, or None."""
    from alerts.channels import DeliveryError
    from watcher.report import sample_alert

    try:
        channel.send(sample_alert(now), now)
    except DeliveryError as error:
        return str(error)
    return None


@contextmanager
def demo_hub() -> "Iterator[tuple[StandIn, tuple[datetime, ...]]]":
    """The stand-in Hub with the recorded history, and the times of its weekly polls."""
    from sources.standin.history import load_history
    from sources.standin.server import StandIn

    world, weeks = load_history()
    with StandIn(world, now=weeks[0]) as hub:
        yield hub, tuple(weeks)


def alert_json(alert: Alert) -> dict[str, Any]:
    """An alert as alerts.jsonl holds it."""
    from alerts.render import as_json

    return as_json(alert)


def alert_slack(alert: Alert) -> list[str]:
    """An alert as the messages that Slack would show."""
    from alerts.render import as_slack

    return as_slack(alert)


def corrections(config: Config) -> "Sequence[Correction]":
    """What the team measured on its machines; nothing where there is no catalog yet."""
    if not store_path(config).is_file():
        return ()
    with open_store(config) as store, store.read() as tx:
        return tx.corrections()


class NoSuchRepoError(Exception):
    """A question about a repo that nobody can see."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A repo and its base. origin: catalog or hub."""

    entry: "Entry"
    base: "Known | None"
    origin: str


def find(team: Team, repo_id: str, now: datetime) -> Found:
    """A repo and its base: from the catalog where its layers are known, else read from the Hub.

    What the catalog knows serves when the Hub is silent. Raises NoSuchRepoError when neither knows it.
    """
    from watcher.assess import shape_read

    known = _from_catalog(team, repo_id)
    if known is not None and shape_read(known[0].known, known[1]) is not None:
        return Found(entry=known[0], base=known[1], origin="catalog")
    try:
        entry, base = _from_hub(team, repo_id, now)
    except (SourceError, NoSuchRepoError):
        if known is None:
            raise
        return Found(entry=known[0], base=known[1], origin="catalog")
    return Found(entry=entry, base=base, origin="hub")


def entry_of(team: Team, repo_id: str, now: datetime) -> "tuple[Entry, Known | None]":
    """What `find` finds, as entry and base."""
    found = find(team, repo_id, now)
    return found.entry, found.base


def local_model(path: Path) -> "LocalModel":
    """What a folder or a file of this machine holds; raises SourceError in one clear line."""
    from sources.local_model import read_local

    return read_local(path)


def _from_catalog(team: Team, repo_id: str) -> "tuple[Entry, Known | None] | None":
    if not store_path(team.config).is_file():
        return None
    with open_store(team.config) as store, store.read() as tx:
        found = tx.entries([repo_id]).get(repo_id.casefold())
        bases = tx.entries([found.lineage.base_repo]) if found and found.lineage.base_repo else {}
    if found is None or not found.variants:
        return None
    return found, next((entry.known for entry in bases.values()), None)


def _from_hub(team: Team, repo_id: str, now: datetime) -> "tuple[Entry, Known | None]":
    source = open_source(team.config)
    seen = _observed(source, repo_id, now)
    if seen is None:
        raise NoSuchRepoError(f"{repo_id}: the Hub shows no such repo (deleted, private or misspelt)")
    parent = seen.facts.base_models[0].repo_id if seen.facts.base_models else None
    try:
        base = _observed(source, parent, now) if parent else None
    except SourceError:
        base = None  # without its base a quant is judged by its own files
    return _entry_from(team, seen, base)


def _observed(source: "HubSource", repo_id: str, now: datetime) -> "Observation | None":
    look = source.look(repo_id, now)
    if look.observation is None:
        return None
    return replace(
        look.observation, details=source.details(look.observation.key.id, look.observation.revision, now)
    )


def _entry_from(team: Team, seen: "Observation", base: "Observation | None") -> "tuple[Entry, Known | None]":
    from watcher.catalog import Recorder

    recorder = Recorder(rules=team.rules(()), now=seen.seen_at)
    parent = recorder.entry(base, None, {}) if base else None
    bases = {parent.known.key.folded: parent} if parent else {}
    return recorder.entry(seen, None, bases), parent.known if parent else None
