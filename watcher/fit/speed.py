"""How fast: decode is bandwidth over the bytes a step reads, prefill is FLOPs over what the units reach.

    step = (weights read + users x cache read) / (bandwidth x efficiency) + fixed cost

Of a mixture of experts a step of B users reads the shared weights and 1 - (1 - k/E)^B of the routed
ones. Efficiencies and fixed costs are measured rows in watcher/data/hardware.yaml.
"""

from dataclasses import dataclass

from watcher.fit.cache import Cache
from watcher.fit.engines import Engine, Pace, pace_of
from watcher.fit.shape import Shape
from watcher.formats import format_of
from watcher.types import Hardware, Load, Speed, Variant

_BYTES_16BIT = 2
_NARROW_BITS = 6.0
_IQ_PENALTY = (
    0.75  # small I-quants decode slower than their size: 237 of 329 GiB/s (llama.cpp quantize README)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    decode: Speed
    total: Speed
    prefill_seconds: float | None


def speeds(
    *,
    shape: Shape,
    variant: Variant,
    weights_bytes: int,
    active_share: float,
    cache: Cache,
    hardware: Hardware,
    load: Load,
) -> Estimate:
    """Tokens per second for each of load's users and for all, and seconds until a full prompt is read."""
    engine, pace = cache.engine, pace_of(hardware)
    batch = load.users if engine.batching else 1
    step = _step_seconds(shape, variant, weights_bytes, cache, hardware, batch, load.context_tokens)
    per_user = 1 / step if engine.batching else 1 / (step * load.users)
    total = per_user * load.users
    return Estimate(
        decode=_range(per_user, pace),
        total=_range(total, pace),
        prefill_seconds=_prefill(shape, active_share, hardware, load, pace),
    )


def _range(expected: float, pace: Pace) -> Speed:
    return Speed(low=expected * (1 - pace.spread), expected=expected, high=expected * (1 + pace.spread))


def _step_seconds(
    shape: Shape,
    variant: Variant,
    weights_bytes: int,
    cache: Cache,
    hardware: Hardware,
    batch: int,
    tokens: int,
) -> float:
    pace, engine = pace_of(hardware), cache.engine
    read = _weights_read(shape, weights_bytes, batch)
    split = hardware.count if engine.tensor_parallel else 1
    peak = hardware.device.bandwidth_bytes_per_s
    bandwidth = max(1.0, peak * pace.efficiency * _share(variant, hardware, engine, pace))
    moving = (read / split + batch * cache.touched(tokens)) / bandwidth
    fixed = pace.moe_step_s if shape.is_moe else pace.step_s
    talking = 2 * len(shape.layers) * pace.allreduce_s if split > 1 else 0.0
    return max(moving + fixed + engine.step_s + talking, _compute_seconds(shape, hardware, engine, batch))


def _share(variant: Variant, hardware: Hardware, engine: Engine, pace: Pace) -> float:
    """What an engine and a format leave of a device's efficiency: unpacking narrow weights costs."""
    of_engine = engine.speed_hbm if hardware.device.kind == "hbm" else engine.speed
    row = format_of(variant.label)
    if variant.label.upper().removeprefix("UD-").startswith(("IQ1", "IQ2", "IQ3")):
        return of_engine * _IQ_PENALTY
    return of_engine * (pace.narrow if row and row.bits < _NARROW_BITS else 1.0)


def _weights_read(shape: Shape, weights_bytes: int, batch: int) -> float:
    """All but the input embedding, of which a step reads one row; of routed experts those visited."""
    total = shape.parameters.total or 0
    embedding = min(shape.embedding_parameters * _BYTES_16BIT, weights_bytes // 3)
    if total and weights_bytes / total < 1:  # quantised files store the embedding smaller as well
        embedding = int(shape.embedding_parameters / total * weights_bytes)
    rest = max(0, weights_bytes - embedding)
    if shape.experts is None:
        return rest
    visited = 1 - (1 - shape.experts.per_token / shape.experts.count) ** batch
    routed = weights_bytes * shape.experts.routed_share
    return max(0.0, rest - routed) + routed * visited


def _compute_seconds(shape: Shape, hardware: Hardware, engine: Engine, batch: int) -> float:
    """A large batch is bound by arithmetic: two operations per active parameter, at half of peak."""
    peak = hardware.device.tflops.get("bf16")
    if not peak or not shape.parameters.active:
        return 0.0
    split = hardware.count if engine.tensor_parallel else 1
    return 2 * shape.parameters.active * batch / (peak * 1e12 * 0.5 * split)


def _prefill(shape: Shape, active_share: float, hardware: Hardware, load: Load, pace: Pace) -> float | None:
    peak = hardware.device.tflops.get("bf16")
    total = shape.parameters.total
    if not peak or not total:
        return None
    linear = 2 * total * active_share * load.context_tokens
    reach = pace.mfu_moe if shape.is_moe else pace.mfu
    return float(linear / (peak * 1e12 * reach * hardware.count))
