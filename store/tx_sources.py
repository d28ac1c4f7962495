"""How the sources do: their states, their problems as episodes, and the append-only log of what they said."""

from collections.abc import Collection, Iterable
from dataclasses import asdict, fields
from datetime import datetime

from sqlalchemy import insert, select, update

from store import logged
from store.codec import clean
from store.moments import to_text
from store.rows import fold
from store.schema import observations as observations_table
from store.schema import problems, source_states, trending
from store.tx_base import TxBase, upsert
from watcher.types import Key, Look, Observation, Problem, SourceState

_STATE_FIELDS = tuple(field.name for field in fields(SourceState))


class SourcesTx(TxBase):
    def source_state(self, source: str) -> SourceState:
        """What was saved last, or the state of a source never asked. In any case, spelt as at first."""
        row = self._connection.execute(select(source_states).where(source_states.c.source == source)).first()
        if row is None:
            return SourceState(source=source)
        return SourceState(**{name: getattr(row, name) for name in _STATE_FIELDS})

    def save_source_state(self, state: SourceState) -> None:
        self._connection.execute(upsert(source_states), asdict(state))

    def baselines(self) -> dict[str, datetime]:
        """When each source, case-folded, was first read completely; what was there by then is no news."""
        rows = self._rows(select(source_states.c.source, source_states.c.baseline_at))
        return {fold(row.source): row.baseline_at for row in rows if row.baseline_at is not None}

    def keep_sources(self, watched: Collection[str], now: datetime) -> None:
        """End the open problems of sources that are not among these, and show them in status no longer.

        Their states stay: an account that is watched again goes on where it was left.
        """
        s = source_states.c
        folded = {fold(source) for source in watched}
        for row in self._rows(select(s.source).where(s.unwatched_since.is_(None))):
            if fold(row.source) not in folded:
                left = update(source_states).where(s.source == row.source).values(unwatched_since=now)
                self._connection.execute(left)
                self.close_problems(row.source, set(), now)

    def saw_trending(self, repo_ids: Iterable[str], now: datetime) -> None:
        """These are on the Hub's trending list, which goes to the log as well."""
        repo_ids = list(repo_ids)
        self._append([logged.line(logged.TRENDING, now, {"repos": repo_ids})] if repo_ids else [])
        self._many(upsert(trending), [{"folded": fold(repo_id), "seen_at": now} for repo_id in repo_ids])

    def trending_since(self, moment: datetime) -> set[str]:
        """Case-folded ids of the repos that were on the trending list at or after that moment."""
        return {
            row.folded for row in self._rows(select(trending.c.folded).where(trending.c.seen_at >= moment))
        }

    def note_problem(self, problem: Problem, now: datetime) -> bool:
        """Count a problem; True when this opens an episode, False while one with the same words is open."""
        p = problems.c
        again = (
            update(problems)
            .where(p.source == problem.source, p.key.is_not_distinct_from(problem.key))
            .where(p.message == problem.message, p.closed_at.is_(None))
            .values(count=p.count + 1, last_seen=now)
        )
        if self._connection.execute(again).rowcount:
            return False
        opened = {"source": problem.source, "key": problem.key, "message": problem.message}
        self._connection.execute(insert(problems), opened | {"first_seen": now, "last_seen": now, "count": 1})
        return True

    def close_problems(self, source: str, still: set[tuple[str | None, str]], now: datetime) -> None:
        """End every open episode of the source whose (key, message) is not among those still there."""
        p = problems.c
        there = {(None if key is None else clean(key), clean(message)) for key, message in still}
        rows = self._rows(select(p.id, p.key, p.message).where(p.source == source, p.closed_at.is_(None)))
        for row in rows:
            if (row.key, row.message) not in there:
                self._connection.execute(update(problems).where(p.id == row.id).values(closed_at=now))

    def log(self, observations: Iterable[Observation]) -> None:
        """Append what was seen, as the outside said it; details have a line of their own behind the look."""
        self._append([line for seen in observations for line in logged.lines_of(seen)])

    def log_looks(self, looks: Iterable[Look], now: datetime) -> None:
        """Append what the pages of missing repos said: a row alone does not tell that one is gone."""
        self._append([logged.line_of_page(look, now) for look in looks])

    def log_first_look(self, source: str, now: datetime, empty_at: datetime | None = None) -> None:
        """Append that an account was read for the first time: what it showed then was no news.

        empty_at: it was read before, the last time then, and showed nothing; what is younger was news.
        """
        key = Key(source=logged.ACCOUNT, id=source.partition(":")[2])
        row = {"first_look": True} | ({"empty_at": to_text(empty_at)} if empty_at else {})
        self._append([logged.line(key, now, row)])

    def logged(self, source: str) -> set[tuple[str, datetime]]:
        """The folded keys and moments of the log's lines of one source."""
        table = observations_table.c
        statement = select(table.folded, table.seen_at).where(table.source == source)
        return {(row.folded, row.seen_at) for row in self._rows(statement)}
