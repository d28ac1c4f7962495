"""Whose model is it: the lineage of a repo, from what it states and how it is called.

Three witnesses, the best first: the base_model tags, the model_type that only one family carries,
and the name. A title proves nothing about strangers: only a family's own organisations publish it
officially, and everybody else's work is a quant, a derivative or an imitation.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from watcher import imitation, versions
from watcher.families import Family, Registry
from watcher.reponames import Reading, Stem, read_name, strip_format
from watcher.types import Lineage, RepoFacts
from watcher.versions import version_key

_PREFIXED = re.compile(r"([A-Za-z0-9][A-Za-z0-9.-]*)_([A-Za-z].*)", re.DOTALL)
_MERGED = frozenset({"merge", "adapter"})


def lineage_of(facts: RepoFacts, registry: Registry, parent: Lineage | None = None) -> Lineage:
    """Whose model a repo is. parent is what the catalog knows of its (first) base. Never raises.

    base_repo is the repo a quant was made from (through quants of quants and plain copies), or the
    stated base of anything else. A maker's own quant is official and a quant.
    """
    publisher, name = _split(facts.repo_id)
    stem = strip_format(name)
    bases = _bases(facts)
    lineage = (
        _own(facts, registry, publisher, stem, bases)
        or _descendant(facts, registry, publisher, stem, bases, parent)
        or _by_name(facts, registry, publisher, stem)
    )
    return _unmask(lineage, registry)


def is_base_release(lineage: Lineage) -> bool:
    """A maker's own release: not a quant of one and not made from somebody else's."""
    return lineage.official and not lineage.quant and not lineage.derived


def degree(known_versions: Iterable[str], version: str) -> str | None:
    """See watcher.versions.degree."""
    return versions.degree(known_versions, version)


def _split(repo_id: str) -> tuple[str, str]:
    publisher, _, name = repo_id.rpartition("/")
    return publisher.strip(), name.strip()


def _bases(facts: RepoFacts) -> list[tuple[str, str | None]]:
    """Stated parents with their relation, each once, the repo itself left out."""
    seen: dict[str, tuple[str, str | None]] = {}
    for base in facts.base_models:
        folded = base.repo_id.strip().casefold()
        if folded and folded != facts.repo_id.casefold() and (folded not in seen or base.relation):
            seen[folded] = (base.repo_id.strip(), base.relation.casefold() if base.relation else None)
    return list(seen.values())


# --- what a name says inside a family ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Identity:
    """What a name says of a release. clean: it says nothing else, as only a release's own name does."""

    series: str | None
    version: str | None
    size: str | None
    variant: str | None
    clean: bool

    def lineage(self, family: Family | None, publisher: str) -> Lineage:
        return Lineage(
            family=family.key if family else None,
            series=self.series,
            version=self.version,
            size=self.size,
            variant=self.variant,
            publisher=publisher,
        )


def _identity(family: Family | None, text: str, registry: Registry) -> _Identity:
    if family is None:
        reading = read_name(text, registry.words)
        series = " ".join(part for part in (" ".join(reading.head), reading.line) if part) or None
        return _Identity(series, reading.version, reading.size(), reading.variant, clean=False)
    folded = text.casefold()
    match = family.find(folded)
    start = match.start() if match else 0
    begin = match.start("name") if match and "name" in match.re.groupindex else start
    reading = read_name(text[begin:], registry.words)
    if family.ignore_stamp:
        reading.stamp = ""
    row = next((row for row in family.series if row.match.search(folded[start:])), None)
    version = (row.version if row else None) or reading.version
    if row:
        series = row.name
    elif match is None and reading.head:
        series = " ".join(part for part in (" ".join(reading.head), reading.line) if part)
    else:
        series = " ".join(part for part in (family.name, reading.line) if part)
    stated = reading.variant
    variant = stated if stated == "draft" or not (row and row.variant) else row.variant
    allowed = _squash((match.group() if match else "") + series)
    clean = match is not None and start == 0 and not reading.extra
    clean = clean and all(_squash(word) in allowed for word in reading.head)
    return _Identity(series, version, reading.size(series), variant or _plain(family, reading), clean)


