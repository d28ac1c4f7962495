"""Local targets that several test files send to."""

import pytest
from apprise.plugins.slack import NotifySlack
from pytest_httpserver import HTTPServer


@pytest.fixture
def slack(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> HTTPServer:
    """Apprise's own Slack plugin, posting to a local server in the place of hooks.slack.com."""
    monkeypatch.setattr(NotifySlack, "webhook_url", httpserver.url_for("/services"))
    monkeypatch.setattr(NotifySlack, "request_rate_per_sec", 0)
    return httpserver
