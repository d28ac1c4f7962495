"""Opens the catalog and hands out transactions. SQLite in WAL mode: one writer at a time, readers never wait.

Writing begins with BEGIN IMMEDIATE: a deferred transaction that reads before it writes loses updates
or fails with "database is locked" under two writers. Reading has an engine of its own, opened read-only.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, func, select
from sqlalchemy.exc import SQLAlchemyError, StatementError

from store.errors import StoreError
from store.files import path_of, read_only_uri
from store.migrations import migrate
from store.outbox import Outbox
from store.schema import repos
from store.tx import Tx

# A writer waits this long for another process: a baseline of 10,000 repos commits within two seconds.
_BUSY_S = 15


class Store(Outbox):
    """The catalog in one file. Safe to share between threads; each block is one transaction."""

    def __init__(self, path: Path, writer: Engine, reader: Engine) -> None:
        self.path = path
        self._writer, self._reader = writer, reader

    @classmethod
    def open(cls, url: str) -> Self:
        """Open sqlite:///PATH, creating or upgrading the file; StoreError says what to do instead."""
        path = path_of(url)
        if not path.parent.is_dir():
            raise StoreError(f"the folder {path.parent} does not exist: create it, or change store.url")
        try:
            connection = _connect(path)
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                migrate(connection, path)
            finally:
                connection.close()
        except sqlite3.Error as e:
            raise StoreError(_advice(path, e)) from e
        writer = create_engine("sqlite://", creator=lambda: _connect(path), poolclass=QueuePool)
        event.listen(writer, "begin", _begin_immediate)
        reader = create_engine("sqlite://", creator=lambda: _connect_read_only(path), poolclass=QueuePool)
        event.listen(reader, "begin", _begin)
        return cls(path, writer, reader)

    def close(self) -> None:
        self._reader.dispose()
        self._writer.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def write(self) -> Iterator[Tx]:
        """One transaction: committed when the block ends, rolled back when it raises. Do not nest."""
        with self._writing() as connection:
            yield Tx(connection)

    @contextmanager
    def read(self) -> Iterator[Tx]:
        """One snapshot for reading; methods that write raise StoreError."""
        with self._reading() as connection:
            yield Tx(connection)

    def count_repos(self) -> int:
        """Repos that are known and were not removed."""
        alive = select(func.count()).select_from(repos).where(repos.c.removed_at.is_(None))
        with self._reading() as connection:
            return connection.execute(alive).scalar_one()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with _seam(self.path), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with _seam(self.path), self._reader.begin() as connection:
            yield connection


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _connect_read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        read_only_uri(path), uri=True, timeout=_BUSY_S, isolation_level=None, check_same_thread=False
    )


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


@contextmanager
def _seam(path: Path) -> Iterator[None]:
    """What SQLAlchemy raises becomes a StoreError with the driver's words, without SQL or values."""
    try:
        yield
    except StatementError as e:
        raise StoreError(_advice(path, e.orig or e)) from e
    except SQLAlchemyError as e:
        raise StoreError(f"{path}: {e}") from e


def _advice(path: Path, error: BaseException) -> str:
    text = str(error)
    if "not a database" in text:
        return f"{path} is not an SQLite database: point store.url at another file"
    if "unable to open" in text:
        return f"cannot open {path}: {text}; check that the folder may be written"
    if "readonly" in text:
        return f"{path} can not be written: check the owner of the file and of its folder"
    if "locked" in text:
        return f"{path} is locked by another process for more than {_BUSY_S} s: stop it, or try again"
    if "full" in text:
        return f"{path}: {text}; free some space, nothing was half written"
    return f"{path}: {text}"
