"""What became different: pure comparison of what we remember with what a source says now.

Three rules keep noise out. Only facts that people act on are compared, never sha, downloads or
dates. Going from nothing to a value is enrichment, and from a value to nothing is an unreadable
card; neither is a change. And a repo seen for the first time is classified against its family,
which the caller does only after the source's baseline.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta

from watcher import licences, versions
from watcher.quants import is_weight_file
from watcher.types import (
    Change,
    ChangeKind,
    Details,
    Known,
    Licence,
    Lineage,
    Member,
    Observation,
    Parameters,
    Popularity,
    RepoFacts,
)

# Facts without which two looks at a repo count as equal; the volatile rest never makes a change.
_LASTING = tuple(
    f.name for f in fields(RepoFacts) if f.name not in {"last_modified", "popularity", "tags", "repo_id"}
)


# createdAt precedes a release by up to 52 days in the releases we know of; older repos are no new players.
NEW_FAMILY_WITHIN = timedelta(days=60)


def same(known: RepoFacts, seen: RepoFacts) -> bool:
    """Whether a look brought nothing lasting, so that the catalog need not be written."""
    merged = merge(known, seen)
    return (
        merged.repo_id == known.repo_id
        and merged.last_modified == known.last_modified
        and all(getattr(merged, name) == getattr(known, name) for name in _LASTING)
    )


def merge(known: RepoFacts, seen: RepoFacts) -> RepoFacts:
    """seen over known, keeping what seen does not state: a slim row or a broken card erases nothing."""
    stated = {
        f.name: value
        for f in fields(RepoFacts)
        if _stated(value := getattr(seen, f.name)) or f.name == "disabled"
    }
    if seen.licence.id and licences.canonical(seen.licence) == licences.canonical(known.licence):
        stated["licence"] = _fuller(known.licence, seen.licence)
    if licences.canonical(seen.licence) is None:
        stated.pop("licence", None)
    if seen.files is not None and known.files is not None and not seen.files:
        stated["files"] = known.files
    return replace(known, **stated)


def _fuller(known: Licence, seen: Licence) -> Licence:
    return Licence(id=seen.id, name=seen.name or known.name, link=seen.link or known.link)


def _stated(value: object) -> bool:
    return value is not None and value not in ((), Licence(), Parameters(), Popularity())


def compare(known: Known, seen: Observation, lineage: Lineage) -> list[Change]:
    """What changed in a repo that we know, most basic first.

    seen.facts may be partial. A repo that was deleted and made anew under its old id (another
    Hub id, or a later creation date) is told as replaced; licence and gating are compared all the
    same, since people depend on the id.
    """
    before, after = known.facts, seen.facts
    found: list[tuple[ChangeKind, str | None, str | None, tuple[str, ...]]] = []
    if before.disabled and not after.disabled:
        found.append((ChangeKind.RESTORED, "disabled", "back", ()))
    elif known.removed_at is not None and not after.disabled:
        found.append((ChangeKind.RESTORED, f"gone since {known.removed_at:%Y-%m-%d}", "back", ()))
    if before.repo_id.casefold() != after.repo_id.casefold():
        found.append((ChangeKind.RENAMED, before.repo_id, after.repo_id, ("the Hub redirects the old id",)))
    if recreated(before, after):
        found.append(
            (ChangeKind.QUANT_REPLACED, _born(before), _born(after), ("made anew under the old id",))
        )
    elif replaced := replaced_files(known.details, seen.details):
        names = ", ".join(replaced[:3]) + (f" and {len(replaced) - 3} more" if len(replaced) > 3 else "")
        note = f"same name, other content: {names}"
        found.append((ChangeKind.QUANT_REPLACED, known.revision[:12], seen.revision[:12], (note,)))
    found += _licence(before.licence, after.licence)
    if before.gated is not None and after.gated is not None and before.gated is not after.gated:
        found.append((ChangeKind.GATED, before.gated.value, after.gated.value, ()))
    if after.disabled and not before.disabled:
        found.append((ChangeKind.REMOVED, "available", "disabled", ("the Hub disabled the repo",)))
    key = seen.key
    return [
        Change(
            kind=kind,
            key=key,
            lineage=lineage,
            before=a,
            after=b,
            detected_at=seen.seen_at,
            evidence=evidence,
        )
        for kind, a, b, evidence in found
    ]


def _licence(
    before: Licence, after: Licence
) -> list[tuple[ChangeKind, str | None, str | None, tuple[str, ...]]]:
    old, new = licences.canonical(before), licences.canonical(after)
    # "other" that gains or loses its name is the same licence, better described.
    if old is None or new is None or old == new or (before.id == after.id and "other" in (old, new)):
        return []
    return [(ChangeKind.LICENCE, old, new, (f"{licences.direction(old, new)} than before",))]


def recreated(before: RepoFacts, after: RepoFacts) -> bool:
    """A new repo under an old id: another Hub id, or, where none is known, a later creation."""
    if before.hub_id and after.hub_id:
        return before.hub_id != after.hub_id
    return bool(before.created_at and after.created_at and after.created_at > before.created_at)


def _born(facts: RepoFacts) -> str:
    return f"created {facts.created_at:%Y-%m-%d}" if facts.created_at else "an earlier repo"


def replaced_files(known: Details | None, seen: Details | None) -> list[str]:
    """Weight files whose content changed under the same path; unknown hashes prove nothing."""
    if known is None or seen is None:
        return []
    hashes = {f.path: f.sha256 for f in known.files if f.sha256}
    return sorted(
        f.path
        for f in seen.files
        if f.sha256 and is_weight_file(f.path) and hashes.get(f.path, f.sha256) != f.sha256
    )


def removed(known: Known, now: datetime, lineage: Lineage, how: str = "gone or private") -> Change:
    """A repo whose own page said twice, hours apart, that it is not there (or no longer public)."""
    return Change(
        kind=ChangeKind.REMOVED,
        key=known.key,
        lineage=lineage,
        before="available",
        after=how,
        detected_at=now,
        evidence=(f"its page has been missing since {known.missing_since or now:%Y-%m-%d %H:%M} UTC",),
    )


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
