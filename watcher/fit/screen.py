"""What fits of very many models: the verdict of the estimate, without what only one model's reader wants."""

from collections.abc import Iterable, Sequence

from watcher.fit.engines import Engine, Plan, engines
from watcher.fit.estimate import verdict_of
from watcher.fit.model import Model
from watcher.fit.placement import Placement
from watcher.fit.ranks import devices_used
from watcher.types import FitVerdict, Hardware, Load, Settings

_USUAL = Settings()


def what_fits(
    models: Iterable[Model], pools: Sequence[Hardware], load: Load, *, engine: str
) -> list[tuple[FitVerdict, ...]]:
    """For each model its verdict on each pool, in order: those of watcher.fit.estimate.estimate."""
    rules = engines().get(engine, engines()["vllm"])
    ways: list[dict[float, tuple[Plan, ...]]] = [{} for _ in pools]
    return [
        tuple(_verdict(model, pool, rules, known, load) for pool, known in zip(pools, ways, strict=True))
        for model in models
    ]


def _verdict(
    model: Model, pool: Hardware, engine: Engine, known: dict[float, tuple[Plan, ...]], load: Load
) -> FitVerdict:
    """known: ways to run on this pool by the width of a cached element."""
    width = model.shape.cache_bytes
    if width not in known:
        known[width] = engine.plans(pool.device, width, _USUAL, load.users)
    devices = devices_used(model.shape, pool, engine, _USUAL)
    plans = known[width]
    usual = _placed(model, pool, engine, plans[0], devices)
    if usual.holds(load) and usual.has_room(load):
        return verdict_of(usual, load)
    # What the most frugal way does not hold, none does; what any other than the usual one holds is tight.
    return verdict_of(_placed(model, pool, engine, plans[-1], devices), load)


def _placed(model: Model, pool: Hardware, engine: Engine, plan: Plan, devices: int) -> Placement:
    return Placement(model=model, hardware=pool, engine=engine, plan=plan, devices=devices, factors={})
