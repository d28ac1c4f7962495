"""What a model's type implies where its configuration is silent: rows of watcher/data/architectures.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from watcher.tables import table


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """One row. None where the type implies nothing.

    full_every: of every so many layers the last one is full attention; between: the kind of the others.
    all_layers: the kind of every layer. tied: embeddings serve as output matrix where no key says otherwise.
    slides: a window without a list of layers is that of all layers.
    gated: feed-forward blocks have three matrices, else two. head: keeps an output matrix whatever its class
    is called. part: "text", "encoder", "seq2seq" or what it is instead of a language model.
    sublayers: attention layers in what the configuration counts as one.
    defaults: keys that the maker's class fills in.
    """

    name: str = ""
    full_every: int | None = None
    between: str = "sliding_attention"
    all_layers: str | None = None
    tied: bool = False
    gated: bool | None = None
    head: bool = False
    slides: bool = False
    part: str = "text"
    sublayers: int = 1
    defaults: Mapping[str, Any] = field(default_factory=dict)


_PLAIN = Architecture()


@cache
def _rows() -> Mapping[str, Architecture]:
    """Rows by every name they go by."""
    rows: dict[str, Architecture] = {}
    for names, keys in table("architectures")["architectures"].items():
        known = {name: value for name, value in keys.items() if name != "source"}
        for name in names.split():
            rows[name] = Architecture(name=name, **known)
    return rows


def architecture(*names: str) -> Architecture:
    """The row of the first of these model types that has one."""
    return next((row for name in names if (row := _rows().get(name[:64]))), _PLAIN)


def gguf_name(arch: str) -> str:
    """The model type that a GGUF architecture stands for; itself where the table has no other name."""
    renamed: str = table("architectures")["gguf"].get(arch, arch)
    return renamed


def tower_parameters(name: str) -> int:
    """Parameters of a tower known by its name; zero where the table has none of that name."""
    folded = name.casefold()
    towers = table("architectures")["towers"]
    return next((int(row["parameters"]) for key, row in towers.items() if key in folded), 0)
