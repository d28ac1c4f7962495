"""A catalog for one question, in a folder of its own: what is played into it is gone when it is closed.

A history is many small steps that read the same rows again and again. What was read is kept until it is
written to: triggers note which rows were, whoever writes them, so that the answers are those of the tables.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, column, select, table

from store.db import Store
from store.logged import Line
from store.rows import fold, member_of
from store.schema import aliases, repos
from store.shelf import Shelf, Shelved
from store.tx import Tx
from watcher.types import Entry, FitRecord, Member

_ALL = "*"  # in the place of an id: a name leads elsewhere now, so any answer may be another
_NOTE = "CREATE TEMP TRIGGER IF NOT EXISTS note_{0}_{1} AFTER {1} ON main.{0} BEGIN {2} END"
_WRITTEN = "INSERT INTO written VALUES ({});"  # more than once: an upsert around it would refuse OR IGNORE
_TABLES = {"repos": "folded", "details": "repo", "variants": "repo", "aliases": None}


def _triggers() -> Iterator[str]:
    yield "CREATE TEMP TABLE IF NOT EXISTS written (folded TEXT NOT NULL)"
    for name, key in _TABLES.items():
        for event, rows in (("INSERT", "new"), ("DELETE", "old"), ("UPDATE", "old new")):
            notes = [_WRITTEN.format(f"{row}.{key}" if key else f"'{_ALL}'") for row in rows.split()]
            yield _NOTE.format(name, event, " ".join(notes))


class PlayedTx(Tx):
    """A transaction that remembers what it read, and keeps no log and no fits: nobody will ask for them."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        for statement in _triggers():
            connection.exec_driver_sql(statement)
        self._driver: Any = connection.connection.driver_connection
        self._writes = -1
        self._shelf = Shelf()
        self._read: dict[str, Entry | None] = {}
        self._asked_as: dict[str, set[str]] = defaultdict(set)
        self._former: dict[str, str] | None = None

    def entries(self, repo_ids: Iterable[str]) -> dict[str, Entry]:
        self._refresh()
        asked = sorted({fold(repo_id) for repo_id in repo_ids})
        unread = [name for name in asked if name not in self._read]
        if unread:
            found = super().entries(unread)
            for name in unread:
                entry = self._read[name] = found.get(name)
                self._asked_as[fold(entry.known.facts.repo_id) if entry else name].add(name)
        return {name: entry for name in asked if (entry := self._read[name]) is not None}

    def members(self, families: Iterable[str]) -> list[Member]:
        self._refresh()
        return self._shelf.under("family", families)

    def members_of_publisher(self, publisher: str) -> list[Member]:
        self._refresh()
        return self._shelf.under("publisher", [fold(publisher)])

    def quants_of(self, base_repos: Iterable[str]) -> list[Member]:
        self._refresh()
        return self._shelf.under("quants", map(fold, base_repos))

    def _refresh(self) -> None:
        """Forgets what was written to since the last question, and shelves it anew."""
        if self._driver.total_changes == self._writes:
            return
        noted = self._driver.execute("SELECT DISTINCT folded FROM written ORDER BY folded")
        names = [row[0] for row in noted.fetchall()]
        if names:
            rows = {row.folded: row for row in self._rows(select(repos).where(_IS_WRITTEN))}
            for name in names:
                self._shelf.put(name, _shelved(rows[name]) if name in rows else None)
                for asked in self._asked_as.pop(name, ()):
                    self._read.pop(asked, None)
            if _ALL in names:
                self._read.clear()
                self._former = None
            self._driver.execute("DELETE FROM written")
        self._writes = self._driver.total_changes

    def _renamed(self, names: Iterable[str]) -> dict[str, str]:
        former = self._former_names()
        return {name: former[name] for name in names if name in former} if former else {}

    def _free_names(self, names: Iterable[str]) -> None:
        former = self._former_names()
        super()._free_names([name for name in names if name in former])

    def _former_names(self) -> dict[str, str]:
        """Every former name and the repo that it leads to."""
        self._refresh()
        if self._former is None:
            self._former = {row.folded: row.target for row in self._rows(select(aliases))}
        return self._former

    def _append(self, lines: Iterable[Line]) -> None:
        pass

    def save_fits(self, records: Sequence[FitRecord], now: datetime) -> None:
        pass


_IS_WRITTEN = repos.c.folded.in_(select(column("folded")).select_from(table("written")))


def _shelved(row: Row[Any]) -> Shelved:
    places = [("publisher", fold(row.publisher))]
    places += [("family", row.family)] if row.family else []
    places += [("quants", row.base_folded)] if row.quant and row.base_folded and not row.removed_at else []
    return Shelved(member=member_of(row), places=tuple(places))


class TemporaryStore(Store):
    """An empty store; each of its transactions must be its first."""

    @contextmanager
    def write(self) -> Iterator[Tx]:
        with self._writing() as connection:
            yield PlayedTx(connection)


@contextmanager
def temporary_store() -> Iterator[TemporaryStore]:
    """An empty catalog; its files are removed with the block."""
    with (
        tempfile.TemporaryDirectory(prefix="modelwatch-") as folder,
        TemporaryStore.open(f"sqlite:///{Path(folder) / 'played.db'}") as store,
    ):
        yield store
