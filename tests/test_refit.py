"""Machines and loads that were configured later get their fits without a word from the Hub."""

from pathlib import Path

from sources.standin.server import StandIn
from sources.standin.world import World
from store.read import quants
from tests.factories import NOW, deployment
from tests.rows import START, api_row
from tests.world import Watch
from watcher.refit import refit

MODEL = "mistralai/Mistral-Small-4-119B-2603"
AUTHORS = ("mistralai", "unsloth")


def _world() -> World:
    files = {"Mistral-Small-4-119B-2603-Q4_K_M.gguf": (72_000_000_000, "q4")}
    count = {"parameters": {"BF16": 119_000_000_000}, "total": 119_000_000_000}
    model = api_row(MODEL, safetensors=count)
    return World.from_rows([model, api_row("unsloth/Small-4-GGUF", base=MODEL, files=files)])


def test_hardware_that_was_added_later_is_answered_for(tmp_path: Path) -> None:
    with StandIn(_world()) as hub:
        with Watch(tmp_path, hub, AUTHORS, deployments=()) as watch:
            watch.look(START)
            assert quants(watch.store.path, fits="spark") == []
        with Watch(tmp_path, hub, AUTHORS, deployments=(deployment(engine="llama.cpp"),)) as watch:
            assert refit(watch.store, watch.rules.stack, NOW) > 0
            assert [row["fits"] for row in quants(watch.store.path, fits="spark")] == [{"spark": "fits"}]
            assert refit(watch.store, watch.rules.stack, NOW) == 0


def test_fits_of_machines_that_are_gone_are_dropped(tmp_path: Path) -> None:
    with StandIn(_world()) as hub:
        with Watch(tmp_path, hub, AUTHORS) as watch:
            watch.look(START)
        with Watch(tmp_path, hub, AUTHORS, deployments=()) as watch:
            refit(watch.store, watch.rules.stack, NOW)
            assert quants(watch.store.path)[0]["fits"] == {}
