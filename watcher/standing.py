"""How a configuration stands today, for `modelwatch check`: advice with figures, never something to fix.

What the next sync will judge, how each model in use does against its own requirements, and whether
deployments that share machines fit there together: everywhere else each is judged as if it were alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from watcher.adopting import pending
from watcher.consequences import current_line
from watcher.families import Registry
from watcher.judging import current_stack
from watcher.ports import Tx
from watcher.shelf import Shelf, Standing
from watcher.types import Deployment, Fit, Hardware, Stack

GIB = 1024**3

Advice = tuple[str, str]


def advice(tx: Tx, stack: Stack, registry: Registry, now: datetime) -> Iterator[Advice]:
    """(about what, one sentence); nothing at all before a round filled the catalog."""
    for change in pending(tx, stack, now):
        yield "next sync", f"will judge: {change.evidence[0]}"
    if not tx.count_with_weights():
        return
    today = current_stack(tx, stack)
    shelf = Shelf.read(tx, today, registry, since=now)
    standings = {d.name: shelf.in_use(d) for d in today.deployments}
    for deployment in today.deployments:
        yield f"model of {deployment.name}", current_line(deployment, standings[deployment.name])
    for pool in today.hardware:
        together = [d for d in today.deployments if d.hardware.name == pool.name]
        if len(together) > 1:
            yield f"sharing {pool.name}", _shared(pool, together, standings)


def _shared(pool: Hardware, together: Sequence[Deployment], standings: Mapping[str, Standing | None]) -> str:
    """Weights, caches and working memory of all of them, added up over the devices of a pool."""
    fits = {d.name: _fit(standings[d.name]) for d in together}
    unknown = [name for name, fit in fits.items() if fit is None]
    if unknown:
        return f"whether all {len(together)} fit is not known: no weights of {' and '.join(unknown)} are"
    known = {name: fit for name, fit in fits.items() if fit is not None}
    needs = {name: fit.required_bytes * fit.devices for name, fit in known.items()}
    need, room = sum(needs.values()), max(fit.budget_bytes for fit in known.values()) * pool.count
    said = " + ".join(f"{name} {size / GIB:.1f}" for name, size in needs.items())
    verdict = "they fit together" if need <= room else "they do not fit together, whatever each does alone"
    return f"{said} = {need / GIB:.1f} of {room / GIB:.1f} GiB at full load: {verdict}"


def _fit(standing: Standing | None) -> Fit | None:
    return standing.candidate.fit if standing and standing.candidate else None
