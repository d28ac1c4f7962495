"""Recorded answers of the real Hub, given again word for word."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from sources.standin.replies import Reply

# Hop-by-hop and length headers are the server's own business.
LEFT_OUT = frozenset(("connection", "content-length", "transfer-encoding", "content-encoding", "date"))


def recorded_replies(exchanges: Iterable[Mapping[str, Any]]) -> dict[str, Reply]:
    """Path with query -> the recorded answer; of several to one request, the last one.

    An exchange is `{"request": {"method", "url"}, "status", "headers", "body"}`.
    """
    found: dict[str, Reply] = {}
    for exchange in exchanges:
        parts = urlsplit(exchange["request"]["url"])
        headers = {
            name: value for name, value in exchange["headers"].items() if name.casefold() not in LEFT_OUT
        }
        kind = next((headers.pop(name) for name in list(headers) if name.casefold() == "content-type"), None)
        found[parts.path + (f"?{parts.query}" if parts.query else "")] = Reply(
            status=exchange["status"],
            body=str(exchange["body"]).encode(),
            headers=headers,
            content_type=kind or "application/json; charset=utf-8",
        )
    return found
