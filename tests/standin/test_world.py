"""Repos over time."""

from datetime import UTC, datetime, timedelta

import pytest

from sources.standin.world import World
from tests.standin.rows import row

T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)
DAY = timedelta(days=1)


def test_each_moment_shows_the_latest_row_before_it() -> None:
    world = World()
    world.put(row(sha="2" * 40), T0 + DAY)
    world.put(row(sha="1" * 40), T0)
    shas = [
        (world.at(T0 + offset).get("ACME/tiny-7b") or {}).get("sha", "")[:1]
        for offset in (-DAY, 0 * DAY, DAY)
    ]
    assert shas == ["", "1", "2"]


def test_a_removed_repo_can_come_back_as_it_was() -> None:
    world = World.from_rows([row()])
    world.remove("acme/Tiny-7B", T0)
    world.put(row(), T0 + DAY)
    assert world.at(T0).rows == []
    assert len(world.at(T0 + DAY).rows) == 1


def test_a_renamed_repo_keeps_what_it_is_and_answers_under_the_new_name_only() -> None:
    world = World.from_rows([row()])
    world.rename("acme/Tiny-7B", "acme/Tiny-8B", T0)
    snapshot = world.at(T0)
    assert snapshot.moved("acme/tiny-7b") == "acme/Tiny-8B"
    assert snapshot.get("acme/Tiny-7B") is None
    renamed = snapshot.get("acme/Tiny-8B") or {}
    assert (renamed["_id"], renamed["sha"], renamed["author"]) == (row()["_id"], "a" * 40, "acme")


def test_gating_is_a_setting_that_moves_no_date() -> None:
    world = World.from_rows([row()])
    world.gate("acme/Tiny-7B", "auto", T0)
    after = world.at(T0).get("acme/Tiny-7B") or {}
    assert (after["gated"], after["lastModified"], after["sha"]) == (
        "auto",
        row()["lastModified"],
        row()["sha"],
    )


def test_what_is_not_there_can_neither_be_renamed_nor_gated() -> None:
    with pytest.raises(KeyError, match="nothing to rename"):
        World().rename("a/b", "a/c", T0)
    with pytest.raises(KeyError, match="nothing to gate"):
        World().gate("a/b", "auto", T0)


def test_a_later_change_is_seen_by_moments_already_asked() -> None:
    world = World.from_rows([row()])
    assert len(world.at(T0).rows) == 1
    world.put(row("acme/Other-7B"), T0)
    assert len(world.at(T0).of_author("Acme")) == 2
    assert world.repo_ids() == {"acme/Tiny-7B", "acme/Other-7B"}


def test_an_unlisted_repo_is_in_no_list_and_has_its_page() -> None:
    world = World.from_rows([row(unlisted=True)])
    assert world.at(T0).rows == world.at(T0).of_author("acme") == []
    assert world.at(T0).get("acme/Tiny-7B") is not None