def _plain(family: Family, reading: Reading) -> str | None:
    """The variant of a name that states none, by the family's habit at that version."""
    key = version_key(reading.number)
    fitting = [variant for least, variant in family.plain if version_key(least) <= key]
    if fitting:
        return fitting[-1]
    return family.plain[0][1] if family.plain else None


def _squash(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _same_name(one: str, other: str) -> bool:
    """Whether two repos bear the same model's name, formats, prefixes and spelling aside."""
    names = []
    for repo_id in (one, other):
        text = strip_format(_split(repo_id)[1]).text
        prefixed = _PREFIXED.fullmatch(text)
        names.append(_squash(prefixed[2] if prefixed else text))
    return bool(names[0]) and names[0] == names[1]


def _named(text: str, families: Iterable[Family]) -> Family | None:
    """The family a name speaks of: the one named first, and of those the longest match."""
    folded = text.casefold()
    found = [(match, family) for family in families if (match := family.find(folded))]
    best = min(found, key=lambda pair: (pair[0].start(), -pair[0].end()), default=None)
    return best[1] if best else None


# --- makers' own repos ---------------------------------------------------------------------------


def _own(
    facts: RepoFacts, registry: Registry, publisher: str, stem: Stem, bases: list[tuple[str, str | None]]
) -> Lineage | None:
    """The lineage of a family's own organisation's repo; None for what that organisation does besides."""
    families = registry.families_of(publisher)
    if not families:
        return None
    family = _named(stem.text, families)
    if family is None and bases:
        base = _resolve(bases[0][0], registry, None)[1]
        # Microsoft's fine-tune of Qwen is no Phi, Google's unnamed child of Gemma is Gemma's.
        family = next((f for f in families if f.key == base.family and not base.derived), None)
    elif family is None:
        by_type = registry.by_model_type.get(facts.model_type or "")
        whole = next((f for f in families if f.whole), None)
        family = by_type if by_type in families else whole
    if family is None:
        return None
    identity = _identity(family, stem.text, registry)
    base_id = bases[0][0] if bases else None
    # Mistral states "quantized" for instruct weights made from a base: only a format or the same name counts.
    same = base_id is not None and _same_name(facts.repo_id, base_id)
    quant = stem.quant or (same and bases[0][1] == "quantized")
    quant = quant and not (base_id and _is_draft(stem.text, base_id, registry))
    if quant:
        base_id = (
            _resolve(base_id, registry, None)[0] if base_id else registry.current(f"{publisher}/{stem.text}")
        )
    return replace(identity.lineage(family, publisher), base_repo=base_id, official=True, quant=quant)


# --- repos that state their parents --------------------------------------------------------------


def _descendant(
    facts: RepoFacts,
    registry: Registry,
    publisher: str,
    stem: Stem,
    bases: list[tuple[str, str | None]],
    parent: Lineage | None,
) -> Lineage | None:
    if not bases:
        return None
    base_id, relation = bases[0]
    if parent is None and len(bases) > 1:
        known = (base for base in bases if _resolve(base[0], registry, None)[1].family)
        base_id, relation = next(known, bases[0])
    origin, ancestor = _resolve(base_id, registry, parent)
    quant = _is_quant(facts, stem, base_id, relation) and not _is_draft(stem.text, base_id, registry)
    if quant:
        stranger = replace(ancestor, publisher=publisher, official=False, impersonates=None)
        return replace(stranger, base_repo=origin, quant=True)
    same_maker = bool(publisher) and publisher.casefold() == ancestor.publisher.casefold()
    if same_maker and ancestor.family is None:
        identity = _identity(None, stem.text, registry)
        return replace(identity.lineage(None, publisher), base_repo=origin, derived=ancestor.derived)
    own = _identity(None, stem.text, registry)
    return replace(
        ancestor,
        series=ancestor.series if ancestor.family else own.series,
        version=ancestor.version if ancestor.family else own.version,
        size=own.size or ancestor.size,
        variant=own.variant or ancestor.variant,
        base_repo=origin,
        publisher=publisher,
        official=False,
        derived=True,
        quant=False,
        impersonates=None,
    )


def _is_quant(facts: RepoFacts, stem: Stem, base_id: str, relation: str | None) -> bool:
    """Whether a child is the same model in another format. Cards often leave the relation to guessing."""
    if relation == "quantized":
        return True
    if relation in _MERGED:
        return False
    packed = stem.quant or facts.quantisation is not None or facts.library == "gguf" or "gguf" in facts.tags
    return packed and (relation is None or _same_name(facts.repo_id, base_id))


def _is_draft(text: str, base_id: str, registry: Registry) -> bool:
    """Whether a repo is a draft model for its base: that helps its speed, and is no quant of it."""
    base = strip_format(_split(base_id)[1]).text
    kinds = [read_name(name, registry.words).variant == "draft" for name in (text, base)]
    return kinds == [True, False]


def _resolve(base_id: str, registry: Registry, parent: Lineage | None) -> tuple[str, Lineage]:
    """The repo at the root of a quant or copy, and its lineage; cards may name a base without its owner."""
    if "/" not in base_id:
        family = _named(base_id, registry.families)
        base_id = f"{family.organisations[0]}/{base_id}" if family else base_id
    publisher, name = _split(base_id)
    if "unquantized" in name.casefold():
        base_id = f"{publisher}/{strip_format(name).text}"
    base_id = registry.current(base_id)
    lineage = parent or lineage_of(RepoFacts(repo_id=base_id), registry)
    root = lineage.base_repo
    if root and lineage.quant:
        official = root.casefold() != base_id.casefold() and bool(registry.families_of(_split(root)[0]))
        return root, replace(lineage, derived=lineage.derived and not official)
    if root and root.casefold() != base_id.casefold() and _same_name(base_id, root):
        return root, lineage_of(RepoFacts(repo_id=root), registry)
    return base_id, lineage


# --- repos that state nothing --------------------------------------------------------------------


def _by_name(facts: RepoFacts, registry: Registry, publisher: str, stem: Stem) -> Lineage:
    trusted = publisher.casefold() in registry.trusted_quantisers
    prefixed = _PREFIXED.fullmatch(stem.text)
    if stem.quant and prefixed and (trusted or registry.known_organisation(prefixed[1])):
        origin, ancestor = _resolve(f"{prefixed[1]}/{prefixed[2]}", registry, None)
        return replace(ancestor, base_repo=origin, publisher=publisher, official=False, quant=True)
    candidates = [f for f in registry.families if trusted or not f.common]
    family = _named(stem.text, candidates)
    by_type = registry.by_model_type.get(facts.model_type or "")
    if by_type is not None and by_type is not family:
        # The config is harder to get wrong than the title.
        identity = _identity(None, stem.text, registry)
        lineage = identity.lineage(by_type, publisher)
        return replace(lineage, series=by_type.name, version=None, derived=True, quant=stem.quant)
    identity = _identity(family, stem.text, registry)
    lineage = identity.lineage(family, publisher)
    if family is None:
        return replace(lineage, quant=stem.quant)
    guess = registry.current(f"{family.organisations[0]}/{stem.text}")
    base_repo = guess if identity.clean else None
    if stem.quant:
        return replace(lineage, base_repo=base_repo, derived=not identity.clean, quant=True)
    stranger = identity.clean and not registry.known_organisation(publisher)
    imitates = family.organisations[0] if stranger else None
    return replace(lineage, base_repo=base_repo, derived=True, impersonates=imitates)


def _unmask(lineage: Lineage, registry: Registry) -> Lineage:
    """Name the organisation that a publisher's own name imitates, where the models are claimed too."""
    if lineage.official or lineage.impersonates:
        return lineage
    family = registry.by_key.get(lineage.family or "")
    organisation = imitation.imitated(lineage.publisher, registry)
    if organisation and family and family not in registry.families_of(organisation):
        organisation = None
    if organisation is None and family:
        organisation = imitation.misspelt(lineage.publisher, family, registry)
    return replace(lineage, impersonates=organisation, derived=True) if organisation else lineage
