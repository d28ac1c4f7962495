"""Each rendering of a rich and of a hostile alert, as golden files that anybody can read.

Write them anew with MODELWATCH_GOLDEN=write, and look at the difference before committing it.
"""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts import render
from tests.alerts.fakes import HOSTILE, RICH
from watcher.types import Alert, Section

GOLDEN = Path(__file__).parent / "golden"
RENDERINGS: dict[str, Callable[[Alert], str]] = {
    "text": render.as_text,
    "markdown": render.as_markdown,
    "slack": lambda alert: "\n--- next message ---\n".join(render.as_slack(alert)),
    "html": render.as_html,
    "json": lambda alert: json.dumps(render.as_json(alert), indent=2, ensure_ascii=False),
}


@pytest.mark.parametrize("rendering", RENDERINGS)
@pytest.mark.parametrize(("name", "alert"), [("rich", RICH), ("hostile", HOSTILE)])
def test_an_alert_reads_as_in_its_golden_file(name: str, alert: Alert, rendering: str) -> None:
    file = GOLDEN / f"{name}.{rendering}.txt"
    shown = RENDERINGS[rendering](alert).rstrip("\n") + "\n"
    if os.environ.get("MODELWATCH_GOLDEN") == "write":
        file.write_text(shown, encoding="utf-8")
    assert shown == file.read_text(encoding="utf-8")


def test_text_wraps_to_the_width_and_keeps_commands_whole() -> None:
    lines = render.as_text(RICH, 60).splitlines()
    too_long = [line for line in lines if len(line) > 60 and " " in line.strip().removeprefix("- ")]
    assert [line for line in too_long if "https://" not in line] == []
    assert any(line.endswith("bartowski/Mistral-Small-4-119B-2603-GGUF") for line in lines)


def test_text_without_a_width_is_one_line_per_item() -> None:
    body = render.text_body(RICH, None)
    assert "published 2026-08-23 by bartowski and described in its card as made with llama.cpp b6210" in body


def test_sections_without_lines_are_left_out() -> None:
    assert "Caveats" not in "".join(show(RICH) for show in RENDERINGS.values())


def _long(*lines: str) -> Alert:
    return replace(RICH, sections=(Section(heading="Fit", lines=lines),), links=())


def test_a_short_alert_is_one_slack_message() -> None:
    assert len(render.as_slack(RICH)) == 1


def test_slack_messages_are_cut_between_items() -> None:
    items = [f"item {n} " + "word " * 60 for n in range(40)]
    messages = render.as_slack(_long(*items))
    assert all(len(message) <= 2900 for message in messages)
    shown = "\n".join(messages)
    assert [line for line in shown.splitlines() if line.startswith("•")] == [f"• {i.strip()}" for i in items]


def test_an_item_longer_than_a_message_is_cut_between_words_and_entities() -> None:
    messages = render.as_slack(_long("&" * 2000, "word " * 900))
    assert all(len(message) <= 2900 for message in messages)
    assert "".join(messages).count("&amp;") == 2000
    assert sum(message.split().count("word") for message in messages) == 900


@given(st.lists(st.text(min_size=1, max_size=400), max_size=30), st.integers(20, 300))
def test_splitting_loses_no_character_and_keeps_the_limit(lines: list[str], limit: int) -> None:
    flat = [" ".join(line.split()) for line in lines]
    messages = render.split_lines(flat, limit)
    assert all(len(message) <= limit for message in messages)
    assert "".join("".join(messages).split()) == "".join("".join(flat).split())


@given(st.text(), st.lists(st.text()), st.text(), st.text())
def test_no_words_break_a_renderer(title: str, lines: list[str], label: str, url: str) -> None:
    alert = replace(
        RICH,
        title=title,
        sections=(Section(heading=label, lines=tuple(lines)),),
        links=((label, url),),
        thread=label,
    )
    for show in RENDERINGS.values():
        show(alert).encode("utf-8")
    assert "\x1b" not in render.as_text(alert)


def test_json_holds_everything() -> None:
    told = render.as_json(RICH)
    assert told["id"] == RICH.id
    assert told["trigger"] == "quant-in-use"
    assert told["thread"] == "mistral-small-4"
    assert told["deployments"] == ["helpdesk"]
    assert told["created_at"] == "2026-08-24T08:00:00+00:00"
    assert told["sections"][2]["lines"][1].startswith("  Q4_K_M: fits")
    assert told["links"][0] == {"text": RICH.links[0][0], "url": RICH.links[0][1]}
