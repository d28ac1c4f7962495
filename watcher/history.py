"""A log of looks, understood line by line, and taken into a catalog as what was known before."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from watcher.catalog import Recorder, remembered
from watcher.ports import Tx
from watcher.rules import Rules
from watcher.types import Evaluation, Look, Observation, Sight


def without_row(sight: Sight) -> Sight:
    """The same without the outside's own row."""
    if sight.observation is None:
        return sight
    return replace(sight, observation=replace(sight.observation, row={}))


def by_account(sights: Sequence[Sight]) -> Iterator[tuple[str, list[Sight]]]:
    """By account, in the order in which they first come. What a page led to belongs to who asked for it."""
    moved = {s.moved_to.casefold(): s.account for s in sights if s.moved_to}
    accounts: dict[str, list[Sight]] = {}
    for sight in sights:
        if sight.about_repo:
            accounts.setdefault(moved.get(sight.key.folded, sight.account), []).append(sight)
    yield from accounts.items()


@dataclass(kw_only=True, slots=True)
class Seen:
    """What was seen of an account at one moment, put together; problems: what says nothing, and why."""

    observations: list[Observation] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def put_together(tx: Tx, sights: Sequence[Sight]) -> Seen:
    """Rows with the files of their repo, pages with what they led to. Of a repo the last row counts.

    Files that came alone hang on what is remembered of the repo.
    """
    rows = {s.key.folded: s.observation for s in sights if s.observation}
    files = {s.key.folded: s for s in sights if s.details}
    late = tx.known(s.key.id for name, s in files.items() if name not in rows)
    seen = Seen()
    for name, sight in files.items():
        row = rows.get(name) or (remembered(late[name], sight.seen_at) if name in late else None)
        if row is None:
            seen.problems.append(f"{sight.key.id}: its files were seen before the repo: left out")
        else:
            rows[name] = replace(row, details=sight.details)
    seen.observations += rows.values()
    for sight in sights:
        if sight.look is not None:
            page = rows.get((sight.moved_to or sight.key.id).casefold())
            seen.looks.append(replace(sight.look, observation=page))
    return seen


def take(tx: Tx, rules: Rules, sights: Sequence[Sight]) -> int:
    """Records in silence what was seen of repos that the catalog does not know; returns how many lines.

    First looks, trending lists and results of evaluations are taken as well, unless they are there already.
    """
    names = tx.entries({s.key.id for s in sights if s.about_repo})
    moved = tx.known_by_hub_id({o.facts.hub_id for s in sights if (o := s.observation) and o.facts.hub_id})
    strange = {
        s.key.folded
        for s in sights
        if (o := s.observation) and s.key.folded not in names and o.facts.hub_id not in moved
    }
    there = {line for source in ("hub/trending", "hub/account") for line in tx.logged(source)}
    tasks = {s.evaluation.task for s in sights if s.evaluation}
    results = {_result(e) for e in tx.evaluations(tasks)}
    fresh = [
        s
        for s in sights
        if (s.about_repo and s.key.folded in strange)
        or ((s.trending or s.first_look) and (s.key.folded, s.seen_at) not in there)
        or (s.evaluation and _result(s.evaluation) not in results)
    ]
    for moment, group in groupby(sorted(fresh, key=lambda s: s.seen_at), key=lambda s: s.seen_at):
        looks = list(group)
        for look in (s for s in looks if s.first_look):
            tx.log_first_look(f"hub:{look.key.id}", moment, look.empty_at)
        seen = put_together(tx, [s for s in looks if s.about_repo])
        Recorder(rules=rules, now=moment).baseline(tx, seen.observations, seen.looks)
        tx.save_evaluations([s.evaluation for s in looks if s.evaluation], moment)
        for trending in (s.trending for s in looks if s.trending):
            tx.saw_trending(trending, moment)
    return len(fresh)


def _result(e: Evaluation) -> tuple[object, ...]:
    return e.model.casefold(), e.task.casefold(), e.metric, e.at
