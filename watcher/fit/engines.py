"""What each engine takes and sets aside: watcher/data/engines.yaml, and the ways to run it on a device."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from watcher.tables import table
from watcher.types import Device, Settings

GIB, MIB = 1024**3, 1024**2


@dataclass(frozen=True, kw_only=True, slots=True)
class SmallCache:
    """A cache of smaller elements that an engine offers: needs names the units it takes, None for none."""

    type: str
    element_bytes: float
    needs: str | None
    how: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Reserve:
    """SGLang's share of the device that is neither weights nor cache."""

    base_bytes: int
    bytes_per_batched_token: float
    bytes_per_device: float
    graphs_bytes: int
    least_bytes_of_large: int

    def bytes(self, device: Device, batched_tokens: int, devices: int) -> int:
        wanted = (
            self.base_bytes
            + int(self.bytes_per_batched_token * max(batched_tokens, 2048))
            + int(self.bytes_per_device * devices)
            + self.graphs_bytes
        )
        return max(wanted, self.least_bytes_of_large) if device.visible_bytes > 60 * GIB else wanted


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """One way to run: what memory may be filled, and with which settings. how: what of it takes doing.

    planned: the budget is a planning number for unified memory, not a share of what is reported.
    own_share: the share of memory is chosen by us, neither by hand nor by the engine.
    """

    budget_bytes: int
    settings: Settings
    batched_tokens: int
    sequences: int
    graphs_bytes: int
    element_bytes: float
    free_fraction: float
    planned: bool = False
    own_share: bool = False
    how: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """One engine's rules, in bytes per device; the keys are explained in watcher/data/engines.yaml."""

    name: str
    reserve: str
    utilisation: float
    stretched: float
    stretch: Mapping[str, str]
    spare_bytes: int
    free_fraction: float
    stretched_free_fraction: float
    non_torch_bytes: int
    peers_bytes: int
    graphs_bytes: int
    batched: Mapping[str, int]
    sequences: Mapping[str, int]
    slow_prefill: tuple[str, ...]
    stretched_batched_tokens: int
    in_flight_batches: int
    block_tokens: int
    sampler_copies: float
    reserved: Reserve | None
    window_pool: float
    state_pool: float
    tensor_parallel: bool
    batching: bool
    small_cache: SmallCache

    def budget(self, device: Device, settings: Settings) -> int:
        """Bytes of one device that weights, cache and the rest may fill."""
        if settings.utilisation is not None:
            return int(device.visible_bytes * settings.utilisation)
        if device.kind == "unified":
            return device.planning_bytes
        return int(device.visible_bytes * self.utilisation) - self.spare_bytes

    def most(self, device: Device, settings: Settings) -> int:
        """The same at the edge: of unified memory what a careful operator reaches."""
        if settings.utilisation is not None:
            return self.budget(device, settings)
        if device.kind == "unified":
            return max(device.planning_bytes, device.optimistic_bytes)
        return int(device.visible_bytes * self.stretched)

    def plans(
        self, device: Device, element_bytes: float, settings: Settings, users: int = 1
    ) -> tuple[Plan, ...]:
        """Ways to run on a device, the usual one first, the most frugal last; what is set by hand stays.

        Every way has room for all users in a step, where the engine limits them: who is not admitted waits.
        """
        chosen = cache_bytes(settings.cache_dtype)
        usual = Plan(
            budget_bytes=self.budget(device, settings),
            settings=settings,
            batched_tokens=settings.batched_tokens or self.batched_tokens(device),
            sequences=settings.max_sequences
            or self._admitted(self._by_memory(self.sequences, device), users),
            graphs_bytes=0 if settings.eager else self.graphs_bytes,
            element_bytes=chosen or element_bytes,
            free_fraction=self.free_fraction,
            planned=settings.utilisation is None and device.kind == "unified",
        )
        modest = self._modest(usual, users)
        stretched = self._stretched(modest or usual, device)
        small = self.small_cache
        missing = small.needs is not None and small.needs not in device.tflops
        wide = [plan for plan in (usual, modest, stretched) if plan is not None]
        if chosen or missing or small.element_bytes >= usual.element_bytes:
            return tuple(wide)
        narrow = [
            replace(plan, element_bytes=small.element_bytes, how=(*plan.how, small.how)) for plan in wide
        ]
        return (usual, *wide[1:-1], *narrow[:-1], *wide[1:][-1:], narrow[-1])

    def _admitted(self, sequences: int, users: int) -> int:
        return max(sequences, users) if self.tensor_parallel else sequences

    def _modest(self, usual: Plan, users: int) -> Plan | None:
        """Fewer tokens and sequences in a step; None where there are few, or they are set by hand."""
        settings, fewer = usual.settings, self.stretched_batched_tokens
        by_hand = settings.batched_tokens or settings.max_sequences
        sequences = min(usual.sequences, self._admitted(256, users))
        same = fewer >= usual.batched_tokens and sequences == usual.sequences
        if by_hand or same or "batch" not in self.stretch:
            return None
        batched, how = min(usual.batched_tokens, fewer), self.stretch["batch"].format(sequences=sequences)
        return replace(usual, batched_tokens=batched, sequences=sequences, how=(how,))

    def _stretched(self, plan: Plan, device: Device) -> Plan | None:
        """More of the memory and no graphs, as far as neither is set by hand."""
        budget, how = max(plan.budget_bytes, self.most(device, plan.settings)), list(plan.how)
        free = plan.free_fraction
        if plan.settings.utilisation is None:
            share = int(100 * budget / max(1, device.visible_bytes) + 0.1) / 100
            how.insert(0, self.stretch["share"].format(share=f"{share:.2f}"))
            free = self.stretched_free_fraction
        graphs = 0
        if plan.graphs_bytes and "graphs" in self.stretch:
            how.append(self.stretch["graphs"])
        elif plan.graphs_bytes:
            graphs = plan.graphs_bytes
        if tuple(how) == plan.how:
            return None
        return replace(
            plan,
            budget_bytes=budget,
            graphs_bytes=graphs,
            free_fraction=free,
            own_share=plan.settings.utilisation is None,
            how=tuple(how),
        )

    def batched_tokens(self, device: Device) -> int:
        """The most tokens of one step where nobody sets it."""
        return self._by_memory(self.batched, device)

    def _by_memory(self, steps: Mapping[str, int], device: Device) -> int:
        """Defaults grow with memory, but for devices that are slow at reading prompts."""
        slow = any(
            device.key.startswith(name) or name in device.name.casefold() for name in self.slow_prefill
        )
        if slow or device.kind == "unified" or device.visible_bytes < 70 * GIB:
            return steps["base"]
        return steps["from_160_gib" if device.visible_bytes >= 160 * GIB else "from_70_gib"]


