"""Organisations that look like a maker's and are not: Mistral-AI-official, deepseekai, meta-llama2.

Names are brought to a few bare forms (no separators, no filler words, look-alike digits as letters)
and compared. A hit is a suspicion about a name only: the caller decides what it means.
"""

import re
import unicodedata
from functools import lru_cache

from watcher.families import Family, Registry

_FILLERS = frozenset(
    {
        *("ai", "company", "corp", "hf", "hub", "inc", "lab", "labs", "llm", "model", "models", "official"),
        *("officials", "org", "oss", "real", "research", "team", "the"),
    }
)
_LOOKALIKES = str.maketrans({"0": "o", "1": "l", "3": "e", "5": "s", "$": "s", "@": "a"})
# Shorter forms than this are anybody's nickname.
_SHORTEST = 4
_SHORTEST_TYPO = 6


def imitated(publisher: str, registry: Registry) -> str | None:
    """The organisation whose name this publisher imitates; None for known ones and for honest names."""
    if not publisher or registry.known_organisation(publisher):
        return None
    ours = _forms(publisher)
    for family in registry.families:
        for organisation in family.all_organisations:
            if ours & _forms(organisation, known=True):
                return organisation
        if not family.common and _squash(family.key) in ours and _squash(publisher) != _squash(family.key):
            return family.organisations[0]
    return None


def misspelt(publisher: str, family: Family, registry: Registry) -> str | None:
    """The organisation of this family whose name differs from the publisher's by one slip."""
    if not publisher or registry.known_organisation(publisher):
        return None
    ours = _squash(publisher)
    for organisation in family.all_organisations:
        theirs = _squash(organisation)
        if min(len(ours), len(theirs)) >= _SHORTEST_TYPO and _one_slip(ours, theirs):
            return organisation
    return None


@lru_cache(maxsize=4096)
def _forms(organisation: str, known: bool = False) -> frozenset[str]:
    """The bare forms of a name. A known name keeps more letters, so that "openai" never becomes "open"."""
    parts = [part for part in re.split(r"[-_.\s]+", organisation.casefold()) if part]
    rest = [part for part in parts if part not in _FILLERS]
    forms = {_squash(organisation), _squash("".join(rest))}
    forms |= {form.rstrip("0123456789") for form in (_bare(organisation), _bare("".join(rest)))}
    shortest = _SHORTEST + 1 if known else _SHORTEST
    for filler in ("official", "labs", "ai", "hf"):
        cut = {form.removesuffix(filler) for form in forms if form.endswith(filler)}
        forms |= {form for form in cut if len(form) >= shortest}
    return frozenset(form for form in forms if len(form) >= _SHORTEST)


def _bare(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return "".join(c for c in folded if c.isalnum() or c in "$@")


@lru_cache(maxsize=4096)
def _squash(text: str) -> str:
    return _bare(text).translate(_LOOKALIKES)


def _one_slip(a: str, b: str) -> bool:
    """One letter more, less, other, or two neighbours swapped."""
    if abs(len(a) - len(b)) > 1 or a == b:
        return False
    at = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    rest_a, rest_b = a[at:], b[at:]
    return (
        rest_a[1:] == rest_b[1:]
        or rest_a[1:] == rest_b
        or rest_a == rest_b[1:]
        or (rest_a[:2] == rest_b[1::-1] and rest_a[2:] == rest_b[2:])
    )
