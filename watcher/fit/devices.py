"""The accelerators that modelwatch knows: watcher/data/hardware.yaml as Device objects, and their links."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from watcher.tables import table
from watcher.types import Device

_MIB, _GIB = 1024**2, 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """How devices of a pool talk: bytes per second of one device in one direction, and a small all-reduce."""

    name: str
    bytes_per_s: float
    allreduce_s: float
    source: str


@cache
def devices() -> Mapping[str, Device]:
    """Every device by key: the rows, then one per chip and size of memory."""
    rows = table("hardware")
    found = {key: _device(key, row) for key, row in rows["devices"].items()}
    for key, chip in rows["chips"].items():
        found |= {device.key: device for device in _of_chip(key, chip, rows["chip_rules"])}
    return MappingProxyType(found)


def link_of(device: Device) -> Link:
    """The link of a device; KeyError names the link where hardware.yaml has no row for it."""
    row = table("hardware")["links"][device.link]
    return Link(
        name=device.link,
        bytes_per_s=row["gbs"] * 1e9,
        allreduce_s=row["allreduce_us"] / 1e6,
        source=row["source"],
    )


def _device(key: str, row: Mapping[str, Any]) -> Device:
    usable = int(row["usable_mib"] * _MIB)
    return Device(
        key=key,
        name=row["name"],
        vendor=row["vendor"],
        kind=row["kind"],
        usable_bytes=usable,
        planning_bytes=int(row["planning_gib"] * _GIB) if "planning_gib" in row else usable,
        optimistic_bytes=int(row["optimistic_gib"] * _GIB) if "optimistic_gib" in row else usable,
        visible_bytes=_visible(row, usable),
        bandwidth_bytes_per_s=row["bandwidth_gbs"] * 1e9,
        tflops=MappingProxyType(dict(row.get("tflops") or {})),
        link=row["link"],
        source=row["source"],
        sm=row.get("sm"),
    )


def _visible(row: Mapping[str, Any], usable: int) -> int:
    """What CUDA programs see of the driver's total: as measured, else by the rule for the maker."""
    if "visible_gib" in row or row["kind"] == "unified":
        return int(row["visible_gib"] * _GIB) if "visible_gib" in row else usable
    rule = table("hardware")["hidden"].get(row["vendor"])
    return usable - int(rule["hidden_gib"] * _GIB + rule["hidden_share"] * usable) if rule else usable


def _of_chip(key: str, chip: Mapping[str, Any], rules: Mapping[str, Any]) -> Iterator[Device]:
    """A Mac's chip with each size of memory. The maker's GB of memory are GiB."""
    for size in chip["memory_gb"]:
        share = rules["small_share"] if size <= rules["small_up_to_gb"] else rules["large_share"]
        usable = int(size * _GIB * share)
        yield Device(
            key=f"{key}-{size}gb",
            name=f"{chip['name']} {size} GB",
            vendor="apple",
            kind="unified",
            usable_bytes=usable,
            planning_bytes=int(usable * rules["planning_share"]),
            bandwidth_bytes_per_s=chip.get("bandwidth_by_gb", {}).get(size, chip["bandwidth_gbs"]) * 1e9,
            link="thunderbolt",
            source=f"{chip['source']}; working set: {rules['source']}",
        )
