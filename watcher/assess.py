"""Which weights of a repo would run on which pool, and how well: the bridge from catalog to fit engine."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from watcher.fit.estimate import estimate
from watcher.fit.shape import Shape, UnknownShape, shape_of
from watcher.quants import hypothetical, loads, matches_quant, parameters_in_name, quality_at_least
from watcher.shapes import known_shape
from watcher.situation import Candidate
from watcher.types import (
    Correction,
    Deployment,
    Entry,
    Fit,
    FitRecord,
    FitVerdict,
    Hardware,
    Known,
    Load,
    Parameters,
    Variant,
)

# What the catalog assumes where no deployment says otherwise: one user with a usual context.
DEFAULT_LOAD = Load(users=1, context_tokens=8192)
_ORDER = {FitVerdict.FITS: 2, FitVerdict.TIGHT: 1, FitVerdict.NO: 0}


def shape_for(known: Known, base: Known | None) -> Shape | None:
    """The layers of a repo, from its own config.json or its base model's; else as facts, with a note.

    None when neither was read and no model of that name is known.
    """
    return shape_read(known, base) or _shape_known(known, base)


def shape_read(known: Known, base: Known | None) -> Shape | None:
    """The layers that a config.json states that was read; None where there is none."""
    for source in (known, base):
        config = source.details.config if source and source.details else None
        if config is None:
            continue
        try:
            return shape_of(config)
        except UnknownShape:
            continue
    return None


# Packed weights hide parameters, so a repo may count fewer than its model has, but hardly more.
_MORE_THAN_KNOWN = 1.25


def _shape_known(known: Known, base: Known | None) -> Shape | None:
    """The shape of the table for a repo's name or its base's, unless the repo counts too many parameters."""
    names = (source.facts.repo_id for source in (known, base) if source)
    fact = next((found for found in map(known_shape, names) if found), None)
    if fact is None:
        return None
    shape = shape_of(fact.config)
    total = fact.parameters.total or shape.parameters.total or 0
    if (known.facts.parameters.total or 0) > total * _MORE_THAN_KNOWN:
        return None
    note = f"its layers are those that {fact.name} is known to have; no config.json was read"
    parameters = replace(shape.parameters, total=total)
    return replace(shape, parameters=parameters, notes=(*shape.notes, note))


_ACTIVE_IN_NAME = re.compile(r"(?:^|[-_])A(\d+(?:\.\d+)?)B(?:$|[-_.])", re.IGNORECASE)


# Counts of fewer parameters than the layers have, by this share, are counts of packed tensors.
_LESS_IS_PACKED = 0.75


def parameters_for(known: Known, base: Known | None, shape: Shape | None) -> Parameters:
    """The base model's count before the quant's own: packed 4-bit tensors hide half of theirs.

    Without a shape, the active parameters are those that the name states ("30B-A3B").
    """
    candidates = [base.facts.parameters] if base else []
    candidates += [shape.parameters] if shape else []
    candidates += [known.facts.parameters]
    if shape:  # makers pack their own weights too (gpt-oss): then the layers count better than the files
        whole = (shape.parameters.total or 0) * _LESS_IS_PACKED
        candidates = [p for p in candidates if not p.total or p.total >= whole]
    total = next((p.total for p in candidates if p.total), None)
    active = next((p.active for p in reversed(candidates) if p.active), None)
    if active is None and (stated := _ACTIVE_IN_NAME.search(known.facts.repo_id)):
        active = int(float(stated[1]) * 1e9)
    return Parameters(total=total, active=active)


def default_engine(variant: Variant) -> str:
    """The engine that serves a format best where no deployment names one."""
    return "llama.cpp" if variant.format == "gguf" else "vllm"


def records(
    entry: Entry,
    base: Known | None,
    pools: Sequence[Hardware],
    deployments: Sequence[Deployment],
    corrections: Sequence[Correction] = (),
) -> list[FitRecord]:
    """A fit of every variant on every pool at the default load, and at each deployment's own load.

    corrections: what the team measured on its machines.
    """
    shape = shape_for(entry.known, base)
    parameters = parameters_for(entry.known, base, shape)
    found = []
    for variant in entry.variants:
        if variant.size_bytes is None:
            continue  # unknown is shown as unknown, not as "no"
        for pool in pools:
            engine = default_engine(variant)
            fit = estimate(
                shape=shape,
                variant=variant,
                parameters=parameters,
                hardware=pool,
                load=DEFAULT_LOAD,
                engine=engine,
                corrections=corrections,
            )
            found.append(FitRecord(repo_id=variant.repo_id, label=variant.label, deployment=None, fit=fit))
        for deployment in deployments:
            fit = _fit(shape, variant, parameters, deployment, corrections)
            found.append(
                FitRecord(repo_id=variant.repo_id, label=variant.label, deployment=deployment.name, fit=fit)
            )
    return found


def best_for(
    entry: Entry,
    base: Known | None,
    deployment: Deployment,
    *,
    assume: bool,
    corrections: Sequence[Correction] = (),
) -> Candidate | None:
    """The best way to run a repo in a deployment's place: fitting first, then the highest quality.

    With assume, where the repo has no weights in the deployment's format (a base release before its
    quants), the format is assumed at the table's bits per weight, and said to be hypothetical.
    """
    shape = shape_for(entry.known, base)
    parameters = parameters_for(entry.known, base, shape)
    floor = deployment.quality_floor or deployment.quant or "q4"
    usable = (v for v in entry.variants if loads(deployment.engine, v) and quality_at_least(v, floor))
    options: list[tuple[Variant, bool]] = [(v, False) for v in usable]
    wanted = deployment.quant if deployment.quant and "/" not in deployment.quant else "q4"
    if assume and not entry.lineage.quant and not any(matches_quant(v, wanted) for v, _ in options):
        assumed = hypothetical(entry.known.facts.repo_id, wanted, parameters, deployment.engine, shape=shape)
        options += [(assumed, True)] if assumed else []
    scored = [
        (_fit(shape, v, parameters, deployment, corrections), v, made_up)
        for v, made_up in options
        if v.size_bytes
    ]
    if not scored:
        return None
    fit, variant, made_up = max(scored, key=lambda option: _merit(option[0], option[1], wanted))
    return Candidate(label=variant.label, hypothetical=made_up, fit=fit)


def _merit(fit: Fit, variant: Variant, wanted: str) -> tuple[int, bool, float]:
    return _ORDER[fit.verdict], matches_quant(variant, wanted), variant.bits or 0.0


def _fit(
    shape: Shape | None,
    variant: Variant,
    parameters: Parameters,
    deployment: Deployment,
    corrections: Sequence[Correction],
) -> Fit:
    return estimate(
        shape=shape,
        variant=variant,
        parameters=parameters,
        hardware=deployment.hardware,
        load=deployment.load,
        engine=deployment.engine,
        corrections=corrections,
    )


def as_published(
    entry: Entry, deployment: Deployment, corrections: Sequence[Correction] = ()
) -> FitVerdict | None:
    """How a model fits a deployment in the 16 bits that makers publish; None when its size is not known."""
    shape = shape_for(entry.known, None)
    parameters = parameters_for(entry.known, None, shape)
    variant = hypothetical(
        entry.known.facts.repo_id, "16bit", parameters, deployment.engine, shape=shape, quantisation=None
    )
    return _fit(shape, variant, parameters, deployment, corrections).verdict if variant else None


def context_of(entry: Entry, base: Entry | None) -> int | None:
    """Where a model's own context ends, in tokens, by its config.json or its listing; None if not stated."""
    shape = shape_for(entry.known, base.known if base else None)
    for known in (entry.known, *([base.known] if base else ())):
        config = known.details.config if known.details else None
        length = config.get("max_position_embeddings") if config else None
        if stated := known.facts.context_tokens or (length if isinstance(length, int) else None):
            return (shape.context_tokens if shape else None) or stated
    return shape.context_tokens if shape else None


def size_in_use(entry: Entry | None, model: str) -> float | None:
    """How large a model in use is, in parameters of a dense one; None when nobody knows.

    A mixture counts as the geometric mean of its total and active parameters, a rule of thumb of those who
    train both. By its repo, else the table of known shapes, else its name.
    """
    fact = known_shape(model)
    shape = shape_for(entry.known, None) if entry else None
    stated = [parameters_for(entry.known, None, shape)] if entry else []
    stated += [fact.parameters] if fact else []
    total = next((p.total for p in stated if p.total), None) or parameters_in_name(model)
    if total is None:
        return None
    active = next((p.active for p in stated if p.active), None)
    if active is None and (named := _ACTIVE_IN_NAME.search(model)):
        active = int(float(named[1]) * 1e9)
    return math.sqrt(total * min(active or total, total))


def best_of(candidates: Iterable[Candidate | None]) -> Candidate | None:
    """The strongest of several candidates for one place; None when there is none."""
    return max(
        (c for c in candidates if c), key=lambda c: (_ORDER[c.fit.verdict], not c.hypothetical), default=None
    )
