"""Which model for a deployment: hard constraints first, then what a ranking without leaderboards can rest on.

1. every constraint met, or none known to fail
2. the team's own evaluation results, where they are beyond chance
3. fewer doubts that a person has to settle (watcher.ways)
4. more capacity: total and active parameters; the model in use counts a tenth more, as a switch has to pay
5. made for this work rather than another; weights in the wanted format, and in one that the device likes
6. the newer release
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from watcher.contenders import Contender
from watcher.fit.serving import Choice
from watcher.tables import table
from watcher.tasks import Specialist, made_for_other, specialist, specialists, tasks
from watcher.types import Comparison, Deployment
from watcher.ways import Bench, Way, as_it_runs, best, ways

# What is asked of a specialist: it answers one item at a time, in milliseconds.
_OF_SPECIALISTS = frozenset({"task", "languages", "memory", "licence", "origin"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """A model's place in the ranking, in its best way to run there.

    in_use: it is the deployment's model; as_it_runs: in the very weights and engine of today.
    others: further weights of it, each at its best. comparison: on the team's own evaluation set.
    """

    way: Way
    in_use: bool = False
    as_it_runs: bool = False
    others: tuple[Way, ...] = ()
    comparison: Comparison | None = None
    specialist: Specialist | None = None

    @property
    def name(self) -> str:
        return self.way.contender.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Advice:
    """ranked: the best first. rejected: the nearest miss first. older: releases that a newer one stands for.

    unknown: models of which no weights are known that an engine runs there. For a narrow task ranked are
    specialists, and hard_cases small LLMs for what they leave, hard_share of it.
    """

    deployment: Deployment
    ranked: tuple[Place, ...]
    rejected: tuple[Place, ...]
    older: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    hard_cases: tuple[Place, ...] = ()
    hard_share: str | None = None

    @property
    def narrow(self) -> bool:
        return tasks()[self.deployment.task].narrow


Compared = Mapping[str, Comparison]


def advise(
    deployment: Deployment,
    contenders: Sequence[Contender],
    bench: Bench,
    *,
    compared: Compared | None = None,
    small_llms: Sequence[Contender] = (),
) -> Advice:
    """The models for a deployment, ranked. compared: by case-folded id, against the one in use.

    small_llms: for a narrow task the LLMs that may take over what a specialist leaves.
    """
    if tasks()[deployment.task].narrow:
        return _narrow(deployment, contenders, bench, small_llms)
    return _ranking(deployment, contenders, bench, compared or {})


def _ranking(
    deployment: Deployment, contenders: Iterable[Contender], bench: Bench, compared: Compared
) -> Advice:
    places: list[Place] = []
    unknown: list[str] = []
    for contender in contenders:
        found = _places(contender, deployment, bench, compared)
        places += found
        unknown += [] if found else [contender.name]
    accepted = [place for place in places if not place.way.failed]
    names = {place.name.casefold() for place in accepted}
    older = {p.name for p in places if not p.in_use and p.way.contender.newer & names}
    return Advice(
        deployment=deployment,
        ranked=tuple(
            sorted((p for p in accepted if p.name not in older), key=lambda p: _order(p, deployment))
        ),
        rejected=tuple(sorted((p for p in places if p.way.failed and p.name not in older), key=_nearness)),
        older=tuple(sorted(older)),
        unknown=tuple(unknown),
    )


def _places(contender: Contender, deployment: Deployment, bench: Bench, compared: Compared) -> list[Place]:
    """One place for a model; for the one in use another for how it runs today, where that differs."""
    in_use = contender.name.casefold() == deployment.model.casefold()
    found = ways(contender, deployment, bench)
    chosen = best(found, deployment)
    comparison = compared.get(contender.name.casefold())
    places = []
    today = as_it_runs(contender, deployment, bench) if in_use else None
    same = bool(today and chosen and _same(today, chosen))
    if chosen is not None:
        others = _others(found, chosen, deployment)
        places.append(Place(way=chosen, in_use=in_use, as_it_runs=same, others=others, comparison=comparison))
    if today is not None and not same:
        places.append(Place(way=today, in_use=True, as_it_runs=True))
    return places


def _same(one: Way, other: Way) -> bool:
    ours, theirs = one.weights.variant, other.weights.variant
    weights = (ours.repo_id, ours.label) == (theirs.repo_id, theirs.label)
    return weights and one.choice.engine == other.choice.engine and one.small_cache == other.small_cache


def _others(found: Iterable[Way], chosen: Way, deployment: Deployment) -> tuple[Way, ...]:
    """The best way of each further format of a model, the better first."""
    by_label: dict[str, list[Way]] = {}
    for way in found:
        by_label.setdefault(way.weights.variant.label, []).append(way)
    by_label.pop(chosen.weights.variant.label, None)
    winners = [winner for group in by_label.values() if (winner := best(group, deployment))]
    return tuple(sorted(winners, key=lambda way: way.merit(deployment.engine), reverse=True))


def certain_gain(comparison: Comparison | None) -> float:
    """How much better on the own evaluation set, 0 where chance explains it or nothing is known."""
    if comparison is None or comparison.gain is None or comparison.low is None:
        return 0.0
    beyond = comparison.low > 0 or (comparison.high is not None and comparison.high < 0)
    return comparison.gain if beyond else 0.0


def _order(place: Place, deployment: Deployment) -> tuple[float | str, ...]:
    """Smallest first; the docstring of this module says why in this order."""
    way, task = place.way, tasks()[deployment.task]
    lineage, born = way.contender.entry.lineage, way.contender.entry.known.facts.created_at
    return (
        -certain_gain(place.comparison),
        len(way.doubts),
        -round(way.capacity),
        made_for_other(task, lineage),
        not way.weights.wanted,
        -way.weights.liked,
        -born.timestamp() if born else 0.0,
        not place.in_use,
        place.name.casefold(),
        place.as_it_runs,
    )


def _nearness(place: Place) -> tuple[float | str, ...]:
    """The fewest failures first, of those the largest model."""
    way = place.way
    return len(way.failed), -round(way.capacity), place.name.casefold()


# --- narrow tasks --------------------------------------------------------------------------------


def _narrow(
    deployment: Deployment, contenders: Iterable[Contender], bench: Bench, small_llms: Iterable[Contender]
) -> Advice:
    places = [place for c in contenders if (place := _specialist(c, deployment, bench))]
    kinds = [row for row in specialists() if row.task == deployment.task]

    def order(place: Place) -> tuple[float | str, ...]:
        kind = kinds.index(place.specialist) if place.specialist in kinds else len(kinds)
        spoken = any(c.name == "languages" and c.passed for c in place.way.checks)
        return len(place.way.doubts), kind, not spoken, -place.way.capacity, place.name.casefold()

    share = next((row.hard_share for row in kinds if row.hard_share), None)
    return Advice(
        deployment=deployment,
        ranked=tuple(sorted((p for p in places if not p.way.failed), key=order)),
        rejected=tuple(sorted((p for p in places if p.way.failed), key=_nearness)),
        hard_cases=_hard_cases(deployment, small_llms, bench) if share else (),
        hard_share=share,
    )


def _specialist(contender: Contender, deployment: Deployment, bench: Bench) -> Place | None:
    """A specialist in its own weights; a deployment's LLM is weighed as one, and says so."""
    in_use = contender.name.casefold() == deployment.model.casefold()
    at = deployment if in_use else replace(deployment, quant=None)
    found = as_it_runs(contender if in_use else replace(contender, quants=()), at, bench)
    if found is None:
        return None
    kind = specialist(contender.name)
    kept = tuple(check for check in found.checks if check.name in _OF_SPECIALISTS)
    way = replace(
        found,
        choice=Choice(engine=None, reason=kind.runs_in) if kind else found.choice,
        checks=kept,
        doubts=tuple(d for d in found.doubts if d.startswith(("origin", "licence"))),
        cautions=tuple(c for c in found.cautions if not c.startswith(("KV", "possibly"))),
    )
    return Place(way=way, in_use=in_use, as_it_runs=in_use, specialist=kind)


def _hard_cases(deployment: Deployment, contenders: Iterable[Contender], bench: Bench) -> tuple[Place, ...]:
    """The smallest LLMs that are LLMs, in the order in which any LLM is ranked for work in the background."""
    small = table("tasks")["llm"]["small"]
    other = next(task.name for task in tasks().values() if not (task.narrow or task.interactive))
    found = _ranking(replace(deployment, task=other), contenders, bench, {})
    return tuple(place for place in found.ranked if small["from"] <= place.way.capacity <= small["to"])
