"""Asks an OpenAI-compatible chat endpoint, patiently: a question at a time, from as many threads as wanted.

What came back is a Reply, also when it is an error: an endpoint that fails has not answered, which says
nothing about the model. The key is sent to that endpoint alone, and never appears in a message.
"""

import json
import random
import threading
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import httpx2

from sources.hub_values import clean
from watcher.types import Question, Reply, SourceError

MOST_BYTES = 16 * 1024 * 1024
LONGEST_WAIT_S = 60.0
SHORTEST_SECRET = 12
_ATTEMPTS = 5
_TWICE = 2  # a question that hangs twice is not asked a third time
_PATIENCE = 3.0  # a read timeout restarts with every byte, so an answer as a whole gets this many of them
_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 520, 522, 524, 529})
_FINAL = {
    401: "the endpoint refuses the key",
    402: "the endpoint wants to be paid",
    403: "the endpoint refuses the key",
    404: "the endpoint knows no such path or model",
    405: "this is no chat endpoint",
}


class _Trouble(Exception):  # noqa: N818 - says what happened; it never leaves this file
    """One attempt that failed. again: another may fare better; wait_s as the endpoint asked."""

    def __init__(
        self, message: str, *, again: bool = True, wait_s: float | None = None, final: bool = False
    ) -> None:
        super().__init__(message)
        self.again, self.wait_s, self.final = again, wait_s, final


class _Hung(_Trouble):
    """No answer in time."""


class _Absent(_Trouble):
    """Nobody at the address. Where nobody ever was, waiting is rarely the cure."""


class ChatEndpoint:
    """POSTs to .../v1/chat/completions. url may leave the path out; model is the name it serves under.

    Raises SourceError on an address or a key that can not be one. backoff_s: the first wait between attempts.
    """

    def __init__(
        self,
        url: str,
        model: str,
        key: str | None,
        *,
        timeout_s: float = 120.0,
        chance: random.Random,
        backoff_s: float = 1.0,
        stop: threading.Event | None = None,
    ) -> None:
        self._url = _completions(url)
        self.origin = f"{self._url.scheme}://{self._url.host}" + (
            f":{self._url.port}" if self._url.port else ""
        )
        self._model = model
        self._key = _checked(key)
        self._timeout_s, self._backoff_s, self._chance = timeout_s, backoff_s, chance
        self._stop = stop or threading.Event()
        self._heard = False
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        # Not the Hub's client, whose headers and hooks are for the Hub. A redirect would take the key along.
        self._client = httpx2.Client(timeout=timeout_s, headers=headers, follow_redirects=False)

    def __enter__(self) -> "ChatEndpoint":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._client.close()

    def ask(self, question: Question) -> Reply:
        """Asks until there is an answer or no hope; never raises for what the endpoint does."""
        began = time.monotonic()
        in_vain = 0
        for attempt in range(1, _ATTEMPTS + 1):
            if self._stop.is_set():
                return Reply(error="stopped")
            try:
                text, cut_off = self._attempt(question)
            except _Trouble as trouble:
                in_vain += isinstance(trouble, _Hung) or (isinstance(trouble, _Absent) and not self._heard)
                if not trouble.again or attempt == _ATTEMPTS or in_vain == _TWICE:
                    return Reply(
                        error=self._safe(str(trouble)),
                        final=trouble.final,
                        troubled=trouble.again,
                        seconds=time.monotonic() - began,
                    )
                self._stop.wait(self._pause(attempt, trouble.wait_s))
            else:
                return Reply(text=self._without_key(text), cut_off=cut_off, seconds=time.monotonic() - began)
        raise AssertionError("the last attempt returns")

    def _pause(self, attempt: int, asked_s: float | None) -> float:
        """Twice as long each time, with jitter so that threads do not come back together; or as asked."""
        own = self._backoff_s * 2.0 ** (attempt - 1) * self._chance.uniform(0.75, 1.25)
        return min(max(own, asked_s or 0.0), LONGEST_WAIT_S)

    def _attempt(self, question: Question) -> tuple[str, bool]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": [dict(m) for m in question.messages],
            "temperature": question.temperature,
            "stream": False,
        }
        if question.max_tokens is not None:
            body["max_tokens"] = question.max_tokens
        try:
            with self._client.stream("POST", self._url, json=body) as response:
                raw = self._read(response)
        except httpx2.TimeoutException:
            raise _Hung(f"no answer within {self._timeout_s:g} s") from None
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, RuntimeError) as error:
            raise _Absent(f"no connection to {self.origin}: {error or type(error).__name__}") from None
        self._heard = True
        if response.status_code != 200:
            raise _refusal(response, raw)
        return _answer(raw)

    def _read(self, response: httpx2.Response) -> bytes:
        ends = time.monotonic() + _PATIENCE * self._timeout_s
        raw = bytearray()
        for chunk in response.iter_bytes():
            raw += chunk
            if len(raw) > MOST_BYTES:
                raise _Trouble(f"the answer is larger than {MOST_BYTES // 1024**2} MB", again=False)
            if time.monotonic() > ends:
                raise _Hung("the answer trickles in too slowly")
        return bytes(raw)

    def _without_key(self, text: str) -> str:
        """An answer that repeats the key; a short one, such as EMPTY, is no secret but may be a word."""
        secret = self._key is not None and len(self._key) >= SHORTEST_SECRET
        return text.replace(self._key or "", "***") if secret else text

    def _safe(self, text: str) -> str:
        return clean(text.replace(self._key, "***") if self._key else text, 200)


