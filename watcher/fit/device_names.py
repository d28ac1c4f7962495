"""Which row of hardware.yaml somebody means: keys, product names, driver names and other people's spellings.

A name is its words without maker and memory: "NVIDIA A100 80GB PCIe" is {a100, pcie} and 80 GB. Words that
make another product (Ti, Laptop, Ultra) are never dropped; memory only chooses between devices of one name.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from watcher.fit.devices import devices
from watcher.gpus import device_key
from watcher.tables import table
from watcher.types import Device

LONGEST_NAME = 200

_MEMORY = re.compile(r"(?<![a-z0-9.])(\d{1,4}(?:\.\d{1,3})?)\s*g(?:i?b)?(?![a-z0-9/])")
_CORES = re.compile(r"\b\d{1,3}[- ]?core\b")
_BRACKETED = re.compile(r"\([^()]*\)")
_WORD = re.compile(r"[a-z0-9+]+")
# Sizes are sold in steps of 12 % and more; drivers and vendors disagree by up to 7 %.
_SAME_SIZE = 0.07


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a name in their order, without noise, and the memory that it states."""

    words: tuple[str, ...]
    memory_gb: float | None

    @property
    def run_together(self) -> str:
        return "".join(self.words)


def words_of(text: str) -> Words:
    """What a spelling says, in small letters."""
    folded = " ".join(text[:LONGEST_NAME].casefold().replace("max-q", "maxq").split())
    found = _MEMORY.findall(folded)
    bare = _CORES.sub(" ", _MEMORY.sub(" ", folded))
    words = tuple(word for word in _WORD.findall(bare) if word not in _words("silent"))
    return Words(words, float(found[-1]) if found else None)


def device_named(name: str, memory_gb: float | None = None) -> Device | None:
    """The device that a name means; None for an unknown or ambiguous one, or of another size of memory.

    memory_gb is that of one device, as its maker, its driver or a log puts it.
    """
    found = candidates(name, memory_gb)
    return found[0] if len(found) == 1 else None


def candidates(name: str, memory_gb: float | None = None) -> tuple[Device, ...]:
    """Every device that a name may mean, one where it is clear, none where nothing fits."""
    if len(name) > LONGEST_NAME:
        return ()
    text = " ".join(name.split())
    exact = devices().get(text.casefold()) or devices().get(device_key(text) or "")
    if exact is not None and (memory_gb is None or has_memory(exact, memory_gb)):
        return (exact,)
    found = _candidates(words_of(text), memory_gb)
    plain = _BRACKETED.sub(" ", text)
    if found or plain == text or _words("other_products") & set(words_of(text).words):
        return found
    return _candidates(words_of(plain), memory_gb or words_of(text).memory_gb)


def has_memory(device: Device, memory_gb: float) -> bool:
    """Whether a size is this device's: the vendor's GB, or what a driver reports in GB or GiB."""
    stated = re.search(r"(\d+) GB", device.name)
    sizes = [device.usable_bytes / 2**30, device.usable_bytes / 1e9]
    if stated:
        sizes.append(float(stated[1]))
    return any(abs(memory_gb - size) <= _SAME_SIZE * size for size in sizes)


def _candidates(asked: Words, memory_gb: float | None) -> tuple[Device, ...]:
    size = memory_gb if memory_gb is not None else asked.memory_gb
    if not asked.words:
        return ()
    named = _index().get(asked.run_together, ())
    fitting = _of_size(named, size)
    if not fitting and size is not None:
        fitting = _of_size(_other_forms(asked), size)
    if len(fitting) > 1 and size is None:
        usual = [d for d in fitting if d.key in _usual_sizes()]
        return tuple(usual) if len(usual) == 1 else fitting
    return fitting


def _of_size(found: Iterable[Device], size: float | None) -> tuple[Device, ...]:
    """Those of a size; of several the nearest, so that 36 GB is not 32."""
    fitting = [d for d in found if size is None or has_memory(d, size)]
    if size is None or len(fitting) < 2:
        return tuple(fitting)
    best = min(_distance(d, size) for d in fitting)
    return tuple(d for d in fitting if _distance(d, size) == best)


def _distance(device: Device, size: float) -> float:
    stated = re.search(r"(\d+) GB", device.name)
    return abs(float(stated[1]) - size) if stated else 0.0


def _other_forms(asked: Words) -> list[Device]:
    """Devices whose name adds no more than a form factor: H100 with 94 GB is the NVL."""
    wanted = set(asked.words)
    return [
        device
        for device in devices().values()
        if wanted < (own := set(words_of(device.key).words)) and own - wanted <= _words("form_factors")
    ]


@cache
def _words(kind: str) -> frozenset[str]:
    return frozenset(table("hardware")["words"][kind])


@cache
def _usual_sizes() -> frozenset[str]:
    """Keys that are meant where a name leaves the memory open."""
    rows = table("hardware")
    chips = {f"{key}-{chip['usual_gb']}gb" for key, chip in rows["chips"].items()}
    return frozenset(chips | {key for key, row in rows["devices"].items() if row.get("usual")})


@cache
def _index() -> Mapping[str, tuple[Device, ...]]:
    """Every device by each of its spellings, run together: rtx4090, 4090."""
    found: dict[str, dict[str, Device]] = defaultdict(dict)
    for device in devices().values():
        row = table("hardware")["devices"].get(device.key, {})
        for spelling in (device.key, device.name, *row.get("also", ())):
            for words in _forms(words_of(str(spelling)).words):
                found["".join(words)][device.key] = device
    return {name: tuple(devices_.values()) for name, devices_ in found.items() if name}


def _forms(words: tuple[str, ...]) -> list[tuple[str, ...]]:
    """A spelling, and the same without its series: people say 4090 and 7900 XTX."""
    short = words[1:] if len(words) > 1 and words[0] in _words("series") else ()
    return [words, short] if short else [words]
