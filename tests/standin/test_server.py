"""The stand-in against the real huggingface_hub client, and its misbehaviour against plain httpx2."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, get_args

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"  # before the import: it would call the endpoint once more

import httpx2
import pytest
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import ExpandModelProperty_T

from sources.standin.replies import EXPANDABLE
from sources.standin.server import Budget, Fault, StandIn
from sources.standin.world import World
from tests.standin.rows import row

T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)
EXPAND: list[Any] = [
    "sha",
    "lastModified",
    "createdAt",
    "gated",
    "disabled",
    "tags",
    "cardData",
    "siblings",
    "safetensors",
]


@pytest.fixture
def world() -> World:
    rows = [
        row(
            f"acme/Tiny-{n}B", _id=f"{n:024x}", lastModified=f"2026-02-{n:02d}T08:00:00.000Z", downloads=n % 7
        )
        for n in range(1, 26)
    ]
    other = row("other/Big-70B", gated="manual", trendingScore=90)
    return World.from_rows([*rows, other, row("gpt2", author="", trendingScore=0)])


@pytest.fixture
def hub(world: World) -> Iterator[StandIn]:
    with StandIn(world, now=T0) as hub:
        yield hub


@pytest.fixture
def api(hub: StandIn) -> HfApi:
    return HfApi(endpoint=hub.url, token=False)


def test_a_listing_comes_newest_first_and_stops_asking_at_the_limit(hub: StandIn, api: HfApi) -> None:
    found = list(api.list_models(author="acme", sort="last_modified", limit=10, expand=EXPAND))
    assert [info.id for info in found][:3] == ["acme/Tiny-25B", "acme/Tiny-24B", "acme/Tiny-23B"]
    assert len(found) == 10
    assert found[0].last_modified == datetime(2026, 2, 25, 8, tzinfo=UTC)
    assert found[0].safetensors is not None
    assert found[0].safetensors.total == 7_000_000_000
    assert len(hub.requests) == 1


def test_pages_are_chained_by_link_headers_without_loss_or_repetition(world: World) -> None:
    with StandIn(world, now=T0, max_page=4) as hub:
        found = list(HfApi(endpoint=hub.url, token=False).list_models(author="acme", sort="downloads"))
        assert len(hub.requests) == 7
    assert len({info.id for info in found}) == len(found) == 25
    downloads = [info.downloads or 0 for info in found]
    assert downloads == sorted(downloads, reverse=True)


@pytest.mark.parametrize("sort", ["created_at", "downloads", "last_modified", "likes", "trending_score"])
def test_every_sort_of_the_client_is_served(api: HfApi, sort: Any) -> None:
    assert len(list(api.list_models(sort=sort, limit=3))) == 3


def test_expand_sends_the_asked_keys_and_the_two_ids_only(hub: StandIn) -> None:
    reply = httpx2.get(f"{hub.url}/api/models?author=acme&limit=1&sort=likes&expand=gated&expand=sha")
    assert [sorted(item) for item in reply.json()] == [["_id", "gated", "id", "sha"]]


def test_an_unknown_expand_is_refused_as_the_hub_does(hub: StandIn) -> None:
    assert httpx2.get(f"{hub.url}/api/models?expand=colour").status_code == 400


def test_the_author_is_found_whatever_the_case_and_unknown_authors_have_nothing(api: HfApi) -> None:
    assert len(list(api.list_models(author="ACME", sort="likes"))) == 25
    assert list(api.list_models(author="nobody", sort="likes")) == []


def test_model_info_with_files_metadata_has_sizes_and_hashes(api: HfApi) -> None:
    info = api.model_info("acme/Tiny-1B", files_metadata=True)
    files = {sibling.rfilename: sibling for sibling in info.siblings or ()}
    shard = files["model-00001-of-00002.safetensors"]
    assert shard.size == 9_000_000_000
    assert shard.lfs is not None
    assert shard.lfs.sha256 == "1" * 64
    assert files["config.json"].lfs is None
    assert info.config == {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}


def test_what_only_the_stand_in_reads_is_never_sent(hub: StandIn) -> None:
    sent = httpx2.get(f"{hub.url}/api/models/acme/Tiny-1B").json()
    assert not {"files", "config_json", "card", "texts"} & set(sent)


def test_a_repo_without_organisation_has_a_page_too(api: HfApi) -> None:
    assert api.model_info("gpt2").id == "gpt2"


def test_the_tree_lists_folders_once_or_everything_when_asked(api: HfApi) -> None:
    flat = {entry.path for entry in api.list_repo_tree("acme/Tiny-1B")}
    assert "original" in flat
    assert "original/params.json" not in flat
    deep = {entry.path for entry in api.list_repo_tree("acme/Tiny-1B", recursive=True)}
    assert {"original", "original/params.json", "README.md"} <= deep


def test_a_small_file_is_downloaded_by_the_real_client(hub: StandIn, tmp_path: Path) -> None:
    path = hf_hub_download("acme/Tiny-1B", "config.json", endpoint=hub.url, cache_dir=tmp_path, token=False)
    assert json.loads(Path(path).read_text())["hidden_size"] == 4096
    assert ("HEAD", "/acme/Tiny-1B/resolve/main/config.json", 200) in hub.requests


def test_the_size_of_weights_is_told_without_the_weights(hub: StandIn) -> None:
    reply = httpx2.head(f"{hub.url}/acme/Tiny-1B/resolve/main/model-00002-of-00002.safetensors")
    assert (reply.status_code, reply.headers["x-linked-size"]) == (200, "5000000000")


def test_a_rename_answers_307_and_the_client_shows_the_new_id(
    world: World, hub: StandIn, api: HfApi, tmp_path: Path
) -> None:
    world.rename("acme/Tiny-1B", "acme/Tiny-1B-Instruct", T0 + timedelta(days=1))
    before = api.model_info("acme/Tiny-1B")
    hub.now = T0 + timedelta(days=2)
    after = api.repo_info("acme/Tiny-1B")
    assert (before.id, after.id) == ("acme/Tiny-1B", "acme/Tiny-1B-Instruct")
    assert before.__dict__["_id"] == after.__dict__["_id"]
    assert hub.requests[1][2] == 307
    path = hf_hub_download("acme/Tiny-1B", "README.md", endpoint=hub.url, cache_dir=tmp_path, token=False)
    assert "# Tiny" in Path(path).read_text()
    assert "acme/Tiny-1B" not in {info.id for info in api.list_models(author="acme", sort="likes")}


def test_a_removed_repo_is_neither_listed_nor_told_from_a_private_one(
    world: World, hub: StandIn, api: HfApi
) -> None:
    world.remove("acme/Tiny-1B", T0)
    with pytest.raises(RepositoryNotFoundError) as caught:
        api.model_info("acme/Tiny-1B")
    assert caught.value.response.status_code == 401
    assert len(list(api.list_models(author="acme", sort="likes"))) == 24


def test_with_a_token_a_missing_repo_is_404(hub: StandIn) -> None:
    with pytest.raises(RepositoryNotFoundError) as caught:
        HfApi(endpoint=hub.url, token="hf_x").model_info("acme/None")
    assert caught.value.response.status_code == 404


def test_a_gated_repo_shows_its_page_and_card_and_keeps_its_files(
    hub: StandIn, api: HfApi, tmp_path: Path
) -> None:
    assert api.model_info("other/Big-70B").gated == "manual"
    hf_hub_download("other/Big-70B", "README.md", endpoint=hub.url, cache_dir=tmp_path, token=False)
    with pytest.raises(GatedRepoError) as caught:
        hf_hub_download("other/Big-70B", "config.json", endpoint=hub.url, cache_dir=tmp_path, token="hf_x")
    assert caught.value.response.status_code == 403
    hub.tokens.add("hf_x")
    assert hf_hub_download("other/Big-70B", "config.json", endpoint=hub.url, cache_dir=tmp_path, token="hf_x")


def test_a_disabled_repo_is_refused(world: World, hub: StandIn, api: HfApi) -> None:
    world.put(row("acme/Tiny-1B", disabled=True), T0)
    with pytest.raises(DisabledRepoError):
        api.model_info("acme/Tiny-1B")


def test_missing_files_and_revisions_have_their_own_errors(hub: StandIn, api: HfApi, tmp_path: Path) -> None:
    with pytest.raises(EntryNotFoundError):
        hf_hub_download(
            "acme/Tiny-1B", "hf_quant_config.json", endpoint=hub.url, cache_dir=tmp_path, token=False
        )
    with pytest.raises(RevisionNotFoundError):
        api.model_info("acme/Tiny-1B", revision="v9")


def test_an_old_commit_stays_reachable(world: World, hub: StandIn, api: HfApi) -> None:
    world.put(row("acme/Tiny-1B", sha="b" * 40, downloads=7), T0)
    assert api.model_info("acme/Tiny-1B").sha == "b" * 40
    assert api.model_info("acme/Tiny-1B", revision="a" * 40).sha == "a" * 40


def test_a_spent_budget_answers_429_with_the_wait_until_the_clock_moves_on(hub: StandIn, api: HfApi) -> None:
    hub.budgets["api"] = Budget(limit=2, resets_in_s=55)
    api.model_info("acme/Tiny-1B")
    api.model_info("acme/Tiny-2B")
    with pytest.raises(HfHubHTTPError, match="Retry after 55 seconds") as caught:
        api.model_info("acme/Tiny-3B")
    assert caught.value.response.headers["ratelimit"] == '"api";r=0;t=55'
    hub.now = T0 + timedelta(minutes=5)
    assert api.model_info("acme/Tiny-3B").id == "acme/Tiny-3B"


def test_every_reply_tells_what_is_left_of_the_budget(hub: StandIn) -> None:
    reply = httpx2.get(f"{hub.url}/acme/Tiny-1B/resolve/main/config.json")
    assert reply.headers["ratelimit"].startswith('"resolvers";r=')
    assert '"fixed window";"resolvers";q=3000;w=300' in reply.headers["ratelimit-policy"]


def test_an_unchanged_page_is_not_sent_again(hub: StandIn) -> None:
    url = f"{hub.url}/api/models/acme/Tiny-1B"
    tag = httpx2.get(url).headers["etag"]
    again = httpx2.get(url, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")


def test_connections_are_kept_alive(hub: StandIn) -> None:
    with httpx2.Client() as client:
        ports = {
            client.get(f"{hub.url}/api/models?limit=1")
            .extensions["network_stream"]
            .get_extra_info("client_addr")
            for _ in range(3)
        }
    assert len(ports) == 1


def test_the_stand_in_expands_what_the_client_may_ask_for() -> None:
    assert frozenset(get_args(ExpandModelProperty_T)) == EXPANDABLE


@pytest.mark.parametrize(
    ("fault", "status", "start"),
    [
        pytest.param(Fault(status=503, body="busy"), 503, "busy", id="another status"),
        pytest.param(Fault(body="<html>maintenance</html>"), 200, "<html>", id="a web page with status 200"),
        pytest.param(
            Fault(status=429, headers={"Retry-After": "3"}), 429, "", id="a throttled reply of another kind"
        ),
        pytest.param(Fault(path="author=nobody", status=500), 200, "[{", id="a fault for another path"),
        pytest.param(Fault(status=500, times=0), 200, "[{", id="a fault that is over"),
    ],
)
def test_faults_spoil_the_requests_they_name(hub: StandIn, fault: Fault, status: int, start: str) -> None:
    hub.faults.append(fault)
    reply = httpx2.get(f"{hub.url}/api/models?author=acme&limit=2")
    assert reply.status_code == status
    assert reply.text.startswith(start)


def test_a_fault_of_one_time_is_gone_afterwards(hub: StandIn) -> None:
    hub.faults.append(Fault(status=500, times=1))
    assert [httpx2.get(f"{hub.url}/api/models?limit=1").status_code for _ in range(2)] == [500, 200]


def test_a_truncated_page_ends_before_its_announced_length(hub: StandIn) -> None:
    hub.faults.append(Fault(truncate=100))
    with pytest.raises(httpx2.RemoteProtocolError):
        httpx2.get(f"{hub.url}/api/models?limit=2")


def test_a_dropped_connection_has_no_reply(hub: StandIn) -> None:
    hub.faults.append(Fault(drop=True))
    with pytest.raises(httpx2.RemoteProtocolError):
        httpx2.get(f"{hub.url}/api/models?limit=2")


def test_a_late_reply_runs_into_the_callers_timeout(hub: StandIn) -> None:
    hub.faults.append(Fault(delay_s=30, times=1))
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.get(f"{hub.url}/api/models?limit=2", timeout=0.1)


def test_a_repeating_cursor_leads_to_the_same_page(hub: StandIn) -> None:
    hub.faults.append(Fault(repeat_cursor=True))
    first = httpx2.get(f"{hub.url}/api/models?author=acme&limit=2")
    again = httpx2.get(first.links["next"]["url"])
    assert again.json() == first.json()
    assert again.links == first.links


def test_a_cursor_of_our_own_making_is_refused(hub: StandIn) -> None:
    assert httpx2.get(f"{hub.url}/api/models?cursor=nonsense").status_code == 400
