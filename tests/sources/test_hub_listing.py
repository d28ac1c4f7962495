"""Listing, sweeping and trending: what is asked, where it stops, and when it fails as a whole."""

import logging
import socket
import subprocess
import sys
import threading
import traceback
from datetime import timedelta
from typing import Any

import pytest

from sources.hub import HubSource
from sources.hub_http import RateLimited
from tests.sources.fake_hub import NOW, Answer, FakeHub, iso, row
from watcher.types import Gate, SourceError


def ids(listing: Any) -> list[str]:
    return [observation.key.id for observation in listing.observations]


def test_a_first_listing_reads_every_page_and_is_exhaustive(hub: FakeHub) -> None:
    pages: list[tuple[str, int]] = []
    hub.rows = [row(f"Qwen/M{n}", hours_old=n) for n in range(1, 8)]
    source = HubSource(hub.url, None, page_size=3, on_page=lambda name, rows: pages.append((name, rows)))
    listing = source.listing("Qwen", None, NOW)
    assert ids(listing) == [f"Qwen/M{n}" for n in range(1, 8)]
    assert listing.source == "hub:Qwen"
    assert listing.exhaustive
    assert listing.newest == NOW - timedelta(hours=1)
    assert listing.problems == ()
    assert pages == [("hub:Qwen", 3), ("hub:Qwen", 3), ("hub:Qwen", 1)]
    assert source.usage().requests == 3
    assert source.usage().bytes > 1000


def test_an_idle_poll_is_one_request(hub: FakeHub) -> None:
    hub.rows = [row(f"Qwen/M{n}", hours_old=n) for n in range(1, 500)]
    source = HubSource(hub.url, None, page_size=100)
    listing = source.listing("Qwen", NOW - timedelta(hours=1, minutes=10), NOW)
    assert ids(listing) == ["Qwen/M1"]
    assert not listing.exhaustive
    assert listing.newest == NOW - timedelta(hours=1)
    assert len(hub.requests) == 1


def test_a_listing_pages_on_while_everything_is_new(hub: FakeHub) -> None:
    hub.rows = [row(f"Qwen/M{n}", hours_old=n) for n in range(1, 51)]
    listing = HubSource(hub.url, None, page_size=10).listing("Qwen", NOW - timedelta(hours=25), NOW)
    assert len(ids(listing)) == 25
    assert len(hub.requests) == 3


def test_a_page_out_of_order_does_not_end_a_listing_early(hub: FakeHub) -> None:
    hub.listing(
        Answer(
            [row("Qwen/A", hours_old=90), row("Qwen/B", hours_old=1), row("Qwen/C", hours_old=80)],
            headers={"Link": f'<{hub.url}/api/models?cursor=2>; rel="next"'},
        ),
        Answer([row("Qwen/D", hours_old=2)]),
    )
    listing = HubSource(hub.url, None).listing("Qwen", NOW - timedelta(hours=10), NOW)
    assert ids(listing) == ["Qwen/B", "Qwen/D"]


def test_what_a_listing_asks(hub: FakeHub, source: HubSource) -> None:
    source.listing("Qwen", None, NOW)
    asked = hub.requests[0]
    assert asked.startswith("/api/models?author=Qwen&sort=lastModified&limit=100&expand=sha&")
    assert "expand=cardData&expand=siblings&expand=safetensors&expand=gguf&expand=config" in asked
    assert "direction" not in asked
    assert "authorization" not in hub.received[0]
    assert hub.received[0]["user-agent"].startswith("modelwatch/")


def test_a_sweep_asks_for_little_and_lists_all(hub: FakeHub, source: HubSource) -> None:
    hub.rows = [row("Qwen/A", gated="manual"), row("Qwen/B", disabled=True)]
    listing = source.sweep("Qwen", NOW)
    assert listing.exhaustive
    assert listing.observations[0].facts.gated is Gate.MANUAL
    assert listing.observations[1].facts.disabled
    assert listing.observations[0].facts.files is None
    assert "cardData" not in hub.requests[0]
    assert "tags" not in hub.requests[0]


def test_trending_is_one_page_of_all_authors(hub: FakeHub, source: HubSource) -> None:
    hub.rows = [row(f"org{n}/m") for n in range(20)]
    listing = source.trending(NOW, limit=5)
    assert len(listing.observations) == 5
    assert not listing.exhaustive
    assert listing.source == "hub:trending"
    assert "author" not in hub.requests[0]
    assert "sort=trendingScore" in hub.requests[0]


