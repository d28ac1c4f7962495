"""A repo that is asked about: from the catalog where its layers are known, else read from the Hub."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from watcher.ports import Catalog, Source
from watcher.team import Team
from watcher.types import Entry, Known, Observation, SourceError


class NoSuchRepoError(Exception):
    """A question about a repo that nobody can see."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """A repo and its base. origin: catalog or hub."""

    entry: Entry
    base: Known | None
    origin: str


def find(
    team: Team, catalog: Catalog | None, hub: Callable[[], Source], repo_id: str, now: datetime
) -> Found:
    """A repo and its base. What the catalog knows serves when the Hub, opened only if need be, is silent.

    Raises NoSuchRepoError when neither knows it.
    """
    from watcher.assess import shape_read

    known = _remembered(catalog, repo_id) if catalog else None
    if known is not None and shape_read(known.entry.known, known.base) is not None:
        return known
    try:
        return _asked(team, hub(), repo_id, now)
    except (SourceError, NoSuchRepoError):
        if known is None:
            raise
        return known


def _remembered(catalog: Catalog, repo_id: str) -> Found | None:
    with catalog.read() as tx:
        found = tx.entries([repo_id]).get(repo_id.casefold())
        bases = tx.entries([found.lineage.base_repo]) if found and found.lineage.base_repo else {}
    if found is None or not found.variants:
        return None
    base = next((entry.known for entry in bases.values()), None)
    return Found(entry=found, base=base, origin="catalog")


def _asked(team: Team, hub: Source, repo_id: str, now: datetime) -> Found:
    seen = _observed(hub, repo_id, now)
    if seen is None:
        raise NoSuchRepoError(f"{repo_id}: the Hub shows no such repo (deleted, private or misspelt)")
    parent = seen.facts.base_models[0].repo_id if seen.facts.base_models else None
    try:
        base = _observed(hub, parent, now) if parent else None
    except SourceError:
        base = None  # without its base a quant is judged by its own files
    return _found(team, seen, base)


def _observed(hub: Source, repo_id: str, now: datetime) -> Observation | None:
    look = hub.look(repo_id, now)
    if look.observation is None:
        return None
    return replace(
        look.observation, details=hub.details(look.observation.key.id, look.observation.revision, now)
    )


def _found(team: Team, seen: Observation, base: Observation | None) -> Found:
    from watcher.catalog import Recorder

    recorder = Recorder(rules=team.rules(()), now=seen.seen_at)
    parent = recorder.entry(base, None, {}) if base else None
    bases = {parent.known.key.folded: parent} if parent else {}
    entry = recorder.entry(seen, None, bases)
    return Found(entry=entry, base=parent.known if parent else None, origin="hub")
