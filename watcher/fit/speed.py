"""How fast: decode is bandwidth over the bytes a step reads, prefill is FLOPs over what the units reach.

    step = (weights read + users x cache read) / (bandwidth x efficiency) + fixed cost

Of a mixture of experts a step of B users reads the shared weights and 1 - (1 - k/E)^B of the routed
ones. Efficiencies and fixed costs are measured rows in watcher/data/hardware.yaml.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from watcher.fit.engines import Engine
from watcher.fit.layout import Layout
from watcher.fit.pace import Pace, pace_of
from watcher.fit.shape import Shape
from watcher.formats import format_of
from watcher.types import Hardware, Load, Parameters, Speed, Variant

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
    parameters: Parameters,
    layout: Layout,
    engine: Engine,
    hardware: Hardware,
    devices: int,
    load: Load,
    factors: Mapping[str, float],
) -> Estimate:
    """Tokens per second for each of load's users and for all, and seconds until a full prompt is read."""
    pace = pace_of(hardware, engine.name)
    total = parameters.total or shape.parameters.total or 1
    active = parameters.active or shape.parameters.active or total
    active_share = min(1.0, active / max(total, shape.parameters.total or 1))
    batch = load.users if engine.batching else 1
    step = _step_seconds(shape, variant, weights_bytes, layout, hardware, batch, load.context_tokens, engine)
    step /= factors.get("decode", 1.0)
    per_user = 1 / step if engine.batching else 1 / (step * load.users)
    prefill = _prefill(shape, active_share, hardware, load, pace)
    return Estimate(
        decode=_range(per_user, pace),
        total=_range(per_user * load.users, pace),
        prefill_seconds=prefill and prefill / factors.get("prefill", 1.0),
    )


def _range(expected: float, pace: Pace) -> Speed:
    return Speed(low=expected * (1 - pace.spread), expected=expected, high=expected * (1 + pace.spread))


def _step_seconds(
    shape: Shape,
    variant: Variant,
    weights_bytes: int,
    layout: Layout,
    hardware: Hardware,
    batch: int,
    tokens: int,
    engine: Engine,
) -> float:
    pace = pace_of(hardware, engine.name)
    read = _weights_read(shape, weights_bytes, batch)
    split = hardware.count if engine.tensor_parallel else 1
    peak = hardware.device.bandwidth_bytes_per_s
    bandwidth = max(1.0, peak * pace.efficiency * _share(variant, pace))
    moving = (read / split + batch * layout.read(tokens)) / bandwidth
    fixed = pace.moe_step_s if shape.is_moe else pace.step_s
    talking = 2 * len(shape.layers) * pace.allreduce_s if split > 1 else 0.0
    return max(
        moving + fixed + pace.engine_step_s + talking, _compute_seconds(shape, hardware, engine, batch)
    )


def _share(variant: Variant, pace: Pace) -> float:
    """What an engine and a format leave of a device's efficiency: unpacking narrow weights costs."""
    of_engine = pace.engine
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
