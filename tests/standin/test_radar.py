"""Real exported records and recorded replies behind the stand-in, read by the real client."""

import gzip
import json
import os
from datetime import UTC, datetime
from typing import Any

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import RepositoryNotFoundError

from sources.standin.radar import radar_world, row_from_radar
from sources.standin.recorded import recorded_replies
from sources.standin.server import StandIn
from sources.standin.world import World
from tests.shared import shared_data

FIRST = datetime(2026, 8, 19, 7, 36, tzinfo=UTC)
SECOND = datetime(2026, 8, 22, 20, tzinfo=UTC)


def record(**changes: Any) -> dict[str, Any]:
    return {
        "id": "acme/Tiny-GGUF",
        "author": "acme",
        "created_at": "2026-08-18T06:09:20.000Z",
        "updated_at": "2026-08-18T06:21:48.000Z",
        "license": "tiny-licence",
        "pipeline_tag": "text-generation",
        "library": "gguf",
        "languages": ["en"],
        "tags": ["gguf", "base_model:acme/Tiny", "base_model:quantized:acme/Tiny", "license:other"],
        "likes": 1,
        "downloads_30d": 2,
        "trending_score": 3,
        "parameters": 7_000_000_000,
        "storage_bytes": 4_000_000_000,
        "formats": ["gguf"],
        "gated": True,
        "removed": False,
    } | changes


def test_a_record_becomes_a_row_of_the_api() -> None:
    row = row_from_radar(record())
    assert row["cardData"] == {
        "license": "other",
        "license_name": "tiny-licence",
        "base_model": ["acme/Tiny"],
        "language": ["en"],
    }
    assert (row["gated"], row["gguf"], "safetensors" in row) == ("auto", {"total": 7_000_000_000}, False)
    assert (row["lastModified"], row["trendingScore"]) == ("2026-08-18T06:21:48.000Z", 3)


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        pytest.param({"updated_at": "2026-08-19T00:00:00.000Z"}, True, id="an update keeps the identity"),
        pytest.param({"id": "ACME/tiny-gguf"}, True, id="so does another spelling"),
        pytest.param({"created_at": "2026-08-19T00:00:00.000Z"}, False, id="a re-created repo is another"),
    ],
)
def test_identity_is_id_and_creation(changes: dict[str, Any], same: bool) -> None:
    assert (row_from_radar(record())["_id"] == row_from_radar(record(**changes))["_id"]) is same


def test_of_two_spellings_the_one_still_there_counts() -> None:
    gone = record(id="ACME/Tiny-GGUF", removed=True, updated_at="2026-08-20T00:00:00.000Z")
    assert [row["id"] for row in radar_world([(FIRST, [record(), gone])]).at(FIRST).rows] == [
        "acme/Tiny-GGUF"
    ]


def load(name: str) -> list[dict[str, Any]]:
    with gzip.open(shared_data(f"hub/radar-huggingface-dataset/{name}"), "rt") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def states() -> list[list[dict[str, Any]]]:
    return [load("models_2026-08-19T0736Z.jsonl.gz"), load("models_2026-08-22T2000Z.jsonl.gz")]


@pytest.fixture(scope="module")
def real(states: list[list[dict[str, Any]]]) -> World:
    return radar_world(zip((FIRST, SECOND), states, strict=True))


@pytest.mark.parametrize("number", [0, 1])
def test_every_record_that_is_not_removed_is_listed(
    real: World, states: list[list[dict[str, Any]]], number: int
) -> None:
    there = {item["id"].casefold() for item in states[number] if not item["removed"]}
    listed = {row["id"].casefold() for row in real.at((FIRST, SECOND)[number]).rows}
    assert there <= listed
    assert len(listed) - len(there) < 200  # records that an export dropped without saying they are gone


def test_the_real_client_pages_through_the_real_records(real: World) -> None:
    with StandIn(real, now=SECOND) as hub:
        api = HfApi(endpoint=hub.url, token=False)
        expand: list[Any] = [
            "sha",
            "lastModified",
            "createdAt",
            "gated",
            "tags",
            "cardData",
            "safetensors",
            "gguf",
        ]
        found = list(api.list_models(author="bartowski", sort="last_modified", expand=expand))
        wanted = [row["id"] for row in real.at(SECOND).of_author("bartowski")]
        assert sorted(info.id for info in found) == sorted(wanted)
        everything = list(api.list_models(sort="last_modified", expand=["sha"]))
        assert len(everything) == len(real.at(SECOND).rows)
        assert len(hub.requests) == 1 + -(-len(everything) // 1000)


def test_a_removed_record_is_not_found(real: World, states: list[list[dict[str, Any]]]) -> None:
    gone = next(item["id"] for item in states[1] if item["removed"])
    with StandIn(real, now=SECOND) as hub, pytest.raises(RepositoryNotFoundError):
        HfApi(endpoint=hub.url, token=False).model_info(gone)


def test_recorded_replies_are_given_word_for_word_and_renames_followed() -> None:
    path = shared_data("hub/api_responses/huggingface_hub_recorded_http.json")
    exchanges = json.loads(path.read_text())
    replies = recorded_replies(exchanges)
    with StandIn(World(), recorded=replies) as hub:
        api = HfApi(endpoint=hub.url, token=False)
        assert api.model_info("bert-base-uncased").id == "google-bert/bert-base-uncased"
        for target in replies:
            status = hub.answer(target, {})[0].status
            assert status in (200, 307)
        assert len(replies) > 30
