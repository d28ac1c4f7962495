"""Whose model is it: the lineage of a repo, from what it states and how it is called.

Three witnesses, the best first: the base_model tags, the model_type that only one family carries,
and the name. A title proves nothing about strangers: only a family's own organisations publish it
officially, and everybody else's work is a quant, a derivative or an imitation.
"""

from collections.abc import Iterable
from dataclasses import replace

from watcher import imitation, versions
from watcher.families import Family, Registry
from watcher.identities import PREFIXED, Identity, identity_of, is_draft, named_in, same_name, split
from watcher.namelabels import quant_label
from watcher.namemarks import GENERIC, altered, is_adapter, is_mlx, kind_by_pipeline
from watcher.reponames import Stem, read_name, strip_format
from watcher.types import Lineage, RepoFacts

_MERGED = frozenset({"merge", "adapter"})


def lineage_of(facts: RepoFacts, registry: Registry, parent: Lineage | None = None) -> Lineage:
    """Whose model a repo is. parent is what the catalog knows of its (first) base. Never raises.

    base_repo is the repo a quant was made from (through quants of quants and plain copies), or the
    stated base of anything else. A maker's own quant is official and a quant.
    """
    publisher, name = split(facts.repo_id)
    stem = strip_format(name)
    bases = _bases(facts)
    lineage = (
        _own(facts, registry, publisher, stem, bases)
        or _descendant(facts, registry, publisher, stem, bases, parent)
        or _by_name(facts, registry, publisher, stem)
    )
    circular = (lineage.base_repo or "").casefold() == facts.repo_id.casefold()
    return replace(
        _unmask(lineage, registry),
        base_repo=None if circular else lineage.base_repo,
        quant_label=quant_label(name, mlx=is_mlx(facts) or registry.formats_of(publisher) == ("mlx",)),
    )


def is_base_release(lineage: Lineage) -> bool:
    """A maker's own release: not a quant of one and not made from somebody else's."""
    return lineage.official and not lineage.quant and not lineage.derived


def degree(known_versions: Iterable[str], version: str) -> str | None:
    """See watcher.versions.degree."""
    return versions.degree(known_versions, version)


Base = tuple[str, str | None]


def _bases(facts: RepoFacts) -> list[Base]:
    """Stated parents with their relation, each once, the repo itself left out."""
    seen: dict[str, Base] = {}
    for base in facts.base_models:
        folded = base.repo_id.strip().casefold()
        if folded and folded != facts.repo_id.casefold() and (folded not in seen or base.relation):
            seen[folded] = (base.repo_id.strip(), base.relation.casefold() if base.relation else None)
    return list(seen.values())


def _kind(stated: str | None, facts: RepoFacts, otherwise: str | None) -> str | None:
    """The variant: a special one that the name states, then what the pipeline tells, then the rest."""
    if stated and stated not in GENERIC:
        return stated
    return kind_by_pipeline(facts) or stated or otherwise


def _tuned(habit: str | None) -> str | None:
    """The variant of a fine-tune that states none: nobody but the maker publishes a base."""
    return "instruct" if habit == "base" else habit


# --- makers' own repos ---------------------------------------------------------------------------


def _own(
    facts: RepoFacts, registry: Registry, publisher: str, stem: Stem, bases: list[Base]
) -> Lineage | None:
    """The lineage of a family's own organisation's repo; None for what that organisation does besides."""
    families = registry.families_of(publisher)
    if not families:
        return None
    family = named_in(stem.text, families)
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
    identity = identity_of(family, stem.text, registry)
    lineage = replace(
        identity.lineage(family, publisher),
        variant=_kind(identity.stated, facts, identity.habit),
        official=True,
    )
    if not bases:
        return replace(lineage, quant=stem.quant, base_repo=_namesake(publisher, stem, registry))
    base_id, relation = bases[0]
    # Mistral states "quantized" for instruct weights made from a base: only a format or the same name counts.
    same = same_name(facts.repo_id, base_id)
    quant = (stem.quant or (same and relation == "quantized")) and not is_draft(stem.text, base_id, registry)
    if quant:
        # Makers copy the card of the model, base and all, into the repo of its quant.
        base_id = _resolve(base_id, registry, None)[0] if same else f"{publisher}/{stem.text}"
    return replace(lineage, base_repo=base_id, quant=quant)


def _namesake(publisher: str, stem: Stem, registry: Registry) -> str | None:
    """What a maker's quant that states no base was made from: its own repo of that name."""
    return registry.current(f"{publisher}/{stem.text}") if stem.quant else None


# --- repos that state their parents --------------------------------------------------------------


