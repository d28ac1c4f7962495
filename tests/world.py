"""A whole modelwatch against a stand-in Hub, for tests of the path from a listing to an alert."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType

from sources.hub import HubSource
from sources.standin.server import StandIn
from store.db import Store
from tests.factories import deployment
from watcher.asking import Limits
from watcher.families import load_families
from watcher.rounds import Round, RoundReport
from watcher.rules import Rules
from watcher.situation import Policy
from watcher.types import Deployment, Stack


class Watch:
    """A store and a source; `look(now)` is one round over the authors."""

    def __init__(
        self,
        folder: Path,
        hub: StandIn,
        authors: Sequence[str],
        *,
        deployments: Sequence[Deployment] = (deployment(),),
        limits: Limits | None = None,
        shortlist: Sequence[str] = (),
    ) -> None:
        self.hub, self.authors = hub, list(authors)
        self.store = Store.open(f"sqlite:///{folder / 'test.db'}")
        self.limits = limits or Limits()
        stack = Stack(
            hardware=tuple({d.hardware.name: d.hardware for d in deployments}.values()),
            deployments=tuple(deployments),
            shortlist=tuple(shortlist),
            families=("mistral", "qwen", "gemma", "llama", "phi", "deepseek", "gpt-oss"),
            quantisers=("bartowski", "unsloth", "nvidia"),
        )
        self.rules = Rules(
            stack=stack, registry=load_families(), policy=Policy(), channels={"test": frozenset()}
        )

    def look(self, now: datetime, authors: Sequence[str] | None = None) -> RoundReport:
        self.hub.now = now
        source = HubSource(self.hub.url, None)
        round_ = Round(source=source, catalog=self.store, rules=self.rules, limits=self.limits, now=now)
        return round_.run(self.authors if authors is None else authors)

    def __enter__(self) -> "Watch":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.close()
