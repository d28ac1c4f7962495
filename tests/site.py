"""A team's installation in tests: a configuration file, its catalog, and a stand-in Hub to poll.

`poll(now)` and `send(now)` are what `modelwatch sync` does, with the time as an argument; each opens
the catalog anew, as after a restart.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

from alerts.deliver import Outcome
from sources.standin.server import StandIn
from sources.standin.world import World
from store.db import Store
from tests.rows import OLD, START, api_row
from watcher import app
from watcher.cli_common import read_config
from watcher.rounds import RoundReport
from watcher.types import Delivery

MODEL = "mistralai/Mistral-Small-4-119B-2603"
DAY = timedelta(days=1)
_CONFIG = """\
store: {{url: "sqlite:///{folder}/watch.db"}}
hub: {{endpoint: "{hub}", families: [mistral], quantisers: [unsloth]}}
hardware:
  spark: {{device: dgx-spark, count: 1}}
deployments:
  helpdesk: {{model: {model}, quant: q4, engine: llama.cpp, hardware: spark, users: 2}}
"""


def world() -> World:
    """The model in use and some neighbours, all older than the first poll."""
    total = 119_000_000_000
    rows = [api_row(MODEL, safetensors={"parameters": {"BF16": total}, "total": total})]
    rows += [api_row(f"mistralai/Mistral-Old-{n}B", modified=OLD + n * DAY) for n in (3, 7)]
    gguf = {"Mistral-Small-4-119B-2603-Q4_K_M.gguf": (72_000_000_000, "q4")}
    return World.from_rows([*rows, api_row("unsloth/Mistral-Small-4-119B-2603-GGUF", base=MODEL, files=gguf)])


def three_alerts() -> World:
    """A world in which each of three days brings news of the model in use, one alert each."""
    told = world()
    total = 119_000_000_000
    row: dict[str, Any] = {"safetensors": {"parameters": {"BF16": total}, "total": total}, "licence": "mrl"}
    steps: list[dict[str, Any]] = [
        {},
        {"gated": "manual"},
        {"files": {"model.safetensors": (16 * 10**9, "bb")}},
    ]
    for day, step in enumerate(steps, 1):
        row |= step
        told.put(api_row(MODEL, modified=START + day * DAY, **row), START + day * DAY)
    return told


class Site:
    """channels: their Apprise addresses by name."""

    def __init__(self, folder: Path, hub: StandIn, channels: Mapping[str, str] | None = None) -> None:
        self.hub = hub
        self.path = folder / "watch.yaml"
        text = _CONFIG.format(folder=folder, hub=hub.url, model=MODEL)
        if channels:
            text += "channels:\n" + "".join(f'  {n}: {{url: "{url}"}}\n' for n, url in channels.items())
        self.path.write_text(text, encoding="utf-8")
        self.config = read_config(text, str(self.path))
        self.database = folder / "watch.db"

    def poll(self, now: datetime) -> RoundReport:
        """One round at this time of the Hub and of the watch; alerts are committed, not sent."""
        self.hub.now = now
        with app.open_store(self.config) as store:
            channels = tuple(app.open_channels(self.config, StringIO()))
            source = app.open_source(self.config)
            return app.sync(app.team_of(self.config), store, source, now=now, channels=channels)

    def send(self, now: datetime) -> list[Outcome]:
        with app.open_store(self.config) as store:
            return app.send(store, app.open_channels(self.config, StringIO()), now=lambda: now)

    def deliveries(self) -> list[Delivery]:
        """Every delivery, in the order in which their alerts were written."""
        with Store.open(f"sqlite:///{self.database}") as store:
            found = app.questions().alerts(self.database)
            return [d for alert in reversed(found) for d in store.deliveries_of(alert["id"])]
