"""Watches organisations and quantisers on the Hugging Face Hub.

A listing asks newest first and stops where the last one began; a sweep reads all of an author with few
fields, for what does not move lastModified. Neither ever returns a part: it is complete or a SourceError.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import pairwise

from huggingface_hub.errors import (
    DisabledRepoError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
)

from sources.hub_client import Usage
from sources.hub_details import fetch_details
from sources.hub_http import HubHttp, Params, RateLimited
from sources.hub_rows import FULL_EXPAND, SLIM_EXPAND, SOURCE, RowError, checked_id, read_row
from watcher.types import Details, Listing, Look, Observation, Presence, Problem, SourceError

__all__ = ["HubSource", "RateLimited", "Usage"]

log = logging.getLogger(__name__)

MOST_PAGES = 5_000
"""Ten times the pages of the largest author at 100 rows each: beyond that, a cursor runs in circles."""


class HubSource:
    """The Hub as a source. Thread-safe. stop makes a running call end with SourceError("stopped").

    on_page is called after every page with the source's name and the number of rows on that page.
    """

    def __init__(
        self,
        endpoint: str,
        token: str | None = None,
        page_size: int = 100,
        timeout_s: float = 20,
        stop: threading.Event | None = None,
        on_page: Callable[[str, int], None] | None = None,
    ) -> None:
        self._http = HubHttp(endpoint, token, timeout_s, stop)
        self._page_size = page_size
        self._on_page = on_page
        self._logged: set[Problem] = set()

    def listing(self, author: str, since: datetime | None, now: datetime) -> Listing:
        """Everything of the author modified at or after since (None: everything), with all facts."""
        return self._author(author, FULL_EXPAND, since, now)

    def sweep(self, author: str, now: datetime) -> Listing:
        """All repos of the author, with identity, gate and popularity only: other facts are not stated."""
        return self._author(author, SLIM_EXPAND, None, now)

    def trending(self, now: datetime, limit: int = 50) -> Listing:
        """The first page by trending score, of all authors and kinds of model."""
        params: Params = {"sort": "trendingScore", "limit": limit, "expand": FULL_EXPAND}
        gathering = _Gathering(f"{SOURCE}:trending", now)
        rows = next(self._pages(gathering.source, params, now), [])
        gathering.add(rows[:limit])
        return self._done(gathering, exhaustive=False)

    def look(self, repo_id: str, now: datetime) -> Look:
        """What the repo's own page says. SourceError when it says nothing that can be relied on."""
        try:
            url = f"{self._http.endpoint}/api/models/{checked_id(repo_id)}"
            row = self._http.get(url, now, params={"expand": FULL_EXPAND}).data
            observation, notes = read_row(row, now)
        except RowError as error:
            raise SourceError(str(error)) from None
        except GatedRepoError:  # a RepositoryNotFoundError too, so it comes first
            return Look(repo_id=repo_id, presence=Presence.GATED)
        except DisabledRepoError:
            return Look(repo_id=repo_id, presence=Presence.DISABLED)
        except RepositoryNotFoundError:
            return Look(repo_id=repo_id, presence=Presence.GONE)
        except HfHubHTTPError as error:
            raise SourceError(f"{repo_id}: {self._http.refused(error)}") from self._http.cause(error)
        for note in notes:
            self._log(Problem(source=SOURCE, key=repo_id, message=note))
        presence = Presence.DISABLED if observation.facts.disabled else Presence.PRESENT
        if observation.key.folded != repo_id.casefold():
            presence = Presence.RENAMED
        return Look(repo_id=repo_id, presence=presence, observation=observation)

    def details(self, repo_id: str, revision: str, now: datetime) -> Details:
        """File sizes and hashes, config.json and hf_quant_config.json of one revision ("" for the newest)."""
        details = fetch_details(self._http, repo_id, revision, now)
        for line in details.problems:
            self._log(Problem(source=SOURCE, key=repo_id, message=line))
        return details

    def usage(self) -> Usage:
        return self._http.meter.usage()

    def remaining_share(self) -> float | None:
        """The share of the rate limit that is left, 0 to 1; None when the Hub has not said."""
        return self._http.meter.remaining_share()

    def _author(self, author: str, expand: tuple[str, ...], since: datetime | None, now: datetime) -> Listing:
        params: Params = {
            "author": author,
            "sort": "lastModified",
            "limit": self._page_size,
            "expand": expand,
        }
        gathering = _Gathering(f"{SOURCE}:{author}", now, since)
        exhaustive = True
        for rows in self._pages(gathering.source, params, now):
            if gathering.add(rows):
                exhaustive = False
                break
        if gathering.rows_seen == 0:
            gathering.note(None, "lists no repos: is this the organisation's name on the Hub?")
        return self._done(gathering, exhaustive=exhaustive and gathering.below_since == 0)

    def _pages(self, source: str, params: Params, now: datetime) -> Iterator[list[object]]:
        url: str | None = f"{self._http.endpoint}/api/models"
        query: Params | None = params
        visited: set[str] = set()
        while url is not None:
            try:
                page = self._http.get(url, now, params=query)
            except HfHubHTTPError as error:
                raise SourceError(self._http.refused(error)) from self._http.cause(error)
            if not isinstance(page.data, list):
                raise SourceError(f"the Hub answered JSON that is no list ({type(page.data).__name__})")
            if self._on_page is not None:
                self._on_page(source, len(page.data))
            yield page.data
            visited.add(url)
            url, query = page.next_url, None  # the next URL holds the whole query
            if url in visited:
                raise SourceError(
                    "cursor repeats: the Hub names a page that was already read as the next one"
                )
            if len(visited) >= MOST_PAGES and url is not None:
                raise SourceError(f"more than {MOST_PAGES} pages: given up")

    def _done(self, gathering: "_Gathering", *, exhaustive: bool) -> Listing:
        for problem in gathering.problems:
            self._log(problem)
        return gathering.listing(exhaustive=exhaustive)

    def _log(self, problem: Problem) -> None:
        """As a warning the first time only: a bad row stays bad with every poll."""
        level = logging.DEBUG if problem in self._logged else logging.WARNING
        self._logged.add(problem)
        log.log(level, "%s: %s: %s", problem.source, problem.key or "a row", problem.message)


