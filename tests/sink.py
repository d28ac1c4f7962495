"""A service that takes alerts: a local web server behind Apprise's json:// address, which can be down."""

import threading
from types import TracebackType
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Request, Response


class Sink:
    """titles is what arrived, accepted or not; accepted is what it said yes to. status is its answer."""

    def __init__(self) -> None:
        self.status = 200
        self.titles: list[str] = []
        self.accepted: list[str] = []
        self.reached = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()
        self._server = HTTPServer(host="127.0.0.1", threaded=True)
        self._server.expect_request("/alerts").respond_with_handler(self._answer)

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self._server.port}/alerts"

    def hang(self) -> None:
        """Answer nothing until go_on is set."""
        self.go_on.clear()

    def _answer(self, request: Request) -> Response:
        message: dict[str, Any] = request.get_json()
        self.titles.append(message["title"])
        self.reached.set()
        status = self.status
        if self.go_on.wait(60) and status == 200:
            self.accepted.append(message["title"])
        return Response(status=status)

    def __enter__(self) -> "Sink":
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.go_on.set()
        self._server.stop()
