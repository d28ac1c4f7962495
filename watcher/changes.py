"""What became different: pure comparison of what we remember with what a source says now.

Four rules keep noise out. Only facts that people act on are compared, never sha, downloads or
dates. Going from nothing to a value is enrichment, and from a value to nothing is an unreadable
card; neither is a change. What a young or growing repo says of its licence, gate or design is still
being written. And a repo seen for the first time is watcher.newcomers' business.

What flaps and what is one move of many repos is told apart where it is judged (watcher.flapping,
watcher.relabels): the moves themselves are recorded one by one.
"""

from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta

from watcher import architecture, licences
from watcher.quants import is_weight_file, weights_complete
from watcher.types import (
    Change,
    ChangeKind,
    Details,
    Known,
    Licence,
    Lineage,
    Observation,
    Parameters,
    Popularity,
    RepoFacts,
    RepoFile,
)

# Facts without which two looks at a repo count as equal; the volatile rest never makes a change.
_LASTING = tuple(
    f.name for f in fields(RepoFacts) if f.name not in {"last_modified", "popularity", "tags", "repo_id"}
)


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


TEXT = "text"  # Change.degree of a licence whose file changed under the same tag
# What a repo says of itself in words: while it is young, that is not yet anybody's last word.
_WORDS = frozenset({ChangeKind.LICENCE, ChangeKind.GATED, ChangeKind.NEW_ARCHITECTURE})

_Found = tuple[ChangeKind, str | None, str | None, tuple[str, ...]]


def compare(known: Known, seen: Observation, lineage: Lineage) -> list[Change]:
    """What changed in a repo that we know, most basic first.

    seen.facts may be partial. A repo that was deleted and made anew under its old id (another
    Hub id, or a later creation date) is told as replaced; licence and gating are compared all the
    same, since people depend on the id.
    """
    before, after = known.facts, seen.facts
    found = _presence(known, seen) + _weights(known, seen, lineage) + _licence(before.licence, after.licence)
    if before.gated is not None and after.gated is not None and before.gated is not after.gated:
        found.append((ChangeKind.GATED, before.gated.value, after.gated.value, ()))
    if after.disabled and not before.disabled:
        found.append((ChangeKind.REMOVED, "available", "disabled", ("the Hub disabled the repo",)))
    changes = [_change(seen, lineage, *parts) for parts in found]
    if not any(c.kind is ChangeKind.LICENCE for c in changes):
        changes += _licence_text(known, seen, lineage)
    return changes


def settled(
    found: Sequence[Change], known: Known, seen: Observation, *, settle: timedelta, growing: timedelta
) -> tuple[list[Change], list[Change]]:
    """Changes that stand for themselves, and those of a repo that is still being written.

    Within settle of its creation, and within growing while weights are still being added, licence, gate
    and architecture belong to the release; they are no separate change.
    """
    if not unsettled(known, seen, settle, growing):
        return list(found), []
    early = [change for change in found if change.kind in _WORDS]
    return [change for change in found if change.kind not in _WORDS], early


def _change(
    seen: Observation,
    lineage: Lineage,
    kind: ChangeKind,
    before: str | None,
    after: str | None,
    evidence: tuple[str, ...],
    degree: str | None = None,
) -> Change:
    return Change(
        kind=kind,
        key=seen.key,
        lineage=lineage,
        before=before,
        after=after,
        detected_at=seen.seen_at,
        evidence=evidence,
        degree=degree,
    )


def unsettled(known: Known, seen: Observation, settle: timedelta, growing: timedelta) -> bool:
    """Younger than settle, or younger than growing with weights missing before or added since."""
    age = seen.seen_at - (seen.facts.created_at or known.facts.created_at or known.first_seen)
    return age < settle or (age < growing and _grows(known, seen))


def _grows(known: Known, seen: Observation) -> bool:
    if weights_complete(known.facts, known.details) is False:
        return True
    listed = [{f.path for f in files or () if is_weight_file(f.path)} for files in _file_lists(known, seen)]
    return bool(listed[1] - listed[0])


def _file_lists(known: Known, seen: Observation) -> tuple[tuple[RepoFile, ...] | None, ...]:
    """The files before and now; unknown on either side counts as the same on both."""
    before = known.facts.files
    after = seen.facts.files
    return (before, after) if before is not None and after is not None else (before, before)


def _presence(known: Known, seen: Observation) -> list[_Found]:
    before, after = known.facts, seen.facts
    found: list[_Found] = []
    if before.disabled and not after.disabled:
        found.append((ChangeKind.RESTORED, "disabled", "back", ()))
    elif known.removed_at is not None and not after.disabled:
        found.append((ChangeKind.RESTORED, f"gone since {known.removed_at:%Y-%m-%d}", "back", ()))
    if before.repo_id.casefold() != after.repo_id.casefold():
        found.append((ChangeKind.RENAMED, before.repo_id, after.repo_id, ("the Hub redirects the old id",)))
    return found


def _weights(known: Known, seen: Observation, lineage: Lineage) -> list[_Found]:
    """Other weights or another design under the same name. A quant's design is its base's."""
    before, after = known.facts, seen.facts
    if recreated(before, after):
        return [(ChangeKind.QUANT_REPLACED, _born(before), _born(after), ("made anew under the old id",))]
    details = (known.details, seen.details) if known.details and seen.details else (None, None)
    was, is_ = (
        architecture.architecture_of(before, details[0]),
        architecture.architecture_of(after, details[1]),
    )
    design = architecture.moved(was, is_) if not lineage.quant else ()
    if replaced := replaced_files(known.details, seen.details):
        names = ", ".join(replaced[:3]) + (f" and {len(replaced) - 3} more" if len(replaced) > 3 else "")
        note = f"same name, other content: {names}"
        return [(ChangeKind.QUANT_REPLACED, known.revision[:12], seen.revision[:12], (note, *design))]
    if design:
        return [(ChangeKind.NEW_ARCHITECTURE, was.model_type, is_.model_type, design)]
    return []


def _licence(before: Licence, after: Licence) -> list[_Found]:
    old, new = licences.canonical(before), licences.canonical(after)
    # "other" that gains or loses its name is the same licence, better described.
    if old is None or new is None or old == new or (before.id == after.id and "other" in (old, new)):
        return []
    return [(ChangeKind.LICENCE, old, new, (f"{licences.direction(old, new)} than before",))]


def _licence_text(known: Known, seen: Observation, lineage: Lineage) -> list[Change]:
    """Another licence file under the same tag: the tag is a label, the text is the licence."""
    if known.details is None or seen.details is None:
        return []
    for old, new in (
        (known.details.licence_sha256, seen.details.licence_sha256),
        (known.details.licence_blob, seen.details.licence_blob),
    ):
        if old and new:
            tag = licences.canonical(seen.facts.licence) or licences.canonical(known.facts.licence) or "none"
            note = "the text of the licence file changed, its tag did not"
            was, is_ = (f"{tag} (text {text[:8]})" for text in (old, new))
            if old == new:
                return []
            return [_change(seen, lineage, ChangeKind.LICENCE, was, is_, (note,), TEXT)]
    return []


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
