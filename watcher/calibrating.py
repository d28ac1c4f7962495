"""From a start-up log to what is needed to predict it: which weights, which layers, on which device.

The log names model and device in the engine's words; both may be told instead. Nothing here asks the
network: what the catalog or the Hub know of a repo comes in as an entry.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from watcher.assess import parameters_for, shape_for
from watcher.fit.calibration import Predict
from watcher.fit.device_names import candidates, device_named, has_memory
from watcher.fit.devices import devices
from watcher.fit.estimate import estimate
from watcher.fit.logs import BootLog
from watcher.fit.pools import UnknownHardware, pool_of
from watcher.fit.shape import Shape, UnknownShape, shape_of
from watcher.formats import label_of
from watcher.quants import hypothetical
from watcher.shapes import known_shape
from watcher.types import Device, Entry, Fit, Hardware, Known, Load, Parameters, Variant

_GIB = 2**30
_SNAPSHOT = re.compile(r"models--([\w.-]{1,96}?)--([\w.-]{1,200}?)(?:/|$)")
_REPO = re.compile(r"[\w.-]{1,96}/[\w.-]{1,200}")
_BENCH_LABEL = re.compile(r"(Q\d_K) - (Small|Medium|Large)")
_BENCH_TYPE = re.compile(r" (?:I?Q\d|TQ\d|MXFP4|NVFP4|BF16|F16|F32|all F32|mostly )")
_IN_NAME = ("nvfp4", "mxfp4", "fp8", "awq", "gptq", "w4a16", "w8a8", "int8", "int4", "bnb-4bit")
_ROUND = 0.03  # a log prints sizes with two digits behind the point


class Unclear(Exception):  # noqa: N818 - what the log leaves open, and how to say it
    """The log does not tell the model or the device; the message says how to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What was measured. name: the model as we call it; how: where its layers are known from."""

    name: str
    how: str
    shape: Shape
    variant: Variant
    parameters: Parameters


def repo_of(name: str | None) -> str | None:
    """The Hub's id in a model's name: itself, or that of a path in the Hub's cache; None for other paths."""
    if name is None:
        return None
    if found := _SNAPSHOT.search(name):
        return f"{found[1]}/{found[2]}"
    return name if _REPO.fullmatch(name) and not name.endswith(".gguf") else None


def subject_of(log: BootLog, name: str | None, entry: Entry | None, base: Known | None) -> Subject:
    """The weights that the log is about. name: as told, else as the log has it. entry: what a repo offers.

    Raises Unclear naming what to pass.
    """
    called = name or log.model
    if called is None:
        raise Unclear("the log does not name its model: pass --model org/name")
    offered = entry.variants if entry else ()
    shape = shape_for(entry.known, base) if entry else None
    if entry is not None and shape is not None:
        repo, how, parameters = (
            entry.known.facts.repo_id,
            "its repo",
            parameters_for(entry.known, base, shape),
        )
    else:
        repo, how, shape, parameters = _from_table(called)
    variant = _variant(log, offered) or _assumed(log, called, repo, parameters)
    return Subject(name=repo, how=how, shape=shape, variant=variant, parameters=parameters)


def _from_table(called: str) -> tuple[str, str, Shape, Parameters]:
    """Repo, how it was found, layers and parameters of a model that we know by name."""
    known = known_shape(repo_of(called) or called) or known_shape(_of_bench(called))
    if known is None:
        raise Unclear(
            f"the layers of {called[:120]!r} are not known: pass --model org/name, "
            "a repo on the Hub or in the catalog with the same layers"
        )
    try:
        shape = shape_of(known.config)
    except UnknownShape as error:
        raise Unclear(f"the layers of {known.name} can not be read: {error}") from error
    total = known.parameters.total or shape.parameters.total
    parameters = Parameters(total=total, active=known.parameters.active or shape.parameters.active)
    return known.name, known.how, shape, parameters


def _variant(log: BootLog, variants: Sequence[Variant]) -> Variant | None:
    """Of a repo's weights those that the log loaded: by label and by the size that it states."""
    gguf = log.engine in ("llama.cpp", "ollama")
    usable = [v for v in variants if v.size_bytes and (v.format == "gguf") is gguf]
    if log.file_bytes is not None:
        size = log.file_bytes.value
        alike = [v for v in usable if abs((v.size_bytes or 0) - size) <= _ROUND * size]
        return alike[0] if alike else None
    labelled = [v for v in usable if gguf and v.label == _label(log.model or "")]
    return labelled[0] if labelled else usable[0] if len(usable) == 1 else None


