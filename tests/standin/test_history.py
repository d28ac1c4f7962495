"""The recorded history is whole, is what its documents say, and can be read by the real client."""

import json
import os
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from typing import Any

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import pytest
from huggingface_hub import HfApi

from sources.standin.history import Expected, History, HistoryError, _in_order, _tell, load_history
from sources.standin.replies import files_of
from sources.standin.server import StandIn
from sources.standin.world import Row
from tests.standin.rows import row
from watcher.families import load_families

MAKERS = {"meta-llama", "google", "Qwen", "mistralai", "microsoft", "deepseek-ai", "openai", "nvidia"}


@pytest.fixture(scope="module")
def history() -> History:
    return load_history()[0]


def at(history: History, poll: int, repo_id: str) -> Row | None:
    return history.at(history.weeks[poll - 1]).get(repo_id)


def test_eight_mondays_over_many_repos_of_many_makers(history: History) -> None:
    assert history.weeks[0] == datetime(2026, 3, 2, 8, tzinfo=UTC)
    assert {week.weekday() for week in history.weeks} == {0}
    assert {b - a for a, b in zip(history.weeks, history.weeks[1:], strict=False)} == {timedelta(weeks=1)}
    authors = {repo_id.partition("/")[0] for repo_id in history.repo_ids()}
    assert authors >= MAKERS | {"bartowski", "unsloth"}
    assert len(history.at(history.weeks[0]).rows) >= 100
    assert len(history.at(history.weeks[-1]).rows) >= 150


def test_nothing_has_a_date_of_the_future(history: History) -> None:
    for week in history.weeks:
        for shown in history.at(week).rows:
            assert datetime.fromisoformat(shown["createdAt"]) <= week, shown["id"]
            assert datetime.fromisoformat(shown["lastModified"]) <= week, shown["id"]


def test_every_row_is_whole(history: History) -> None:
    for shown in history.at(history.weeks[-1]).rows:
        sizes = [file["size"] for file in shown["files"]]
        assert len(shown["_id"]) == 24
        assert min(sizes) > 0
        assert ("safetensors" in shown) is not ("gguf" in shown), shown["id"]
        assert shown["card"].startswith("---\n")
        weights = [file for file in files_of(shown) if file["path"].endswith((".gguf", ".safetensors"))]
        assert weights, shown["id"]
        assert all(len(file["sha256"]) == 64 for file in weights)


def test_identities_are_distinct_and_stable(history: History) -> None:
    for week in history.weeks:
        ids = [shown["_id"] for shown in history.at(week).rows]
        assert len(set(ids)) == len(ids)
    again, _ = load_history()
    for week in history.weeks:
        assert json.dumps(history.at(week).rows) == json.dumps(again.at(week).rows)


def test_a_licence_moves_from_value_to_value(history: History) -> None:
    name = "mistralai/Mistral-Small-4-119B-2603"
    before, after = (at(history, poll, name) or {} for poll in (7, 8))
    assert (before["cardData"]["license"], after["cardData"]["license_name"]) == ("apache-2.0", "mnpl")
    assert "license:other" in after["tags"]


def test_gating_moves_neither_date_nor_revision(history: History) -> None:
    before, after = (at(history, poll, "Qwen/Qwen3.5-27B") or {} for poll in (3, 4))
    assert (before["gated"], after["gated"]) == (False, "auto")
    assert before | {"gated": "auto"} == after


def test_a_re_upload_changes_hashes_and_no_name(history: History) -> None:
    name = "mistralai/Mistral-Small-4-119B-2603-NVFP4"
    before, after = ((at(history, poll, name) or {})["files"] for poll in (6, 7))
    assert [file["path"] for file in before] == [file["path"] for file in after]
    changed = [old["path"] for old, new in zip(before, after, strict=True) if old != new]
    assert len(changed) == 13
    assert sum(file["size"] for file in after) == pytest.approx(70.8e9, rel=0.001)


def test_a_card_is_touched_and_nothing_else(history: History) -> None:
    before, after = (at(history, poll, "Qwen/Qwen3.5-9B") or {} for poll in (6, 7))
    differing = {key for key in before if before[key] != after[key]}
    assert differing == {"sha", "lastModified", "card"}


def test_a_rename_keeps_the_identity(history: History) -> None:
    snapshot = history.at(history.weeks[4])
    assert snapshot.moved("meta-llama/Meta-Llama-3.1-8B-Instruct") == "meta-llama/Llama-3.1-8B-Instruct"
    old = at(history, 4, "meta-llama/Meta-Llama-3.1-8B-Instruct") or {}
    new = at(history, 5, "meta-llama/Llama-3.1-8B-Instruct") or {}
    assert (old["_id"], old["sha"], old["lastModified"]) == (new["_id"], new["sha"], new["lastModified"])


