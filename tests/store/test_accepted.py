"""The accepted configuration comes back as it was, and the last one counts."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from store.db import Store
from tests.factories import SPARK, deployment, stack
from tests.store.builders import NOW, rows
from watcher.fit.devices import devices
from watcher.types import Hardware


def test_nothing_was_accepted_at_first(store: Store) -> None:
    with store.read() as tx:
        assert tx.accepted() is None


def test_what_was_accepted_last_comes_back_as_it_was(store: Store, path: Path) -> None:
    h200 = Hardware(name="h200", device=devices()["h200-sxm-141gb"], count=2)
    first = stack(deployment(), shortlist=("google/gemma-4-31B-it",))
    later = replace(first, hardware=(SPARK, h200))
    with store.write() as tx:
        tx.save_accepted(first, NOW)
        assert tx.accepted() == first
        tx.save_accepted(later, NOW + timedelta(days=1))
    with store.read() as tx:
        assert tx.accepted() == later
    assert len(rows(path, "SELECT * FROM accepted")) == 2
