"""Where the database lies and how to read it with nothing but sqlite3."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from store.errors import StoreError
from store.migrations import VERSION, check_version

_PREFIX = "sqlite:///"


def path_of(url: str) -> Path:
    """The file of a sqlite:/// URL; StoreError for every other database (and never its password)."""
    if not url.startswith(_PREFIX):
        scheme = url.partition(":")[0] or "an empty value"
        raise StoreError(f"store.url: this version keeps its catalog in sqlite:///PATH, not in {scheme}")
    path = url[len(_PREFIX) :].partition("?")[0]
    if not path or path == ":memory:":
        raise StoreError("store.url: name a file, as in sqlite:///modelwatch.db; memory is per thread")
    return Path(path)


def read_only_uri(path: Path) -> str:
    return f"file:{quote(str(path.absolute()))}?mode=ro"


@contextmanager
def reading(path: Path | str) -> Iterator[sqlite3.Connection]:
    """A read-only connection with rows by name, on one snapshot; StoreError says what to do."""
    path = Path(path)
    if not path.is_file():
        raise StoreError(f"there is no database at {path} yet: run `modelwatch sync` first")
    try:
        connection = sqlite3.connect(read_only_uri(path), uri=True, timeout=5, isolation_level=None)
    except sqlite3.Error as e:
        raise StoreError(f"cannot read {path}: {e}") from e
    try:
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        if check_version(connection, path) < VERSION:
            raise StoreError(f"{path} is from an older version: `modelwatch sync` upgrades it")
        yield connection
    except sqlite3.DatabaseError as e:
        raise StoreError(f"cannot read {path}: {e}") from e
    finally:
        connection.close()
