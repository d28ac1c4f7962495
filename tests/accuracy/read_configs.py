"""Every recorded config.json, read to a shape or refused by name."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.accuracy.vectors import figures
from watcher.fit.shape import Shape, UnknownShape, shape_of

ASIDE = ("MANIFEST.json",)


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """One file: its shape, or why there is none."""

    name: str
    shape: Shape | None
    refused: str

    def line(self) -> str:
        """A row of the table in docs/accuracy.md."""
        if self.shape is None:
            return f"| {self.name} | refused: {self.refused} | | | |"
        growing, window, state = figures(self.shape)
        billions = (self.shape.parameters.total or 0) / 1e9
        cache = f"{growing:,}" + (f" + {window:,} in windows" if window else "")
        return (
            f"| {self.name} | {len(self.shape.layers)} {self.shape.attention} | {billions:.1f} | "
            f"{cache} | {f'{state:,}' if state else ''} |"
        )


def read_configs(folder: Path) -> Iterator[Read]:
    """config.json files below a folder, in order; a quantiser's own hf_quant_config.json is none."""
    for path in sorted(folder.rglob("*.json")):
        if path.name in ASIDE or path.name.endswith("hf_quant_config.json"):
            continue
        name = path.name.removesuffix(".json").removesuffix("_config").replace("--", "/")
        try:
            yield Read(name=name, shape=shape_of(json.loads(path.read_text(encoding="utf-8"))), refused="")
        except (UnknownShape, ValueError) as why:
            yield Read(name=name, shape=None, refused=str(why))
