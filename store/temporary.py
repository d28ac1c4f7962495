"""A catalog for one question, in a folder of its own: what is played into it is gone when it is closed."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from store.db import Store
from store.logged import Line
from store.tx import Tx
from watcher.types import FitRecord


class PlayedTx(Tx):
    """A transaction that keeps no log and no fits: nobody will ask this catalog for them."""

    def _append(self, lines: Iterable[Line]) -> None:
        pass

    def save_fits(self, records: Sequence[FitRecord], now: datetime) -> None:
        pass


class TemporaryStore(Store):
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
