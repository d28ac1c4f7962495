"""The GPUs of this machine, and a first configuration made of them.

detect_gpus asks the NVIDIA driver through the optional package nvidia-ml-py; every trouble on that
way means "none found", because a starter configuration must work everywhere. starter_config is pure.
"""

import importlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Protocol

from watcher.tables import table

MIG = "split by MIG"


@dataclass(frozen=True, kw_only=True, slots=True)
class DetectedGpu:
    """count equal GPUs. device is a key of hardware.yaml, None where we have no row for the product.

    memory_bytes is the driver's total for one, None where it names none: unified memory (GB10) has none.
    """

    device: str | None
    name: str
    count: int
    memory_bytes: int | None


class Nvml(Protocol):
    """What we use of pynvml."""

    NVMLError: type[Exception]

    def nvmlInit(self) -> None: ...  # noqa: N802  (pynvml's name)
    def nvmlShutdown(self) -> None: ...  # noqa: N802  (pynvml's name)
    def nvmlDeviceGetCount(self) -> int: ...  # noqa: N802  (pynvml's name)
    def nvmlDeviceGetHandleByIndex(self, index: int) -> Any: ...  # noqa: N802  (pynvml's name)
    def nvmlDeviceGetName(self, handle: Any) -> str | bytes: ...  # noqa: N802  (pynvml's name)
    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any: ...  # noqa: N802  (pynvml's name)
    def nvmlDeviceGetMigMode(self, handle: Any) -> Sequence[int]: ...  # noqa: N802  (pynvml's name)


def detect_gpus(nvml: Nvml | None = None) -> list[DetectedGpu]:
    """The GPUs that the driver shows, equal ones counted together, in the driver's order.

    nvml stands in for pynvml. No package, no driver or no GPU: an empty list.
    """
    nvml = nvml or _pynvml()
    if nvml is None:
        return []
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return []
    try:
        found = [_one(nvml, index) for index in range(nvml.nvmlDeviceGetCount())]
    except nvml.NVMLError:
        found = []
    finally:
        _quietly(nvml, nvml.nvmlShutdown)
    counted = Counter(gpu for gpu in found if gpu is not None)
    return [
        DetectedGpu(device=device, name=name, count=count, memory_bytes=memory)
        for (device, name, memory), count in counted.items()
    ]


def _pynvml() -> Nvml | None:
    try:
        module: Any = importlib.import_module("pynvml")
    except ImportError:
        return None
    return module  # type: ignore[no-any-return]  # the package ships no types


def _quietly(nvml: Nvml, ask: Any, *arguments: Any) -> Any:
    """The answer, or None: a driver refuses what a device does not have, with an error."""
    try:
        return ask(*arguments)
    except nvml.NVMLError:
        return None


def _one(nvml: Nvml, index: int) -> tuple[str | None, str, int | None] | None:
    """device, name and memory of one GPU; None for one that fell off the bus."""
    handle = _quietly(nvml, nvml.nvmlDeviceGetHandleByIndex, index)
    name = _quietly(nvml, nvml.nvmlDeviceGetName, handle) if handle is not None else None
    if name is None:
        return None
    text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    text = "".join(c for c in text if c.isprintable()).strip()
    # On GB10 the call fails; some drivers answer with a total of None or 0 instead.
    total = getattr(_quietly(nvml, nvml.nvmlDeviceGetMemoryInfo, handle), "total", None)
    memory = int(total) if total else None
    mode = _quietly(nvml, nvml.nvmlDeviceGetMigMode, handle)
    if mode and mode[0]:
        return None, f"{text}, {MIG}", memory
    return device_key(text, memory), text, memory


def device_key(product_name: str, memory_bytes: int | None = None) -> str | None:
    """The row of hardware.yaml for a driver's product name; memory decides where a name has several sizes."""
    row = _rows_by_name().get(product_name.casefold(), {})
    if "by_gib" not in row or memory_bytes is None:
        return row.get("device")
    return next(
        (key for gib, key in row["by_gib"].items() if abs(memory_bytes / 2**30 / gib - 1) < 0.07), None
    )


