"""The limits of one answer, and many threads at once."""

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from huggingface_hub import get_session

from sources.hub import HubSource
from sources.hub_client import TimeoutClient
from sources.hub_http import HubHttp
from tests.sources.fake_hub import NOW, Answer, FakeHub, row
from watcher.types import SourceError

MB = 1024 * 1024


def http(hub: FakeHub, *, timeout_s: float = 5, stop: threading.Event | None = None) -> HubHttp:
    return HubHttp(hub.url, None, timeout_s, stop)


BIG = b"[" + b"1," * MB + b"1]"


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Answer(BIG), id="a large body"),
        pytest.param(
            Answer(gzip.compress(BIG), headers={"Content-Encoding": "gzip"}),
            id="a small body that unpacks large",
        ),
    ],
)
def test_an_answer_beyond_the_cap_is_given_up(hub: FakeHub, answer: Answer) -> None:
    hub.on("/x", answer)
    assert len(http(hub).get(f"{hub.url}/x", NOW, cap=3 * MB).data) == MB + 1
    with pytest.raises(SourceError, match="larger than 1 MB"):
        http(hub).get(f"{hub.url}/x", NOW, cap=MB)


def test_an_answer_that_trickles_is_given_up(hub: FakeHub) -> None:
    hub.on("/x", Answer(BIG, drip=True))
    with pytest.raises(SourceError, match="trickles in too slowly"):
        http(hub, timeout_s=0.1).get(f"{hub.url}/x", NOW)


def test_a_stop_ends_an_answer_under_way(hub: FakeHub) -> None:
    stop = threading.Event()
    hub.on("/x", Answer(BIG, drip=True))
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(SourceError, match="stopped"):
        http(hub, stop=stop).get(f"{hub.url}/x", NOW)


def test_every_request_has_a_timeout_also_where_the_library_gives_none(hub: FakeHub) -> None:
    http(hub)
    client = get_session()
    assert isinstance(client, TimeoutClient)
    request = client.build_request("GET", hub.url, timeout=None)
    client.send(request)
    assert request.extensions["timeout"] == {"connect": 20.0, "read": 20.0, "write": 20.0, "pool": 20.0}
    assert "x-amzn-trace-id" in request.headers  # set by the library's own request hook, which we keep


def test_redirects_leave_the_token_behind(hub: FakeHub) -> None:
    with FakeHub() as elsewhere:
        hub.on("/x", Answer(b"", 302, {"Location": f"{elsewhere.url}/y"}))
        elsewhere.on("/y", Answer([1]))
        HubHttp(hub.url, "hf_secret", 5, None).get(f"{hub.url}/x", NOW)
        assert hub.received[0]["authorization"] == "Bearer hf_secret"
        assert "authorization" not in elsewhere.received[0]


def test_a_password_in_the_endpoint_is_not_told() -> None:
    with pytest.raises(SourceError) as caught:
        HubSource("http://user:geheim@127.0.0.1:1", None, timeout_s=1).listing("Qwen", None, NOW)
    assert "geheim" not in str(caught.value)


def test_eight_threads_share_one_source(hub: FakeHub) -> None:
    hub.rows = [row(f"org{n % 8}/m{n}", hours_old=n) for n in range(80)]
    source = HubSource(hub.url, None, page_size=5)
    with ThreadPoolExecutor(8) as pool:
        listings = list(pool.map(lambda n: source.listing(f"org{n}", None, NOW), range(8)))
    assert [len(listing.observations) for listing in listings] == [10] * 8
    assert source.usage().requests == 16


def test_two_sources_count_apart(hub: FakeHub) -> None:
    first, second = HubSource(hub.url, None), HubSource(hub.url, None)
    first.listing("Qwen", None, NOW)
    assert (first.usage().requests, second.usage().requests) == (1, 0)


def test_offline_mode_is_named(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(SourceError, match="HF_HUB_OFFLINE is set"):
        HubSource(hub.url, None).listing("Qwen", None, NOW)


def test_a_client_closed_by_others_is_an_error_and_heals(hub: FakeHub) -> None:
    source = HubSource(hub.url, None)
    get_session().close()
    with pytest.raises(SourceError, match="broke off"):
        source.listing("Qwen", None, NOW)
    assert source.listing("Qwen", None, NOW).exhaustive
