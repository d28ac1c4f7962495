"""Which engine to serve weights with: the situations of watcher/data/serving.yaml, in their order."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from watcher.quants import loads
from watcher.tables import table
from watcher.types import Device, Variant


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The engine to take and why, in plain words; alternatives that also run it, the better first.

    engine is None where none of ours runs these weights on this device; the reason says what would.
    suits: whether it is made for such a load, and not only what the weights leave.
    """

    engine: str | None
    reason: str
    alternatives: tuple[str, ...] = ()
    suits: bool = True


def choose_engine(
    variant_format: str,
    label: str,
    device: Device,
    users: int,
    workload: str | None = None,
    running: str | None = None,
) -> Choice:
    """The engine for weights on a device. workload: chat, rag, agent, throughput, batch ... or None.

    running: the engine that a team has already, which stays where it does well enough.
    """
    able = [name for name in table("serving")["runs_on"] if runs(name, variant_format, label, device)]
    if not able:
        return Choice(engine=None, reason=_nothing(variant_format, label, device), suits=False)
    for situation in table("serving")["situations"]:
        ranked = [name for name in situation["engines"] if name in able]
        if ranked and _applies(situation["when"], label, device, users, workload):
            kept = running if running in situation["keeps"] and running in able else None
            first = kept or ranked[0]
            reason = _reason(situation, first, variant_format, users)
            return Choice(
                engine=first,
                reason=f"you run {kept} already, and it does well here" if kept else reason,
                alternatives=tuple(dict.fromkeys(name for name in (*ranked, *able) if name != first)),
                suits=first in situation["keeps"] or users <= table("serving")["few_users"],
            )
    return Choice(engine=able[0], reason=f"{able[0]} runs these weights here", alternatives=tuple(able[1:]))


def runs(engine: str, variant_format: str, label: str, device: Device) -> bool:
    """Whether an engine loads such weights, has kernels for the device, and finds the units it insists on."""
    weights = Variant(
        repo_id="", format=variant_format, label=label, bits=None, size_bytes=None, size_source="guess"
    )
    if engine in table("serving")["refused"] or engine not in table("serving")["runs_on"]:
        return False
    return loads(engine, weights) and _has_kernels(engine, device) and not _excepted(engine, label, device)


def _has_kernels(engine: str, device: Device) -> bool:
    row = table("serving")["runs_on"][engine]
    if device.vendor in ("nvidia", "unknown"):
        return device.sm is None or device.sm >= row["nvidia_sm_from"]
    allowed = row.get(device.vendor, False)
    return device.kind in allowed if isinstance(allowed, list) else bool(allowed)


def _excepted(engine: str, label: str, device: Device) -> bool:
    """Formats that an engine loads in general, but not with these units or on this maker's devices."""
    folded = label.casefold()
    for row in table("formats")["exceptions"]:
        if row["engine"] == engine and row["label"] == folded:
            return row["needs"] == "none" or row["needs"] not in device.tflops
    return any(
        row["label"] == folded and device.vendor in row["vendors"] for row in table("serving")["not_on"]
    )


def _applies(when: Mapping[str, Any], label: str, device: Device, users: int, workload: str | None) -> bool:
    if not when.get("users_from", 0) <= users <= when.get("users_to", users):
        return False
    said = {
        "workloads": (workload or "").casefold(),
        "vendors": device.vendor,
        "kinds": device.kind,
        "labels": label.casefold(),
        "sm": device.sm,
    }
    return all(value in when[key] for key, value in said.items() if key in when)


def _reason(situation: Mapping[str, Any], engine: str, variant_format: str, users: int) -> str:
    """The situation's own words where its first choice is taken; else what the format leaves."""
    if engine == situation["engines"][0]:
        return str(situation["because"])
    kept = f"of the engines for this, {engine} is the first that runs {_named(variant_format)} here"
    if variant_format == "gguf" and users > 5:
        return f"{kept}; for {users} users, safetensors weights in vLLM or SGLang give far more"
    return kept


def _nothing(variant_format: str, label: str, device: Device) -> str:
    elsewhere = table("serving")["elsewhere"]
    known = elsewhere.get(variant_format) or elsewhere.get(label.casefold())
    if known:
        return str(known)
    return (
        f"none of our engines runs {label} {_named(variant_format)} on {device.name}: a GGUF file would run"
    )


def _named(variant_format: str) -> str:
    return "GGUF weights" if variant_format == "gguf" else "safetensors weights"


def refused(engines: Iterable[str]) -> dict[str, str]:
    """Why engines among these are not to be used any more."""
    reasons = table("serving")["refused"]
    return {name: reasons[name.casefold()] for name in engines if name.casefold() in reasons}
