"""How fast: decode is bandwidth over the bytes a step reads, prefill is FLOPs over what the units reach.

    step = (weights read + users x cache read / cache) / (bandwidth x efficiency)
         + layers x layer cost + users x sequence cost + 2 x layers x all-reduce (tensor parallel)

A large batch is bound by arithmetic instead. The constants are fitted to measured rows: docs/accuracy.md
says how far estimates are off, held out by source.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from watcher.fit.engines import Engine
from watcher.fit.layout import Layout
from watcher.fit.pace import Pace, pace_of
from watcher.fit.shape import Shape
from watcher.fit.traffic import Traffic, traffic_of
from watcher.formats import format_of
from watcher.types import Device, Hardware, Load, Speed, Variant

_ARITHMETIC = 0.5  # of peak FLOPs that the small matrices of a decoding step reach


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
    layout: Layout,
    engine: Engine,
    hardware: Hardware,
    devices: int,
    load: Load,
    factors: Mapping[str, float],
    engine_year: int | None,
) -> Estimate:
    """Tokens per second for each of load's users and for all, and seconds until a full prompt is read."""
    device = hardware.device
    pace = pace_of(device, engine.name, variant, experts=shape.is_moe, engine_year=engine_year)
    moved = traffic_of(shape, variant, weights_bytes, layout, load.context_tokens)
    batch = load.users if engine.batching else 1
    ranks = devices if engine.tensor_parallel else 1
    step = step_seconds(moved, pace, device, batch=batch, ranks=ranks)
    step = max(step, arithmetic_seconds(moved, device, variant, batch, ranks)) / factors.get("decode", 1.0)
    per_user = 1 / step if engine.batching else 1 / (step * load.users)
    prefill = prefill_seconds(shape, moved, variant, device, pace, load.context_tokens, devices)
    return Estimate(
        decode=_range(per_user, pace, load.users),
        total=_range(per_user * load.users, pace, load.users),
        prefill_seconds=None if prefill is None else prefill / factors.get("prefill", 1.0),
    )


def step_seconds(moved: Traffic, pace: Pace, device: Device, *, batch: int, ranks: int) -> float:
    """Seconds of one decoding step for a batch, on so many ranks of tensor parallel."""
    bandwidth = max(1.0, device.bandwidth_bytes_per_s * pace.efficiency)
    read = moved.always_bytes + moved.visited(batch, pace.routing) / pace.experts
    weights = read / ranks / bandwidth
    cache = batch * (moved.cache_bytes / pace.cache + 2 * moved.state_bytes) / bandwidth
    fixed = moved.layers * pace.layer_s + moved.expert_layers * pace.expert_layer_s
    fixed += (batch - 1) * pace.sequence_s
    talking = 2 * moved.layers * pace.allreduce_s if ranks > 1 else 0.0
    return weights + cache + fixed + talking


def prefill_seconds(
    shape: Shape, moved: Traffic, variant: Variant, device: Device, pace: Pace, tokens: int, devices: int
) -> float | None:
    """Two operations per active parameter and token, and attention over the pairs that it sees.

    None where the device's FLOPs are not known.
    """
    peak = peak_flops(device, variant)
    if not peak or not moved.active_parameters:
        return None
    tables = shape.embedding_parameters * (1 if shape.tied else 2)  # the head reads the last token alone
    read_once = max(0, moved.active_parameters - tables)
    pairs = sum(
        n * layer.heads * layer.head_width * _attended(tokens, layer.window) for layer, n in shape.groups
    )
    return (2.0 * read_once * tokens + 2.0 * pairs) / (peak * pace.mfu * devices)


def _attended(tokens: int, window: int | None) -> float:
    """Pairs of tokens that see each other: every one those before it, within the window."""
    reach = min(tokens, window or tokens)
    return reach * tokens - reach * reach / 2


def peak_flops(device: Device, variant: Variant) -> float:
    """Operations per second in the format that the arithmetic runs in; 0 where nothing is known.

    Only formats whose weights and activations are both quantised gain, and only on devices with the
    units; the others are unpacked to 16 bit.
    """
    row = format_of(variant.label)
    compute = row.compute if row and row.compute in device.tflops else "bf16"
    return device.tflops.get(compute or "bf16", 0.0) * 1e12


def arithmetic_seconds(moved: Traffic, device: Device, variant: Variant, batch: int, ranks: int) -> float:
    """The least that a step of a batch takes for its arithmetic; 0 where the device's FLOPs are not known."""
    peak = peak_flops(device, variant)
    return 2.0 * moved.active_parameters * batch / (peak * _ARITHMETIC * ranks) if peak else 0.0


def _range(expected: float, pace: Pace, users: int) -> Speed:
    spread = pace.spread if users == 1 else max(pace.spread, pace.shared_spread)
    return Speed(low=expected / spread, expected=expected, high=expected * spread)