def test_an_organisation_without_repos_is_a_likely_typing_error(source: HubSource) -> None:
    listing = source.listing("Qwne", None, NOW)
    assert listing.observations == ()
    assert [problem.message for problem in listing.problems] == [
        "lists no repos: is this the organisation's name on the Hub?"
    ]


PAGE = [row("Qwen/A"), row("Qwen/B", hours_old=2)]
BAD_PAGES = [
    pytest.param(Answer(PAGE, cut=200), "broke off", id="a truncated page"),
    pytest.param(Answer(b'[{"id": "Qwen/A"}, {"id": "Qw'), "not complete JSON", id="truncated JSON"),
    pytest.param(Answer(b"sorry"), "not complete JSON", id="a page that is no JSON"),
    pytest.param(Answer(b""), "not complete JSON", id="an empty page"),
    pytest.param(Answer(b"\xff\xfe\x00\xd8"), "not", id="a page that is no text"),
    pytest.param(Answer(b"[" * 100_000), "nested too deeply", id="a page nested without end"),
    pytest.param(
        Answer(b"<!doctype html><p>Sign in", headers={"Content-Type": "text/html"}),
        "HTML instead of JSON with status 200",
        id="HTML with status 200",
    ),
    pytest.param(Answer({"error": "x"}), "JSON that is no list (dict)", id="an object instead of a list"),
    pytest.param(
        Answer(PAGE, headers={"Link": '<https://elsewhere.example/api/models?cursor=1>; rel="next"'}),
        "another host (elsewhere.example)",
        id="a next page on another host",
    ),
    pytest.param(Answer(b"", 500), "answered 500", id="a broken Hub"),
    pytest.param(Answer(b"", 503, {"Retry-After": "7"}), "answered 503", id="an overloaded Hub"),
    pytest.param(
        Answer(b"", 404), "404, without X-Error-Code: is hub.endpoint a Hub?", id="an endpoint that is no Hub"
    ),
    pytest.param(
        Answer(b"no gzip at all, by any means", headers={"Content-Encoding": "gzip"}),
        "broke off",
        id="a body that does not unpack",
    ),
]


@pytest.mark.parametrize(("answer", "message"), BAD_PAGES)
def test_a_bad_page_fails_the_whole_listing(hub: FakeHub, answer: Answer, message: str) -> None:
    first = Answer(PAGE, headers={"Link": f'<{hub.url}/api/models?cursor=2>; rel="next"'})
    for answers in ([answer], [first, answer]):
        hub.listing(*answers)
        with pytest.raises(SourceError) as caught:
            HubSource(hub.url, None, timeout_s=5).listing("Qwen", None, NOW)
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_cursor_that_repeats_ends_the_listing_as_an_error(hub: FakeHub, source: HubSource) -> None:
    hub.listing(Answer(PAGE, headers={"Link": f'<{hub.url}/api/models?cursor=again>; rel="next"'}))
    with pytest.raises(SourceError, match="cursor repeats"):
        source.listing("Qwen", None, NOW)
    assert len(hub.requests) == 2


def test_a_relative_next_page_is_followed(hub: FakeHub, source: HubSource) -> None:
    hub.listing(Answer(PAGE, headers={"Link": '</api/models?cursor=2>; rel="next"'}), Answer([row("Qwen/C")]))
    assert len(source.listing("Qwen", None, NOW).observations) == 3


RATE_LIMITS = [
    pytest.param({"RateLimit": '"api";r=0;t=55', "Retry-After": "9"}, 55, id="the window's end"),
    pytest.param({"RateLimit": '"api";r=12;t=55', "Retry-After": "9"}, 9, id="not the quota's fault"),
    pytest.param({"Retry-After": "120"}, 120, id="Retry-After in seconds"),
    pytest.param(
        {"Retry-After": "Sat, 22 Aug 2026 20:01:30 GMT", "Date": "Sat, 22 Aug 2026 20:00:00 GMT"},
        90,
        id="Retry-After as a date, by the Hub's own clock",
    ),
    pytest.param({"Retry-After": "99999999999999"}, 3600, id="a wait of three million years is capped"),
    pytest.param({"Retry-After": "soon"}, None, id="a wait that can not be read"),
    pytest.param({}, None, id="no word on the wait"),
]


