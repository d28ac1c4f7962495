"""The one place that knows sources, store and alerts: it ties the knots and holds no rule of its own.

The edges are imported where they are opened: SQLAlchemy, the Hub client and Apprise cost most of
a second together, and a question to the catalog needs none of them.
"""

import random
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TextIO, Unpack

from watcher.config import Config
from watcher.finding import Found as Found
from watcher.finding import NoSuchRepoError as NoSuchRepoError
from watcher.team import Team as Team
from watcher.team import team_of as team_of
from watcher.types import Alert

if TYPE_CHECKING:
    from alerts.channels import Channel
    from alerts.deliver import Outcome as DeliveryOutcome
    from sources.chat import ChatEndpoint
    from sources.hub import HubSource
    from sources.standin.server import StandIn
    from store.db import Store
    from store.lock import DaemonLock
    from store.log import LogRow
    from watcher.advise import Advice
    from watcher.backtest import Options, Replay
    from watcher.rounds import RoundReport
    from watcher.types import Correction, Entry, Known, LocalModel, Problem, Sight

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
    adopting: bool = True,
) -> "RoundReport":
    """What changed in the configuration, then one round over all watched accounts.

    Alerts are committed, not yet sent. adopting False: the configuration is the one of the round before.
    """
    from watcher.adopting import adopt
    from watcher.asking import Limits
    from watcher.refit import refit
    from watcher.rounds import Round
    from watcher.rules import Outcome

    rules = team.rules(channels)
    adopted = adopt(store, rules, now, patient=True, progress=progress) if adopting else Outcome()
    refit(store, team.stack, now, progress)
    round_ = Round(
        source=source,
        catalog=store,
        rules=rules,
        limits=Limits(sweep_every=team.config.schedule.sweep),
        now=now,
        progress=progress,
        stopped=stop.is_set if stop else lambda: False,
    )
    report = round_.run(team.authors)
    if adopted is None and not (stop and stop.is_set()):
        adopted = adopt(store, rules, now, patient=False, progress=progress)
        refit(store, team.stack, now, progress)
    if adopted is not None:
        report.outcome.add(adopted)
    return report


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
    from watcher.history import take

    sights, problems = read_history(lines, whole=True)
    with store.write() as tx:
        return take(tx, team.rules(()), sights), problems


def history(rows: "Iterable[LogRow | Problem]", *, whole: bool = False) -> "tuple[list[Sight], list[str]]":
    """The lines of a log as what was seen, and a sentence for each line that can not be read.

    whole: with the outside's own rows, which only a log needs, and which are most of its bytes.
    """
    from sources.hub_rows import RowError
    from sources.log_lines import to_sight
    from watcher.history import without_row
    from watcher.types import Problem

    problems: list[str] = []
    seen: list[Sight] = []
    for row in rows:
        if isinstance(row, Problem):
            problems.append(row.message)
            continue
        try:
            sight = to_sight(row.source, row.key, row.seen_at, row.row)
        except RowError as error:
            problems.append(f"line {row.line}: {row.key}: {error}")
        else:
            seen.append(sight if whole else without_row(sight))
    return seen, problems


def read_history(lines: Iterable[str], *, whole: bool = False) -> "tuple[list[Sight], list[str]]":
    """The same from JSON lines, as `modelwatch export` writes them."""
    from store.log import import_log as read

    return history(read(lines), whole=whole)


def own_history(config: Config) -> "tuple[list[Sight], list[str]]":
    """Everything that the team's own catalog has logged; raises StoreError where there is none."""
    from store.log import read_log

    return history(read_log(store_path(config)))


def play(team: Team, sights: "Sequence[Sight]", **options: "Unpack[Options]") -> "Replay":
    """What the team's policy makes of a history, in a temporary catalog; options: those of `replay`."""
    from store.temporary import temporary_store
    from watcher.backtest import replay

    options.setdefault("watched", team.authors)
    with temporary_store() as catalog:
        return replay(sights, team.rules(()), catalog, **options)


def backtest(team: Team, rows: "Iterable[LogRow | Problem]", **options: "Unpack[Options]") -> "Replay":
    """The same for the lines of a log, with what was wrong with them."""
    sights, problems = history(rows)
    played = play(team, sights, **options)
    return replace(played, problems=(*problems, *played.problems))


def preview(team: Team) -> str | None:
    """What the policy would have told of a log that was here before the first poll; None where none was."""
    from itertools import islice

    from store.log import read_log
    from watcher.backtest_preview import MOST_LINES, too_long
    from watcher.backtest_preview import preview as sentence

    if not store_path(team.config).is_file():
        return None
    with open_store(team.config) as store, store.read() as tx:
        if tx.baselines():
            return None
    rows = list(islice(read_log(store_path(team.config)), MOST_LINES + 1))
    if len(rows) > MOST_LINES:
        return too_long(MOST_LINES)
    sights, _ = history(rows)
    return sentence(sights, lambda since, silent: play(team, sights, since=since, baseline_until=silent))


Finding = tuple[str, bool, str]


def check_store(config: Config) -> Iterator[Finding]:
    """Whether the catalog opens, writes, and belongs to a version that we understand."""
    from store.errors import StoreError

    try:
        with open_store(config) as store, store.write():
            yield "store", True, f"{store_path(config)} opens and can be written"
    except StoreError as error:
        yield "store", False, str(error)


def check_standing(team: Team) -> list[tuple[str, str]]:
    """How the configuration stands by the catalog: advice, not findings."""
    from watcher.standing import advice

    with open_catalog(team.config) as store, store.read() as tx:
        return list(advice(tx, team.stack, team.registry, datetime.now(UTC)))


def check_policy(team: Team) -> Iterator[Finding]:
    """What the policy would have told of a log that was brought along."""
    from store.errors import StoreError

    try:
        said = preview(team)
    except StoreError:
        return  # check_store has said so
    if said is not None:
        yield "policy", True, said


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


def find(team: Team, repo_id: str, now: datetime) -> Found:
    """A repo and its base, from the catalog or the Hub: see watcher.finding."""
    from watcher.finding import find as look_up

    with ExitStack() as stack:
        there = store_path(team.config).is_file()
        store = stack.enter_context(open_store(team.config)) if there else None
        return look_up(team, store, lambda: open_source(team.config), repo_id, now)


def advise(team: Team, name: str, now: datetime) -> "Advice":
    """Advice for the deployment of this name; its model is read from the Hub where the catalog has it not."""
    from watcher.advising import advised

    with open_catalog(team.config) as store:
        return advised(team, store, name, now, lambda repo_id: entry_of(team, repo_id, now)[0])


def entry_of(team: Team, repo_id: str, now: datetime) -> "tuple[Entry, Known | None]":
    """What `find` finds, as entry and base."""
    found = find(team, repo_id, now)
    return found.entry, found.base


def local_model(path: Path) -> "LocalModel":
    """What a folder or a file of this machine holds; raises SourceError in one clear line."""
    from sources.local_model import read_local

    return read_local(path)
