"""What a repo seen for the first time is to its family: a version, a size, a variant, or a new player.

Pure, like watcher.changes. The caller classifies only after the source's baseline: what was there
before is the family that a newcomer is held against.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta

from watcher import versions
from watcher.types import Change, ChangeKind, Lineage, Member, Observation

# createdAt precedes a release by up to 52 days in the releases we know of; older repos are no new players.
NEW_FAMILY_WITHIN = timedelta(days=60)


def newcomer(seen: Observation, lineage: Lineage, family: Sequence[Member]) -> list[Change]:
    """What a repo seen for the first time is to its family.

    family: the official repos (no quants, nothing derived) that we know of lineage.family, or of
    the same publisher where the family is unknown to the registry.
    """

    def change(
        kind: ChangeKind, *evidence: str, before: str | None = None, degree: str | None = None
    ) -> Change:
        return Change(
            kind=kind,
            key=seen.key,
            lineage=lineage,
            before=before,
            after=_label(seen, lineage),
            detected_at=seen.seen_at,
            evidence=evidence,
            degree=degree,
        )

    if lineage.quant:
        return [change(ChangeKind.NEW_QUANT, f"a quant of {lineage.base_repo or 'an unnamed base'}")]
    if lineage.impersonates:
        return [change(ChangeKind.NEW_VARIANT, f"imitates {lineage.impersonates}, has no base model")]
    if lineage.derived:
        return [
            change(
                ChangeKind.NEW_VARIANT,
                f"derived from {lineage.base_repo or 'somebody else'} by a third party",
            )
        ]
    if lineage.family is None or not lineage.official:
        if family:
            return [change(ChangeKind.NEW_VARIANT, f"{lineage.publisher} is known already")]
        created = seen.facts.created_at
        if created is not None and seen.seen_at - created > NEW_FAMILY_WITHIN:
            return [change(ChangeKind.NEW_VARIANT, f"not new: created {created:%Y-%m-%d}")]
        return [change(ChangeKind.NEW_FAMILY, f"first LLM seen of {lineage.publisher}")]
    return [
        change(kind, *notes, before=before, degree=degree)
        for kind, before, degree, notes in _placed(seen, lineage, family)
    ]


def releases(members: Iterable[Member], *, official: bool = True) -> list[Member]:
    """A family's own repos among its members: no quants, nothing derived, and by the maker if official."""
    own = (m for m in members if not m.lineage.quant and not m.lineage.derived)
    return [m for m in own if m.lineage.official or not official]


_Placed = tuple[ChangeKind, str | None, str | None, tuple[str, ...]]


def _placed(seen: Observation, lineage: Lineage, family: Sequence[Member]) -> list[_Placed]:
    """Where an official release stands in its own line: version, then size, then variant."""
    line = [m for m in family if m.lineage.series == lineage.series] or list(family)
    release = [m for m in line if m.lineage.thread == lineage.thread]
    found: list[_Placed] = []
    degree = versions.degree((m.lineage.version or "" for m in line), lineage.version or "")
    if not release and degree is not None:
        latest = versions.latest(m.lineage.version or "" for m in line)
        found.append((ChangeKind.NEW_VERSION, latest, degree, ()))
    elif not release and line:
        found.append((ChangeKind.NEW_VARIANT, None, None, ("not newer than what is known of the line",)))
    elif not release:
        found.append(
            (ChangeKind.NEW_VERSION, None, "major", (f"first {lineage.series or lineage.family} seen",))
        )
    elif lineage.size and all((m.lineage.size or "").casefold() != lineage.size.casefold() for m in release):
        found.append((ChangeKind.NEW_SIZE, _sizes(release), None, ()))
    else:
        found.append((ChangeKind.NEW_VARIANT, None, None, ()))
    kinds = {m.model_type for m in family if m.model_type}
    model_type = seen.facts.model_type
    if model_type and kinds and model_type not in kinds:
        note = f"model type {model_type} was never seen in this family"
        found.append((ChangeKind.NEW_ARCHITECTURE, None, None, (note,)))
    return found


def _sizes(members: Iterable[Member]) -> str | None:
    sizes = {m.lineage.size for m in members if m.lineage.size}
    return ", ".join(sorted(sizes, key=_leading_number)) or None


def _leading_number(size: str) -> tuple[float, str]:
    match = re.match(r"\d+(?:\.\d+)?", size)
    return (float(match[0]) if match else 0.0, size)


def _label(seen: Observation, lineage: Lineage) -> str:
    name = " ".join(
        p for p in (lineage.series or lineage.family, lineage.version, lineage.size, lineage.variant) if p
    )
    return name or seen.facts.repo_id
