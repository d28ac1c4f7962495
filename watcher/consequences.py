"""What a changed configuration means for each deployment: what holds, what no longer does, what is possible.

Pure, given a shelf of models. Before and after are compared for the same deployment, so that of several
changes made at once each tells its own part, and a loss is told once: with the requirement if that changed.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from math import sqrt

from watcher import constraints
from watcher.accepted import deployment_before, pool_before
from watcher.formats import format_of
from watcher.report import fit_line
from watcher.shelf import Offer, Progress, Shelf, Standing
from watcher.types import Change, ChangeKind, Check, Consequences, Deployment, Hardware, Key, Stack
from watcher.uses import names_in_use

# Dense parameters that make no difference to quality that anybody could tell beforehand.
_CLASS = 4e9
_FIGURES = frozenset({"memory", "users", "context", "speed"})

Found = dict[tuple[Key, str | None], Consequences]
_Weighed = dict[str, tuple[Offer, Standing]]  # by the model's folded id


def consequences(
    shelf: Shelf,
    changes: Sequence[Change],
    before: Stack,
    after: Stack,
    progress: Progress = lambda *_: None,
) -> Found:
    """By change and deployment; a deployment that a change does not touch is absent."""
    reckoning = _Reckoning(shelf, changes, before, after)
    pairs = [(change, deployment) for change in changes for deployment in after.deployments]
    found: Found = {}
    for index, (change, deployment) in enumerate(pairs):
        progress(f"what fits {deployment.name} now", index, len(pairs))
        meant = reckoning.of(change, deployment)
        if meant is not None:
            found[change.key, deployment.name] = meant
    return found


class _Reckoning:
    def __init__(self, shelf: Shelf, changes: Sequence[Change], before: Stack, after: Stack) -> None:
        self._shelf, self._before, self._after = shelf, before, after
        self._changed = {change.key.id for change in changes if change.kind is ChangeKind.REQUIREMENT}
        self._wanted = {name.casefold() for name in names_in_use(after)}

    def of(self, change: Change, d: Deployment) -> Consequences | None:
        """None where the change does not touch the deployment."""
        name = change.key.id.partition("/")[2]
        if change.kind is ChangeKind.REQUIREMENT:
            return self._asked(d) if name == d.name else None
        pool = next((pool for pool in self._after.hardware if pool.name == name), None)
        if pool is None:
            return None
        if d.hardware.name == pool.name:
            return self._grown(pool, d)
        in_use = any(other.hardware.name == pool.name for other in self._after.deployments)
        return None if in_use else self._beside(pool, d)

    def _asked(self, d: Deployment) -> Consequences:
        """Its requirements are other ones: does the model in use meet them, and who does?"""
        old = deployment_before(d, self._before, self._after)
        then, here = (self._shelf.in_use(old) if old else None), self._shelf.in_use(d)
        return Consequences(
            deployment=d.name,
            holds=here.holds if here else None,
            lost=_lost(then, here),
            gained=_regained(then, here),
            candidates=self._best(self._weighed(d)),
            current=current_line(d, here),
            checks=here.checks if here else (),
            switched=old is not None and old.model.casefold() != d.model.casefold(),
        )

    def _grown(self, pool: Hardware, d: Deployment) -> Consequences:
        """The machines that it runs on are other ones."""
        old = deployment_before(d, self._before, self._after)
        was = pool_before(pool, self._before, self._after) or (old.hardware if old else None)
        before = replace(d, hardware=was) if was else d
        then, here = self._shelf.in_use(before) if was else None, self._shelf.in_use(d)
        earlier, now = self._weighed(before), self._weighed(d)
        told_elsewhere = f"deployment/{d.name}" in self._changed
        lost = () if told_elsewhere else _lost(then, here)
        return Consequences(
            deployment=d.name,
            holds=here.holds if here else None,
            possible=self._news(now, [earlier]),
            lost=lost,
            gained=(*_regained(then, here), *self._finer(before, d)),
            candidates=self._best(now) if lost else (),
            current=current_line(d, here),
            remarks=(*_refused(now, [earlier]), *self._no_longer(earlier, now, d)),
            checks=here.checks if here else (),
            planned=pool.planned,
        )

    def _beside(self, pool: Hardware, d: Deployment) -> Consequences:
        """Machines that nobody runs on yet: what would qualify there for this deployment and nowhere else?"""
        was, there = pool_before(pool, self._before, self._after), replace(d, hardware=pool)
        if was is not None and was.planned and not pool.planned:
            was = None  # what was only planned is there now
        earlier = [self._weighed(d), *([self._weighed(replace(d, hardware=was))] if was else [])]
        here, now = self._shelf.in_use(d), self._weighed(there)
        return Consequences(
            deployment=d.name,
            holds=here.holds if here else None,
            possible=self._news(now, earlier),
            current=current_line(d, here),
            remarks=_refused(now, earlier),
            checks=here.checks if here else (),
            elsewhere=pool.name,
            planned=pool.planned,
        )

    def _weighed(self, d: Deployment) -> _Weighed:
        """Every model but the one in use that runs in a deployment's place, constraint by constraint."""
        offers = self._shelf.offers(d)
        offers.pop(d.model.casefold(), None)
        return {name: (offer, self._shelf.standing(offer, d)) for name, offer in offers.items()}

    def _news(self, now: _Weighed, earlier: Sequence[_Weighed]) -> tuple[str, ...]:
        """Those that qualify now and did not before: too large then, or too slow."""
        old = {name for weighed in earlier for name, (_, standing) in weighed.items() if standing.holds}
        return self._best({name: pair for name, pair in now.items() if name not in old})

    def _best(self, weighed: _Weighed) -> tuple[str, ...]:
        """Those that no requirement rules out, the best first, one for each size of a release."""
        best: dict[tuple[str, str | None], str] = {}
        for offer, standing in sorted((p for p in weighed.values() if p[1].holds), key=self._rank):
            lineage = offer.option.entry.lineage
            best.setdefault((lineage.thread, lineage.size), _sentence(offer, standing))
        return tuple(best.values())

    def _rank(self, pair: tuple[Offer, Standing]) -> tuple[bool, int, int, int, float, int, str]:
        """In use or shortlisted first, then by what quality goes with, then what is sure to hold."""
        (offer, standing), known = pair, pair[0].option.entry.known
        total = offer.weights.parameters.total or 0
        return (
            known.key.folded not in self._wanted,
            -round(sqrt(total * (offer.weights.parameters.active or total)) / _CLASS),
            sum(check.name in _FIGURES for check in constraints.undecided(standing.checks)),
            -total,
            -(offer.weights.variant.bits or 0.0),
            -(known.facts.popularity.downloads or 0),
            known.key.folded,
        )

    def _no_longer(self, earlier: Collection[str], offers: Collection[str], d: Deployment) -> tuple[str, ...]:
        """Shortlisted candidates that ran there before."""
        gone = sorted(self._wanted & (set(earlier) - set(offers)) - {d.model.casefold()})
        return tuple(
            f"{self._shelf.options[name].name}, shortlisted, no longer fits {d.hardware.name}"
            for name in gone
        )

    def _finer(self, then: Deployment, d: Deployment) -> tuple[str, ...]:
        """The model in use in weights of a better class than before."""
        finest, before = self._shelf.finest(d), self._shelf.finest(then)
        if finest is None or before is None or _level(finest) <= _level(before):
            return ()
        standing = self._shelf.standing(finest, d)
        if standing.candidate is None or not standing.holds:
            return ()
        line, until = fit_line(standing.candidate), before.weights.variant.label
        return (f"{finest.option.name} runs in finer weights: {line} (so far {until})",)


