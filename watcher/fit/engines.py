"""What each engine takes and sets aside: watcher/data/engines.yaml and speeds.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from watcher.tables import table
from watcher.types import Device, Hardware

GIB = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class SmallCache:
    """A cache of smaller elements that an engine offers: needs names the units it takes, None for none."""

    element_bytes: float
    needs: str | None
    how: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One way to run: what memory may be filled, and what is set aside. how: the settings it takes."""

    budget_bytes: int
    batched_tokens: int
    graphs_bytes: int
    element_bytes: float
    how: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """utilisation: the share of usable memory it takes by default; stretched: what can be reached."""

    name: str
    utilisation: float
    stretched: float
    reserve_bytes: int
    context_bytes: int
    graphs_bytes: int
    tensor_parallel: bool
    batching: bool
    batches_in_flight: int
    chunked_is_full: bool
    profiles_activations: bool
    speed: float
    speed_hbm: float
    step_s: float
    stretch_how: str
    small_cache: SmallCache

    def budget(self, device: Device) -> int:
        """Bytes of one device that weights, cache and the rest may fill."""
        if device.kind == "unified":
            return device.planning_bytes
        return int(device.usable_bytes * self.utilisation) - self.reserve_bytes

    def most(self, device: Device) -> int:
        """The same at the edge. Of unified memory a Spark spares 112 of its 121.7 GiB at best."""
        if device.kind == "unified":
            halfway = (device.planning_bytes + device.usable_bytes) // 2
            return min(device.usable_bytes, max(halfway, int(0.92 * device.usable_bytes)))
        return int(device.usable_bytes * self.stretched)

    def plans(self, device: Device, element_bytes: float) -> tuple["Plan", ...]:
        """Ways to run on a device, the usual one first and the most frugal last."""
        usual = Plan(
            budget_bytes=self.budget(device),
            batched_tokens=self.batched_tokens(device),
            graphs_bytes=self.graphs_bytes,
            element_bytes=element_bytes,
        )
        stretched = Plan(
            budget_bytes=max(usual.budget_bytes, self.most(device)),
            batched_tokens=min(usual.batched_tokens, 2048 if self.profiles_activations else 128),
            graphs_bytes=0,
            element_bytes=element_bytes,
            how=(self.stretch_how,),
        )
        small = self.small_cache
        if small.element_bytes >= element_bytes or (small.needs and small.needs not in device.tflops):
            return usual, stretched
        halved = replace(usual, element_bytes=small.element_bytes, how=(small.how,))
        frugal = replace(stretched, element_bytes=small.element_bytes, how=(self.stretch_how, small.how))
        return usual, stretched, halved, frugal

    def batched_tokens(self, device: Device) -> int:
        """vLLM's default max_num_batched_tokens (engine/arg_utils.py): by memory, less on A100 and GB10."""
        if not self.profiles_activations:
            return 512
        if device.usable_bytes >= 160 * GIB:
            return 16384
        large = device.usable_bytes >= 70 * GIB and device.kind == "hbm" and not device.key.startswith("a100")
        return 8192 if large else 2048


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """How a device decodes and prefills: share of bandwidth (narrow: below 6 bit), cost of a step, FLOPs."""

    efficiency: float
    spread: float
    step_s: float
    moe_step_s: float
    allreduce_s: float
    narrow: float
    mfu: float
    mfu_moe: float


@cache
def engines() -> Mapping[str, Engine]:
    """Every engine by name."""
    return {name: _engine(name, row) for name, row in table("engines")["engines"].items()}


def _engine(name: str, row: Mapping[str, Any]) -> Engine:
    return Engine(
        name=name,
        utilisation=row["utilisation"],
        stretched=row["stretched"],
        reserve_bytes=int(row.get("reserve_gib", 0.0) * GIB),
        context_bytes=int(row["context_gib"] * GIB),
        graphs_bytes=int(row["graphs_gib"] * GIB),
        tensor_parallel=row["parallel"] == "tensor",
        batching=row["batching"],
        batches_in_flight=row["windows_in_flight"],
        chunked_is_full=row["chunked_is_full"],
        profiles_activations=row["batched_tokens"],
        speed=row["speed"],
        speed_hbm=row.get("speed_hbm", row["speed"]),
        step_s=row.get("step_ms", 0.0) / 1000,
        stretch_how=row["stretch_how"],
        small_cache=SmallCache(
            element_bytes=row["small_cache"]["bytes"],
            needs=row["small_cache"]["needs"],
            how=row["small_cache"]["how"],
        ),
    )


def pace_of(hardware: Hardware) -> Pace:
    """The device's own measured row over that of its kind of memory."""
    speeds = table("speeds")["speeds"]
    kinds = speeds["kinds"]
    row = {**kinds.get(hardware.device.kind, kinds["gddr"]), **speeds["devices"].get(hardware.device.key, {})}
    return Pace(
        efficiency=row["efficiency"],
        spread=row["spread"],
        step_s=row["step_ms"] / 1000,
        moe_step_s=row["moe_step_ms"] / 1000,
        allreduce_s=row["allreduce_us"] / 1e6,
        narrow=row["narrow"],
        mfu=row["mfu"],
        mfu_moe=row["mfu_moe"],
    )
