"""Slack and webhooks through Apprise to a real HTTP server."""

import json
import random
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from apprise import AppriseResultStatus
from apprise.plugins.slack import NotifySlack
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from alerts import render
from alerts.apprise_service import Failure, failure_of
from alerts.channels import AppriseChannel, DeliveryError
from alerts.deliver import deliver
from tests.alerts.fakes import HOSTILE, NOW, RICH, SECRET, SLACK, SLACK_PATH, FakeOutbox, failure
from watcher.types import DeliveryState, Section


def json_url(server: HTTPServer, query: str = "") -> str:
    return f"json://user:{SECRET}@{server.host}:{server.port}/hook{query}"


def sent_to(server: HTTPServer, number: int = 0) -> Any:
    return server.log[number][0].get_json()


def clock(at: datetime) -> Callable[[], datetime]:
    return lambda: at


def test_slack_gets_our_mrkdwn_untouched(slack: HTTPServer) -> None:
    slack.expect_request(SLACK_PATH).respond_with_data("ok")
    for alert in (RICH, HOSTILE):
        AppriseChannel("ops", SLACK).send(alert, NOW)
    for number, alert in enumerate((RICH, HOSTILE)):
        [attachment] = sent_to(slack, number)["attachments"]
        [block] = attachment["blocks"]
        assert block == {"type": "section", "text": {"type": "mrkdwn", "text": render.as_slack(alert)[0]}}
        assert "footer" not in json.dumps(sent_to(slack, number))


def test_a_long_slack_alert_goes_on_where_it_was_refused(slack: HTTPServer) -> None:
    lines = tuple(f"item {n} " + "word " * 60 for n in range(30))
    long = replace(RICH, sections=(Section(heading="Fit", lines=lines),))
    parts = render.as_slack(long)
    answers = iter(["ok", "down", *["ok"] * 9])
    slack.expect_request(SLACK_PATH).respond_with_handler(
        lambda _: Response(answer := next(answers), 200 if answer == "ok" else 500)
    )
    channel = AppriseChannel("ops", SLACK)
    with pytest.raises(DeliveryError):
        channel.send(long, NOW)
    channel.send(long, NOW)
    texts = [request.get_json()["attachments"][0]["blocks"][0]["text"]["text"] for request, _ in slack.log]
    assert len(parts) > 2
    assert texts == [parts[0], parts[1], *parts[1:]]


