"""A small server that speaks as much of the Hub's protocol as the tests of the Hub source need."""

import contextlib
import json
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

NOW = datetime(2026, 8, 22, 20, 0, tzinfo=UTC)


def iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def row(repo_id: str = "Qwen/Qwen3-8B", *, hours_old: float = 1, **fields: Any) -> dict[str, Any]:
    """One row of a listing; modified hours_old before NOW."""
    return {
        "_id": "680c8a5bc8d3a9e7c1f0a0b1",
        "id": repo_id,
        "sha": "9c925d64d72725edaf899c6cb9c377fd0709d9c5",
        "lastModified": iso(NOW - timedelta(hours=hours_old)),
        "createdAt": "2025-04-27T03:42:21.000Z",
        "gated": False,
        "disabled": False,
        "downloads": 100,
        "likes": 5,
        **fields,
    }


class Answer:
    """One canned answer. cut closes the connection after that many bytes; drip sends byte by byte."""

    def __init__(
        self,
        body: Any = b"",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        cut: int | None = None,
        drip: bool = False,
    ) -> None:
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status = status
        self.headers = {"Content-Type": "application/json; charset=utf-8", **(headers or {})}
        self.cut = cut
        self.drip = drip


class FakeHub:
    """rows are listed by author, newest first, with Link paging; answers (by path) come before them."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.answers: dict[str, list[Answer]] = {}
        self.headers: dict[str, str] = {}
        self.requests: list[str] = []
        self.received: list[dict[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "FakeHub":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def on(self, path: str, *answers: Answer) -> None:
        """Answers to this path, in turn; the last one stays."""
        self.answers[path] = list(answers)

    def listing(self, *answers: Answer) -> None:
        self.on("/api/models", *answers)

    def reply(self, target: str) -> Answer:
        path = urlsplit(target).path
        if path in self.answers:
            queue = self.answers[path]
            return queue.pop(0) if len(queue) > 1 else queue[0]
        if path == "/api/models":
            return self._page(target)
        return Answer(
            {"error": "Repository not found"},
            404,
            {"X-Error-Code": "RepoNotFound", "X-Error-Message": "Repository not found"},
        )

    def _page(self, target: str) -> Answer:
        query = {key: values[0] for key, values in parse_qs(urlsplit(target).query).items()}
        author = query.get("author")
        rows = [row for row in self.rows if author is None or row["id"].partition("/")[0] == author]
        rows.sort(key=lambda row: str(row.get("lastModified", "")), reverse=True)
        start, limit = int(query.get("cursor", 0)), int(query["limit"])
        headers = {}
        if start + limit < len(rows):
            following = f"{self.url}/api/models?author={author}&limit={limit}&cursor={start + limit}"
            headers["Link"] = f'<{following}>; rel="next"'
        return Answer(rows[start : start + limit], headers=headers)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                hub.requests.append(self.path)
                hub.received.append({key.lower(): value for key, value in self.headers.items()})
                answer = hub.reply(self.path)
                self.send_response(answer.status)
                for name, value in {**hub.headers, **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.close_connection = answer.cut is not None or answer.drip
                with contextlib.suppress(ConnectionError):
                    if answer.drip:
                        self._drip(answer.body)
                    else:
                        self.wfile.write(answer.body[: answer.cut])

            def _drip(self, body: bytes) -> None:
                for byte in body:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.005)

            def log_message(self, *_: object) -> None:
                """Silent: what was asked is in requests."""

        return Handler