def _assumed(log: BootLog, called: str, repo: str, parameters: Parameters) -> Variant:
    """The weights by the size that the log states, else by the format in the name."""
    if log.file_bytes is not None:
        return Variant(
            repo_id=repo,
            format="gguf",
            label=_label(log.model or called),
            bits=None,
            size_bytes=int(log.file_bytes.value),
            size_source="files",
        )
    folded = f"{called} {log.model or ''} {log.quantisation or ''}".casefold().replace(
        "modelopt_fp4", "nvfp4"
    )
    word = next((word for word in _IN_NAME if word in folded), None)
    if log.engine in ("llama.cpp", "ollama"):
        word = _label(log.model or called)
    made = hypothetical(repo, word or "bf16", parameters, log.engine)
    size = int((parameters.total or 0) * 2) or None
    fallback = Variant(
        repo_id=repo, format="safetensors", label="bf16", bits=16.0, size_bytes=size, size_source="guess"
    )
    return made or fallback


def _of_bench(name: str) -> str:
    """llama-bench's word for a kind of model without its format: "qwen3moe 30B.A3B Q4_K - Medium"."""
    bare = _BENCH_TYPE.split(name, maxsplit=1)[0]
    return bare.replace("moe ", " ").replace("B.A", "B-A")


def _label(name: str) -> str:
    """The GGUF type in a file's name, or in llama-bench's words: "qwen2 7B Q4_K - Medium"."""
    said = _BENCH_LABEL.sub(lambda found: f"{found[1]}_{found[2][0]}", name)
    return label_of(said.replace(" ", "-"))


def place_of(log: BootLog, on: str | None, own: Sequence[Hardware]) -> Hardware:
    """Where it ran, with as many devices as served together. on: a pool of the team's or a device's name.

    Raises Unclear naming the devices that come into question.
    """
    count = log.tensor_parallel
    if on is not None:
        pool = next((pool for pool in own if pool.name == on), None)
        try:
            found = pool or pool_of(on)
        except UnknownHardware as error:
            raise Unclear(f"--on: {error}") from error
        return Hardware(name=found.name, device=found.device, count=count)
    device = _named(log) or _only_own(log, own)
    return Hardware(name=device.key, device=device, count=count)


def _named(log: BootLog) -> Device | None:
    """The device that the log names; None when it names none. Of several names the first that we know."""
    memory = log.device_memory.value / 1e9 if log.device_memory else None
    for name in log.devices:
        if (found := device_named(name, memory)) is not None:
            return found
    if not log.devices:
        return None
    if memory is not None and device_named(log.devices[0]) is not None:
        raise Unclear(
            f"the log names {log.devices[0][:80]!r} with {memory * 1e9 / _GIB:.1f} GiB, "
            "which may be a part of one: pass --on DEVICE if it is a whole one"
        )
    likely = ", ".join(device.key for device in candidates(log.devices[0]))
    raise Unclear(
        f"the log names {log.devices[0][:80]!r}, "
        + (f"which may be {likely}" if likely else "which is no device that we know")
        + ": pass --on DEVICE"
    )


def _only_own(log: BootLog, own: Sequence[Hardware]) -> Device:
    """The team's own device, where there is one kind, of the memory that the log states."""
    memory = log.device_memory.value / 1e9 if log.device_memory else None
    kinds = {pool.device.key: pool.device for pool in own}
    fitting = [d for d in kinds.values() if memory is None or has_memory(d, memory)]
    if len(fitting) == 1:
        return fitting[0]
    if memory is None:
        raise Unclear("the log does not name its device: pass --on DEVICE, such as h100-sxm-80gb")
    alike = [d.key for d in (fitting or devices().values()) if has_memory(d, memory)]
    raise Unclear(
        f"the log names no device, only {memory * 1e9 / _GIB:.1f} GiB: pass --on DEVICE"
        + (f", such as {', '.join(alike[:6])}" if alike else "")
    )


def predictor(log: BootLog, subject: Subject, place: Hardware) -> Predict:
    """Our estimate with the log's settings and without any correction, once per load."""
    seen: dict[Load, Fit] = {}
    # A boot took the model's own cache type unless told; the estimate would try smaller ones for room.
    own = {2.0: "bf16", 1.0: "fp8"}.get(subject.shape.cache_bytes)
    settings = replace(log.settings, cache_dtype=log.settings.cache_dtype or own)

    def predict(load: Load) -> Fit:
        if load not in seen:
            seen[load] = estimate(
                shape=subject.shape,
                variant=subject.variant,
                parameters=subject.parameters,
                hardware=place,
                load=load,
                engine=log.engine,
                settings=settings,
            )
        return seen[load]

    return predict
