"""What a fit has to say beside its figures: the settings it takes, what was assumed, and what to mind."""

from watcher.fit.placement import Placement
from watcher.formats import format_of
from watcher.types import FitVerdict, Load


def remarks(way: Placement, load: Load, verdict: FitVerdict, longest: int) -> tuple[str, ...]:
    """Plain sentences, the most important first."""
    return (*_settings(way, verdict), *_devices(way), *_assumed(way), *_context(load, longest), *_format(way))


def _settings(way: Placement, verdict: FitVerdict) -> list[str]:
    if not way.plan.how:
        return []
    how = " ".join(way.plan.how)
    return [f"loads only with {how}" if verdict is FitVerdict.TIGHT else f"too large even with {how}"]


def _devices(way: Placement) -> list[str]:
    heads, devices, count = way.shape.heads, way.devices, way.hardware.count
    if devices > count:
        return [f"tensor parallel {devices} takes {devices} devices; {way.hardware.name} has {count}"]
    if way.engine.tensor_parallel and heads and heads % devices:
        return [f"tensor parallel {devices} does not divide its {heads} attention heads"]
    if devices < count:
        return [f"uses {devices} of {count} devices: {heads} attention heads do not divide by {count}"]
    return []


def _assumed(way: Placement) -> list[str]:
    said = list(way.shape.notes)
    variant = way.variant
    if way.guessed:
        said.append("no config.json was read: cache and speed are those of a common model of this size")
    if variant.size_bytes is None:
        return [*said, "the size of the weights is not known"]
    if variant.size_source == "table":
        said.append("the size of the weights is parameters times bits, not the files'")
    if variant.size_source == "guess":
        said.append("the size of the weights is guessed from the name")
    return said


def _context(load: Load, longest: int) -> list[str]:
    return [f"its context ends at {longest} tokens"] if load.context_tokens > longest else []


def _format(way: Placement) -> list[str]:
    said = []
    row, device = format_of(way.variant.label), way.hardware.device
    if row and row.compute and row.compute not in device.tflops:
        said.append(f"{device.name} has no {row.compute.upper()} units: saves memory, not compute")
    if way.variant.format == "gguf" and way.engine.tensor_parallel:
        said.append(f"GGUF is llama.cpp's format; {way.engine.name} runs it slowly or not at all")
    return said
