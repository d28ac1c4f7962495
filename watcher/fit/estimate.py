"""Does it run here, and how well: a breakdown that a reader can redo on paper.

    required = weights + cache + state + activations + overhead      (all per device)
    fits     = in the engine's usual way, with room for what the estimate may be off by
    tight    = within that error, or only with settings that the notes name
    no       = not even with those, or the context is too long

The terms and the budget are those of the way in which it loads; of a "no", those of the most frugal
one. Rules and sources: docs/fit.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from watcher.fit.engines import Engine, engines
from watcher.fit.levers import levers
from watcher.fit.model import MOST_BYTES, Model
from watcher.fit.placement import Placement
from watcher.fit.ranks import devices_used, possible
from watcher.fit.remarks import remarks
from watcher.fit.search import most
from watcher.fit.shape import Shape
from watcher.fit.speed import speeds
from watcher.fit.stand_ins import stand_in
from watcher.types import (
    Correction,
    Fit,
    FitVerdict,
    Hardware,
    Load,
    Parameters,
    Settings,
    Variant,
)

MOST_USERS, MOST_CONTEXT = 4096, 2**24
_USUAL = Settings()


def estimate(
    *,
    shape: Shape | None,
    variant: Variant,
    parameters: Parameters,
    hardware: Hardware,
    load: Load,
    engine: str,
    settings: Settings = _USUAL,
    corrections: Sequence[Correction] = (),
) -> Fit:
    """The fit of one set of weights on one pool under a load. Never raises; what is unknown is said in notes.

    shape None: a dense stand-in of the same size is assumed for the cache. variant.size_bytes None
    counts as weights that do not fit. settings: what is set by hand. corrections: the team's own
    measurements, of which those for this device and engine are applied.
    """
    load = replace(load, users=max(1, load.users), context_tokens=max(1, load.context_tokens))
    hardware = replace(hardware, count=max(1, hardware.count))
    rules = engines().get(engine, engines()["vllm"])
    ways = placements(
        model_of(shape, variant, parameters),
        hardware=hardware,
        engine=rules,
        settings=settings,
        users=load.users,
        factors=factors_of(corrections, hardware, engine),
    )
    chosen = best_way(ways, load)
    return _fit(ways[0], chosen, load, _applied(corrections, hardware, engine))


def model_of(shape: Shape | None, variant: Variant, parameters: Parameters) -> Model:
    """Weights with their shape; without one, with that of a dense stand-in of the same size."""
    assumed = shape or stand_in(parameters.total or _parameters_of(variant), parameters.active)
    return Model(assumed, variant, guessed=shape is None)


def placements(
    model: Model,
    *,
    hardware: Hardware,
    engine: Engine,
    settings: Settings = _USUAL,
    users: int = 1,
    factors: Mapping[str, float] | None = None,
) -> list[Placement]:
    """Every way to run these weights on this pool, the usual one first, the most frugal last."""
    devices, factors = devices_used(model.shape, hardware, engine, settings), factors or {}
    usable = factors.get("usable", 1.0)
    return [
        Placement(
            model=model,
            hardware=hardware,
            engine=engine,
            plan=plan if usable == 1.0 else replace(plan, budget_bytes=int(plan.budget_bytes * usable)),
            devices=devices,
            factors=factors,
        )
        for plan in engine.plans(hardware.device, model.shape.cache_bytes, settings, users)
    ]


def best_way(ways: Sequence[Placement], load: Load) -> Placement:
    """The first way with room to spare, else the first that holds, else the most frugal."""
    holding = [way for way in ways if way.holds(load)]
    return next((way for way in holding if way.has_room(load)), holding[0] if holding else ways[-1])


def verdict_of(way: Placement, load: Load) -> FitVerdict:
    """fits, tight or no for one way to run."""
    if not way.holds(load) or load.context_tokens > longest(way) or not servable(way):
        return FitVerdict.NO
    return FitVerdict.TIGHT if way.plan.how or not way.has_room(load) else FitVerdict.FITS


def servable(way: Placement) -> bool:
    """Whether the pool has the devices, and the heads divide over them."""
    return possible(way.shape, way.hardware, way.engine, way.devices)


def longest(way: Placement) -> int:
    """The model's own context, where it is known."""
    stated = None if way.guessed else way.shape.context_tokens
    return min(stated or MOST_CONTEXT, MOST_CONTEXT)


