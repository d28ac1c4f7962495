"""What fits of very many models: the verdict of the estimate, without what only one model's reader wants."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from watcher.fit.engines import Engine, Plan, engines
from watcher.fit.estimate import factors_of, verdict_of
from watcher.fit.model import Model
from watcher.fit.placement import Placement
from watcher.fit.ranks import devices_used
from watcher.types import Correction, FitVerdict, Hardware, Load, Settings

_USUAL = Settings()


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A pool, what the team measured there, and ways to run there by the width of a cached element."""

    pool: Hardware
    factors: Mapping[str, float]
    ways: dict[float, tuple[Plan, ...]] = field(default_factory=dict)


def what_fits(
    models: Iterable[Model],
    pools: Sequence[Hardware],
    load: Load,
    *,
    engine: str,
    corrections: Sequence[Correction] = (),
) -> list[tuple[FitVerdict, ...]]:
    """For each model its verdict on each pool, in order: those of watcher.fit.estimate.estimate."""
    rules = engines().get(engine, engines()["vllm"])
    places = [_Place(pool=pool, factors=factors_of(corrections, pool, engine)) for pool in pools]
    return [tuple(_verdict(model, place, rules, load) for place in places) for model in models]


def _verdict(model: Model, place: _Place, engine: Engine, load: Load) -> FitVerdict:
    width = model.shape.cache_bytes
    if width not in place.ways:
        place.ways[width] = _plans(place, engine, width, load)
    devices = devices_used(model.shape, place.pool, engine, _USUAL)
    plans = place.ways[width]
    usual = _placed(model, place, engine, plans[0], devices)
    if usual.holds(load) and usual.has_room(load):
        return verdict_of(usual, load)
    # What the most frugal way does not hold, none does; what any other than the usual one holds is tight.
    return verdict_of(_placed(model, place, engine, plans[-1], devices), load)


def _plans(place: _Place, engine: Engine, width: float, load: Load) -> tuple[Plan, ...]:
    plans = engine.plans(place.pool.device, width, _USUAL, load.users)
    usable = place.factors.get("usable", 1.0)
    return tuple(replace(plan, budget_bytes=int(plan.budget_bytes * usable)) for plan in plans)


def _placed(model: Model, place: _Place, engine: Engine, plan: Plan, devices: int) -> Placement:
    return Placement(
        model=model, hardware=place.pool, engine=engine, plan=plan, devices=devices, factors=place.factors
    )
