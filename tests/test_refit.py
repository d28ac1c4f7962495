"""Machines and loads that were configured later get their fits without a word from the Hub."""

from pathlib import Path

from sources.standin.server import StandIn
from sources.standin.world import World
from store.read import quants
from tests.factories import NOW, deployment
from tests.rows import START, api_row
from tests.store.builders import rows
from tests.world import Watch
from watcher.refit import refit
from watcher.types import Correction

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


def test_a_correction_that_was_measured_is_in_every_stored_fit_from_then_on(tmp_path: Path) -> None:
    measured = Correction(
        device="dgx-spark",
        engine="llama.cpp",
        measured_on=NOW.date(),
        source="boot.log",
        factors={"activations": 5.0, "overhead": 5.0},
    )
    with (
        StandIn(_world()) as hub,
        Watch(tmp_path, hub, AUTHORS, deployments=(deployment(engine="llama.cpp"),)) as w,
    ):
        w.look(START)
        [before] = _needed(w)
        with w.store.write() as tx:
            assert tx.save_correction(measured)
        assert refit(w.store, w.rules.stack, NOW) > 0
        [after] = _needed(w)
        assert after > before
        assert refit(w.store, w.rules.stack, NOW) == 0
        with w.store.write() as tx:
            assert tx.forget_corrections("dgx-spark") == 2
        refit(w.store, w.rules.stack, NOW)
        assert _needed(w) == [before]


def _needed(watch: Watch) -> list[int]:
    """Bytes that the quant needs on the Spark under the deployment's load."""
    query = "SELECT required_bytes FROM fits WHERE label = 'Q4_K_M' AND deployment <> ''"
    return [row["required_bytes"] for row in rows(watch.store.path, query)]