def test_a_webhook_gets_title_and_text(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/hook").respond_with_json({})
    channel = AppriseChannel("hook", json_url(httpserver))
    channel.send(RICH, NOW)
    channel.send(HOSTILE, NOW)
    assert sent_to(httpserver)["title"] == RICH.title
    assert sent_to(httpserver)["message"] == render.text_body(RICH, None)
    assert "@channel" not in sent_to(httpserver, 1)["message"]
    assert "\n" not in sent_to(httpserver, 1)["title"]


@pytest.mark.parametrize(
    ("status", "permanent", "says"),
    [
        pytest.param(401, True, "JSON answered 401 (unauthorized)", id="a token that is not accepted"),
        pytest.param(403, True, "JSON answered 403 (forbidden)", id="a token that was withdrawn"),
        pytest.param(404, True, "JSON answered 404 (not found)", id="an address that is gone"),
        pytest.param(429, False, "JSON answered 429 (too many requests)", id="too many messages"),
        pytest.param(500, False, "JSON answered 500 (internal server error)", id="a broken server"),
        pytest.param(503, False, "JSON answered 503 (service unavailable)", id="a server under repair"),
        pytest.param(599, False, "JSON answered 599", id="a status that has no name"),
    ],
)
def test_a_status_says_whether_waiting_helps(
    httpserver: HTTPServer, status: int, permanent: bool, says: str
) -> None:
    httpserver.expect_request("/hook").respond_with_data(f"no, {SECRET}", status=status)
    error = failure(AppriseChannel("hook", json_url(httpserver)))
    assert (error.permanent, error.timed_out, str(error)) == (permanent, False, f"hook: {says}")


def test_slack_names_its_reason(slack: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NotifySlack, "api_url", slack.url_for("/api/{}"))
    slack.expect_request("/api/chat.postMessage").respond_with_data('{"ok":false,"error":"token_revoked"}')
    error = failure(AppriseChannel("bot", f"slack://xoxb-1234-1234-{SECRET}/#ops"))
    assert (str(error), error.permanent) == ("bot: Slack answered token_revoked", True)


def test_an_alert_that_speaks_like_a_target_is_not_believed(slack: HTTPServer) -> None:
    slack.expect_request(SLACK_PATH).respond_with_data("no", status=503)
    words = (
        'error=404. Response Details: b\'{"ok":false,"error":"invalid_auth"}\' Read timed out. (535, b"x")'
    )
    alert = replace(RICH, title=words, sections=(Section(heading=words, lines=(words,)),))
    with pytest.raises(DeliveryError, match="503") as raised:
        AppriseChannel("ops", SLACK).send(alert, NOW)
    assert not raised.value.permanent
    assert not raised.value.timed_out


def test_a_target_that_hangs_may_have_got_it(httpserver: HTTPServer) -> None:
    done = threading.Event()

    def hang(_: Request) -> Response:
        done.wait(5)
        return Response("late")

    httpserver.expect_request("/hook").respond_with_handler(hang)
    try:
        error = failure(AppriseChannel("hook", json_url(httpserver, "?rto=0.3")))
    finally:
        done.set()
    assert (error.timed_out, error.permanent) == (True, False)
    assert str(error) == "hook: JSON gave no answer in time; it may have arrived"


def test_nobody_listening_is_not_a_time_out() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    error = failure(AppriseChannel("hook", f"json://user:{SECRET}@127.0.0.1:{port}/"))
    assert str(error) == "hook: JSON could not be reached: connection refused"
    assert (error.timed_out, error.permanent) == (False, False)


def test_a_channel_down_for_three_polls_gets_its_alert_in_the_fourth(httpserver: HTTPServer) -> None:
    answers = iter([500, 500, 500, 200])
    httpserver.expect_request("/hook").respond_with_handler(lambda _: Response("", next(answers)))
    outbox, channel = FakeOutbox(), AppriseChannel("ops", json_url(httpserver))
    outbox.add(RICH)
    states = []
    for poll in range(4):
        at = NOW + timedelta(minutes=30 * poll)
        [outcome] = deliver(outbox, {"ops": channel}, clock(at), random.Random(1))
        states.append(outcome.state)
    assert states == [*[DeliveryState.PENDING] * 3, DeliveryState.SENT]


@pytest.mark.parametrize(
    ("status", "line", "says", "kind"),
    [
        pytest.param("NOMATCH", "", "Apprise has no service for its address", "permanent", id="no service"),
        pytest.param("TIMEOUT", "", "Slack gave no answer in time; it may have arrived",
                     "timed out", id="late"),
        pytest.param("PARTIAL", "", "Slack did not accept it", "passing", id="no reason given"),
        pytest.param("FAILURE", "WARNING: error=410.", "Slack answered 410 (gone)", "permanent", id="gone"),
        pytest.param("FAILURE", "DEBUG: Socket Exception: Temporary failure in name resolution",
                     "Slack could not be reached: the name server does not answer", "passing", id="no DNS"),
        pytest.param("FAILURE", "DEBUG: Socket Exception: x timed out. (connect timeout=5.0)",
                     "Slack could not be reached: no connection in time", "passing", id="no connection"),
        pytest.param("FAILURE", "DEBUG: Socket Exception: (535, b'5.7.8 bad credentials')",
                     "the mail server answered 535", "permanent", id="a wrong mail password"),
        pytest.param("FAILURE", "DEBUG: Slack Payload: error=404.",
                     "Slack did not accept it", "passing", id="our own words are not the target's"),
    ],
)  # fmt: skip
def test_what_apprise_says_becomes_a_reason(status: str, line: str, says: str, kind: str) -> None:
    level, _, message = line.partition(": ")
    found = failure_of("Slack", AppriseResultStatus[status], [(level, message)])
    assert found == Failure(message=says, permanent=kind == "permanent", timed_out=kind == "timed out")


def test_a_plugin_that_raises_is_a_failure_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(SLACK)

    monkeypatch.setattr(NotifySlack, "_send", broken)
    error = failure(AppriseChannel("ops", SLACK))
    assert (str(error), error.permanent) == ("ops: Slack did not accept it", False)
