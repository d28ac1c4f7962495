"""What the team runs: hardware, deployments and the load they carry."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """One accelerator. usable_bytes is what the driver reports; planning_bytes what one may plan with.

    optimistic_bytes is what a careful operator reaches, visible_bytes what CUDA programs see as the total:
    both as usable where nothing else is said.
    Throughputs are dense; a format that the device has no units for is absent. kind is "hbm",
    "gddr" or "unified". link names how devices of a pool talk (the links of watcher/data/hardware.yaml);
    sm is NVIDIA's compute capability without its dot (90 for 9.0).
    """

    key: str
    name: str
    vendor: str
    kind: str
    usable_bytes: int
    planning_bytes: int
    bandwidth_bytes_per_s: float
    tflops: Mapping[str, float] = field(default_factory=dict)
    link: str = "pcie4"
    source: str = ""
    sm: int | None = None
    optimistic_bytes: int = 0
    visible_bytes: int = 0

    def __post_init__(self) -> None:
        for name in ("optimistic_bytes", "visible_bytes"):
            if not getattr(self, name):
                object.__setattr__(self, name, self.usable_bytes)


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """A pool of the team's: count equal devices that serve one model together.

    planned: the team may buy or rent it. What fits only there is news of families it knows, but no
    reason to look at a new one.
    """

    name: str
    device: Device
    count: int = 1
    planned: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What the model has to serve: users at once, each with this many tokens of context."""

    users: int = 1
    context_tokens: int = 8192


@dataclass(frozen=True, kw_only=True, slots=True)
class LicenceRules:
    """allow: canonical licence ids or classes, empty for all. refuse_origin: ISO country codes.

    domicile: ISO country of the legal entity that uses the model ("EU" for any member state), because
    some licences exclude some; None where it is not said.
    """

    allow: tuple[str, ...] = ()
    refuse_origin: tuple[str, ...] = ()
    domicile: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployment:
    """A model in service. quant is a label (q4, Q4_K_M, fp8 ...) or an exact repo and file.

    evaluation_tasks: the evaluation sets whose results count for it; empty: those under its own name or task.
    """

    name: str
    model: str
    quant: str | None
    engine: str
    hardware: Hardware
    task: str
    languages: tuple[str, ...]
    load: Load
    min_tokens_per_second: float | None
    quality_floor: str | None
    licence: LicenceRules
    evaluation_tasks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Stack:
    """What the team runs, may run, and whose new releases it wants to hear of."""

    hardware: tuple[Hardware, ...]
    deployments: tuple[Deployment, ...]
    shortlist: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    quantisers: tuple[str, ...] = ()
