"""A local HTTP server that speaks the Hub's protocol on 127.0.0.1, for the demo and the tests.

with StandIn(world) as hub:
    HfApi(endpoint=hub.url).list_models(...)
    hub.now = next_week                       # the world moves on
    hub.faults.append(Fault(path="author=Qwen", status=503))
"""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from urllib.parse import unquote, urlsplit

from sources.standin import replies
from sources.standin.paging import bad_expand, page
from sources.standin.replies import Reply
from sources.standin.world import Row, World


@dataclass(kw_only=True, slots=True)
class Fault:
    """A wrong answer for requests whose path and query contain `path`, `times` times (None: always).

    status None keeps the real answer and only spoils it: headers are added, body replaced, the body
    cut after `truncate` bytes under its full Content-Length, the connection dropped without an
    answer, the reply held back `delay_s` seconds, or the next-page link made to lead here again.
    """

    path: str = ""
    status: int | None = None
    body: bytes | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    truncate: int | None = None
    drop: bool = False
    delay_s: float = 0.0
    repeat_cursor: bool = False
    times: int | None = None


@dataclass(kw_only=True, slots=True)
class Budget:
    """Requests left in the current window, per bucket as the Hub counts: "api" and "resolvers"."""

    limit: int
    window_s: int = 300
    left: int = -1
    resets_in_s: int = 300

    def __post_init__(self) -> None:
        self.left = self.limit if self.left < 0 else self.left

    def headers(self, bucket: str) -> dict[str, str]:
        return {
            "RateLimit": f'"{bucket}";r={self.left};t={self.resets_in_s}',
            "RateLimit-Policy": f'"fixed window";"{bucket}";q={self.limit};w={self.window_s}',
        }


