"""What a row's words mean to the product: model, family, device, format and engine."""

import re
from dataclasses import dataclass, field
from functools import cache

from tests.accuracy.lookup import found_shape
from tests.accuracy.spelled import in_name, spelled
from watcher.families import load_families
from watcher.fit.device_names import candidates, device_named
from watcher.fit.shape import Shape
from watcher.fit.stand_ins import stand_in
from watcher.formats import Format, format_of
from watcher.types import Device, Json, Parameters

ENGINES = {
    "vllm": "vllm",
    "sglang": "sglang",
    "tensorrt-llm": "tensorrt-llm",
    "trt-llm": "tensorrt-llm",
    "trtllm": "tensorrt-llm",
    "llama.cpp": "llama.cpp",
    "llamacpp": "llama.cpp",
    "llama-server": "llama.cpp",
    "lm studio": "llama.cpp",
    "ollama": "ollama",
    "llama.cpp or ollama": "llama.cpp",
}
_UNSAID = ("none", "native", "default", "ollama tag default", "unquantized", "original")
_SERVING = ("vllm", "sglang", "tensorrt-llm")
_NUMBER = r"(\d+(?:\.\d+)?)\s?"
_SIZE = re.compile(rf"(?<![\d.A-Za-z]){_NUMBER}([bm])(?![a-z0-9])", re.IGNORECASE)
_ACTIVE = re.compile(rf"(?<![A-Za-z0-9])a{_NUMBER}b(?![a-z0-9])", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Named:
    """A model as the product knows it. guessed: only its size is known, and a stand-in is assumed.

    parameters: as published, towers included, where they were.
    """

    shape: Shape
    parameters: Parameters
    name: str
    family: str
    guessed: bool
    config: Json = field(default_factory=dict, compare=False)


def model_of(model_id: str, named: str) -> Named | None:
    """By repo id first, then as named; by the size in the name where nobody kept the shape."""
    name, family = model_id or named, family_of(model_id, named)
    for asked in (model_id, named):
        if found := found_shape(asked):
            known = found.parameters if found.parameters.total else found.shape.parameters
            return Named(
                shape=found.shape,
                parameters=known,
                name=name,
                family=family,
                guessed=False,
                config=found.config,
            )
    text = f"{model_id.rpartition('/')[2]} {named}"
    sizes = [float(n) * (1e9 if unit in "bB" else 1e6) for n, unit in _SIZE.findall(text)]
    if not sizes:
        return None
    active = [float(n) * 1e9 for n in _ACTIVE.findall(text)]
    shape = stand_in(int(sizes[0]), int(active[0]) if active else None)
    return Named(shape=shape, parameters=shape.parameters, name=name, family=family, guessed=True)


@cache
def family_of(model_id: str, named: str) -> str:
    """The registry's family that the name tells, "other" where none does."""
    for text in (model_id.rpartition("/")[2].casefold(), named.casefold()):
        found = [(m.start(), -m.end(), f.key) for f in load_families().families if (m := f.find(text))]
        if found:
            return min(found)[2]
    return "other"


def engine_of(text: str, row_format: Format | None, device: Device | None) -> str | None:
    """The engine a row names; where it names none, the one its format belongs to."""
    word = text.strip().casefold()
    if word:
        return next((engine for name, engine in ENGINES.items() if word == name), None) or next(
            (engine for name, engine in ENGINES.items() if name in word), None
        )
    if row_format is None:
        return None
    if row_format.container == "gguf" or (device is not None and device.vendor == "apple"):
        return "llama.cpp"
    return "vllm"


def format_named(text: str, model_id: str, named: str, engine: str) -> Format | None:
    """The weight format of a row: as stated, else as its names say, else what the engine loads by default."""
    serving = ENGINES.get(engine.strip().casefold(), "") in _SERVING
    folded = text.strip().casefold()
    if folded and folded not in _UNSAID:
        return format_of("fp8") if folded == "fp8/fp4 native" else spelled(text, serving=serving)
    if found := format_in_name(model_id, named, serving=serving):
        return found
    if serving:
        return format_of("bf16")
    return format_of("Q4_K_M") if engine.strip().casefold() == "ollama" else None


def format_in_name(*names: str, serving: bool = True) -> Format | None:
    """The format that the first of these names carries."""
    return next((found for name in names if (found := in_name(name, serving=serving))), None)


def device_of(
    text: str, nominal_gb: float | None, count: int = 1, *, any_size: bool = False
) -> Device | None:
    """The device a row names, of the memory it states: of one device, or of all of them together.

    any_size: of a card that is sold with several sizes of memory at one speed, the largest will do.
    """
    if not text.strip():
        return None
    sizes = dict.fromkeys((nominal_gb, nominal_gb / count if nominal_gb else None, None))
    if found := next((found for size in sizes if (found := device_named(text, size))), None):
        return found
    kin = candidates(text) if any_size else ()
    if len({device.bandwidth_bytes_per_s for device in kin}) != 1:
        return None
    return max(kin, key=lambda device: device.usable_bytes)