class _Gathering:
    """The rows of one listing so far: each repo once, the newest of its rows."""

    def __init__(self, source: str, now: datetime, since: datetime | None = None) -> None:
        self.source = source
        self.rows_seen = 0
        self.below_since = 0
        self._now = now
        self._since = since
        self._newest: datetime | None = None
        self._found: dict[str, Observation] = {}
        self._problems: dict[Problem, None] = {}

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(self._problems)

    def note(self, key: str | None, message: str) -> None:
        self._problems[Problem(source=self.source, key=key, message=message)] = None

    def add(self, rows: list[object]) -> bool:
        """Takes a page in. True when it reached below since, so that all that follows is known.

        Only a page in order proves that: on a page out of order, older says nothing of what follows.
        """
        times = [time for time in map(self._add_row, rows) if time is not None]
        in_order = all(earlier >= later for earlier, later in pairwise(times))
        return self._since is not None and bool(times) and in_order and times[-1] < self._since

    def _add_row(self, row: object) -> datetime | None:
        self.rows_seen += 1
        try:
            observation, notes = read_row(row, self._now)
        except RowError as error:
            self.note(None, str(error))
            return None
        for note in notes:
            self.note(observation.key.id, note)
        modified = observation.facts.last_modified
        if modified is not None:
            not_ahead = min(modified, self._now)  # the Hub's clock may be a little ahead of ours
            self._newest = max(not_ahead, self._newest or not_ahead)
        if modified is not None and self._since is not None and modified < self._since:
            self.below_since += 1
        else:
            self._keep(observation)
        return modified

    def _keep(self, observation: Observation) -> None:
        other = self._found.get(observation.key.folded)
        if other is not None:
            if other.key.id != observation.key.id:
                pair = " and ".join(sorted((other.key.id, observation.key.id)))
                self.note(None, f"{pair} differ only in case: the newer one is kept")
            if _age(other) >= _age(observation):
                return
        self._found[observation.key.folded] = observation

    def listing(self, *, exhaustive: bool) -> Listing:
        return Listing(
            source=self.source,
            observations=tuple(self._found.values()),
            newest=self._newest,
            exhaustive=exhaustive,
            problems=self.problems,
        )


def _age(observation: Observation) -> float:
    """Orders rows by time; a row without one counts as the oldest."""
    modified = observation.facts.last_modified
    return modified.timestamp() if modified is not None else float("-inf")
