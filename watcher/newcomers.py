"""What a repo seen for the first time is to its family: a version, a size, a variant, or a new player.

Pure, like watcher.changes. The caller classifies only after the source's baseline: what was there
before, in the catalog or in the table of releases, is the family that a newcomer is held against.
One repo may bring several things: a version, and with it a size or a design that the family lacked,
and another licence than its line had.
"""

from collections.abc import Iterable, Sequence
from datetime import timedelta

from watcher import licences, versions
from watcher.designs import EXPERTS, sees, stem_of, traits_in_words, traits_of
from watcher.elders import SAME_SIZE, Elder, elders, near, of_line, sibling, squash
from watcher.licence_steps import licence_step
from watcher.quants import parameters_in_name
from watcher.releases import Releases, read_size
from watcher.types import Change, ChangeKind, Lineage, Member, Observation

# createdAt precedes a release by up to 52 days in the releases we know of; older repos are no new players.
NEW_FAMILY_WITHIN = timedelta(days=60)
# A maker's own quant of a model that nobody has heard of for this long is how that model came out.
KNOWN_FOR = timedelta(days=3)
# Kinds of work that a family may begin to do and that LLM deployments want, in words.
_FIRSTS = {"reasoning": "that reasons", "vision": "that takes pictures"}
# Kinds that are beside a family's LLMs for general work: their sizes and licences say nothing of those.
ASIDE = frozenset(
    {
        *("embedding", "reranker", "guard", "audio", "speech", "ocr", "image", "video", "tts", "draft"),
        *("translation", "reward", "timeseries", "math", "medical", "vision", "omni"),
    }
)
# Change.degree of an architecture that is new by what the family can do.
ABILITY = "ability"
# Change.degree of a size that only this line of the family lacked.
IN_LINE = "line"
NO_TABLE = Releases(releases=())

# kind, before, after, degree, evidence
_Found = tuple[ChangeKind, str | None, str, str | None, tuple[str, ...]]


def newcomer(
    seen: Observation, lineage: Lineage, family: Sequence[Member], past: Releases = NO_TABLE
) -> list[Change]:
    """What a repo seen for the first time is to its family, the most basic first.

    family: the official repos (no quants, nothing derived) that we know of lineage.family, or of
    the same publisher where the family is unknown to the registry. past: the table of releases.
    """
    return [
        Change(
            kind=kind,
            key=seen.key,
            lineage=lineage,
            before=before,
            after=after,
            detected_at=seen.seen_at,
            evidence=notes,
            degree=degree,
        )
        for kind, before, after, degree, notes in _what_it_is(seen, lineage, family, past)
    ]


def releases(members: Iterable[Member], *, official: bool = True) -> list[Member]:
    """A family's own repos among its members: no quants, nothing derived, and by the maker if official."""
    own = (m for m in members if not m.lineage.quant and not m.lineage.derived)
    return [m for m in own if m.lineage.official or not official]


def _what_it_is(
    seen: Observation, lineage: Lineage, family: Sequence[Member], past: Releases
) -> list[_Found]:
    label = _label(seen, lineage)

    def one(kind: ChangeKind, note: str) -> list[_Found]:
        return [(kind, None, label, None, (note,))]

    if lineage.quant and not _first_of_its_model(seen, lineage, family, past):
        return one(ChangeKind.NEW_QUANT, f"a quant of {lineage.base_repo or 'an unnamed base'}")
    if lineage.impersonates:
        return one(ChangeKind.NEW_VARIANT, f"imitates {lineage.impersonates}, has no base model")
    if lineage.derived:
        parent = lineage.base_repo or "somebody else"
        return one(ChangeKind.NEW_VARIANT, f"derived from {parent} by a third party")
    if lineage.family is None or not lineage.official:
        if family:
            return one(ChangeKind.NEW_VARIANT, f"{lineage.publisher} is known already")
        if old := _too_old(seen):
            return one(ChangeKind.NEW_VARIANT, old)
        return one(ChangeKind.NEW_FAMILY, f"first LLM seen of {lineage.publisher}")
    had = elders(lineage, family, past, seen.seen_at, seen.facts.repo_id)
    if all(sibling(e, seen, lineage) for e in had):
        if old := _too_old(seen):
            return one(ChangeKind.NEW_VARIANT, old)
        return one(ChangeKind.NEW_FAMILY, f"the first {lineage.family} that we know of")
    return _in_family(seen, lineage, had, past)


def _too_old(seen: Observation) -> str | None:
    created = seen.facts.created_at
    if created is None or seen.seen_at - created <= NEW_FAMILY_WITHIN:
        return None
    return f"not new: created {created:%Y-%m-%d}"


def _first_of_its_model(
    seen: Observation, lineage: Lineage, family: Sequence[Member], past: Releases
) -> bool:
    """A maker's quant of a model that neither the catalog nor the table knows is that model's release."""
    if not lineage.official:
        return False
    base = (lineage.base_repo or "").casefold()
    if any(m.repo_id.casefold() == base for m in family):
        return False
    rows = past.before(lineage.family or "", seen.seen_at - KNOWN_FOR)
    same = (
        r for r in rows if r.version == lineage.version and squash(r.series or r.family) == _line(lineage)
    )
    return not any(r.has(lineage.size) for r in same)


def _line(lineage: Lineage) -> str:
    return squash(lineage.series or lineage.family or "")


def is_aside(lineage: Lineage) -> bool:
    """Whether a release is beside its family's LLMs: an embedding or vision line, but not an omni family."""
    return lineage.variant in ASIDE and _line(lineage) != squash(lineage.family or "")


