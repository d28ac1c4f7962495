"""The fit engine's knowledge of the world, read once from watcher/data: devices, engines, formats.

Every row there carries its source. Reading packaged data is the only I/O of this package.
"""

from functools import cache
from importlib.resources import files
from typing import Any

import yaml

Table = dict[str, Any]


@cache
def table(name: str) -> Table:
    """The mapping in watcher/data/<name>.yaml."""
    text = (files("watcher") / "data" / f"{name}.yaml").read_text("utf-8")
    loaded: Table = yaml.safe_load(text)
    return loaded


def engine_row(engine: str) -> tuple[str, Table]:
    """The engine's row and the name it was found under; an engine we do not know counts as vLLM."""
    rows: Table = table("hardware")["engines"]
    name = engine.strip().casefold()
    return (name, rows[name]) if name in rows else ("vllm", rows["vllm"])


def speed_row(device: str, kind: str) -> Table:
    """How a device decodes and prefills: its own measurements over those of its kind of memory."""
    speeds: Table = table("hardware")["speeds"]
    by_kind: Table = speeds["kinds"].get(kind) or speeds["kinds"]["gddr"]
    own: Table = speeds["devices"].get(device) or {}
    return {**by_kind, **own}
