"""The models a team may run: in use, shortlisted, or of watched families, with the weights that there are.

Read once; then asked what would run in a deployment's place, and whether it meets what is asked there.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from watcher import assess, constraints
from watcher.decisions import RANK
from watcher.families import Registry
from watcher.fit.estimate import estimate, model_of
from watcher.fit.model import Model
from watcher.fit.screen import what_fits
from watcher.fit.shape import Shape
from watcher.ports import Tx
from watcher.quants import loads, matches_quant, quality_at_least
from watcher.situation import Candidate
from watcher.types import (
    Check,
    Correction,
    Deployment,
    Entry,
    FitVerdict,
    Known,
    Member,
    Parameters,
    Stack,
    Variant,
)
from watcher.uses import names_in_use, quant_repo, trusted_publisher

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """One set of weights of a model, made ready for the estimate."""

    variant: Variant
    shape: Shape | None
    parameters: Parameters
    model: Model


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """A model with its quants by its maker and by trusted publishers, and the weights of them all."""

    entry: Entry
    quants: tuple[Entry, ...]
    weights: tuple[Weights, ...]

    @property
    def name(self) -> str:
        return self.entry.known.facts.repo_id


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """The best weights of a model for one place, and their verdict there; never "no"."""

    option: Option
    weights: Weights
    verdict: FitVerdict


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """How a model would do in a deployment's place, constraint by constraint. candidate None: not known."""

    entry: Entry
    candidate: Candidate | None
    checks: tuple[Check, ...]

    @property
    def failed(self) -> tuple[Check, ...]:
        return constraints.failed(self.checks)

    @property
    def holds(self) -> bool | None:
        """Whether it meets every constraint; None where its weights are not known."""
        if self.failed:
            return False
        return None if self.candidate is None else True


