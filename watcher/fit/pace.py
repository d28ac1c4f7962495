"""How fast devices and engines move bytes: watcher/data/speeds.yaml, fitted to measured rows.

A value is looked up for the engine's group and the device's class; what a class lacks is taken from the
group's "any". Groups: engines whose decoding is made alike; classes: memory and maker.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from watcher.fit.devices import link_of
from watcher.formats import format_of
from watcher.tables import table
from watcher.types import Device, Variant

_MOST_EFFICIENT = 0.97
_SIZE = re.compile(r"-\d+gb$")


@dataclass(frozen=True, kw_only=True, slots=True)
class Pace:
    """efficiency: share of peak bandwidth. experts, cache: what of that reading routed experts, and the
    cache, reach.

    layer_s, expert_layer_s: what a layer costs a step whatever it reads, and one with experts besides.
    sequence_s: what each further sequence of a batch costs. allreduce_s: talking once to the other
    devices. routing: see Traffic. spread: how far up or down (a factor) eight of ten measured rows of one
    user lie; shared_spread: the same of several users.
    """

    efficiency: float
    experts: float
    cache: float
    layer_s: float
    expert_layer_s: float
    sequence_s: float
    allreduce_s: float
    routing: float
    spread: float
    shared_spread: float
    mfu: float


def pace_of(
    device: Device, engine: str, variant: Variant, *, experts: bool, engine_year: int | None = None
) -> Pace:
    """The pace of an engine on a device with weights of a format; experts: of a mixture of them.

    engine_year: when the engine was released, where that is known; else it counts as today's.
    """
    rows = table("speeds")
    group = group_of(engine)
    own, kind = rows["groups"][group], class_of(device)
    efficiency = (
        _value(own["efficiency"], kind)
        * own["formats"].get(format_class(group, variant), 1.0)
        * own["devices"].get(chip_of(device), 1.0)
        * own["engines"].get(engine, 1.0)
    )
    once = own["layers_once"] if engine_year and engine_year < rows["todays_engines_since"] else 1.0
    mfu = rows["prefill"]["experts" if experts else "dense"]
    return Pace(
        efficiency=min(efficiency, _MOST_EFFICIENT),
        experts=_value(own["experts"], kind),
        cache=_value(own["cache"], kind),
        layer_s=_value(own["layer_us"], kind) * once / 1e6,
        expert_layer_s=_value(own["expert_layer_us"], kind) / 1e6,
        sequence_s=_value(own["sequence_us"], kind) / 1e6,
        allreduce_s=_allreduce_s(device),
        routing=rows["routing"],
        spread=_value(rows["spread"]["experts" if experts else "dense"], f"{group} {kind}"),
        shared_spread=_value(rows["spread"]["shared"], f"{group} {kind}"),
        mfu=_value(mfu, kind),
    )


def _allreduce_s(device: Device) -> float:
    """As fitted for links of this make, else as the table of links says."""
    fitted = table("speeds")["allreduce_us"].get(link_class(device))
    return link_of(device).allreduce_s if fitted is None else float(fitted) / 1e6


def group_of(engine: str) -> str:
    """Engines whose decoding is made alike share a group; one that nobody knows counts as vLLM."""
    names = table("speeds")["engine_groups"]
    return str(names.get(engine, names["vllm"]))


def class_of(device: Device) -> str:
    """hbm, gddr, spark, strix, apple, amd hbm, amd gddr ...: what memory it has and who made it."""
    if device.vendor == "apple":
        return "apple"
    if device.kind == "unified":
        return "spark" if device.vendor == "nvidia" else "strix"
    return device.kind if device.vendor == "nvidia" else f"{device.vendor} {device.kind}"


def chip_of(device: Device) -> str:
    """A device without its size of memory: those of one chip decode alike."""
    return _SIZE.sub("", device.key)


def link_class(device: Device) -> str:
    """nvlink, pcie, network ...: links of one make talk alike."""
    return device.link.rstrip("0123456789")


def format_class(group: str, variant: Variant) -> str:
    """Formats whose weights are unpacked alike: 16 bit, 8 bit, k-quants, i-quants ..."""
    label, row = variant.label.upper(), format_of(variant.label)
    bits = row.bits if row else variant.bits or 16.0
    if bits >= 15:
        return "16 bit"
    if group != "ggml":
        return "8 bit" if bits >= 7.5 else "4 bit"
    if "IQ" in label:
        return "i-quants"
    if "MXFP4" in label:
        return "mxfp4"
    return "8 bit" if bits >= 7.5 else "legacy" if row and row.legacy else "k-quants"


def _value(rows: Mapping[str, float], kind: str) -> float:
    return float(rows.get(kind, rows["any"]))