@pytest.mark.parametrize(("headers", "wait"), RATE_LIMITS)
def test_a_rate_limit_is_reported_at_once(
    hub: FakeHub, source: HubSource, headers: dict[str, str], wait: float | None
) -> None:
    hub.headers = {"Date": headers.pop("Date", "Sat, 22 Aug 2026 20:00:00 GMT")}
    hub.listing(Answer({"error": "slow down"}, 429, headers))
    with pytest.raises(RateLimited) as caught:
        source.listing("Qwen", None, NOW)
    assert caught.value.retry_after_s == wait
    assert len(hub.requests) == 1


def test_the_share_of_the_rate_limit_that_is_left(hub: FakeHub, source: HubSource) -> None:
    assert source.remaining_share() is None
    policy = {"RateLimit-Policy": '"fixed window";"api";q=500;w=300'}
    hub.headers = {"RateLimit": '"api";r=50;t=200', **policy}
    source.listing("Qwen", None, NOW)
    assert source.remaining_share() == 0.1
    hub.headers = {"RateLimit": '"api";r=499;t=300', **policy}
    source.look("Qwen/A", NOW)
    assert source.remaining_share() == 0.998


def test_nobody_listens() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        source = HubSource(f"http://127.0.0.1:{held.getsockname()[1]}", None, timeout_s=2)
        with pytest.raises(SourceError, match="no connection to http://127"):
            source.listing("Qwen", None, NOW)


def test_somebody_listens_and_never_answers() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        held.listen()
        source = HubSource(f"http://127.0.0.1:{held.getsockname()[1]}", None, timeout_s=0.2)
        with pytest.raises(SourceError, match=r"no answer from .* within 0.2 s"):
            source.listing("Qwen", None, NOW)


def test_a_stop_ends_a_listing_between_pages(hub: FakeHub) -> None:
    stop = threading.Event()
    hub.rows = [row(f"Qwen/M{n}", hours_old=n) for n in range(1, 8)]
    source = HubSource(hub.url, None, page_size=3, stop=stop, on_page=lambda *_: stop.set())
    with pytest.raises(SourceError, match="stopped"):
        source.listing("Qwen", None, NOW)
    assert len(hub.requests) == 1


def test_an_endpoint_that_is_no_address_is_refused() -> None:
    for endpoint in ("", "huggingface.co", "ftp://x", "http://[::1"):
        with pytest.raises(SourceError, match=r"hub\.endpoint"):
            HubSource(endpoint)


ROWS = [
    pytest.param(
        {"id": None},
        [("", "a row without an id")],
        id="a row without an id",
    ),
    pytest.param({"id": 7}, [("", "an id is not text (7)")], id="an id of the wrong type"),
    pytest.param(
        {"id": "Qwen/\x1b[31mred\x07"}, [("", '"Qwen/red" is not a repo id')], id="an id with terminal codes"
    ),
    pytest.param({"id": "../../etc"}, [("", '"../../etc" is not a repo id')], id="an id that is a path"),
]


@pytest.mark.parametrize(("fields", "problems"), ROWS)
def test_one_bad_row_costs_one_line_and_no_other_row(
    hub: FakeHub,
    source: HubSource,
    caplog: pytest.LogCaptureFixture,
    fields: dict[str, Any],
    problems: list[tuple[str, str]],
) -> None:
    hub.listing(Answer([row("Qwen/A"), row(**{"repo_id": "Qwen/B", **fields}), "text", row("Qwen/C")]))
    with caplog.at_level(logging.WARNING, "sources"):
        listing = source.listing("Qwen", None, NOW)
        source.listing("Qwen", None, NOW)
    assert ids(listing) == ["Qwen/A", "Qwen/C"]
    expected = [*problems, ("", 'a row is not an object ("text")')]
    assert [(problem.key or "", problem.message) for problem in listing.problems] == expected
    assert caplog.messages == [f"hub:Qwen: a row: {message}" for _, message in expected]


def test_ids_that_differ_only_in_case_keep_the_newest(hub: FakeHub, source: HubSource) -> None:
    hub.rows = [row("Qwen/qwen3-8b", hours_old=5), row("Qwen/Qwen3-8B"), row("Qwen/Other", hours_old=9)]
    listing = source.listing("Qwen", None, NOW)
    assert ids(listing) == ["Qwen/Qwen3-8B", "Qwen/Other"]
    assert [problem.message for problem in listing.problems] == [
        "Qwen/Qwen3-8B and Qwen/qwen3-8b differ only in case: the newer one is kept"
    ]


