"""Ways to store weights, by their families: has a trusted publisher begun to use one that nobody knew?

A method is config.json's quant_method, or the scheme of a GGUF file type without its bits and what
follows (Q4_K_M and Q2_K are one, IQ2_KS is another). Known are those of watcher/data/formats.yaml.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from watcher.formats import formats
from watcher.quants import is_weight_file
from watcher.tables import table
from watcher.types import Change, ChangeKind, Entry, Observation

FEW_BITS = 3.0
_GGUF = re.compile(
    r"(?:UD-)?(?:(I?Q|TQ)(\d)(_[A-Z]{1,3}|_\d)?|(MXFP|NVFP)(\d))(?:_[A-Z0-9]+)*", re.IGNORECASE
)
_SAYS_NOTHING = frozenset({"", "gguf", "mixed", "none", "q", "iq", "tq"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Method:
    """bits per weight as stated, None where nobody says."""

    name: str
    bits: float | None


def family_of(word: str) -> str:
    """The family of a quant_method or a file type's label, in small letters."""
    match = _GGUF.fullmatch(word)
    if match is None:
        return word.casefold().strip()
    return (match[4] or f"{match[1]}{match[3] or ''}").casefold()


@cache
def known_families() -> frozenset[str]:
    """The families of every row of formats.yaml, and of what config.json calls them."""
    words = [*formats(), *table("formats")["methods"]["names"]]
    return frozenset(family_of(word) for word in words)


def unknown_methods(entry: Entry) -> tuple[Method, ...]:
    """What an entry's weights are stored in that formats.yaml does not have."""
    found: dict[str, Method] = {}
    stated = entry.known.facts.quantisation
    if stated is not None and _is_unknown(stated.method):
        name = family_of(stated.method)
        found[name] = Method(name=name, bits=stated.bits)
    for path in _gguf_files(entry):
        for match in _GGUF.finditer(path.rpartition("/")[2]):
            name = family_of(match[0])
            bits = float(match[2] or match[5])
            fewest = name not in found or bits < (found[name].bits or bits)
            if fewest and _ends_a_word(path, match) and _is_unknown(name):
                found[name] = Method(name=name, bits=bits)
    return tuple(found.values())


def first_uses(seen: Observation, entry: Entry, had: Iterable[str]) -> list[Change]:
    """A change for each method of a trusted publisher's repo that none of them had. had: words as stored."""
    families: Mapping[str, None] = dict.fromkeys(family_of(word) for word in had)
    return [
        Change(
            kind=ChangeKind.QUANT_METHOD,
            key=seen.key,
            lineage=entry.lineage,
            before=None,
            after=method.name,
            detected_at=seen.seen_at,
            evidence=_evidence(entry, method),
        )
        for method in unknown_methods(entry)
        if method.name not in families
    ]


def _evidence(entry: Entry, method: Method) -> tuple[str, ...]:
    notes = [f"{entry.lineage.publisher} had published nothing in {method.name} before, nor had its like"]
    if method.bits is not None and method.bits < FEW_BITS:
        notes.append(f"{method.bits:g} bits per weight, below {FEW_BITS:g}")
    return tuple(notes)


def _is_unknown(word: str) -> bool:
    family = family_of(word)
    return family not in _SAYS_NOTHING and family not in known_families()


def _gguf_files(entry: Entry) -> list[str]:
    details = entry.known.details
    listed = details.files if details and details.files else entry.known.facts.files or ()
    return [f.path for f in listed if f.path.endswith(".gguf") and is_weight_file(f.path)]


def _ends_a_word(path: str, match: re.Match[str]) -> bool:
    """Whether a label stands alone in a file's name, which may hold other things that look like one."""
    name = path.rpartition("/")[2]
    before, after = name[: match.start()], name[match.end() :]
    return (not before or before[-1] in "-._") and (after[:1] in ("", ".", "-"))
