"""What a row's words mean to the product: model, family, device, format and engine."""

import re
from dataclasses import dataclass, field
from functools import cache

from tests.accuracy.lookup import found_shape
from watcher.families import load_families
from watcher.fit.device_names import device_named
from watcher.fit.shape import Shape
from watcher.fit.stand_ins import stand_in
from watcher.formats import Format, format_of, label_of
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
# Spellings that no publisher writes on a repo, as people write them of what they ran.
_SPELLINGS = {
    "q4": "Q4_K_M",
    "q4 gguf": "Q4_K_M",
    "q8": "Q8_0",
    "q5": "Q5_K_M",
    "q6": "Q6_K",
    "q3": "Q3_K_M",
    "q2": "Q2_K",
    "int4": "w4a16",
    "gptq4": "gptq",
    "gptq-int4": "gptq",
    "autoround": "autoround",
    "int4 autoround": "autoround",
    "bnb": "bnb-4bit",
    "bnb 4-bit": "bnb-4bit",
    "bnb 8-bit": "bnb-8bit",
    "gptq 4-bit": "gptq",
    "gptq 8-bit": "gptq-8bit",
    "awq 4-bit": "awq",
    "ollama tag default": "Q4_K_M",
    "fp8/fp4 native": "fp8",  # DeepSeek V4: its config.json says that experts are FP4
}
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
    word = re.sub(r"\s*\(.*\)", "", text).strip().removeprefix("i1-")
    if word:
        return _labelled(word, serving=serving)
    if found := format_in_name(model_id, named, serving=serving):
        return found
    if serving:
        return format_of("bf16")
    return format_of("Q4_K_M") if engine.strip().casefold() == "ollama" else None


def format_in_name(*names: str, serving: bool = True) -> Format | None:
    """The format that the first of these names carries."""
    return next((found for name in names if (found := _in_name(name, serving=serving))), None)


def _labelled(word: str, *, serving: bool) -> Format | None:
    folded = word.casefold()
    if serving and folded in ("q4", "4-bit", "int4"):
        return format_of("w4a16")
    if folded in _SPELLINGS:
        return format_of(_SPELLINGS[folded])
    if not serving and folded in ("f16", "bf16", "fp16", "mxfp4", "nvfp4"):
        return format_of({"fp16": "F16"}.get(folded, word.upper()))
    if serving and folded in ("f16", "mxfp4", "nvfp4", "bf16"):
        return format_of({"f16": "fp16"}.get(folded, folded))
    for text in (word, word.partition(" ")[0]):
        if _SPELLINGS.get(text.casefold()):
            return format_of(_SPELLINGS[text.casefold()])
        if found := format_of(text):
            return found
    return None


def _in_name(name: str, *, serving: bool) -> Format | None:
    label = label_of(f"{name}.gguf")
    if label != "gguf":
        return _labelled(label, serving=serving)
    for word in ("nvfp4", "mxfp4", "awq", "gptq", "autoround", "w4a16", "int4", "fp8", "bnb"):
        if re.search(rf"(?<![a-z]){word}", name.casefold()):
            return _labelled(word, serving=serving)
    return None


def device_of(text: str, nominal_gb: float | None, count: int = 1) -> Device | None:
    """The device a row names, of the memory it states: of one device, or of all of them together."""
    if not text.strip():
        return None
    sizes = dict.fromkeys((nominal_gb, nominal_gb / count if nominal_gb else None, None))
    return next((found for size in sizes if (found := device_named(text, size))), None)