def test_a_repo_that_moved_between_pages_is_listed_once(hub: FakeHub, source: HubSource) -> None:
    link = {"Link": f'<{hub.url}/api/models?cursor=2>; rel="next"'}
    hub.listing(Answer([row("Qwen/A"), row("Qwen/B", hours_old=2)], headers=link), Answer([PAGE[1]]))
    listing = source.listing("Qwen", None, NOW)
    assert ids(listing) == ["Qwen/A", "Qwen/B"]
    assert listing.problems == ()


def test_a_timestamp_in_the_future_does_not_move_the_watermark(hub: FakeHub, source: HubSource) -> None:
    future, soon = iso(NOW + timedelta(days=400)), iso(NOW + timedelta(minutes=1))
    hub.rows = [row("Qwen/A", lastModified=future, createdAt=future), row("Qwen/B")]
    listing = source.listing("Qwen", None, NOW)
    assert listing.newest == NOW - timedelta(hours=1)
    facts = listing.observations[0].facts
    assert (facts.created_at, facts.last_modified) == (None, None)
    assert [problem.message for problem in listing.problems] == [
        "createdAt is in the future (2027-09-26 20:00): left out",
        "lastModified is in the future (2027-09-26 20:00): left out",
    ]
    hub.rows = [row("Qwen/A", lastModified=soon)]
    listing = source.listing("Qwen", None, NOW)
    assert (listing.newest, listing.problems) == (NOW, ())


TOKEN = "hf_abcdefghijklmnopqrstuvwxyz0123"


def test_a_token_is_sent_and_never_told(hub: FakeHub, caplog: pytest.LogCaptureFixture) -> None:
    echo = {"X-Error-Message": f"Bearer {TOKEN} is not known"}
    told = []
    for answer in (
        Answer({"error": f"bad {TOKEN}"}, 401, echo),
        Answer({"error": f"bad {TOKEN}"}, 403, {"X-Error-Code": "Forbidden", **echo}),
        Answer({"error": f"bad {TOKEN}"}, 500, echo),
        Answer(f"bad {TOKEN}".encode(), 400, echo),
        Answer(f"[{TOKEN}".encode()),
    ):
        hub.listing(answer)
        source = HubSource(hub.url, TOKEN + "\n", timeout_s=5)
        with caplog.at_level(logging.INFO), pytest.raises(SourceError) as caught:
            source.listing("Qwen", None, NOW)
        told.append("".join(traceback.format_exception(caught.value)))
    assert hub.received[0]["authorization"] == f"Bearer {TOKEN}"
    assert "refuses the token" in told[0]
    assert all(TOKEN not in text for text in [*told, caplog.text])


def test_not_even_the_http_library_logs_a_token(hub: FakeHub, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        HubSource(hub.url, TOKEN).listing("Qwen", None, NOW)
        HubSource(hub.url, TOKEN).details("Qwen/A", "", NOW)
    assert hub.received[1]["authorization"] == f"Bearer {TOKEN}"
    assert "receive_response_headers" in caplog.text
    assert TOKEN not in caplog.text


def test_a_token_with_odd_characters_is_refused_without_quoting_it() -> None:
    with pytest.raises(SourceError) as caught:
        HubSource("http://127.0.0.1:1", "hf_secret\x00part")
    assert "hf_secret" not in str(caught.value)


def test_the_library_asks_for_nothing_of_its_own(hub: FakeHub) -> None:
    """In a process of its own, as the agent registry is asked for once per process, at HF_ENDPOINT."""
    code = (
        "import huggingface_hub.constants, sys; from datetime import datetime, UTC;"
        "from sources.hub import HubSource; HubSource(sys.argv[1]).listing('Qwen', None, datetime.now(UTC))"
    )
    environment = {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": TOKEN,
        "HOME": "/nonexistent",
        "HF_HOME": "/nonexistent",
        "PATH": "/usr/bin:/bin",
    }
    subprocess.run([sys.executable, "-c", code, hub.url], check=True, env=environment, timeout=60)
    assert len(hub.requests) == 1
    assert "authorization" not in hub.received[0]
