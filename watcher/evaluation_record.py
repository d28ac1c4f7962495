"""From results to changes and verdicts: what is new or moved is judged for every deployment whose set it is.

Results are kept by date, and the latest of a model, task and metric counts. What was imported before, or lies
before what is known, changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from watcher.evaluation_compare import (
    against_in_use,
    hears_of,
    in_use,
    measured,
    percent,
    score_in_words,
)
from watcher.judging import current_stack, decide
from watcher.names import lineage_of
from watcher.ports import Tx
from watcher.rules import Outcome, Rules
from watcher.types import (
    Change,
    ChangeKind,
    Comparison,
    Deployment,
    Entry,
    Evaluation,
    Key,
    Lineage,
    RepoFacts,
)

SOURCE = "eval"
_ON = " on "  # between score and task, where a change says what a model scored


@dataclass(kw_only=True, slots=True)
class Recorded:
    """What a batch of results brought about; unchanged and superseded results are of no news.

    comparisons: by deployment, how each model of the batch does against the one in use.
    """

    fresh: list[Evaluation] = field(default_factory=list)
    unchanged: int = 0
    superseded: int = 0
    outcome: Outcome = field(default_factory=Outcome)
    comparisons: list[tuple[str, Comparison]] = field(default_factory=list)


_Slot = tuple[str, str, str]


def _slot(e: Evaluation) -> _Slot:
    return e.model.casefold(), e.task.casefold(), e.metric


def record(tx: Tx, results: Sequence[Evaluation], rules: Rules, now: datetime) -> Recorded:
    """Keeps the results and decides on what they change, in the transaction that is open.

    Models are kept under the catalog's spelling of today, unknown ones as they are called.
    """
    stack = current_stack(tx, rules.stack)
    tasks = {e.task for e in results}
    stored = tx.evaluations(tasks)
    entries = tx.entries({e.model for e in (*results, *stored)})
    names = {name.casefold(): name for d in stack.deployments for name in in_use(d)}
    names |= {folded: entry.known.facts.repo_id for folded, entry in entries.items()}
    before, named = _called(stored, names), _called(results, names)
    recorded = _sorted_out(named, before, now)
    tx.save_evaluations(recorded.fresh, now)
    told = _told(tx, rules, now)
    table = _Table(_called(tx.evaluations(tasks), names), entries, rules, told)
    was = _current(before)
    for task in sorted({e.task.casefold() for e in recorded.fresh}):
        moved = table.moved(task, was)
        changes, findings = table.changes(task, moved, stack.deployments, rules.policy.evaluation_gain, now)
        recorded.outcome.add(decide(tx, changes, rules, now, findings))
    recorded.comparisons = table.comparisons(named, stack.deployments)
    return recorded


def _called(results: Iterable[Evaluation], names: Mapping[str, str]) -> list[Evaluation]:
    """Under the names that the models have today, as deployments are."""
    return [replace(e, model=names.get(e.model.casefold(), e.model)) for e in results]


def _sorted_out(results: Sequence[Evaluation], before: Sequence[Evaluation], now: datetime) -> Recorded:
    """Which results are new. One without a date is held against the latest, others against their own date."""
    recorded = Recorded()
    current = _current(before)
    dated = {(*_slot(e), e.at): e for e in before}
    for e in results:
        there = dated.get((*_slot(e), e.at)) if e.at else current.get(_slot(e))
        if there is not None and _same(there, e):
            recorded.unchanged += 1
            continue
        latest = current.get(_slot(e))
        recorded.superseded += bool(e.at and latest and latest.at and e.at < latest.at)
        recorded.fresh.append(e if e.at else replace(e, at=now))
    return recorded


def _same(one: Evaluation, other: Evaluation) -> bool:
    return measured(one) == measured(other) and set(one.items) == set(other.items)


def _current(results: Iterable[Evaluation]) -> dict[_Slot, Evaluation]:
    """The latest of each; results come oldest first."""
    return {_slot(e): e for e in results}


_Told = tuple[str, str, str | None]


def _told(tx: Tx, rules: Rules, now: datetime) -> dict[_Told, str]:
    """What was alerted of late, by model, task and deployment."""
    return {
        (v.change.key.folded, (v.change.after or "").partition(_ON)[2].casefold(), v.deployment): alert_id
        for alert_id, v in tx.alerted_since(now - rules.policy.told_recently)
        if v.change.kind is ChangeKind.EVALUATION
    }


class _Table:
    """The current results of some tasks, and how to speak of their models."""

    def __init__(
        self,
        results: Sequence[Evaluation],
        entries: Mapping[str, Entry],
        rules: Rules,
        told: Mapping[_Told, str],
    ) -> None:
        self._told = told
        self._current = _current(results)
        self._lineages = {e.known.key.folded: e.lineage for e in entries.values()}
        self._registry = rules.registry
        by_task: dict[str, dict[str, list[Evaluation]]] = defaultdict(lambda: defaultdict(list))
        for (model, task, _), e in self._current.items():
            by_task[task][model].append(e)
        self._by_task = by_task

    def moved(self, task: str, was: dict[_Slot, Evaluation]) -> set[str]:
        """The models (folded) of which a current result on the task is another than before."""
        return {
            slot[0]
            for slot, e in self._current.items()
            if slot[1] == task and (slot not in was or not _same(was[slot], e))
        }

    def changes(
        self, task: str, moved: set[str], deployments: Sequence[Deployment], wanted: float, now: datetime
    ) -> tuple[list[Change], dict[tuple[Key, str | None], Comparison]]:
        """One change per model that moved, and per model that is notable now that the one in use moved."""
        results = self._by_task[task]
        hearing = [d for d in deployments if hears_of(d, task)]
        news: dict[str, dict[str, Comparison]] = {model: {} for model in sorted(moved)}
        for d in hearing:
            own = {name.casefold() for name in in_use(d)}
            for model in sorted(results):
                found = against_in_use(model, results, d)
                if found is None:
                    continue
                anew = own & moved and model not in own and found.gain is not None and found.gain > wanted
                if model in moved or anew:
                    told = self._told.get((model, task, d.name))
                    news.setdefault(model, {})[d.name] = replace(found, told=told)
        changes: list[Change] = []
        findings: dict[tuple[Key, str | None], Comparison] = {}
        for model, found_for in news.items():
            changes.append(self._change(results[model], found_for, anew=model not in moved, now=now))
            findings |= {(changes[-1].key, name): found for name, found in found_for.items()}
        return changes, findings

    def _change(
        self, results: Sequence[Evaluation], found: dict[str, Comparison], *, anew: bool, now: datetime
    ) -> Change:
        main = min(results, key=lambda e: (e.position, e.metric))
        others = [f for f in found.values() if f.incumbent.casefold() != main.model.casefold()]
        in_use_scores = {f.incumbent_score for f in others if f.incumbent_score is not None}
        evidence = [f"metric {main.metric}, {score_in_words(main.score, main.samples)}, from {main.source}"]
        if anew:
            evidence.append("held against the model in use anew, whose result is new")
        return Change(
            kind=ChangeKind.EVALUATION,
            key=Key(source=SOURCE, id=main.model),
            lineage=self._lineage(main.model),
            before=percent(in_use_scores.pop()) if len(in_use_scores) == 1 else None,
            after=f"{percent(main.score)}{_ON}{main.task}",
            detected_at=now,
            evidence=tuple(evidence),
        )

    def _lineage(self, model: str) -> Lineage:
        known = self._lineages.get(model.casefold())
        return known or lineage_of(RepoFacts(repo_id=model), self._registry)

    def comparisons(
        self, asked: Sequence[Evaluation], deployments: Sequence[Deployment]
    ) -> list[tuple[str, Comparison]]:
        pairs = dict.fromkeys((e.task.casefold(), e.model.casefold()) for e in asked)
        return [
            (d.name, found)
            for task, model in pairs
            for d in deployments
            if hears_of(d, task) and model not in {name.casefold() for name in in_use(d)}
            if (found := against_in_use(model, self._by_task[task], d)) is not None
        ]
