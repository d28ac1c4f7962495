"""What advice needs of the catalog: the models of a deployment's kind, and the team's own results."""

import difflib
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from watcher.advise import Advice, advise
from watcher.contenders import Contender, contenders
from watcher.evaluation_compare import against_in_use, own_tasks
from watcher.finding import NoSuchRepoError
from watcher.judging import current_stack
from watcher.ports import Catalog, Tx
from watcher.tasks import tasks
from watcher.team import Team
from watcher.types import Comparison, Deployment, Entry, Evaluation, SourceError, Stack
from watcher.uses import quant_repo
from watcher.ways import Bench


def advised(team: Team, catalog: Catalog, name: str, now: datetime, fetch: Callable[[str], Entry]) -> Advice:
    """Advice for the deployment of this name. fetch: reads a model that the catalog does not know.

    What fetch raises (SourceError, NoSuchRepoError) is raised with the nearest names that are known.
    """
    with catalog.read() as tx:
        stack = current_stack(tx, team.stack)
        deployment = next(d for d in stack.deployments if d.name == name)
        known = bool(tx.entries([deployment.model]))
        names = () if known else tuple(member.repo_id for member in tx.originals(official=False))
    fetched = None if known else _fetched(deployment, names, fetch)
    with catalog.read() as tx:
        return _advice(tx, deployment, stack, team, now, fetched)


def _fetched(deployment: Deployment, names: Sequence[str], fetch: Callable[[str], Entry]) -> Entry:
    try:
        return fetch(deployment.model)
    except (SourceError, NoSuchRepoError) as error:
        alike = ", ".join(nearest(deployment.model, names)) or "nothing"
        what = f"{deployment.name} runs {deployment.model}, which the catalog does not know"
        raise type(error)(f"{what}: {error}; most like it: {alike}") from error


def _advice(
    tx: Tx, deployment: Deployment, stack: Stack, team: Team, now: datetime, fetched: Entry | None
) -> Advice:
    task, registry = tasks()[deployment.task], team.registry
    found = contenders(tx, stack, registry, task, named=[deployment.model], fetched=fetched)
    found = [_with_exact(tx, contender, deployment) for contender in found]
    llm = next(task for task in tasks().values() if not task.narrow)
    return advise(
        deployment,
        found,
        Bench(registry=registry, policy=team.rules(()).policy, now=now, corrections=tx.corrections()),
        compared=_compared(tx, deployment, found),
        small_llms=contenders(tx, stack, registry, llm) if task.narrow else (),
    )


def _with_exact(tx: Tx, contender: Contender, deployment: Deployment) -> Contender:
    """The model in use with the very repo of weights that the deployment names, trusted or not."""
    exact = (quant_repo(deployment) or "").casefold()
    mine = contender.name.casefold() == deployment.model.casefold()
    if not exact or not mine or exact in {quant.known.key.folded for quant in contender.quants}:
        return contender
    entry = tx.entries([exact]).get(exact)
    return replace(contender, quants=(*contender.quants, entry)) if entry else contender


def _compared(tx: Tx, deployment: Deployment, found: Iterable[Contender]) -> dict[str, Comparison]:
    """Each model against the one in use, on the first of the deployment's own tasks that knows it."""
    latest: dict[tuple[str, str, str], Evaluation] = {}
    for e in tx.evaluations(own_tasks(deployment)):
        latest[e.task.casefold(), e.model.casefold(), e.metric] = e
    results: dict[str, dict[str, list[Evaluation]]] = defaultdict(lambda: defaultdict(list))
    for (task, model, _), e in latest.items():
        results[task][model].append(e)
    compared: dict[str, Comparison] = {}
    for contender in found:
        folded = contender.name.casefold()
        if folded == deployment.model.casefold():
            continue
        for task in map(str.casefold, own_tasks(deployment)):
            against = against_in_use(folded, results[task], deployment)
            if against is not None:
                compared.setdefault(folded, against)
    return compared


def nearest(asked: str, names: Sequence[str]) -> tuple[str, ...]:
    """The three names most like the one asked for, by the whole id or the part after the maker."""
    folded = {name.casefold(): name for name in names}
    short = {name.rpartition("/")[2]: name for name in reversed(folded)}
    alike = difflib.get_close_matches(asked.casefold(), folded, n=3, cutoff=0.5)
    own = difflib.get_close_matches(asked.casefold().rpartition("/")[2], short, n=3, cutoff=0.5)
    alike += [short[name] for name in own]
    return tuple(folded[name] for name in dict.fromkeys(alike))[:3]
