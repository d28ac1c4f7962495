"""What fits, over a catalog of many models and five devices: our time, and as a share of llmfit's."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.accuracy.lookup import known_shape
from tests.accuracy.peers import llmfit_seconds
from tests.accuracy.scores import Score
from tests.accuracy.vectors import VECTORS
from watcher.fit.devices import devices
from watcher.fit.shape import Shape
from watcher.types import Device

MODELS = 15_000
DEVICES = ("h100-sxm-80gb", "h200-sxm-141gb", "dgx-spark", "rtx-4090", "l40s")


def catalog(models: int = MODELS) -> list[Shape]:
    """That many models of the shapes of the vectors, in turn."""
    shapes = [shape for name, *_ in VECTORS if (shape := known_shape(name)) is not None]
    return [shapes[index % len(shapes)] for index in range(models)] if shapes else []


def screening_scores(llmfit: str | None, *, peers: bool) -> dict[str, Score]:
    """what_fits_seconds for all devices; the share is of one device against llmfit's time for one."""
    shapes, screen = catalog(), _product_screen()
    if screen is None or not shapes:
        return {}
    rows = [devices()[key] for key in DEVICES]
    start = time.perf_counter()
    screen(shapes, rows)
    seconds = time.perf_counter() - start
    told = {"what_fits_seconds": Score(value=seconds, n=len(shapes) * len(rows))}
    theirs = llmfit_seconds(rows[0], llmfit) if peers else None
    if theirs:
        told["what_fits_llmfit_seconds_one_device"] = Score(value=theirs, n=1)
        told["what_fits_share_of_llmfit"] = Score(value=seconds / len(rows) / theirs, n=1)
    return told


def _product_screen() -> Callable[[Sequence[Shape], Sequence[Device]], Any] | None:
    """watcher.fit.screen, where there is one."""
    return None
