"""Whether a release carries another licence than its family led people to expect.

Families move: a line turns restricted, comes back, or one size is for research only. A reputation
is no licence, so every new repo is held against what its own version, line and family had.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from watcher import licences
from watcher.designs import sees
from watcher.elders import SAME_SIZE, Elder, of_line, sibling
from watcher.releases import Releases, read_size
from watcher.types import Lineage, Observation

# Change.degree of a licence that a new release brings, in place of one that a known repo changed to.
RELEASE = "release"
# A repo this old when it is first seen was there before its licence of today.
_OLD = timedelta(days=14)
# A licence that moved this long before its repo is first seen is no news.
_LONG_AGO = timedelta(days=30)


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """From one canonical licence to another. degree: RELEASE, or None where the same repo changed."""

    before: str
    after: str
    degree: str | None
    notes: tuple[str, ...]


def licence_step(
    seen: Observation,
    lineage: Lineage,
    stated: str | None,
    had: Sequence[Elder],
    past: Releases,
    *,
    aside: bool,
) -> Step | None:
    """The step that a newcomer's licence means, None where it is what people had.

    aside: not one of the family's general LLMs; then only what it excludes counts.
    """
    if stated is None:
        return None
    created = seen.facts.created_at
    if created is not None and seen.seen_at - created > _OLD:
        earlier = past.expected_licence(lineage, created)
        if earlier and licences.class_of(earlier) != licences.class_of(stated):
            if past.expected_licence(lineage, seen.seen_at - _LONG_AGO) == stated:
                return None  # it moved long ago, and only came to be listed now
            note = f"{earlier} when it was published; {_towards(earlier, stated)}"
            return Step(before=earlier, after=stated, degree=None, notes=(note,))
    family = [e for e in had if e.licence and not sibling(e, seen, lineage)]
    before = _had_before(seen, lineage, family)
    if before is None or before == stated:
        return None
    seen_before = any(e.licence == stated for e in family)
    pictures = sees(seen.facts) or lineage.variant in ("vision", "omni")
    if pictures and (limit := _new_limit(before, stated, had)):
        return Step(before=before, after=stated, degree=RELEASE, notes=(limit,))
    if aside:
        return None
    if seen_before and (licences.usable(before) is not False or licences.usable(stated) is False):
        return None  # the family has both, and this opens no door that was shut
    note = _towards(before, stated)
    if licences.class_of(before) == licences.class_of(stated):
        terms = licences.new_terms(before, stated)
        if terms is None:
            return None
        note = terms
    return Step(before=before, after=stated, degree=RELEASE, notes=(note,))


def _had_before(seen: Observation, lineage: Lineage, family: Sequence[Elder]) -> str | None:
    """The licence that the line had last for such a size, else at all, else the family."""
    line = of_line(family, lineage, lineage.family or "")
    size = read_size(lineage.size)
    total = seen.facts.parameters.total or (size.total * 1e9 if size else None)
    alike = [e for e in line if total and e.total and abs(total / e.total - 1) <= SAME_SIZE]
    found = alike or line or family
    return found[-1].licence if found else None


def _towards(before: str, after: str) -> str:
    return f"{licences.direction(before, after)} than before"


def _new_limit(before: str, after: str, had: Sequence[Elder]) -> str | None:
    """Countries that a model with pictures shuts out, where no such model of the family did before."""
    limit = licences.excluded(after, "EU", multimodal=True)
    if limit is None or licences.excluded(before, "EU", multimodal=False):
        return None
    if any(e.sees and e.licence and licences.excluded(e.licence, "EU", multimodal=True) for e in had):
        return None
    return limit
