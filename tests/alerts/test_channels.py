"""Terminal, file, and what addresses and logs may show. Slack, webhooks and mail have their own files."""

import io
import json
import logging
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from alerts import channels, render
from alerts.channels import AppriseChannel, JsonLinesChannel, TerminalChannel
from tests.alerts.fakes import HOSTILE, NOW, RICH, SECRET, SLACK, SLACK_PATH, failure

MAIL = "mailto://u:pw@mail.example?from=a@x.example&to=b@x.example"


def test_an_address_that_can_not_be_read_is_permanent() -> None:
    error = failure(AppriseChannel("ops", f"slack://{SECRET}"))
    assert error.permanent


def test_no_log_line_of_any_logger_holds_the_secret(
    slack: HTTPServer, capfd: pytest.CaptureFixture[str]
) -> None:
    printed = io.StringIO()
    handler, root = logging.StreamHandler(printed), logging.getLogger()
    handler.addFilter(lambda record: record.name != "werkzeug")  # the test's own server
    before = root.level
    root.addHandler(handler)
    root.setLevel(1)
    try:
        slack.expect_request(SLACK_PATH).respond_with_data("no", status=404)
        failure(AppriseChannel("ops", SLACK))
        channels.check_url(f"slack://{SECRET}/x")
        channels.check_url(SECRET)
        logging.getLogger("modelwatch").debug("heard")
    finally:
        root.removeHandler(handler)
        root.setLevel(before)
    assert "heard" in printed.getvalue()
    assert SECRET not in printed.getvalue()
    assert SECRET not in capfd.readouterr().out


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param(SLACK, None, id="a Slack webhook"),
        pytest.param(f"https://hooks.slack.com{SLACK_PATH}", None, id="as Slack shows it"),
        pytest.param(MAIL + "&cc=c@x.example", None, id="mail"),
        pytest.param("terminal://", None, id="the terminal"),
        pytest.param(SLACK.replace("slack", "slck"), "did you mean slack://?", id="a typo in the service"),
        pytest.param(f"slack://T1JJ3T3L2/{SECRET}", "slack://{token_a}/{token_b}/{token_c}", id="too short"),
        pytest.param(SECRET, "needs a service in front", id="no service at all"),
        pytest.param(f"https://example.org/{SECRET}", "jsons://", id="a bare web address"),
        pytest.param(f"json://u:{SECRET}@[::1", "is known, but the rest", id="a broken host"),
        pytest.param(MAIL + ",c@x.example", "2 targets", id="two targets"),
        pytest.param("jsonl:///no/such/folder/a.jsonl", "does not exist", id="a file in no folder"),
    ],
)  # fmt: skip
def test_check_says_which_part_of_an_address_is_wrong(url: str, says: str | None) -> None:
    problem = channels.check_url(url)
    assert (problem is None) is (says is None)
    assert (says or "") in (problem or "")
    assert SECRET not in (problem or "")
    assert SECRET not in channels.safe_name(url)


def test_a_safe_name_tells_targets_apart() -> None:
    names = {channels.safe_name(SLACK), channels.safe_name(SLACK[:-1] + "8")}
    assert len(names) == 2
    assert all(name.startswith("slack#") for name in names)


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "latin-1"])
def test_a_terminal_shows_an_alert_in_any_encoding(encoding: str) -> None:
    raw = io.BytesIO()
    channel = TerminalChannel(io.TextIOWrapper(raw, encoding=encoding))
    channel.send(replace(RICH, title="模型 → ready"), NOW)
    assert "ready" in raw.getvalue().decode(encoding)


def test_a_closed_terminal_is_a_delivery_error() -> None:
    stream = io.StringIO()
    stream.close()
    assert "terminal" in str(failure(TerminalChannel(stream)))


def test_each_alert_is_one_json_line_also_after_a_cut_off_one(tmp_path: Path) -> None:
    file = tmp_path / "alerts.jsonl"
    channel = JsonLinesChannel(file)
    channel.send(RICH, NOW)
    with file.open("a") as cut:
        cut.write('{"id": "cut o')
    channel.send(HOSTILE, NOW)
    lines = file.read_text("ascii").splitlines()
    assert len(lines) == 3
    assert json.loads(lines[0]) == {**render.as_json(RICH), "delivered_at": NOW.isoformat()}
    assert json.loads(lines[2])["id"] == HOSTILE.id


def test_a_file_that_can_not_be_written_is_tried_again(tmp_path: Path) -> None:
    error = failure(JsonLinesChannel(tmp_path / "missing" / "alerts.jsonl"))
    assert not error.permanent
    assert "No such file" in str(error)


def test_the_configuration_opens_each_kind_of_channel(tmp_path: Path) -> None:
    assert isinstance(channels.open_channel("t", "terminal://"), TerminalChannel)
    assert isinstance(channels.open_channel("f", f"jsonl://{tmp_path}/a.jsonl"), JsonLinesChannel)
    opened = channels.open_channel("ops", SLACK)
    assert isinstance(opened, AppriseChannel)
    assert (opened.name, SECRET in repr(vars(opened))) == ("ops", False)
