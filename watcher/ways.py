"""Every sensible way to run a model in a deployment's place: weights, engine and cache, checked in full."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import sqrt

from watcher import assess, constraints, licences
from watcher.contenders import Contender
from watcher.families import Registry
from watcher.fit.engines import engines
from watcher.fit.estimate import estimate
from watcher.fit.serving import Choice, choose_engine
from watcher.fit.shape import Shape
from watcher.formats import format_of
from watcher.quants import hypothetical, loads, matches_quant, preferred, quality_at_least
from watcher.situation import Candidate, Policy
from watcher.tasks import tasks
from watcher.types import (
    Check,
    Correction,
    Deployment,
    Entry,
    Fit,
    FitVerdict,
    Parameters,
    Settings,
    Variant,
)

GIB = 1024**3
# Weights.liked where the device computes in their format.
_NATIVE = 2
_LITTLE_ROOM = 1.25  # times the users asked for: with less than that a busy day is one too many


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Weights of a model: as published, or (hypothetical) as somebody may publish them.

    native: the maker's own release. liked: 2 where the device computes in their format, 0 where it has to
    unpack them without gain, 1 otherwise. fresh_days: age in days where that is a reason to wait.
    """

    variant: Variant
    shape: Shape | None
    parameters: Parameters
    native: bool
    hypothetical: bool
    liked: int
    wanted: bool
    fresh_days: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way to run a model in a deployment's place.

    doubts: what a person should settle before relying on it. cautions: what to keep in mind.
    """

    contender: Contender
    weights: Weights
    choice: Choice
    candidate: Candidate
    checks: tuple[Check, ...]
    doubts: tuple[str, ...]
    cautions: tuple[str, ...]
    small_cache: str | None = None

    @property
    def fit(self) -> Fit:
        return self.candidate.fit

    @property
    def failed(self) -> tuple[Check, ...]:
        return constraints.failed(self.checks)

    @property
    def capacity(self) -> float:
        """Dense parameters that a model is worth, in billions: the geometric mean of total and active.

        A rule of thumb for mixtures of experts; of a dense model it is the total.
        """
        return capacity(self.weights.parameters)

    def merit(self, engine: str) -> tuple[float, ...]:
        """How good a way this is among those of the same model; engine: the one that the team runs."""
        return (
            -len(self.failed),
            -len(self.doubts),
            self.weights.wanted,
            self.weights.liked == _NATIVE,
            self.choice.engine == engine and self.choice.suits,
            self.weights.liked,
            self.choice.suits,
            self.choice.engine == engine,
            self.small_cache is None,
            self.weights.variant.bits or 0.0,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """What every way is weighed with: the team's rules, its measurements and the date."""

    registry: Registry
    policy: Policy
    now: datetime
    corrections: Sequence[Correction] = ()


def capacity(parameters: Parameters) -> float:
    """Billions of dense parameters that counts are worth; 0 where none are known."""
    total = parameters.total or 0
    return sqrt(total * (parameters.active or total)) / 1e9


def ways(contender: Contender, deployment: Deployment, bench: Bench) -> list[Way]:
    """Each set of weights in the engine that suits it, with a smaller cache where the usual one has flaws."""
    found: list[Way] = []
    for weights in _weights(contender, deployment, bench):
        variant = weights.variant
        choice = choose_engine(
            variant.format,
            variant.label,
            deployment.hardware.device,
            deployment.load.users,
            _workload(deployment),
            deployment.engine,
        )
        if choice.engine is None:
            continue
        usual = _way(contender, weights, choice, replace(deployment, engine=choice.engine), bench)
        found.append(usual)
        small = _small_cache(choice.engine, deployment)
        room = usual.fit.weights.bytes < usual.fit.budget_bytes
        if small and room and (usual.failed or usual.doubts):
            at = replace(deployment, engine=choice.engine)
            found.append(_way(contender, weights, choice, at, bench, small_cache=small))
    return found


def best(found: Iterable[Way], deployment: Deployment) -> Way | None:
    """The best way of one model; None where nothing of it is known that any engine runs there."""
    return max(found, key=lambda way: way.merit(deployment.engine), default=None)


