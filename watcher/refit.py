"""Fits after a change of the configuration: new machines and loads get theirs, old ones are dropped.

Fits are stored when a repo changes, so that questions are plain reads; this is the other half. A
correction that the team measured drops the stored fits, so that they are made anew here. It needs no
network.
"""

from collections.abc import Callable
from datetime import datetime

from watcher import assess
from watcher.ports import Catalog, Fitted
from watcher.types import FitRecord, Stack

_BATCH = 500


def refit(
    catalog: Catalog,
    stack: Stack,
    now: datetime,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> int:
    """Brings the stored fits in line with the stack; returns how many were computed anew.

    progress(what, done, total) is called for every batch of repos.
    """
    wanted = _wanted(stack)
    with catalog.read() as tx:
        total = tx.count_with_weights()
        if tx.fitted() == wanted or not total:
            return 0
    with catalog.write() as tx:
        tx.drop_fits()
    count, done, after = 0, 0, ""
    while True:
        progress("what fits where", done, total)
        with catalog.write() as tx:
            entries = tx.with_weights(after=after, limit=_BATCH)
            bases = tx.entries({e.lineage.base_repo for e in entries if e.lineage.base_repo})
            found: list[FitRecord] = []
            measured = tx.corrections()
            for entry in entries:
                base = bases.get((entry.lineage.base_repo or "").casefold())
                known = base.known if base else None
                found += assess.records(entry, known, stack.hardware, stack.deployments, measured)
            tx.save_fits(found, now)
        if not entries:
            return count
        count, done = count + len(found), done + len(entries)
        after = entries[-1].known.key.folded


def _wanted(stack: Stack) -> set[Fitted]:
    """What every set of weights should have a fit for."""
    load = assess.DEFAULT_LOAD
    pools = {(pool.name, None, None, load.users, load.context_tokens) for pool in stack.hardware}
    places = {
        (d.hardware.name, d.name, d.engine, d.load.users, d.load.context_tokens) for d in stack.deployments
    }
    return {*pools, *places}
