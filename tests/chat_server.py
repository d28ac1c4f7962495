"""A local server that speaks the OpenAI chat protocol, and can be slow, busy, broken or silent."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any


@dataclass(kw_only=True, slots=True)
class Fault:
    """A wrong answer, given once: a status with headers and a body, an answer that comes late, or never.

    drop: the connection ends without a word.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str | None = None
    delay_s: float = 0.0
    hang: bool = False
    drop: bool = False


class ChatServer:
    """answer makes the text of a reply from the last message. faults are used up one by one.

    asked: the last message of every request, in order; requests: their bodies; keys: what authorised them.
    hold_after: requests beyond so many wait for go_on, like those of a busy server.
    """

    def __init__(self, answer: Callable[[str], str] = lambda _: "yes") -> None:
        self.answer = answer
        self.faults: list[Fault] = []
        self.always: Fault | None = None
        self.asked: list[str] = []
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.paths: list[str] = []
        self.finish_reason = "stop"
        self.most_at_once = 0
        self.hold_after: int | None = None
        self.go_on = threading.Event()
        self._at_once = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "ChatServer":
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self.go_on.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(chat) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - self is the handler's
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with chat._lock:
                    chat.paths.append(self.path)
                    chat.keys.append(self.headers.get("Authorization"))
                    chat.requests.append(body)
                    chat.asked.append(body["messages"][-1]["content"])
                    chat._at_once += 1
                    chat.most_at_once = max(chat.most_at_once, chat._at_once)
                    fault = chat.faults.pop(0) if chat.faults else chat.always or Fault()
                    held = chat.hold_after is not None and len(chat.asked) > chat.hold_after
                try:
                    if held:
                        chat.go_on.wait(120)
                    chat._reply(self, body, fault)
                finally:
                    with chat._lock:
                        chat._at_once -= 1

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _reply(self, handler: BaseHTTPRequestHandler, body: Mapping[str, Any], fault: Fault) -> None:
        if fault.hang:
            self._closing.wait(30)
            return
        if fault.drop:
            handler.close_connection = True
            return
        time.sleep(fault.delay_s)
        text = fault.body
        if text is None:
            content = self.answer(body["messages"][-1]["content"])
            message = {"role": "assistant", "content": content}
            choice = {"index": 0, "message": message, "finish_reason": self.finish_reason}
            text = json.dumps({"object": "chat.completion", "model": body["model"], "choices": [choice]})
        raw = text.encode()
        try:
            handler.send_response(fault.status)
            for name, value in {"Content-Type": "application/json", **fault.headers}.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(raw)))
            handler.end_headers()
            handler.wfile.write(raw)
        except OSError:
            pass  # whoever asked is gone