def as_it_runs(contender: Contender, deployment: Deployment, bench: Bench) -> Way | None:
    """The model in use in the weights and the engine that the configuration names, and nothing else."""
    choice = Choice(engine=deployment.engine, reason="as it runs today")
    there = [
        weights
        for weights in _weights(contender, deployment, bench, every=True)
        if loads(deployment.engine, weights.variant)
    ]
    named = [w for w in there if deployment.quant and matches_quant(w.variant, deployment.quant)] or there
    found = (_way(contender, weights, choice, deployment, bench, running=True) for weights in named)
    return best(found, deployment)


def _workload(deployment: Deployment) -> str:
    task = tasks()[deployment.task]
    return deployment.task if task.interactive else "batch"


def _small_cache(engine: str, deployment: Deployment) -> str | None:
    """The smaller cache type that an engine offers, where the device has the units for it."""
    small, usual = engines()[engine].small_cache, 2.0
    available = small.needs is None or small.needs in deployment.hardware.device.tflops
    return small.type if available and small.element_bytes < usual else None


# --- weights -------------------------------------------------------------------------------------


def _weights(
    contender: Contender, deployment: Deployment, bench: Bench, *, every: bool = False
) -> Iterator[Weights]:
    """What there is at the floor of quality or above; else what somebody may publish in the wanted format."""
    wanted = deployment.quant if deployment.quant and "/" not in deployment.quant else "q4"
    floor = "q4" if every else deployment.quality_floor or wanted
    original = contender.entry
    any_wanted = False
    for entry in (original, *contender.quants):
        shape = assess.shape_for(entry.known, original.known)
        parameters = assess.parameters_for(entry.known, original.known, shape)
        native = entry is original
        usable = [v for v in entry.variants if v.size_bytes and (native or quality_at_least(v, floor))]
        for variant in usable if every else _worth_a_look(usable, wanted):
            fits_wish = matches_quant(variant, wanted)
            any_wanted = any_wanted or fits_wish or (native and not quality_at_least(variant, wanted))
            yield Weights(
                variant=variant,
                shape=shape,
                parameters=parameters,
                native=native,
                hypothetical=False,
                liked=_liked(variant, deployment),
                wanted=fits_wish,
                fresh_days=None if native else _fresh_days(entry, bench),
            )
    if not any_wanted:
        yield from _assumed(contender, deployment, wanted)


def _worth_a_look(variants: Sequence[Variant], wanted: str) -> list[Variant]:
    """Of the dozens of GGUF files in a repo the preferred one of each class; of everything else all."""
    classes: dict[str, list[Variant]] = {}
    for variant in variants:
        row = format_of(variant.label)
        kind = row.family if row and variant.format == "gguf" else f"{variant.format} {variant.label}"
        classes.setdefault(kind, []).append(variant)
    named = [v for v in variants if v.label.casefold() == wanted.casefold()]
    chosen = [preferred(group) for group in classes.values()]
    return list(dict.fromkeys([*named, *(v for v in chosen if v)]))


def _assumed(contender: Contender, deployment: Deployment, wanted: str) -> Iterator[Weights]:
    original = contender.entry
    shape = assess.shape_for(original.known, None)
    parameters = assess.parameters_for(original.known, None, shape)
    config = original.known.details.config if original.known.details else None
    name = original.known.facts.repo_id
    variant = hypothetical(name, wanted, parameters, deployment.engine, shape=shape, quantisation=config)
    if variant is not None:
        yield Weights(
            variant=variant,
            shape=shape,
            parameters=parameters,
            native=False,
            hypothetical=True,
            liked=_liked(variant, deployment),
            wanted=True,
            fresh_days=None,
        )


def _liked(variant: Variant, deployment: Deployment) -> int:
    row = format_of(variant.label)
    if row is None or row.compute is None:
        return 1
    return 2 if row.compute in deployment.hardware.device.tflops else 0


def _fresh_days(entry: Entry, bench: Bench) -> int | None:
    """Quants of a model's first days are often broken; None where they are older than that."""
    born = entry.known.facts.created_at
    if born is None or bench.now - born >= bench.policy.quant_settle:
        return None
    return max(0, (bench.now - born).days)


# --- one way -------------------------------------------------------------------------------------