def _descendant(
    facts: RepoFacts,
    registry: Registry,
    publisher: str,
    stem: Stem,
    bases: list[Base],
    parent: Lineage | None,
) -> Lineage | None:
    if not bases:
        return None
    base_id, relation = _closest(facts, registry, stem, bases)
    origin, ancestor = _resolve(base_id, registry, parent if base_id == bases[0][0] else None)
    if ancestor.family is None:
        ancestor = _typed(ancestor, facts, registry, split(origin)[0])
    own = _own_words(stem.text, registry.by_key.get(ancestor.family or ""), registry)
    ancestor = replace(ancestor, base_repo=origin, publisher=publisher, official=False, impersonates=None)
    if _is_quant(facts, registry, stem, base_id, relation) and not is_draft(stem.text, base_id, registry):
        changed = _changed(facts, registry, origin)
        return replace(
            ancestor,
            size=_sized(own.size if changed else None, ancestor.size),
            variant=_kind(ancestor.variant, facts, own.stated),
            derived=ancestor.derived or changed,
            quant=True,
        )
    same_maker = bool(publisher) and publisher.casefold() == split(origin)[0].casefold()
    if same_maker and ancestor.family is None:
        adapted = altered(stem.text) or is_adapter(facts)
        lineage = replace(own.lineage(None, publisher), variant=_kind(own.stated, facts, None))
        return replace(lineage, base_repo=origin, derived=ancestor.derived or adapted)
    known = ancestor.family is not None
    copied = same_name(facts.repo_id, origin)
    habit = _tuned(ancestor.variant) if known and not copied else ancestor.variant
    return replace(
        ancestor,
        series=ancestor.series if known else own.series,
        version=ancestor.version if known else own.version,
        stamp=ancestor.stamp if known else own.stamp,
        size=_sized(own.size, ancestor.size),
        variant=_kind(own.stated, facts, habit),
        derived=True,
        quant=False,
    )


def _sized(own: str | None, inherited: str | None) -> str | None:
    """A child's size: figures of its own, or else the parent's; "turbo" tells less than the parent's 4B."""
    figures = any(c.isdigit() for c in own or "")
    return own if figures else inherited or own


def _own_words(text: str, family: Family | None, registry: Registry) -> Identity:
    """What a child's own name says: from the family's name on, since words before it are its maker's."""
    named = family is not None and family.find(text.casefold()) is not None
    return identity_of(family if named else None, text, registry)


def _changed(facts: RepoFacts, registry: Registry, origin: str) -> bool:
    """Whether a quant's name or tags say that its weights are no longer its base's."""
    if altered(split(facts.repo_id)[1]):
        return not altered(split(origin)[1])
    # Trusted quantisers copy the tags of what they quantise.
    trusted = facts.author.casefold() in registry.trusted_quantisers
    return not trusted and not same_name(facts.repo_id, origin) and any(map(altered, _plain_tags(facts)))


def _plain_tags(facts: RepoFacts) -> Iterable[str]:
    return (tag for tag in facts.tags if ":" not in tag)


def _closest(facts: RepoFacts, registry: Registry, stem: Stem, bases: list[Base]) -> Base:
    """Of several parents the one a quant shares its name with, the config speaks for, or we know."""
    if len(bases) == 1:
        return bases[0]
    if stem.quant and (same := next((base for base in bases if same_name(facts.repo_id, base[0])), None)):
        return same
    families = [_resolve(base[0], registry, None)[1].family for base in bases]
    by_type = registry.by_model_type.get(facts.model_type or "")
    if by_type and by_type.key in families:
        return bases[families.index(by_type.key)]
    return next((base for base, family in zip(bases, families, strict=True) if family), bases[0])


def _typed(lineage: Lineage, facts: RepoFacts, registry: Registry, maker: str) -> Lineage:
    """The lineage of somebody unknown whose config is a known family's: made from it, whatever it is called.

    Makers of families of their own borrow architectures, so that theirs proves nothing.
    """
    model_type = facts.model_type or ""
    family = registry.by_model_type.get(model_type)
    if family is None or registry.families_of(maker):
        return lineage
    told = read_name(model_type, registry.words)
    line = told.line()
    return replace(
        lineage,
        family=family.key,
        series=f"{family.name} {line}" if line else family.name,
        version=None,
        stamp=None,
        variant=lineage.variant or told.variant or _tuned(family.plain[-1][1] if family.plain else None),
        derived=True,
    )


def _is_quant(facts: RepoFacts, registry: Registry, stem: Stem, base_id: str, relation: str | None) -> bool:
    """Whether a child is the same model in another format. Cards often leave the relation to guessing."""
    same = same_name(facts.repo_id, base_id)
    if relation == "quantized":
        return stem.quant or same or not _only_exported(facts)
    if relation in _MERGED:
        # The Hub copies the relation of an adapter to the quants of what it was merged into.
        return stem.quant and same
    if same and is_mlx(facts):
        return True
    trusted = facts.author.casefold() in registry.trusted_quantisers
    packed = stem.quant or facts.quantisation is not None or facts.library == "gguf" or "gguf" in facts.tags
    return packed and (relation is None or same or (trusted and stem.quant and not altered(stem.text)))


