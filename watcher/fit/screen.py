"""What fits of very many models: the verdict of the estimate, without what only one model's reader wants."""

from collections.abc import Iterable, Sequence

from watcher.fit.engines import Engine, Plan, engines
from watcher.fit.estimate import devices_used, verdict_of
from watcher.fit.model import Model
from watcher.fit.placement import Placement
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
        known[width] = engine.plans(pool.device, width, _USUAL)
    devices = devices_used(model.shape, pool, engine, _USUAL)
    usual, *others = known[width]
    way = _placed(model, pool, engine, usual, devices)
    if way.holds(load):
        return verdict_of(way, load)
    if not others or not _placed(model, pool, engine, others[-1], devices).holds(load):
        return FitVerdict.NO  # what the most frugal way does not hold, none does
    ways = (_placed(model, pool, engine, plan, devices) for plan in others)
    return verdict_of(next(way for way in ways if way.holds(load)), load)


def _placed(model: Model, pool: Hardware, engine: Engine, plan: Plan, devices: int) -> Placement:
    return Placement(model=model, hardware=pool, engine=engine, plan=plan, devices=devices, factors={})