def _in_family(seen: Observation, lineage: Lineage, had: Sequence[Elder], past: Releases) -> list[_Found]:
    """Where an official release stands among all that its family had: its place, then its firsts."""
    line = of_line(had, lineage, lineage.family or "")
    main = _line(lineage) == squash(lineage.family or "")
    pool = line if line and not main else had
    label = _label(seen, lineage)
    placed = _placed(lineage, line, label)
    found = [placed]
    general = not is_aside(lineage)
    own = general and not _tuned(seen, lineage)
    if own and (note := _new_size(seen, lineage, pool)):
        if placed[0] is not ChangeKind.NEW_VERSION and any(e.thread == lineage.thread for e in line):
            found = []  # another size of a release that we know is nothing besides
        whole = _new_size(seen, lineage, had) is not None
        found.append((ChangeKind.NEW_SIZE, _sizes(line or had), label, None if whole else IN_LINE, (note,)))
    design = _new_design(seen, lineage, had) if own else None
    ability = _new_ability(seen, lineage, had, line, placed[3])
    if firsts := tuple(note for note in (design, ability) if note):
        degree = None if design else ABILITY
        found.append((ChangeKind.NEW_ARCHITECTURE, None, label, degree, firsts))
    elif general and (note := _new_name_of_design(seen, pool)):
        found.append((ChangeKind.NEW_ARCHITECTURE, None, label, "minor", (note,)))
    stated = licences.canonical(seen.facts.licence)
    if step := licence_step(seen, lineage, stated, had, past, aside=not general):
        found.append((ChangeKind.LICENCE, step.before, step.after, step.degree, step.notes))
    return found


def _placed(lineage: Lineage, line: Sequence[Elder], label: str) -> _Found:
    """Where a release stands in its own line."""
    if not line:
        note = f"the first {lineage.series or lineage.family} that we know of"
        return ChangeKind.NEW_VARIANT, None, label, None, (note,)
    version = lineage.version or ""
    known = any(
        e.thread == lineage.thread or versions.version_key(e.version) == versions.version_key(version)
        for e in line
    )
    degree = versions.degree((e.version for e in line), version)
    if known:
        return ChangeKind.NEW_VARIANT, None, label, None, ()
    if degree is None:
        note = "not newer than what is known of the line"
        return ChangeKind.NEW_VARIANT, None, label, None, (note,)
    return ChangeKind.NEW_VERSION, versions.latest(e.version for e in line), label, degree, ()


def _tuned(seen: Observation, lineage: Lineage) -> bool:
    """Whether it is the maker's fine-tune of somebody else's model, in that model's size."""
    own = (lineage.publisher or "").casefold()
    parents = [b.repo_id for b in seen.facts.base_models if b.relation != "quantized"]
    foreign = [p for p in parents if p.partition("/")[0].casefold() != own]
    total = _total(seen, lineage)
    sizes = [parameters_in_name(parent) for parent in foreign]
    return bool(foreign) and any(not total or not s or abs(total / s - 1) <= SAME_SIZE for s in sizes)


def _total(seen: Observation, lineage: Lineage) -> float | None:
    size = read_size(lineage.size)
    return seen.facts.parameters.total or (size.total * 1e9 if size else None)


def _new_size(seen: Observation, lineage: Lineage, pool: Sequence[Elder]) -> str | None:
    """Whether the family, or the line where it has several, lacked this size under such a licence."""
    total = _total(seen, lineage)
    if total is None or not any(e.total for e in pool):
        return None
    moe = EXPERTS in traits_of(seen.facts, seen.details, lineage.size)
    if near(pool, total, moe, licences.canonical(seen.facts.licence)):
        return None
    kind = "mixture" if moe else "model"
    terms = " under so free a licence" if near(pool, total, moe, None) else ""
    return f"no {kind} near {total / 1e9:.3g}B{terms} was known of {lineage.series or lineage.family}"


def _new_design(seen: Observation, lineage: Lineage, had: Sequence[Elder]) -> str | None:
    traits = traits_of(seen.facts, seen.details, lineage.size)
    known = [e.traits for e in had if e.traits is not None]
    new = traits - frozenset().union(*known) if known else frozenset()
    if new:
        return f"the first {lineage.family} with {traits_in_words(new)}"
    return None


def _new_name_of_design(seen: Observation, pool: Sequence[Elder]) -> str | None:
    """A model type that only differs in name: the engine has to know it, and that is all we can tell."""
    stem, stems = stem_of(seen.facts.model_type), {e.stem for e in pool if e.stem}
    if stem and stems and stem not in stems:
        return f"model type {seen.facts.model_type} was never seen in this family"
    return None


def _new_ability(
    seen: Observation, lineage: Lineage, had: Sequence[Elder], line: Sequence[Elder], degree: str | None
) -> str | None:
    """The first of a family that reasons or takes pictures; or a main line that learns to see."""
    kind = lineage.variant or ""
    name = lineage.series or lineage.family
    if kind in _FIRSTS and not any(kind in e.kinds or (kind == "vision" and e.sees) for e in had):
        return f"the first {lineage.family} {_FIRSTS[kind]}"
    learns = kind not in ASIDE and sees(seen.facts) and degree == "major"
    if learns and line and not any(e.sees for e in line):
        return f"the first {name} {_FIRSTS['vision']}"
    return None


def _sizes(had: Iterable[Elder]) -> str | None:
    """Every size that there was, smallest first, as names write them."""
    sizes = {e.size: e.total or 0.0 for e in had if e.size}
    return ", ".join(sorted(sizes, key=lambda size: (sizes[size], size))) or None


def _label(seen: Observation, lineage: Lineage) -> str:
    name = " ".join(
        p for p in (lineage.series or lineage.family, lineage.version, lineage.size, lineage.variant) if p
    )
    return name or seen.facts.repo_id
