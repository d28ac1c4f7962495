"""The live Hub. Off by default; run with: pytest -m online"""

import os
from datetime import UTC, datetime, timedelta

import pytest

from sources.hub import HubSource
from watcher.types import Presence

pytestmark = pytest.mark.online


@pytest.fixture
def live() -> HubSource:
    return HubSource("https://huggingface.co", os.environ.get("HF_TOKEN"), page_size=10)


def now() -> datetime:
    return datetime.now(UTC)


def test_a_listing_stops_where_it_is_told(live: HubSource) -> None:
    first = live.listing("mistralai", now() - timedelta(days=30), now())
    assert first.newest is not None
    again = live.listing("mistralai", first.newest - timedelta(seconds=1), now())
    assert 1 <= len(again.observations) <= 10


def test_a_sweep_pages_through_an_organisation(live: HubSource) -> None:
    listing = live.sweep("openai-community", now())
    assert listing.exhaustive
    assert len({seen.key.folded for seen in listing.observations}) == len(listing.observations)
    assert len(listing.observations) >= 4
    sweep = live.sweep("google-bert", now())
    assert len(sweep.observations) > 10
    assert live.usage().requests > 2


def test_a_listing_states_the_facts_it_expands(live: HubSource) -> None:
    listing = live.listing("openai-community", None, now())
    gpt2 = next(seen.facts for seen in listing.observations if seen.key.id == "openai-community/gpt2")
    assert gpt2.licence.id == "mit"
    assert gpt2.model_type == "gpt2"
    assert gpt2.files
    assert gpt2.parameters.total


def test_one_model_with_its_files(live: HubSource) -> None:
    details = live.details("openai-community/gpt2", "", now())
    weights = next(file for file in details.files if file.path == "model.safetensors")
    assert weights.size_bytes == 548_105_171
    assert weights.sha256
    assert details.config is not None
    assert details.config["model_type"] == "gpt2"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param(
            "meta-llama/Meta-Llama-3.1-8B-Instruct",
            "meta-llama/Llama-3.1-8B-Instruct",
            id="a repo renamed by its owner",
        ),
        pytest.param("bert-base-uncased", "google-bert/bert-base-uncased", id="a repo moved to its owner"),
    ],
)
def test_a_renamed_repo(live: HubSource, old: str, new: str) -> None:
    look = live.look(old, now())
    assert look.presence is Presence.RENAMED
    assert look.observation is not None
    assert look.observation.key.id == new


def test_a_repo_that_never_was(live: HubSource) -> None:
    assert live.look("mistralai/no-such-model-for-sure", now()).presence is Presence.GONE


def test_trending_is_there(live: HubSource) -> None:
    assert len(live.trending(now(), limit=20).observations) == 20
