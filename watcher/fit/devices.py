"""The accelerators that modelwatch knows: watcher/data/hardware.yaml as Device objects."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any

from watcher.tables import table
from watcher.types import Device

_MIB, _GIB = 1024**2, 1024**3


@cache
def devices() -> Mapping[str, Device]:
    """Every device by key."""
    return MappingProxyType({key: _device(key, row) for key, row in table("hardware")["devices"].items()})


def _device(key: str, row: Mapping[str, Any]) -> Device:
    usable = int(row["usable_mib"] * _MIB)
    planning = int(row["planning_gib"] * _GIB) if "planning_gib" in row else usable
    return Device(
        key=key,
        name=row["name"],
        vendor=row["vendor"],
        kind=row["kind"],
        usable_bytes=usable,
        planning_bytes=planning,
        bandwidth_bytes_per_s=row["bandwidth_gbs"] * 1e9,
        tflops=MappingProxyType(dict(row.get("tflops") or {})),
        source=row["source"],
    )