def _only_exported(facts: RepoFacts) -> bool:
    """Whether the Hub may have guessed "quantized" from exports beside the weights of a fine-tune."""
    tags = set(facts.tags)
    exports = bool({"onnx", "openvino"} & tags) and "safetensors" in tags
    return exports and not {"gguf", "mlx"} & tags and facts.quantisation is None


def _resolve(base_id: str, registry: Registry, parent: Lineage | None) -> tuple[str, Lineage]:
    """The repo at the root of a quant or copy, and its lineage; cards may name a base without its owner."""
    if "/" not in base_id:
        family = named_in(base_id, registry.families)
        base_id = f"{family.organisations[0]}/{base_id}" if family else base_id
    publisher, name = split(base_id)
    if "unquantized" in name.casefold():
        base_id = f"{publisher}/{strip_format(name).text}"
    base_id = registry.current(base_id)
    lineage = parent or lineage_of(RepoFacts(repo_id=base_id), registry)
    root = lineage.base_repo
    if root and lineage.quant:
        official = root.casefold() != base_id.casefold() and bool(registry.families_of(split(root)[0]))
        return root, replace(lineage, derived=lineage.derived and not official)
    moved = registry.current(f"{split(root)[0]}/{split(base_id)[1]}") if root else ""
    if root and root.casefold() != base_id.casefold() and same_name(moved, root):
        return root, lineage_of(RepoFacts(repo_id=root), registry)
    return base_id, lineage


# --- repos that state nothing --------------------------------------------------------------------


def _by_name(facts: RepoFacts, registry: Registry, publisher: str, stem: Stem) -> Lineage:
    trusted = publisher.casefold() in registry.trusted_quantisers
    prefixed = PREFIXED.fullmatch(stem.text)
    if stem.quant and prefixed and (trusted or registry.known_organisation(prefixed[1])):
        origin, ancestor = _resolve(f"{prefixed[1]}/{prefixed[2]}", registry, None)
        return replace(ancestor, base_repo=origin, publisher=publisher, official=False, quant=True)
    text = _named_part(stem, registry)
    family = named_in(text, (f for f in registry.families if trusted or not f.common))
    by_type = registry.by_model_type.get(facts.model_type or "")
    if family and by_type in (None, family):
        claimed = identity_of(family, text, registry)
        if not _only_an_architecture(facts, family, claimed):
            return _claimed(facts, registry, family, publisher, stem, text, claimed)
    # The config is harder to get wrong than the title.
    identity = identity_of(None, text, registry)
    lineage = replace(
        identity.lineage(None, publisher),
        variant=_kind(identity.stated, facts, None),
        derived=altered(stem.text) or is_adapter(facts),
        quant=stem.quant,
    )
    return _typed(lineage, facts, registry, publisher)


def _claimed(
    facts: RepoFacts,
    registry: Registry,
    family: Family,
    publisher: str,
    stem: Stem,
    text: str,
    identity: Identity,
) -> Lineage:
    """The lineage of a stranger's repo that bears a family's name and states no parent."""
    habit = identity.habit if identity.clean else _tuned(identity.habit)
    lineage = replace(identity.lineage(family, publisher), variant=_kind(identity.stated, facts, habit))
    if identity.late and not identity.clean:
        lineage = replace(lineage, version=None, stamp=None)
    guess = registry.current(f"{family.organisations[0]}/{text}") if identity.clean else None
    if stem.quant:
        return replace(lineage, base_repo=guess, derived=not identity.clean, quant=True)
    stranger = identity.clean and not registry.known_organisation(publisher)
    imitates = family.organisations[0] if stranger else None
    return replace(lineage, base_repo=guess, derived=True, impersonates=imitates)


def _named_part(stem: Stem, registry: Registry) -> str:
    """The model's name: what stands before a format, unless something of meaning follows that."""
    rest = stem.text[len(stem.before) :]
    if not rest:
        return stem.text
    told = read_name(rest, registry.words)
    named = bool(read_name(stem.before, registry.words).head)
    return stem.before if named and not (altered(rest) or told.begun) else stem.text


def _only_an_architecture(facts: RepoFacts, family: Family, identity: Identity) -> bool:
    """Whether a name means no more than the architecture that others borrow: a tiny llama is not Meta's."""
    borrowed = facts.model_type == family.key and facts.model_type not in family.model_types
    return borrowed and not (identity.clean or identity.version or identity.size)


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
