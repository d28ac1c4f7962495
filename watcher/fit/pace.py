"""How fast devices and engines go: watcher/data/speeds.yaml."""

from dataclasses import dataclass

from watcher.tables import table
from watcher.types import Hardware


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
    engine: float = 1.0
    engine_step_s: float = 0.0


def pace_of(hardware: Hardware, engine: str) -> Pace:
    """The device's own measured row over that of its kind of memory."""
    speeds = table("speeds")["speeds"]
    kinds = speeds["kinds"]
    row = {**kinds.get(hardware.device.kind, kinds["gddr"]), **speeds["devices"].get(hardware.device.key, {})}
    own = speeds["engines"].get(engine, {"speed": 1.0})
    share = own.get("speed_hbm", own["speed"]) if hardware.device.kind == "hbm" else own["speed"]
    return Pace(
        engine=share,
        engine_step_s=own.get("step_ms", 0.0) / 1000,
        efficiency=row["efficiency"],
        spread=row["spread"],
        step_s=row["step_ms"] / 1000,
        moe_step_s=row["moe_step_ms"] / 1000,
        allreduce_s=row["allreduce_us"] / 1e6,
        narrow=row["narrow"],
        mfu=row["mfu"],
        mfu_moe=row["mfu_moe"],
    )
