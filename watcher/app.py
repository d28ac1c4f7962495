"""The one place that knows sources, store and alerts: it ties the knots and holds no rule of its own."""

import random
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from alerts.channels import Channel, JsonLinesChannel, TerminalChannel, open_channel
from alerts.deliver import Outcome as DeliveryOutcome
from alerts.deliver import deliver
from sources.hub import HubSource
from store.db import Store
from watcher.config import Config, stack_of
from watcher.families import Registry, load_families
from watcher.fit.devices import devices
from watcher.judging import Rules
from watcher.rounds import Limits, Round, RoundReport
from watcher.situation import Policy
from watcher.types import Stack

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Team:
    """A configuration, understood: what the team runs, whom we watch for it, and how patient we are."""

    config: Config
    stack: Stack
    registry: Registry

    @property
    def authors(self) -> tuple[str, ...]:
        """Every Hub account to watch: families first, so that bases are known before their quants."""
        hub = self.config.hub
        names = [*self.registry.organisations(hub.families), *hub.organisations]
        names += [d.model.partition("/")[0] for d in self.stack.deployments]
        names += [d.quant.partition("/")[0] for d in self.stack.deployments if d.quant and "/" in d.quant]
        names += [model.partition("/")[0] for model in self.stack.shortlist]
        return tuple({name.casefold(): name for name in [*names, *hub.quantisers]}.values())

    def rules(self, channels: Sequence[str]) -> Rules:
        policy = self.config.policy
        return Rules(
            stack=self.stack,
            registry=self.registry,
            policy=Policy(settle=policy.settle, quant_settle=policy.quant_settle),
            channels=tuple(channels),
        )


def team_of(config: Config) -> Team:
    """The team behind a configuration."""
    return Team(config=config, stack=stack_of(config, devices()), registry=load_families())


def store_path(config: Config) -> Path:
    """The SQLite file that the configuration names."""
    return Path(config.store.url.removeprefix("sqlite:///"))


def open_store(config: Config) -> Store:
    """Opens the catalog, bringing an older file up to date; raises StoreError saying what to do."""
    return Store.open(config.store.url)


def open_source(
    config: Config, *, stop: threading.Event | None = None, on_page: Callable[[str, int], None] | None = None
) -> HubSource:
    """The Hub that the configuration names."""
    token = config.hub.token.get_secret_value() if config.hub.token else None
    return HubSource(config.hub.endpoint, token or None, stop=stop, on_page=on_page)


def open_channels(config: Config, stream: TextIO) -> dict[str, Channel]:
    """The team's channels; with none configured, the terminal and alerts.jsonl beside the database."""
    if not config.channels:
        jsonl = store_path(config).resolve().parent / "alerts.jsonl"
        return {"terminal": TerminalChannel(stream), "alerts.jsonl": JsonLinesChannel(jsonl)}
    return {name: open_channel(name, entry.url.get_secret_value()) for name, entry in config.channels.items()}


def sync(
    team: Team,
    store: Store,
    source: HubSource,
    *,
    now: datetime,
    channels: Sequence[str],
    authors: Sequence[str] | None = None,
    progress: Progress = lambda author, index, total: None,
    stop: threading.Event | None = None,
) -> RoundReport:
    """One round over all watched accounts; alerts are committed, not yet sent."""
    round_ = Round(
        source=source,
        catalog=store,
        rules=team.rules(channels),
        limits=Limits(sweep_every=team.config.schedule.sweep),
        now=now,
        progress=progress,
        stopped=stop.is_set if stop else lambda: False,
    )
    return round_.run(team.authors if authors is None else authors)


def send(
    store: Store,
    channels: Mapping[str, Channel],
    *,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    stop: threading.Event | None = None,
) -> list[DeliveryOutcome]:
    """Works off what is due in the outbox, one target at a time."""
    return deliver(store, channels, now, random.SystemRandom(), stop)