class Shelf:
    """options: by the model's folded id; the models in use and shortlisted, where known, are among them."""

    def __init__(
        self,
        options: Mapping[str, Option],
        entries: Mapping[str, Entry],
        registry: Registry,
        corrections: Sequence[Correction],
    ) -> None:
        self.options, self._entries = options, entries
        self._registry, self._corrections = registry, corrections

    @classmethod
    def read(
        cls,
        tx: Tx,
        stack: Stack,
        registry: Registry,
        *,
        since: datetime,
        progress: Progress = lambda *_: None,
    ) -> Self:
        """What families that are watched or in use released since a moment, and of any age what is named."""
        named = tx.entries(names_in_use(stack))
        families = {e.lineage.family for e in named.values() if e.lineage.family} | set(stack.families)
        official = {m.repo_id for m in tx.members(families) if _is_release(m, since)}
        models = official | {e.known.facts.repo_id for e in named.values() if not e.lineage.quant}
        trusted: dict[str, list[str]] = defaultdict(list)
        for quant in tx.quants_of(models):
            if quant.lineage.base_repo and trusted_publisher(quant.lineage, stack, registry):
                trusted[quant.lineage.base_repo.casefold()].append(quant.repo_id)
        wanted = models | {repo for repos in trusted.values() for repo in repos}
        entries = dict(tx.entries(wanted)) | dict(named)
        options = {}
        for index, name in enumerate(sorted(models, key=str.casefold)):
            progress("reading what there is", index, len(models))
            entry = entries.get(name.casefold())
            if entry is None or entry.known.removed_at is not None:
                continue
            quants = [e for repo in trusted[name.casefold()] if (e := entries.get(repo.casefold()))]
            options[name.casefold()] = _option(entry, quants)
        return cls(options, entries, registry, tx.corrections())

    def offers(self, deployment: Deployment) -> dict[str, Offer]:
        """What would run in a deployment's place, by the model's folded id, each in its best weights."""
        wanted = deployment.quant if deployment.quant and "/" not in deployment.quant else "q4"
        floor = deployment.quality_floor or wanted
        usable = [
            (name, option, weights)
            for name, option in self.options.items()
            for weights in option.weights
            if loads(deployment.engine, weights.variant) and quality_at_least(weights.variant, floor)
        ]
        verdicts = what_fits(
            (weights.model for *_, weights in usable),
            [deployment.hardware],
            deployment.load,
            engine=deployment.engine,
            corrections=self._corrections,
        )
        found: dict[str, Offer] = {}
        for (name, option, weights), (verdict,) in zip(usable, verdicts, strict=True):
            if verdict is FitVerdict.NO:
                continue
            offer = Offer(option=option, weights=weights, verdict=verdict)
            if name not in found or _merit(offer, wanted) > _merit(found[name], wanted):
                found[name] = offer
        return found

    def finest(self, deployment: Deployment) -> Offer | None:
        """The model in use in the best class of weights that fits with room; None where none does."""
        option = self.options.get(deployment.model.casefold())
        usable = [w for w in option.weights if loads(deployment.engine, w.variant)] if option else []
        verdicts = what_fits(
            (w.model for w in usable),
            [deployment.hardware],
            deployment.load,
            engine=deployment.engine,
            corrections=self._corrections,
        )
        fitting = [w for w, (v,) in zip(usable, verdicts, strict=True) if v is FitVerdict.FITS]
        best = max(fitting, key=lambda w: w.variant.bits or 0.0, default=None)
        return Offer(option=option, weights=best, verdict=FitVerdict.FITS) if option and best else None

    def standing(self, offer: Offer, deployment: Deployment) -> Standing:
        """An offer in full: its fit with all figures, and every constraint."""
        weights = offer.weights
        fit = estimate(
            shape=weights.shape,
            variant=weights.variant,
            parameters=weights.parameters,
            hardware=deployment.hardware,
            load=deployment.load,
            engine=deployment.engine,
            corrections=self._corrections,
        )
        candidate = Candidate(label=weights.variant.label, hypothetical=False, fit=fit)
        return self._standing(offer.option.entry, candidate, deployment, weights.shape)

    def in_use(self, deployment: Deployment) -> Standing | None:
        """The model that a deployment runs, in the very weights that it names; None if nobody knows it."""
        entry = self._entries.get(deployment.model.casefold())
        if entry is None:
            return None
        exact = self._entries.get((quant_repo(deployment) or "").casefold())
        if exact is not None:
            named = tuple(v for v in exact.variants if matches_quant(v, deployment.quant or ""))
            own = self._best(replace(exact, variants=named or exact.variants), entry.known, deployment)
        else:
            option = self.options.get(entry.known.key.folded)
            quants = [self._best(quant, entry.known, deployment) for quant in option.quants] if option else []
            own = assess.best_of([*quants, self._best(entry, None, deployment)])
        own = own or self._best(entry, None, deployment, assume=True)
        return self._standing(entry, own, deployment, assess.shape_for(entry.known, None))

    def _best(
        self, entry: Entry, base: Known | None, deployment: Deployment, *, assume: bool = False
    ) -> Candidate | None:
        return assess.best_for(entry, base, deployment, assume=assume, corrections=self._corrections)

    def _standing(
        self, entry: Entry, candidate: Candidate | None, deployment: Deployment, shape: Shape | None
    ) -> Standing:
        checks = constraints.check(
            deployment,
            lineage=entry.lineage,
            licence=entry.licence,
            facts=entry.known.facts,
            candidate=candidate,
            registry=self._registry,
            context_tokens=(shape.context_tokens if shape else None) or entry.known.facts.context_tokens,
        )
        return Standing(entry=entry, candidate=candidate, checks=checks)


def _is_release(member: Member, since: datetime) -> bool:
    """Its maker's own, made to be used: no base, and no quant, which counts with its model."""
    lineage = member.lineage
    own = lineage.official and not lineage.quant and not lineage.derived and lineage.variant != "base"
    return own and (member.created_at or member.first_seen) >= since


def _option(entry: Entry, quants: Sequence[Entry]) -> Option:
    shape = assess.shape_for(entry.known, None)
    own = _weights(entry, None, shape)
    others = (w for quant in quants for w in _weights(quant, entry.known, shape))
    return Option(entry=entry, quants=tuple(quants), weights=(*own, *others))


def _weights(entry: Entry, base: Known | None, known: Shape | None) -> Iterator[Weights]:
    """Sets whose size is not known are left out: what can not be weighed is not said to fit.

    known: the model's shape, which is that of a quant without a config.json of its own.
    """
    variants = [v for v in entry.variants if v.size_bytes]
    if not variants:
        return
    details = entry.known.details
    own_config = details is not None and details.config is not None
    shape = assess.shape_for(entry.known, base) if known is None or own_config else known
    parameters = assess.parameters_for(entry.known, base, shape)
    for variant in variants:
        model = model_of(shape, variant, parameters)
        yield Weights(variant=variant, shape=shape, parameters=parameters, model=model)


def _merit(offer: Offer, wanted: str) -> tuple[int, bool, float]:
    """As watcher.assess.best_for chooses: what fits, then the format asked for, then the most bits."""
    variant = offer.weights.variant
    return RANK[offer.verdict], matches_quant(variant, wanted), variant.bits or 0.0
