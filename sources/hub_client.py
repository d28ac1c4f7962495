"""The one HTTP client of huggingface_hub, made to keep time, count, and stop.

huggingface_hub shares one client per process. Ours gives every request a timeout, and counts and limits
those that are made inside `metered`, also the ones that huggingface_hub's own methods send.
"""

import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import Any

# Read when huggingface_hub is imported; without it the first call also asks for /api/agent-harnesses.
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

import httpx2
from huggingface_hub import constants, set_client_factory
from huggingface_hub.utils._http import hf_request_event_hook

from watcher.types import SourceError

FALLBACK_TIMEOUT_S = 20.0
LONGEST_WAIT_S = 3600.0
"""The Hub's windows are five minutes long; a server that asks for a year is not believed."""

RATE_LIMIT = re.compile(
    r'"?(?P<bucket>\w+)"?\s*;\s*r\s*=\s*(?P<left>\d{1,9})\s*;\s*t\s*=\s*(?P<reset>\d{1,9})'
)
_RATE_QUOTA = re.compile(r"\bq\s*=\s*(?P<quota>\d{1,9})")


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """What was spent so far: requests sent (redirects count) and body bytes received (as on the wire)."""

    requests: int = 0
    bytes: int = 0


class Meter:
    """Counts one source's traffic over all its threads, and remembers the Hub's rate-limit headers."""

    def __init__(self, stop: threading.Event | None) -> None:
        self.stop = stop
        self._lock = threading.Lock()
        self._requests = 0
        self._bytes = 0
        self._shares: dict[str, tuple[float, float]] = {}  # bucket: share left, monotonic end of window

    def sent(self) -> None:
        with self._lock:
            self._requests += 1

    def received(self, count: int) -> None:
        with self._lock:
            self._bytes += count

    def heard(self, headers: Mapping[str, str]) -> None:
        """`RateLimit: "api";r=12;t=34` with `RateLimit-Policy: "fixed window";"api";q=500;w=300`."""
        limit = RATE_LIMIT.search(headers.get("ratelimit", ""))
        quota = _RATE_QUOTA.search(headers.get("ratelimit-policy", ""))
        if limit is None:
            return
        left = int(limit["left"])
        if left and (quota is None or not int(quota["quota"])):
            return  # how much of an unknown whole is left, nobody can say
        share = min(left / int(quota["quota"]), 1.0) if left and quota else 0.0
        ends = time.monotonic() + min(int(limit["reset"]), LONGEST_WAIT_S)
        with self._lock:
            self._shares[limit["bucket"]] = (share, ends)

    def usage(self) -> Usage:
        with self._lock:
            return Usage(requests=self._requests, bytes=self._bytes)

    def remaining_share(self) -> float | None:
        now = time.monotonic()
        with self._lock:
            return min((share for share, ends in self._shares.values() if ends > now), default=None)

    def check_stop(self) -> None:
        if self.stop is not None and self.stop.is_set():
            raise SourceError("stopped")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Call:
    """The call under way in this thread; deadline is monotonic, cap is bytes as on the wire."""

    meter: Meter
    deadline: float
    cap: int


_CALL: ContextVar[_Call | None] = ContextVar("modelwatch_hub_call", default=None)


class TimeoutClient(httpx2.Client):
    """huggingface_hub passes timeout=None with most requests; here None means our own default."""

    def send(self, request: httpx2.Request, **kwargs: Any) -> httpx2.Response:
        given = request.extensions.get("timeout") or {}
        parts = ("connect", "read", "write", "pool")
        request.extensions["timeout"] = {part: given.get(part) or FALLBACK_TIMEOUT_S for part in parts}
        return super().send(request, **kwargs)


class _MeteredStream(httpx2.SyncByteStream):
    """A body that is counted as it arrives, and cut off when it is too long, too slow or unwanted."""

    def __init__(self, inner: httpx2.SyncByteStream, call: _Call) -> None:
        self._inner = inner
        self._call = call

    def __iter__(self) -> Iterator[bytes]:
        received = 0
        for chunk in self._inner:
            received += len(chunk)
            self._call.meter.received(len(chunk))
            self._call.meter.check_stop()
            if received > self._call.cap:
                raise SourceError(too_big(self._call.cap))
            if time.monotonic() > self._call.deadline:
                raise SourceError("the answer trickles in too slowly: given up")
            yield chunk

    def close(self) -> None:
        self._inner.close()


def _on_request(request: httpx2.Request) -> None:
    hf_request_event_hook(request)
    if call := _CALL.get():
        call.meter.sent()


def _on_response(response: httpx2.Response) -> None:
    call = _CALL.get()
    if call is None or not isinstance(response.stream, httpx2.SyncByteStream):
        return
    call.meter.heard(response.headers)
    response.stream = _MeteredStream(response.stream, call)


@cache
def install_client() -> None:
    """Once per process: setting a factory closes the client that other threads may be using."""
    constants.HF_HUB_DISABLE_TELEMETRY = True  # for when huggingface_hub was imported before us
    hooks: dict[str, list[Callable[..., Any]]] = {"request": [_on_request], "response": [_on_response]}
    set_client_factory(lambda: TimeoutClient(follow_redirects=True, event_hooks=hooks))


@contextmanager
def metered(meter: Meter, *, seconds: float, cap: int) -> Iterator[None]:
    """Requests in this block count on the meter; each answer, and the block, has these limits."""
    meter.check_stop()
    mark = _CALL.set(_Call(meter=meter, deadline=time.monotonic() + seconds, cap=cap))
    try:
        yield
    finally:
        _CALL.reset(mark)


def too_big(cap: int) -> str:
    return f"the answer is larger than {cap / 1024 / 1024:.0f} MB: given up"
