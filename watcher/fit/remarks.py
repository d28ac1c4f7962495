"""What a fit has to say beside its figures: the settings it takes, what was assumed, and what to mind."""

from watcher.fit.placement import Placement
from watcher.fit.ranks import divides
from watcher.formats import format_of
from watcher.types import Load


def remarks(usual: Placement, way: Placement, load: Load, longest: int) -> tuple[str, ...]:
    """Plain sentences, the most important first. usual: the engine's own way; way: the one taken."""
    return (
        *_settings(usual, way, load),
        *_devices(way),
        *_turns(way, load),
        *_assumed(way),
        *_context(load, longest),
        *_format(way),
    )


def _settings(usual: Placement, way: Placement, load: Load) -> list[str]:
    if not way.plan.how:
        return []
    how = " ".join(way.plan.how)
    if not way.holds(load):
        return [f"too large even with {how}"]
    return [f"has room only with {how}" if usual.holds(load) else f"loads only with {how}"]


def _devices(way: Placement) -> list[str]:
    heads, devices, count = way.shape.heads, way.devices, way.hardware.count
    if devices > count:
        return [f"tensor parallel {devices} takes {devices} devices; {way.hardware.name} has {count}"]
    if way.engine.tensor_parallel and heads % devices:
        return [f"tensor parallel {devices} does not divide its {heads} attention heads"]
    if way.engine.tensor_parallel and not divides(way.shape, devices):
        return [f"tensor parallel {devices} does not cut its {way.shape.kv_heads} key-value heads evenly"]
    if devices < count and way.plan.settings.tensor_parallel:
        return [f"uses {devices} of {count} devices, as asked"]
    if devices < count:
        return [f"uses {devices} of {count} devices: its heads do not divide over {count}"]
    return []


def _turns(way: Placement, load: Load) -> list[str]:
    if way.engine.batching or load.users == 1:
        return []
    return [f"{way.engine.name} answers its {load.users} users in turns; llama.cpp batches them"]


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
