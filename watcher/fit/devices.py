"""The accelerators we know, from watcher/data/hardware.yaml."""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from watcher.fit.tables import Table, table
from watcher.types import Device

MIB = 1024**2
GIB = 1024**3


@cache
def devices() -> Mapping[str, Device]:
    """Every device by its key, such as h100-sxm-80gb or dgx-spark."""
    return MappingProxyType({key: _device(key, row) for key, row in table("hardware")["devices"].items()})


def _device(key: str, row: Table) -> Device:
    usable = int(row["usable_mib"] * MIB)
    planning = row.get("planning_gib")
    return Device(
        key=key,
        name=row["name"],
        vendor=row["vendor"],
        kind=row["kind"],
        usable_bytes=usable,
        planning_bytes=int(planning * GIB) if planning else usable,
        bandwidth_bytes_per_s=row["bandwidth_gbs"] * 1e9,
        tflops=MappingProxyType({name: float(value) for name, value in row["tflops"].items()}),
        source=row["source"],
    )
