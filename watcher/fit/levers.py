"""What would make it fit, or fit with room: each lever is tried, and said only when it works."""

from collections.abc import Iterator
from dataclasses import replace

from watcher.fit.engines import GIB
from watcher.fit.model import Model
from watcher.fit.placement import Placement
from watcher.fit.ranks import divides
from watcher.fit.search import most
from watcher.types import Load

_LEAST_CONTEXT = 1024  # a shorter context is no way to serve an LLM
_LEAST_BITS = 2.5  # nor are weights of fewer bits
_FEWER_TOKENS, _FEWER_SEQUENCES = 2048, 256
_MORE_DEVICES = (2, 4, 8)


def levers(way: Placement, load: Load) -> tuple[str, ...]:
    """Changes that lift a tight fit or a no to "fits", the least painful first.

    way: the engine's usual way on a pool that could serve the model and the context at all.
    """
    if way.variant.size_bytes is None:
        return ()
    return (
        *_of_engine(way, load),
        *_of_share(way, load),
        *_of_load(way, load),
        *_of_hardware(way, load),
        *_of_weights(way, load),
    )


def _of_engine(way: Placement, load: Load) -> Iterator[str]:
    small, plan = way.engine.small_cache, way.plan
    available = small.needs is None or small.needs in way.hardware.device.tflops
    smaller = replace(way, plan=replace(plan, element_bytes=small.element_bytes))
    if available and small.element_bytes < plan.element_bytes and _room(smaller, load):
        yield f"a smaller cache type: {small.how}"
    if not way.engine.tensor_parallel:
        return
    fewer = replace(way, plan=replace(plan, batched_tokens=_FEWER_TOKENS))
    if plan.batched_tokens > _FEWER_TOKENS and _room(fewer, load):
        yield f"fewer tokens in a step: {_FEWER_TOKENS} instead of {plan.batched_tokens}"
    admitted = max(_FEWER_SEQUENCES, load.users)
    fewer = replace(way, plan=replace(plan, sequences=admitted))
    if plan.sequences > admitted and _room(fewer, load):
        yield f"fewer sequences in a step: {admitted} instead of {plan.sequences}"


def _of_share(way: Placement, load: Load) -> Iterator[str]:
    """More of the memory, where somebody set less than the engine's own share by hand."""
    given, visible = way.plan.settings.utilisation, way.hardware.device.visible_bytes
    usual = way.engine.utilisation
    if given is None or given >= usual or way.engine.reserved is not None:
        return
    if _room(replace(way, plan=replace(way.plan, budget_bytes=int(visible * usual))), load):
        yield f"more of the memory: {usual:g} instead of {given:g}"


def _of_load(way: Placement, load: Load) -> Iterator[str]:
    # Room is a margin, so what fits with room is searched on the need plus that margin.
    users, tokens = load.users, load.context_tokens
    context = most(tokens, lambda n: _short(way, Load(users=users, context_tokens=n)), 0)
    if _LEAST_CONTEXT <= context < tokens:
        whose = f" for each of {users}" if users > 1 else ""
        yield f"a shorter context: {context:,} tokens{whose}"
    served = most(users, lambda n: _short(way, Load(users=n, context_tokens=tokens)), 0)
    if 1 <= served < users:
        yield f"fewer users at once: {served}"


def _of_hardware(way: Placement, load: Load) -> Iterator[str]:
    for count in _MORE_DEVICES:
        if count <= way.hardware.count or (way.engine.tensor_parallel and not divides(way.shape, count)):
            continue
        if _room(replace(way, hardware=replace(way.hardware, count=count), devices=count), load):
            yield f"{count} such devices"
            return


def _of_weights(way: Placement, load: Load) -> Iterator[str]:
    """The largest size, in whole GiB, at which the same model would fit."""

    def short(gib: int) -> int:
        variant = replace(way.variant, size_bytes=gib * GIB)
        return _short(replace(way, model=Model(way.shape, variant, guessed=way.guessed)), load)

    largest = most(max(1, way.model.weights_bytes // GIB), short, 0)
    bits = largest * GIB * 8 / max(1, way.shape.parameters.total or 1)
    if largest and largest * GIB < way.model.weights_bytes and bits >= _LEAST_BITS:
        yield f"a quant of at most {largest} GiB"


def _room(way: Placement, load: Load) -> bool:
    return way.holds(load) and way.has_room(load)


def _short(way: Placement, load: Load) -> int:
    """0 when there is room, else 1: grows with the load, as a search needs it."""
    return 0 if _room(way, load) else 1
