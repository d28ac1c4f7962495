"""What a team changed in its configuration since it was last accepted: machines, and what it asks of them.

Pure. Order, spelling and a new name for the same thing are no change.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from watcher import licences
from watcher.types import Change, ChangeKind, Deployment, Hardware, Key, Licence, Lineage, Stack

SOURCE = "config"
HARDWARE, DEPLOYMENT = "hardware", "deployment"

T = TypeVar("T", Hardware, Deployment)
_ORDINALS = {2: "second", 3: "third", 4: "fourth"}


def facts_of(stack: Stack) -> Stack:
    """What of a configuration is remembered: machines, deployments and shortlist."""
    return Stack(hardware=stack.hardware, deployments=stack.deployments, shortlist=stack.shortlist)


def compare_stacks(before: Stack, after: Stack, now: datetime) -> list[Change]:
    """One change per pool and per deployment that is different, machines first.

    Both stacks are to use the repos' names of today, so that a renamed repo is no change.
    """
    found = []
    for was, here in _paired(before.hardware, after.hardware, _same_pool):
        if was is None or here is None or not _same_pool(was, here):
            found.append(_hardware(was, here, now))
    pools = {was.name: pool.name for pool in after.hardware if (was := pool_before(pool, before, after))}
    for old, new in _paired(before.deployments, after.deployments, _same_but_name(pools)):
        moved = _moved(old, new, pools)
        if moved or old is None or new is None:
            found.append(_requirement(old, new, moved, now))
    return found


def pool_before(pool: Hardware, before: Stack, after: Stack) -> Hardware | None:
    """What a pool of after was before, perhaps under another name; None for a new one."""
    pairs = _paired(before.hardware, after.hardware, _same_pool)
    return next((was for was, here in pairs if here is not None and here.name == pool.name), None)


def deployment_before(deployment: Deployment, before: Stack, after: Stack) -> Deployment | None:
    """What a deployment of after was before, perhaps under another name; None for a new one."""
    pools = {was.name: pool.name for pool in after.hardware if (was := pool_before(pool, before, after))}
    pairs = _paired(before.deployments, after.deployments, _same_but_name(pools))
    return next((was for was, here in pairs if here is not None and here.name == deployment.name), None)


def _paired(
    before: Sequence[T], after: Sequence[T], same: Callable[[T, T], bool]
) -> list[tuple[T | None, T | None]]:
    """By name; of the rest, those that are the same but for their name; last those that are gone."""
    old = {thing.name: thing for thing in before}
    by_name = [(old.pop(thing.name, None), thing) for thing in after]
    gone: list[T] = list(old.values())
    pairs: list[tuple[T | None, T | None]] = []
    for was, thing in by_name:
        twin = was or next((g for g in gone if same(g, thing)), None)
        gone = [g for g in gone if g is not twin]
        pairs.append((twin, thing))
    pairs += [(thing, None) for thing in gone]
    return pairs


def _name(*either: Hardware | Deployment | None) -> str:
    return next(thing.name for thing in either if thing is not None)


def _same_pool(one: Hardware, other: Hardware) -> bool:
    """Devices by their key: figures of the table that were corrected since are no other machine."""
    kinds = [(pool.device.key, pool.count, pool.planned) for pool in (one, other)]
    return kinds[0] == kinds[1]


def _same_but_name(pools: dict[str, str]) -> Callable[[Deployment, Deployment], bool]:
    return lambda old, new: not _moved(old, new, pools)


def _hardware(was: Hardware | None, here: Hardware | None, now: datetime) -> Change:
    name = _name(here, was)
    return Change(
        kind=ChangeKind.HARDWARE,
        key=Key(source=SOURCE, id=f"{HARDWARE}/{name}"),
        lineage=Lineage(family=None, publisher=f"{HARDWARE}/{name}"),
        before=_pool(was) if was else None,
        after=_pool(here) if here else None,
        detected_at=now,
        evidence=(_what_happened(name, was, here),),
    )


def _pool(pool: Hardware) -> str:
    return f"{pool.count} x {pool.device.name}{', planned' if pool.planned else ''}"


def _what_happened(name: str, was: Hardware | None, here: Hardware | None) -> str:
    if was is None:
        return f"{name} is new: {_pool(here)}" if here else name
    if here is None:
        return f"{name} is gone: it was {_pool(was)}"
    if was.device.key != here.device.key:
        return f"{name} is now {_pool(here)}, no longer {_pool(was)}"
    machine = "machine" if here.device.kind == "unified" else "GPU"
    if here.count == was.count + 1 and here.count in _ORDINALS:
        return f"{name} was joined by a {_ORDINALS[here.count]} {machine}"
    if here.count != was.count:
        verb = "grew" if here.count > was.count else "shrank"
        return f"{name} {verb} from {was.count} to {here.count} {machine}{'s' if here.count > 1 else ''}"
    return f"{name} is {'only planned now' if here.planned else 'here: it was planned until now'}"


def _requirement(
    old: Deployment | None, new: Deployment | None, moved: Sequence[tuple[str, str, str]], now: datetime
) -> Change:
    name = _name(new, old)
    if old is None or new is None:
        before, after = (_whole(old) if old else None), (_whole(new) if new else None)
        said = f"{name} is new: {after}" if new else f"{name} was removed: it was {before}"
    else:
        before = ", ".join(f"{what} {value}" for what, value, _ in moved)
        after = ", ".join(f"{what} {value}" for what, _, value in moved)
        said = ", ".join(f"{what} {value} → {other}" for what, value, other in moved)
        said = f"{name}: {said}"
    return Change(
        kind=ChangeKind.REQUIREMENT,
        key=Key(source=SOURCE, id=f"{DEPLOYMENT}/{name}"),
        lineage=Lineage(family=None, publisher=f"{DEPLOYMENT}/{name}"),
        before=before,
        after=after,
        detected_at=now,
        evidence=(said,),
    )


def _whole(d: Deployment) -> str:
    load = f"{d.load.users} user{'s' if d.load.users > 1 else ''} with {d.load.context_tokens:,} tokens"
    return f"{d.model} for {d.task} on {d.hardware.name}, {load}"


def _moved(
    old: Deployment | None, new: Deployment | None, pools: dict[str, str]
) -> list[tuple[str, str, str]]:
    """(what, before, after) for every demand that is another one now; spelling and order aside."""
    if old is None or new is None:
        return []
    pairs = [(what, say(old), say(new)) for what, say in _DEMANDS]
    moved = [pair for pair in pairs if pair[1].casefold() != pair[2].casefold()]
    if pools.get(old.hardware.name) != new.hardware.name:
        moved.append(("hardware", old.hardware.name, new.hardware.name))
    return moved


def _list(values: Sequence[str]) -> str:
    *most, last = sorted({value.casefold() for value in values}) or ["any"]
    return f"{', '.join(most)} and {last}" if most else last


def _licences(d: Deployment) -> str:
    """By their ids, so that "Apache 2.0" and apache-2.0 are one."""
    return _list([licences.canonical(Licence(id=entry)) or entry for entry in d.licence.allow])


_DEMANDS: tuple[tuple[str, Callable[[Deployment], str]], ...] = (
    ("model", lambda d: d.model),
    ("quant", lambda d: d.quant or "any"),
    ("engine", lambda d: d.engine),
    ("task", lambda d: d.task),
    ("languages", lambda d: _list(d.languages)),
    ("users", lambda d: f"{d.load.users:,}"),
    ("context", lambda d: f"{d.load.context_tokens:,}"),
    ("speed floor", lambda d: f"{d.min_tokens_per_second:g} tok/s" if d.min_tokens_per_second else "none"),
    ("quality floor", lambda d: d.quality_floor or "none"),
    ("licences", _licences),
    (
        "refused origins",
        lambda d: _list(d.licence.refuse_origin).upper() if d.licence.refuse_origin else "none",
    ),
    ("domicile", lambda d: d.licence.domicile or "not said"),
)
