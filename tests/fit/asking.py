"""Short ways to ask the fit engine about a model on a pool."""

from tests.fit.configs import Config
from watcher.fit.devices import devices
from watcher.fit.estimate import estimate
from watcher.fit.shape import shape_of
from watcher.quants import hypothetical
from watcher.types import Fit, Hardware, Load, Parameters, Variant

H100, H200, SPARK = "h100-sxm-80gb", "h200-sxm-141gb", "dgx-spark"


def pool(device: str, count: int = 1) -> Hardware:
    return Hardware(name="pool", device=devices()[device], count=count)


def sized(gigabytes: float, label: str = "Q4_K_M", form: str = "gguf") -> Variant:
    """Weights of a known size on disk, in GB of 10**9 bytes."""
    return Variant(
        repo_id="owner/model",
        format=form,
        label=label,
        bits=None,
        size_bytes=round(gigabytes * 1e9),
        size_source="files",
    )


def ask(
    config: Config | None,
    weights: str | Variant,
    device: str,
    *,
    users: int = 1,
    context: int = 8192,
    engine: str = "vllm",
    count: int = 1,
    billions: float | None = None,
) -> Fit:
    """The fit of a model in a format (parameters times bits) or of given weights."""
    shape = shape_of(config) if config is not None else None
    parameters = shape.parameters if shape else Parameters(total=int((billions or 0) * 1e9) or None)
    made = (
        weights
        if isinstance(weights, Variant)
        else hypothetical("owner/model", weights, parameters, engine, shape=shape)
    )
    assert made is not None
    return estimate(
        shape=shape,
        variant=made,
        parameters=parameters,
        hardware=pool(device, count),
        load=Load(users=users, context_tokens=context),
        engine=engine,
    )