@cache
def _rows_by_name() -> Mapping[str, Mapping[str, Any]]:
    return {name.casefold(): row for name, row in table("nvml_names")["names"].items()}


def starter_config(gpus: Sequence[DetectedGpu], devices: Collection[str]) -> str:
    """A commented configuration that loads as it is: with these GPUs, or an example to fill in.

    devices are the keys of hardware.yaml.
    """
    known = [gpu for gpu in gpus if gpu.device in devices]
    pools = _pools(known)
    parts = [
        _HEAD,
        _hardware(pools, [gpu for gpu in gpus if gpu not in known], devices),
        _DEPLOYMENT.replace("POOL", next(iter(pools), "h100")),
        _TAIL,
    ]
    return "\n".join(parts)


def _pools(gpus: Sequence[DetectedGpu]) -> dict[str, DetectedGpu]:
    """A short name for each kind: h100, spark, rtx-4090."""
    pools: dict[str, DetectedGpu] = {}
    for gpu in gpus:
        device = gpu.device or ""
        words = device.removeprefix("dgx-").split("-")
        short = device if words[0] == "rtx" else words[0]
        names = (short, device, *(f"{device}-{n}" for n in range(2, len(gpus) + 2)))
        pools[next(name for name in names if name not in pools)] = gpu
    return pools


def _hardware(
    pools: Mapping[str, DetectedGpu], strangers: Sequence[DetectedGpu], devices: Collection[str]
) -> str:
    lines = ["# Your GPUs. A pool is count equal devices that serve one model together."]
    for gpu in strangers:
        size = f", {gpu.memory_bytes / 2**30:.0f} GiB" if gpu.memory_bytes else ""
        lines.append(f"# Found {gpu.count} x {gpu.name}{size}: no row for it yet, take the nearest of these.")
    if pools:
        lines.append("hardware:")
    else:
        lines += [
            "# No known GPU was found on this machine: name yours here.",
            "# hardware:",
            "#   h100: {device: h100-sxm-80gb, count: 1}",
        ]
    for name, gpu in pools.items():
        lines.append(f"  {name}: {{device: {gpu.device}, count: {gpu.count}}}   # {gpu.name}")
    if strangers or not pools:
        lines.append("# Devices:")
        lines += _wrapped(sorted(devices))
    return "\n".join(lines) + "\n"


def _wrapped(words: Sequence[str], width: int = 100) -> list[str]:
    lines: list[str] = []
    line = "#  "
    for n, word in enumerate(words):
        piece = f" {word}" + ("," if n + 1 < len(words) else "")
        if len(line) + len(piece) > width:
            lines.append(line)
            line = "#  "
        line += piece
    return [*lines, line]


_HEAD = """\
# Configuration of modelwatch. `modelwatch check` says what is wrong with it;
# config.example.yaml explains every key.

store:
  url: sqlite:///modelwatch.db       # everything modelwatch remembers

hub:
  token: ${HF_TOKEN:-}               # optional; a free token raises the Hub's rate limit
  # The families whose releases you want to hear of, and whose quantised files you trust.
  families: [llama, gemma, qwen, mistral, phi, deepseek, gpt-oss]
  quantisers: [bartowski, unsloth, nvidia]
"""

_DEPLOYMENT = """\
# The models you run. Without one nothing is urgent: everything goes to the digest.
# deployments:
#   helpdesk:
#     model: mistralai/Mistral-Small-4-119B-2603
#     quant: q4
#     engine: vllm                   # vllm, sglang, tensorrt-llm, llama.cpp, ollama
#     hardware: POOL
#     task: chat
#     languages: [en]
#     users: 10                      # at the same time
#     context: 8192                  # tokens for each of them
#     licence: {allow: [apache-2.0, mit]}
"""

_TAIL = """\
# Where alerts go: any Apprise address. Without one: this terminal, and alerts.jsonl beside the database.
# channels:
#   team: {url: "${TEAM_CHANNEL_URL}"}

schedule:
  hub: 30m
  digest: mon 08:00
  timezone: UTC                      # such as Europe/Berlin
"""
