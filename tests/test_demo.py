"""The demo is the main job on recorded history: its alerts are exactly those that the history calls for."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from sources.standin.history import load_history


def _play(*options: str) -> str:
    command = [sys.executable, "-c", "from watcher.cli import main; main()", "demo", *options]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@cache
def _story() -> dict[str, Any]:
    story: dict[str, Any] = json.loads(_play("--json"))
    return story


def _repos(rows: list[dict[str, Any]]) -> set[str]:
    return {row["repo_id"] for row in rows}


def _told() -> set[str]:
    return {link["text"] for alert in _story()["alerts"] for link in alert["links"]}


def test_the_alerts_are_those_that_the_history_calls_for() -> None:
    history, _ = load_history()
    expected = [event for event in history.expected if event.action == "alert"]
    alerts = _story()["alerts"]
    assert [alert["links"][0]["text"] for alert in alerts] == [event.repo_id for event in expected]
    for alert, event in zip(alerts, expected, strict=True):
        assert event.deployment in {None, *alert["deployments"]}


@pytest.mark.parametrize("action", ["digest", "ignore"])
def test_what_is_no_alert_is_where_the_history_expects_it(action: str) -> None:
    history, _ = load_history()
    rows = _story()["digest" if action == "digest" else "ignored"]
    expected = {event.repo_id for event in history.expected if event.action == action}
    silent = {
        "mistralai/Leanstral-119B-A6B-2603",
        "Qwen/Qwen3.5-9B",
    }  # enrichment and a touched card: no change
    assert expected - silent - _told() <= _repos(rows)


def test_every_alert_reads_as_in_the_golden_file() -> None:
    """Review tests/golden/demo_alerts.txt like a user; MODELWATCH_GOLDEN=write writes it anew."""
    said = "\n\n".join(_as_text(alert) for alert in _story()["alerts"]) + "\n"
    golden = Path(__file__).parent / "golden" / "demo_alerts.txt"
    if os.environ.get("MODELWATCH_GOLDEN") == "write":
        golden.write_text(said, encoding="utf-8")
    assert said == golden.read_text(encoding="utf-8")


def _as_text(alert: dict[str, Any]) -> str:
    lines = [f"== {alert['title']}", f"   for {', '.join(alert['deployments'])}; trigger {alert['trigger']}"]
    for section in alert["sections"]:
        lines += [section["heading"], *(f"  - {line}" for line in section["lines"])]
    return "\n".join([*lines, *(f"  {link['text']}: {link['url']}" for link in alert["links"])])


def test_every_week_polls_and_the_history_is_of_the_promised_size() -> None:
    story = _story()
    history, weeks = load_history()
    assert story["polls"] == len(weeks) == 8
    assert story["repos"] >= 120
    assert len({repo_id.partition("/")[0] for repo_id in history.repo_ids()}) >= 8


def test_playing_twice_says_the_same() -> None:
    assert json.loads(_play("--json")) == _story()


def test_the_screen_shows_alerts_digest_and_what_was_not_told() -> None:
    screen = _play()
    for words in (
        "┃ New family: XingChen-AGI/Xing4.0-29B-A4B",
        "For the digest:",
        "Not told, and why:",
        "Next step",
    ):
        assert words in screen
    assert "\x1b" not in screen
    assert "<!channel>" not in screen
