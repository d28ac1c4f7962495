"""What would make it fit, or fit with room: each lever is tried, and said only when it works."""

from collections.abc import Iterator
from dataclasses import replace

from watcher.fit.engines import GIB
from watcher.fit.placement import Placement
from watcher.fit.search import most
from watcher.types import FitVerdict, Load

_LEAST_CONTEXT = 1024  # a shorter context is no way to serve an LLM
_FEWER_TOKENS = 2048
_MORE_DEVICES = (2, 4, 8)


def levers(way: Placement, load: Load, verdict: FitVerdict, longest: int) -> tuple[str, ...]:
    """Changes that lift a tight fit or a no to "fits", the least painful first; empty where it fits."""
    if verdict is FitVerdict.FITS or way.variant.size_bytes is None:
        return ()
    return (
        *_of_engine(way, load),
        *_of_load(way, load, longest),
        *_of_hardware(way, load),
        *_of_weights(way, load),
    )


def _of_engine(way: Placement, load: Load) -> Iterator[str]:
    small, plan = way.engine.small_cache, way.plan
    available = small.needs is None or small.needs in way.hardware.device.tflops
    smaller = replace(way, plan=replace(plan, element_bytes=small.element_bytes))
    if available and small.element_bytes < plan.element_bytes and _room(smaller, load):
        yield f"a smaller cache type: {small.how}"
    fewer = replace(way, plan=replace(plan, batched_tokens=_FEWER_TOKENS))
    if way.engine.tensor_parallel and plan.batched_tokens > _FEWER_TOKENS and _room(fewer, load):
        yield f"fewer tokens in a step: {_FEWER_TOKENS} instead of {plan.batched_tokens}"


def _of_load(way: Placement, load: Load, longest: int) -> Iterator[str]:
    # Room is a margin, so what fits with room is searched on the need plus that margin.
    context = most(
        min(longest, load.context_tokens), lambda n: _short(way, Load(users=load.users, context_tokens=n)), 0
    )
    if _LEAST_CONTEXT <= context < load.context_tokens:
        yield (
            f"a shorter context: {context:,} tokens for each of {load.users}"
            if load.users > 1
            else f"a shorter context: {context:,} tokens"
        )
    users = most(load.users, lambda n: _short(way, Load(users=n, context_tokens=load.context_tokens)), 0)
    if 1 <= users < load.users:
        yield f"fewer users at once: {users}"


def _of_hardware(way: Placement, load: Load) -> Iterator[str]:
    for count in _MORE_DEVICES:
        if count <= way.hardware.count or (way.engine.tensor_parallel and way.shape.heads % count):
            continue
        if _room(replace(way, hardware=replace(way.hardware, count=count), devices=count), load):
            yield f"{count} such devices"
            return


def _of_weights(way: Placement, load: Load) -> Iterator[str]:
    cache = way.cache(load.users, load.context_tokens)
    spare = way.plan.budget_bytes - cache - way.activations - way.overhead
    smaller = int(spare * 0.94) * way.devices
    if 0 < smaller < way.model.weights_bytes:
        yield f"a quant of at most {smaller / GIB:.0f} GiB"


def _room(way: Placement, load: Load) -> bool:
    return way.holds(load) and way.has_room(load)


def _short(way: Placement, load: Load) -> int:
    """0 when there is room, else 1: grows with the load, as a search needs it."""
    return 0 if _room(way, load) else 1
