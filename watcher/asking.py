"""What to ask of single repos beyond the listings, within a budget: pages of missing repos, and details.

Details (file sizes, hashes, config.json) go to models in use and their quants first, then to the
newest. What did not fit waits for the next round, and is counted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TypeVar

from watcher.catalog import SECOND_LOOK_AFTER, remembered
from watcher.judging import current_stack
from watcher.ports import Catalog, Source, Tx
from watcher.types import Known, Listing, Look, Observation, Problem, SourceError, Stack
from watcher.uses import names_in_use

T = TypeVar("T")

MOST_FAILURES_IN_A_ROW = 3
LEAST_SHARE_LEFT = 0.2  # of the Hub's rate limit: details stop here, so that listings still get through


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """What one round may cost: details and page looks are API calls; the rest waits, visibly."""

    details: int = 200
    looks: int = 400
    sweep_every: timedelta = timedelta(hours=24)
    details_of_newest: timedelta = timedelta(days=30)


class Asker:
    """Asks about single repos for one round; a repo that can not be read now never ends the round."""

    def __init__(
        self,
        *,
        source: Source,
        catalog: Catalog,
        stack: Stack,
        limits: Limits,
        now: datetime,
        stopped: Callable[[], bool],
    ) -> None:
        self._source, self._catalog, self._now, self._stopped = source, catalog, now, stopped
        with catalog.read() as tx:
            self._in_use = _in_use(tx, stack)
        self._newest = now - limits.details_of_newest
        self._details_left, self._looks_left = limits.details, limits.looks
        self._failures_in_a_row = 0
        self.waiting = 0
        self.problems: list[Problem] = []

    def about_missing(self, author: str, listing: Listing, sweep: Listing | None) -> list[Look]:
        """The pages of repos that a complete sweep no longer shows, or that await their second look."""
        listed = {o.key.folded for o in listing.observations}
        with self._catalog.read() as tx:
            if sweep is not None:
                listed |= {o.key.folded for o in sweep.observations}
                moved = {o.facts.hub_id for o in sweep.observations if o.facts.hub_id}
                known = [k for k in tx.known_of_author(author) if k.facts.hub_id not in moved]
            else:
                known = list(tx.missing_of_author(author, self._now - SECOND_LOOK_AFTER))
        return self._look([k.facts.repo_id for k in known if k.key.folded not in listed])

    def caught_up(self, listing: Listing, sweep: Listing) -> tuple[Listing, Listing]:
        """Both, with the pages of repos that only the sweep shows as new or moved on in the listing.

        A repo that was private or elsewhere before, and one whose date settled late, lie below the
        watermark. A sweep's row is too slim to judge them by; what can not be read now waits for the
        next sweep.
        """
        listed = {o.key.folded for o in listing.observations}
        unlisted = [o for o in sweep.observations if o.key.folded not in listed]
        with self._catalog.read() as tx:
            known = tx.known(o.key.id for o in unlisted)
        late = {o.key.folded: o for o in unlisted if _has_moved_on(o, known.get(o.key.folded))}
        looks = self._look([o.key.id for o in late.values()])
        found = [o for look in looks if (o := look.observation) and o.key.folded not in listed]
        self.waiting += len(late) - len(looks)
        rest = [o for o in sweep.observations if o.key.folded not in late]
        return (
            replace(listing, observations=(*listing.observations, *found)),
            replace(sweep, observations=tuple(rest)),
        )

    def _look(self, repo_ids: Sequence[str]) -> list[Look]:
        """As many pages as the budget allows and the Hub gives."""
        asked = repo_ids[: self._looks_left]
        self._looks_left -= len(asked)
        answers = (self._ask(self._source.look, repo_id, self._now) for repo_id in asked)
        return [look for look in answers if look is not None]

    def with_details(self, author: str, listing: Listing) -> list[Observation]:
        """The listing with details where they matter, and late details of what was listed before."""
        with self._catalog.read() as tx:
            known = tx.known(o.key.id for o in listing.observations)
            waiting = tx.lacking_details(author, self._newest, self._in_use)
        listed = {o.key.folded for o in listing.observations}
        backlog = [remembered(k, self._now) for k in waiting if k.key.folded not in listed]
        wanted = [o for o in listing.observations if self._needs_details(o, known.get(o.key.folded))]
        wanted = sorted([*wanted, *backlog], key=lambda o: (not self._matters(o), -_age_key(o)))
        chosen = self._fetch(wanted)
        self.waiting += len(wanted) - len(chosen)
        late = [chosen[o.key.folded] for o in backlog if o.key.folded in chosen]
        return [*(chosen.get(o.key.folded, o) for o in listing.observations), *late]

    def about_newcomer(self, repo_id: str) -> Observation | None:
        """The page and details of a base that quantisers took up; None when it can not be read now."""
        if self._looks_left <= 0:
            return None
        self._looks_left -= 1
        look = self._ask(self._source.look, repo_id, self._now)
        if look is None or look.observation is None:
            return None
        seen = look.observation
        details = self._ask(self._source.details, seen.key.id, seen.revision, self._now)
        return replace(seen, details=details)

    def _fetch(self, wanted: Sequence[Observation]) -> dict[str, Observation]:
        chosen: dict[str, Observation] = {}
        for observation in wanted:
            share = self._source.remaining_share()
            if (
                self._details_left <= 0
                or self._given_up()
                or (share is not None and share < LEAST_SHARE_LEFT)
            ):
                break
            self._details_left -= 1
            details = self._ask(self._source.details, observation.key.id, observation.revision, self._now)
            # Also an answer without files is kept: asking again tells no more until the revision moves.
            if details is not None:
                # Filed under the revision that the listing named: a page that names another, or none,
                # would be asked again with every poll.
                filed = replace(details, revision=observation.revision)
                chosen[observation.key.folded] = replace(observation, details=filed)
        return chosen

    def _ask(self, ask: Callable[..., T], repo_id: str, *arguments: object) -> T | None:
        """One answer, or None. A rate limit, or three failures in a row, end the asking for this round.

        SourceError("stopped") when a stop was asked for: what is missing then is not to look unanswered.
        """
        self.check_stop()
        if self._given_up():
            return None
        try:
            answer = ask(repo_id, *arguments)
        except SourceError as error:
            self.check_stop()
            limited = error.limited or error.retry_after_s is not None
            self._failures_in_a_row = MOST_FAILURES_IN_A_ROW if limited else self._failures_in_a_row + 1
            source = f"hub:{repo_id.partition('/')[0]}"
            # The seconds to wait differ each time, and would make a new problem of the same one.
            message = "the Hub asked to wait" if limited else str(error)
            self.problems.append(Problem(source=source, key=repo_id, message=message))
            return None
        self._failures_in_a_row = 0
        return answer

    def _given_up(self) -> bool:
        return self._failures_in_a_row >= MOST_FAILURES_IN_A_ROW

    def check_stop(self) -> None:
        """Raises SourceError when a stop was asked for."""
        if self._stopped():
            raise SourceError("stopped")

    def _matters(self, observation: Observation) -> bool:
        bases = {b.repo_id.casefold() for b in observation.facts.base_models}
        return observation.key.folded in self._in_use or bool(bases & self._in_use)

    def _needs_details(self, observation: Observation, known: Known | None) -> bool:
        if known and known.details and known.details.revision == observation.revision:
            return False
        created = observation.facts.created_at
        return self._matters(observation) or (created is not None and created >= self._newest)


def _in_use(tx: Tx, stack: Stack) -> frozenset[str]:
    """The models and exact quants in use and the shortlist, as configured and as they are called today."""
    names = names_in_use(stack) | names_in_use(current_stack(tx, stack))
    return frozenset(name.casefold() for name in names)


def _has_moved_on(seen: Observation, known: Known | None) -> bool:
    return known is None or bool(seen.revision and seen.revision != known.revision)


def _age_key(observation: Observation) -> float:
    created = observation.facts.created_at
    return created.timestamp() if created else 0.0
