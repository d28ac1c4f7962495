"""What fits, over a catalog of many models and five devices: our time, and as a share of llmfit's."""

import time

from tests.accuracy.lookup import known_shape
from tests.accuracy.peers import llmfit_seconds
from tests.accuracy.scores import Score
from tests.accuracy.vectors import VECTORS
from watcher.fit.devices import devices
from watcher.fit.model import Model
from watcher.fit.screen import what_fits
from watcher.fit.shape import Shape
from watcher.types import Hardware, Load, Variant

MODELS = 15_000
DEVICES = ("h100-sxm-80gb", "h200-sxm-141gb", "dgx-spark", "rtx-4090", "l40s")


def catalog(models: int = MODELS) -> list[Model]:
    """That many models of the shapes of the vectors, in turn, each prepared on its own."""
    shapes = [shape for name, *_ in VECTORS if (shape := known_shape(name)) is not None]
    return [_model(shapes[index % len(shapes)], index) for index in range(models)] if shapes else []


def _model(shape: Shape, index: int) -> Model:
    bits = (16, 8, 4.5)[index % 3]
    variant = Variant(
        repo_id=f"owner/model-{index}",
        format="safetensors",
        label=("bf16", "fp8", "awq")[index % 3],
        bits=bits,
        size_bytes=int((shape.parameters.total or 0) * bits / 8),
        size_source="files",
    )
    return Model(shape, variant)


def screening_scores(llmfit: str | None, *, peers: bool) -> dict[str, Score]:
    """what_fits_seconds for all devices; the share is of one device against llmfit's time for one."""
    models = catalog()
    if not models:
        return {}
    pools = [Hardware(name=key, device=devices()[key]) for key in DEVICES]
    start = time.perf_counter()
    what_fits(models, pools, Load(), engine="vllm")
    seconds = time.perf_counter() - start
    told = {"what_fits_seconds": Score(value=seconds, n=len(models) * len(pools))}
    theirs = llmfit_seconds(pools[0].device, llmfit) if peers else None
    if theirs:
        told["what_fits_llmfit_seconds_one_device"] = Score(value=theirs, n=1)
        told["what_fits_share_of_llmfit"] = Score(value=seconds / len(pools) / theirs, n=1)
    return told