def _completions(url: str) -> httpx2.URL:
    """http://host:8000, .../v1 and .../v1/chat/completions are the same endpoint."""
    try:
        parsed = httpx2.URL(url.strip())
    except httpx2.InvalidURL:
        parsed = httpx2.URL("")
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise SourceError("--endpoint is no http(s) address; it looks like http://localhost:8000/v1")
    if parsed.userinfo:
        raise SourceError("--endpoint holds a password: give it with --api-key-file instead")
    path = parsed.path.rstrip("/")
    if not path.endswith("/chat/completions"):
        path = f"{path or '/v1'}/chat/completions"
    return parsed.copy_with(path=path, fragment=None)


def _checked(key: str | None) -> str | None:
    key = (key or "").strip()
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise SourceError("the API key has characters that no key has: is it the right file or variable?")
    return key or None


def _refusal(response: httpx2.Response, raw: bytes) -> _Trouble:
    status = response.status_code
    said = _error_in(raw)
    words = f" ({said})" if said else ""
    if status in _FINAL:
        return _Trouble(f"{_FINAL[status]}: {status}{words}", again=False, final=True)
    if 300 <= status < 400:
        return _Trouble(f"the endpoint is elsewhere: it answered {status}", again=False, final=True)
    message = f"the endpoint answered {status}{words}"
    return _Trouble(message, again=status in _AGAIN or status >= 500, wait_s=_wait(response.headers))


def _wait(headers: Mapping[str, str]) -> float | None:
    stated = headers.get("retry-after", "").strip()
    return float(stated[:6]) if stated.isascii() and stated.isdigit() else None


def _error_in(raw: bytes) -> str:
    """What the endpoint says for itself, in any of the shapes that servers use."""
    try:
        said = json.loads(raw)
    except (ValueError, RecursionError):
        return ""
    for key in ("error", "message", "detail"):
        if isinstance(said, Mapping) and key in said:
            said = said[key]
    return clean(said, 160) if isinstance(said, str) else ""


def _answer(raw: bytes) -> tuple[str, bool]:
    """The text of the first choice, and whether it was cut off; an answer without text is an empty one."""
    try:
        choice = json.loads(raw)["choices"][0]
        message = choice["message"]
        content = message.get("content")
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        raise _Trouble("the endpoint answered something that is no chat completion") from None
    if isinstance(content, list):
        content = "".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    if content is not None and not isinstance(content, str):
        raise _Trouble("the endpoint answered something that is no chat completion")
    return content or "", choice.get("finish_reason") == "length"
