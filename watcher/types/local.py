"""A model on this machine: parsed configurations, and weight files whose headers can be read."""

from collections.abc import Callable
from dataclasses import dataclass

from watcher.types.observed import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class WeightFile:
    """One file of weights. path is relative to the model's folder; container is "safetensors" or "gguf".

    read: offset and length to bytes, fewer where the file ends; SourceError where it cannot be read.
    """

    path: str
    container: str
    size_bytes: int
    read: Callable[[int, int], bytes]


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalModel:
    """What a folder or a file holds, not yet understood.

    config: config.json, or Mistral's params.json. quantisation: hf_quant_config.json. index: that of sharded
    safetensors. files: every weight file. problems: what is there and was not read, one clear line each.
    """

    name: str
    config: Json | None = None
    quantisation: Json | None = None
    index: Json | None = None
    files: tuple[WeightFile, ...] = ()
    problems: tuple[str, ...] = ()
