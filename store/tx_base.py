"""What the groups of transaction methods share: the connection, and lists too long for one statement."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Executable, Row, Table
from sqlalchemy.dialects.sqlite import Insert, insert

from store.logged import Line
from store.rows import fold
from store.schema import observations

T = TypeVar("T")

# SQLite before 3.32 takes 999 parameters in a statement; the rest of a statement needs a few.
_CHUNK = 900


class TxBase:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _rows(self, statement: Executable) -> Sequence[Row[Any]]:
        return self._connection.execute(statement).all()

    def _many(self, statement: Executable, values: Sequence[dict[str, Any]]) -> None:
        """Nothing at all for no values, where SQLAlchemy would insert one row of defaults."""
        if values:
            self._connection.execute(statement, values)

    def _append(self, lines: Iterable[Line]) -> None:
        """Write to the observation log."""
        self._many(insert(observations), [line | {"folded": fold(line["key"])} for line in lines])


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(values)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk


@cache
def upsert(table: Table) -> Insert:
    """An INSERT that overwrites the row under the same primary key; built once per table, which is dear."""
    statement = insert(table)
    keys = [column.name for column in table.primary_key]
    rest: dict[str, ColumnElement[Any]] = {c.name: c for c in statement.excluded if c.name not in keys}
    return statement.on_conflict_do_update(index_elements=keys, set_=rest)