def cache_bytes(word: str | None) -> float | None:
    """Bytes of one element of a cache type by the engines' word for it; None for auto and unknown words."""
    found = table("engines")["cache_types"].get((word or "auto").casefold())
    return None if found is None else float(found)


def cache_types() -> tuple[str, ...]:
    """The words that cache_bytes knows."""
    return tuple(table("engines")["cache_types"])


@cache
def engines() -> Mapping[str, Engine]:
    """Every engine by name."""
    return {name: _engine(name, row) for name, row in table("engines")["engines"].items()}


def _engine(name: str, row: Mapping[str, Any]) -> Engine:
    small = row["small_cache"]
    return Engine(
        name=name,
        reserve=row["reserve"],
        utilisation=row["utilisation"],
        stretched=row["stretched"],
        stretch=row["stretch"],
        spare_bytes=int(row.get("spare_gib", 0.0) * GIB),
        free_fraction=row.get("free_fraction", 1.0),
        stretched_free_fraction=row.get("stretched_free_fraction", 1.0),
        non_torch_bytes=int(row["non_torch_gib"] * GIB),
        peers_bytes=int(row["peers_gib"] * GIB),
        graphs_bytes=int(row["graphs_gib"] * GIB),
        batched=row["batched_tokens"],
        sequences=row["sequences"],
        slow_prefill=tuple(row["slow_prefill"]),
        stretched_batched_tokens=row["stretched_batched_tokens"],
        in_flight_batches=row["in_flight_batches"],
        block_tokens=row["block_tokens"],
        sampler_copies=row["sampler_copies"],
        reserved=_reserved(row.get("reserved")),
        window_pool=row.get("window_pool", 1.0),
        state_pool=row.get("state_pool", 1.0),
        tensor_parallel=row["parallel"] == "tensor",
        batching=row["batching"],
        small_cache=SmallCache(
            type=small["type"],
            element_bytes=cache_bytes(small["type"]) or 2.0,
            needs=small["needs"],
            how=small["how"],
        ),
    )


def _reserved(row: Mapping[str, Any] | None) -> Reserve | None:
    if row is None:
        return None
    return Reserve(
        base_bytes=int(row["base_mib"] * MIB),
        bytes_per_batched_token=row["mib_per_batched_token"] * MIB,
        bytes_per_device=row["mib_per_8_devices"] * MIB / 8,
        graphs_bytes=int(row["graphs_mib"] * MIB),
        least_bytes_of_large=int(row["least_gib_above_60"] * GIB),
    )
