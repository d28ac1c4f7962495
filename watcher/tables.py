"""What we know of the world, as tables: the files of watcher/data, read once."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

# The C loader is eight times faster; both are safe loaders.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def table(name: str) -> Mapping[str, Any]:
    """A table by its name, without ".yaml"."""
    text = files("watcher.data").joinpath(f"{name}.yaml").read_text(encoding="utf-8")
    loaded: Mapping[str, Any] = yaml.load(text, Loader=_LOADER)  # noqa: S506 - a safe loader
    return loaded