class StandIn:
    """The pretended Hub. `now` is the world's time; `requests` is what was asked, in order.

    `tokens` may read gated files. `budgets` counts down only where the test names a bucket: then
    the answer is 429 at zero, and setting `now` starts a new window. `recorded` maps a path with
    its query to an answer that is given verbatim.
    """

    def __init__(
        self,
        world: World,
        *,
        now: datetime | None = None,
        recorded: Mapping[str, Reply] | None = None,
        max_page: int = 1000,
    ) -> None:
        self.world = world
        self.recorded = dict(recorded or {})
        self.max_page = max_page
        self.requests: list[tuple[str, str, int]] = []
        self.bytes_sent = 0
        self.faults: list[Fault] = []
        self.budgets: dict[str, Budget] = {}
        self.tokens: set[str] = set()
        self.url = ""
        self._now = now or (world.moments[-1] if world.moments else datetime.now(UTC))
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def now(self) -> datetime:
        return self._now

    @now.setter
    def now(self, moment: datetime) -> None:
        self._now = moment
        for budget in self.budgets.values():
            budget.left = budget.limit

    def start(self) -> str:
        """Listen on a free port of 127.0.0.1; the base URL."""
        self._server = _Server(self)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="stand-in", daemon=True
        )
        self._thread.start()
        return self.url

    def stop(self) -> None:
        self._stopping.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._server.hang_up()
            self._server.server_close()
        self._server = None

    def __enter__(self) -> "StandIn":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def answer(self, target: str, headers: Mapping[str, str]) -> tuple[Reply, Fault | None]:
        """The reply to a GET of `target` (path and query), and the fault that spoils it, if any."""
        fault = self._next_fault(target)
        if fault is not None and fault.delay_s:
            self._stopping.wait(fault.delay_s)
        bucket = "resolvers" if "/resolve/" in target else "api"
        with self._lock:
            budget = self.budgets.get(bucket)
            spent = budget is not None and budget.left <= 0
            if budget is not None and not spent:
                budget.left -= 1
            limits = (budget or Budget(limit=3000 if bucket == "resolvers" else 500)).headers(bucket)
        if spent:
            reply = replies.of_error(429, "Too Many Requests: you have reached your rate limit.")
        else:
            reply = self._spoiled(fault, target, headers)
        return replace(reply, headers={**limits, **reply.headers}), fault

    def _next_fault(self, target: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.path in unquote(target) and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
        return None

    def _spoiled(self, fault: Fault | None, target: str, headers: Mapping[str, str]) -> Reply:
        if fault is None:
            return self._routed(target, headers)
        reply = self._routed(target, headers) if fault.status is None else Reply(status=fault.status)
        if fault.repeat_cursor:
            reply = replace(reply, headers={**reply.headers, "Link": f'<{self.url}{target}>; rel="next"'})
        if fault.body is not None:
            body = fault.body.encode() if isinstance(fault.body, str) else fault.body
            kind = "text/html; charset=utf-8" if body.lstrip()[:1] == b"<" else reply.content_type
            reply = replace(reply, body=body, content_type=kind)
        return replace(reply, headers={**reply.headers, **fault.headers})

    def _routed(self, target: str, headers: Mapping[str, str]) -> Reply:
        if target in self.recorded:
            return self.recorded[target]
        parts = urlsplit(target)
        path = unquote(parts.path)
        bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
        if path == "/api/models":
            return page(self.world.at(self._now), parts.query, base=self.url, max_page=self.max_page)
        if path.startswith("/api/models/"):
            return self._repo(path.removeprefix("/api/models/"), parts.query, bearer)
        if "/resolve/" in path:
            return self._resolve(path.lstrip("/"), parts.query, bearer)
        return replies.of_error(404, "Sorry, we can't find the page you are looking for.")

    def _found(self, repo_id: str, revision: str | None, bearer: str) -> Row | Reply:
        """The row of a repo at a revision, or the Hub's word on why there is none."""
        snapshot = self.world.at(self._now)
        row = snapshot.get(repo_id)
        if row is None:
            return replies.no_such_repo(signed_in=bool(bearer))
        if row.get("disabled"):
            return replies.of_error(403, "Access to this resource is disabled.")
        if revision in (None, "main", row.get("sha")):
            return row
        old = self.world.revision(repo_id, str(revision), self._now)
        return old or replies.of_error(404, f"Invalid rev id: {revision}", "RevisionNotFound")

    def _repo(self, rest: str, query: str, bearer: str) -> Reply:
        repo_id, kind, revision, folder = _split_api_path(rest)
        new_id = self.world.at(self._now).moved(repo_id)
        if new_id is not None:
            tail = rest.removeprefix(repo_id) + (f"?{query}" if query else "")
            return replies.moved_to(f"/api/models/{new_id}{tail}")
        row = self._found(repo_id, revision, bearer)
        if isinstance(row, Reply):
            return row
        asked = dict(_pairs(query))
        if kind == "tree":
            entries = replies.tree(row, folder, recursive=asked.get("recursive", "").lower() in ("true", "1"))
            return replies.of_json(entries, **{"X-Repo-Commit": str(row.get("sha"))})
        expand = [value for key, value in _pairs(query) if key.startswith("expand")]
        if wrong := bad_expand(expand):
            return wrong
        if expand:
            return replies.of_json(replies.listed(row, expand, full=False, card=False, config=False))
        blobs = asked.get("blobs", "").lower() in ("true", "1")
        return replies.of_json(replies.public(row, {"siblings"}, blobs=blobs))

    def _resolve(self, path: str, query: str, bearer: str) -> Reply:
        repo_id, _, rest = path.partition("/resolve/")
        revision, _, file = rest.partition("/")
        new_id = self.world.at(self._now).moved(repo_id)
        if new_id is not None:
            return replies.moved_to(f"/{new_id}/resolve/{rest}" + (f"?{query}" if query else ""))
        row = self._found(repo_id, revision, bearer)
        if isinstance(row, Reply):
            return row
        # The card of a gated repo is open to everybody; its files are not.
        if row.get("gated") and file != "README.md" and bearer not in self.tokens:
            message = f"Access to model {row['id']} is restricted."
            return replies.of_error(403 if bearer else 401, message, "GatedRepo")
        return replies.resolved(row, file)


def _pairs(query: str) -> Iterator[tuple[str, str]]:
    for item in query.split("&"):
        key, _, value = item.partition("=")
        if key:
            yield unquote(key.replace("+", " ")), unquote(value.replace("+", " "))


def _split_api_path(rest: str) -> tuple[str, str, str | None, str]:
    """`org/name/tree/main/a/b` is ("org/name", "tree", "main", "a/b"); an old id has no organisation."""
    parts = rest.strip("/").split("/")
    for size in (2, 1):
        if len(parts) > size and parts[size] in ("revision", "tree"):
            revision = parts[size + 1] if len(parts) > size + 1 else None
            return "/".join(parts[:size]), parts[size], revision, "/".join(parts[size + 2 :])
    return "/".join(parts), "info", None, ""


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # joined on close, so that no socket outlives the test
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, hub: StandIn) -> None:
        self.hub = hub
        self.open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def hang_up(self) -> None:
        """Wake the threads that wait for the next request of a kept-alive connection."""
        for connection in list(self.open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "modelwatch-stand-in"
    disable_nagle_algorithm = True
    wbufsize = 65536  # head and body leave in one segment: otherwise every reply waits for an ACK
    server: _Server

    def setup(self) -> None:
        super().setup()
        self.server.open.add(self.connection)

    def finish(self) -> None:
        self.server.open.discard(self.connection)
        with suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        self._serve(with_body=True)

    def do_HEAD(self) -> None:
        self._serve(with_body=False)

    def _serve(self, with_body: bool) -> None:
        hub = self.server.hub
        reply, fault = hub.answer(self.path, {key.lower(): value for key, value in self.headers.items()})
        if reply.status == 501 and not with_body:
            # Asking for a weight file's size is fine; only its bytes are missing.
            reply = replace(reply, status=200, body=b"")
        if reply.status == 200 and self.headers.get("If-None-Match") == reply.headers.get("ETag", "-"):
            reply = replace(reply, status=304, body=b"")
        hub.requests.append((self.command, self.path, reply.status))
        if fault is not None and fault.drop:
            self.close_connection = True
            return
        self._send(reply, with_body, None if fault is None else fault.truncate)

    def _send(self, reply: Reply, with_body: bool, truncate: int | None) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.content_type)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if "Content-Length" not in reply.headers:
            self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        body = reply.body if with_body else b""
        if truncate is not None:
            body, self.close_connection = body[:truncate], True
        with suppress(ConnectionError):
            self.wfile.write(body)
            self.wfile.flush()
        self.server.hub.bytes_sent += len(body)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are kept in `StandIn.requests`; the terminal belongs to the caller."""