def _way(
    contender: Contender,
    weights: Weights,
    choice: Choice,
    deployment: Deployment,
    bench: Bench,
    *,
    small_cache: str | None = None,
    running: bool = False,
) -> Way:
    """deployment: with the engine that was chosen. running: whoever runs weights has them, known or not."""
    fit = estimate(
        shape=weights.shape,
        variant=weights.variant,
        parameters=weights.parameters,
        hardware=deployment.hardware,
        load=deployment.load,
        engine=deployment.engine,
        settings=Settings(cache_dtype=small_cache),
        corrections=bench.corrections,
    )
    candidate = Candidate(
        label=weights.variant.label,
        hypothetical=weights.hypothetical and not running,
        fit=fit,
        native=weights.native,
    )
    entry = contender.entry
    checks = constraints.check(
        deployment,
        lineage=entry.lineage,
        licence=entry.licence,
        facts=entry.known.facts,
        candidate=candidate,
        registry=bench.registry,
        context_tokens=_own_context(weights.shape, entry),
    )
    return Way(
        contender=contender,
        weights=weights,
        choice=choice,
        candidate=candidate,
        checks=checks,
        doubts=tuple(_doubts(deployment, entry, weights, choice, candidate, checks)),
        cautions=tuple(_cautions(deployment, entry, fit, checks)),
        small_cache=small_cache,
    )


def _own_context(shape: Shape | None, entry: Entry) -> int | None:
    return (shape.context_tokens if shape else None) or entry.known.facts.context_tokens


def _doubts(
    d: Deployment,
    entry: Entry,
    weights: Weights,
    choice: Choice,
    candidate: Candidate,
    checks: Sequence[Check],
) -> Iterator[str]:
    """Open checks that weigh: what is merely not stated on a card does not."""
    fit = candidate.fit
    found = {check.name: check.found for check in constraints.undecided(checks)}
    if "memory" in found and fit.verdict is FitVerdict.TIGHT:
        yield f"KV headroom: {_headroom(fit)}; fits {d.hardware.name} only tightly"
    guessed = fit.kv_cache.source == "guess"
    if guessed:
        yield "its layers are not known: memory is a guess, users and speed are open"
    floor, _ = constraints.speed_floor(d)
    speed = fit.decode_tokens_per_second
    if "speed" in found and floor and speed and speed.expected < floor and not guessed:
        yield f"probably slower than {floor:g} tok/s: {found['speed'].removeprefix('tight: ')}"
    if "origin" in found and entry.lineage.family:
        yield f"origin {found['origin']}"
    if "licence" in found:
        yield f"licence {found['licence']}"
    if "languages" in found and constraints.weak_in(d, entry.lineage):
        yield found["languages"]
    if not choice.suits:
        yield f"{choice.engine} is not made for {d.load.users} users at once"
    if candidate.hypothetical:
        yield f"nobody published {weights.variant.label} weights of it yet"
    if weights.fresh_days is not None:
        age = f"{weights.fresh_days} days old" if weights.fresh_days != 1 else "1 day old"
        yield f"its weights are {age}: quants are often broken in their first week"


def _cautions(d: Deployment, entry: Entry, fit: Fit, checks: Sequence[Check]) -> Iterator[str]:
    found = {check.name: check.found for check in constraints.undecided(checks)}
    floor, _ = constraints.speed_floor(d)
    speed = fit.decode_tokens_per_second
    if "speed" in found and floor and speed and speed.expected >= floor and fit.kv_cache.source != "guess":
        yield f"possibly slower than {floor:g} tok/s: {found['speed'].removeprefix('tight: ')}"
    if "languages" in found and not constraints.weak_in(d, entry.lineage):
        yield found["languages"]
    users = d.load.users
    if fit.verdict is FitVerdict.FITS and users > 1 and fit.max_users < users * _LITTLE_ROOM:
        yield f"KV headroom: {_headroom(fit)}"
    if entry.licence:
        yield from licences.obligations(entry.licence)


def _headroom(fit: Fit) -> str:
    beside = fit.budget_bytes - fit.weights.bytes - fit.activations.bytes - fit.overhead.bytes
    users = "1 user" if fit.max_users == 1 else f"{fit.max_users:,} users"
    return f"{max(0, beside) / GIB:.1f} GiB beside the weights, room for {users}"