def factors_of(corrections: Sequence[Correction], hardware: Hardware, engine: str) -> dict[str, float]:
    """What a team measured for a device and an engine; of several logs the newest wins per term."""
    found: dict[str, float] = {}
    for correction in sorted(corrections, key=lambda c: c.measured_on):
        if correction.device == hardware.device.key and correction.engine == engine:
            found.update(correction.factors)
    return found


def _applied(corrections: Sequence[Correction], hardware: Hardware, engine: str) -> tuple[str, ...]:
    return tuple(
        f"{term} x{factor:.2f}, as measured on {correction.measured_on.isoformat()} ({correction.source})"
        for correction in corrections
        if correction.device == hardware.device.key and correction.engine == engine
        for term, factor in sorted(correction.factors.items())
    )


def _fit(usual: Placement, way: Placement, load: Load, corrections: tuple[str, ...]) -> Fit:
    weights, cache, state, activations, overhead = way.terms(load)
    verdict = verdict_of(way, load)
    pace = speeds(
        shape=way.shape,
        variant=way.variant,
        weights_bytes=way.model.weights_bytes,
        layout=way.layout,
        engine=way.engine,
        hardware=way.hardware,
        devices=way.devices,
        load=load,
        factors=way.factors,
        engine_year=way.plan.settings.engine_year,
    )
    known_speed, left = bool(way.model.weights_bytes), way.left
    users, tokens = load.users, load.context_tokens
    one, end = way.cache(1, tokens), longest(way)
    served = servable(way)
    most_users = min(MOST_USERS, way.plan.sequences) if way.engine.tensor_parallel else MOST_USERS
    return Fit(
        hardware=way.hardware.name,
        engine=way.engine.name,
        load=load,
        verdict=verdict,
        budget_bytes=way.plan.budget_bytes,
        weights=weights,
        kv_cache=cache,
        state=state,
        activations=activations,
        overhead=overhead,
        kv_bytes_per_token=way.layout.per_token(),
        max_users=most(most_users, lambda n: way.cache(n, tokens), left) if served and tokens <= end else 0,
        max_context=most(end, lambda n: way.cache(users, n), left) if served else 0,
        decode_tokens_per_second=pace.decode if known_speed else None,
        total_tokens_per_second=pace.total if known_speed else None,
        prefill_seconds=pace.prefill_seconds if known_speed else None,
        notes=remarks(usual, way, load, end),
        ideal_bytes=users * (way.layout.ideal(tokens) + way.layout.state_of_device()),
        max_concurrency=max(0.0, left / one) if one else 0.0,
        devices=way.devices,
        settings=_settings(way),
        levers=() if verdict is FitVerdict.FITS or not served or tokens > end else levers(usual, load),
        corrections=corrections,
    )


def _settings(way: Placement) -> Settings:
    """What the figures assume, in the engine's own sense."""
    plan = way.plan
    return replace(
        plan.settings,
        utilisation=plan.settings.utilisation or _share(way),
        batched_tokens=plan.batched_tokens,
        max_sequences=plan.sequences,
        cache_dtype=plan.settings.cache_dtype or _cache_word(way),
        tensor_parallel=way.devices,
        eager=plan.graphs_bytes == 0 and way.engine.graphs_bytes > 0,
    )


def _share(way: Placement) -> float | None:
    """SGLang's is of weights and cache alone, and chosen by itself where nobody does."""
    plan, visible = way.plan, max(1, way.hardware.device.visible_bytes)
    if way.engine.reserved is None:
        return plan.budget_bytes / visible
    if not plan.own_share and not plan.planned:
        return None
    return max(0.05, int(100 * (way.weights + max(0, way.left)) / visible) / 100)


def _cache_word(way: Placement) -> str:
    small = way.engine.small_cache
    return small.type if way.plan.element_bytes == small.element_bytes else "auto"


def _parameters_of(variant: Variant) -> int:
    bits = max(1.0, variant.bits or 16.0)
    return int(max(0, min(variant.size_bytes or 0, MOST_BYTES)) * 8 / bits) or 10**9