def test_a_repo_is_away_for_two_polls_and_comes_back_as_it_was(history: History) -> None:
    seen = [at(history, poll, "microsoft/Phi-4-multimodal-instruct") for poll in range(1, 9)]
    assert [shown is None for shown in seen] == [False, False, True, True, True, False, False, False]
    assert seen[1] == seen[5]


def test_a_half_uploaded_repo_completes(history: History) -> None:
    name = "unsloth/Mistral-Small-4-119B-2603-GGUF"
    before, after = ([file["path"] for file in (at(history, poll, name) or {})["files"]] for poll in (4, 5))
    assert [path for path in before if path.endswith(".gguf")] == [
        "Q8_0/Mistral-Small-4-119B-2603-Q8_0-00001-of-00003.gguf",
        "Q8_0/Mistral-Small-4-119B-2603-Q8_0-00002-of-00003.gguf",
    ]
    assert set(before) < set(after)


def test_hostile_text_is_there_to_be_made_inert(history: History) -> None:
    shown = at(history, 6, "free-weights-4-all/Mistral-Small-4-119B-Uncensored") or {}
    assert "\x1b" in shown["cardData"]["license_name"]
    assert "<!channel>" in shown["tags"]


def test_the_newcomer_is_quantised_by_both_within_a_week(history: History) -> None:
    base = "base_model:quantized:XingChen-AGI/Xing4.0-29B-A4B"
    found = {shown["author"] for shown in history.at(history.weeks[4]).rows if base in shown["tags"]}
    assert found == {"bartowski", "unsloth"}
    assert not [shown for shown in history.at(history.weeks[3]).rows if base in shown["tags"]]


@pytest.mark.parametrize(
    "event", load_history()[0].expected, ids=lambda event: f"{event.repo_id} {event.kind}"
)
def test_what_is_expected_can_be_seen_at_its_poll(history: History, event: Expected) -> None:
    """The history shows something new of the repo between the poll before and the one that sees it."""
    assert event.action in ("alert", "digest", "ignore")
    poll = event.held_from or event.poll
    if event.kind == "removed":
        assert at(history, poll, event.repo_id) is None
    elif event.held_from is None or event.kind != "new-family":
        assert at(history, poll - 1, event.repo_id) != at(history, poll, event.repo_id)


def test_the_newcomer_is_new_to_our_registry_and_the_impersonator_is_not_in_it() -> None:
    registry = load_families()
    assert not registry.known_organisation("XingChen-AGI")
    assert not registry.known_organisation("mistral-ai-official")


def test_the_table_names_every_alert(history: History) -> None:
    table = files("sources.standin").joinpath("history", "README.md").read_text(encoding="utf-8")
    alerts = [event for event in history.expected if event.action == "alert"]
    assert 6 <= len(alerts) <= 9
    for event in alerts:
        line = next(line for line in table.splitlines() if line.startswith(f"| {event.poll}, "))
        assert event.repo_id.partition("/")[2] in line.split("|")[2], event.repo_id


def test_what_is_made_up_says_so(history: History) -> None:
    staged = {repo_id for repo_id, _ in history.staged}
    assert all(why for _, why in history.staged)
    invented = ("mistral-ai-official", "free-weights-4-all", "XingChen-AGI")
    assert {repo_id for repo_id in history.repo_ids() if repo_id.startswith(invented)} <= staged


@pytest.mark.parametrize("sort", ["last_modified", "trending_score"])
def test_the_real_client_reads_every_week(history: History, sort: Any) -> None:
    with StandIn(history, now=history.weeks[0], max_page=50) as hub:
        api = HfApi(endpoint=hub.url, token=False)
        expand: list[Any] = ["sha", "gated", "tags", "cardData", "siblings", "safetensors", "gguf", "config"]
        for week in history.weeks:
            hub.now = week
            assert len(list(api.list_models(sort=sort, expand=expand))) == len(history.at(week).rows)
        info = api.model_info("unsloth/Qwen3.5-9B-GGUF", files_metadata=True)
        assert any(sibling.size and sibling.size > 5e9 for sibling in info.siblings or ())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(
            {"id": "a/b", "created": "2026-03-01", "color": "red"}, "unknown keys", id="an unknown key"
        ),
        pytest.param(
            {"id": "a/b", "created": "2026-03-01", "params": 1, "then": [{"at": "2026-03-02", "hue": 1}]},
            "unknown keys",
            id="an unknown key of an event",
        ),
    ],
)
def test_a_mistake_in_the_history_is_named(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(HistoryError, match=message):
        _tell(History(), spec, {}, "test.yaml: a/b")


def test_events_must_be_in_order() -> None:
    with pytest.raises(HistoryError, match="out of order"):
        list(_in_order([{"at": "2026-03-02"}, {"at": "2026-03-01"}], "test"))


def test_rows_of_the_tests_are_rows_too() -> None:
    assert files_of(row())[0]["path"] == "README.md"
