"""How the trigger tables are checked."""

from typing import Any

from tests.factories import situation
from watcher.triggers import judge
from watcher.types import Change


def check(change: Change, world: dict[str, Any], action: str, trigger: str) -> None:
    """Judges change in a world (keywords of situation; facts are those of its repo) and compares."""
    stated = dict(world)
    verdict = judge(change, situation(of=stated.pop("facts", None), **stated))
    assert (verdict.action.value, verdict.trigger) == (action, trigger)
    assert verdict.reason
    assert (verdict.until is not None) == (action == "hold")