def _refused(now: _Weighed, earlier: Sequence[_Weighed]) -> tuple[str, ...]:
    """What runs there now, did not before, and fails another requirement: counted, so that nobody wonders."""
    old = {name for weighed in earlier for name in weighed}
    fresh = (standing.failed for name, (_, standing) in now.items() if name not in old)
    reasons = Counter(failed[0].name for failed in fresh if failed and failed[0].name != "task")
    if not reasons:
        return ()
    said = ", ".join(f"{count} by {name}" for name, count in reasons.most_common())
    return (f"ruled out although they would run: {said}",)


def _level(offer: Offer) -> int:
    row = format_of(offer.weights.variant.label)
    return row.level if row else 0


def _lost(then: Standing | None, here: Standing | None) -> tuple[str, ...]:
    """What the model met before and misses now; of what nobody knew before, everything that it misses."""
    if here is None:
        return ()
    missed = {check.name for check in then.failed} if then else set()
    return tuple(_figures(check) for check in here.failed if check.name not in missed)


def _regained(then: Standing | None, here: Standing | None) -> tuple[str, ...]:
    """The model in use meets everything now, which it did not before."""
    if then is None or here is None or not here.holds or then.holds is not False:
        return ()
    missed = {check.name for check in then.failed}
    now = "; ".join(_figures(check) for check in here.checks if check.name in missed)
    return (f"{here.entry.known.facts.repo_id} no longer fails: {now}",)


def _figures(check: Check) -> str:
    return f"{check.name}: {check.found}, wanted {check.wanted}"


def _sentence(offer: Offer, standing: Standing) -> str:
    line = fit_line(standing.candidate) if standing.candidate else "its fit is not known"
    publisher = offer.weights.variant.repo_id.partition("/")[0]
    by = "" if publisher == offer.option.entry.lineage.publisher else f"; weights by {publisher}"
    still = ", ".join(check.name for check in constraints.undecided(standing.checks))
    return f"{offer.option.name}: {line}{by}{f'; open: {still}' if still else ''}"


def current_line(d: Deployment, here: Standing | None) -> str:
    """How the model that a deployment runs does, in one line; here None where nobody knows it."""
    if here is None:
        return f"{d.model} is not in the catalog"
    line = fit_line(here.candidate) if here.candidate else "its weights are not known"
    return f"{d.model} {constraints.sentence(here.checks)} ({line})"
