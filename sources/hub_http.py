"""Our manners towards the Hub: one shared client, our own timeouts, no retries, no sleeping.

Every failure that says nothing about a repo (network, timeout, 429, 5xx, a refused token) becomes a
SourceError at once; when to try again is the scheduler's business. What the Hub says about one repo
(gated, disabled, gone) stays huggingface_hub's own exception, for the caller to tell apart.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import httpx2
from huggingface_hub import HfApi, close_session, get_session
from huggingface_hub.errors import (
    DisabledRepoError,
    HfHubHTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils._headers import build_hf_headers
from huggingface_hub.utils._http import hf_raise_for_status

from sources.hub_client import LONGEST_WAIT_S, RATE_LIMIT, Meter, install_client, metered, too_big
from sources.hub_values import clean, parse_json
from watcher.types import SourceError

LIBRARY = "modelwatch"
PAGE_BYTES = 64 * 1024 * 1024
WHOLE_ANSWER_TIMEOUTS = 6
"""A read timeout restarts with every byte, so an answer as a whole gets this many of them."""

_OF_ONE_REPO = (RepositoryNotFoundError, DisabledRepoError, RevisionNotFoundError)

Params = Mapping[str, str | int | tuple[str, ...]]


class RateLimited(SourceError):  # noqa: N818 - says what happened, as its callers name it
    """429: the Hub wants us to wait retry_after_s (None: it did not say how long)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """One JSON answer and the URL of the next page, if the Hub named one."""

    data: Any
    next_url: str | None


class HubHttp:
    """GETs against one endpoint. Thread-safe; token None asks anonymously, whatever lies on this machine."""

    def __init__(
        self, endpoint: str, token: str | None, timeout_s: float, stop: threading.Event | None
    ) -> None:
        install_client()
        self.endpoint = endpoint.rstrip("/")
        self.timeout_s = timeout_s
        self.meter = Meter(stop)
        self._token = _checked_token(token)
        self._origin = _checked_origin(self.endpoint)
        asked_with = self._token or False  # None would send the token that lies in the user's home
        self._headers = build_hf_headers(token=asked_with, library_name=LIBRARY, library_version=_version())
        self.api = HfApi(
            endpoint=self.endpoint, token=asked_with, library_name=LIBRARY, library_version=_version()
        )

    def get(self, url: str, now: datetime, *, params: Params | None = None, cap: int = PAGE_BYTES) -> Page:
        """One JSON answer. SourceError, or huggingface_hub's own error where the Hub refuses one repo."""
        body, response = self._fetch(url, now, params, cap)
        try:
            data = parse_json(body)
        except ValueError as error:
            raise SourceError(f"the Hub answered {error} with status {response.status_code}") from None
        return Page(data=data, next_url=self._next(response))

    def read(self, url: str, now: datetime, *, cap: int) -> bytes:
        """One file, at most cap bytes."""
        return self._fetch(url, now, None, cap)[0]

    def _fetch(
        self, url: str, now: datetime, params: Params | None, cap: int
    ) -> tuple[bytes, httpx2.Response]:
        with (
            self.calling(now, cap=cap),
            get_session().stream(
                "GET", url, params=params, headers=self._headers, timeout=self.timeout_s
            ) as response,
        ):
            hf_raise_for_status(response)
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > cap:  # a small body may unpack to a large one
                    raise SourceError(too_big(cap))
            return bytes(body), response

    def _next(self, response: httpx2.Response) -> str | None:
        target = response.links.get("next", {}).get("url")
        if not target:
            return None
        url = response.url.join(target)
        if _origin(url) != self._origin:
            raise SourceError(f"the next page is on another host ({clean(url.host, 80)}): not followed")
        return str(url)

    @contextmanager
    def calling(self, now: datetime, *, cap: int = PAGE_BYTES) -> Iterator[None]:
        """Around every use of the client: counts it, limits it, and turns its failures into SourceErrors."""
        try:
            with metered(self.meter, seconds=WHOLE_ANSWER_TIMEOUTS * self.timeout_s, cap=cap):
                yield
        except HfHubHTTPError as error:
            if (failure := self._refusal(error, now)) is None:
                raise
            raise failure from self.cause(error)
        except RecursionError:
            raise
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, RuntimeError) as error:
            if get_session().is_closed:
                close_session()  # forgets it, so that the next call gets a new one
            raise SourceError(self._network_failure(error)) from self.cause(error)

    def _network_failure(self, error: Exception) -> str:
        if isinstance(error, OfflineModeIsEnabled):
            return "HF_HUB_OFFLINE is set: unset it to let modelwatch ask the Hub"
        if isinstance(error, httpx2.ConnectTimeout):
            return f"no connection to {self._origin} within {self.timeout_s:g} s"
        if isinstance(error, httpx2.TimeoutException):
            return f"no answer from {self._origin} within {self.timeout_s:g} s"
        if isinstance(error, httpx2.ConnectError):
            return f"no connection to {self._origin} ({self._safe(str(error))})"
        return f"{self._origin} broke off: {self._safe(str(error)) or type(error).__name__}"

    def _refusal(self, error: HfHubHTTPError, now: datetime) -> SourceError | None:
        """The SourceError that an answer stands for; None when it speaks of one repo."""
        status, headers = error.response.status_code, error.response.headers
        words = self._safe(headers.get("x-error-message") or "")
        if status == 429:
            wait = _wait(headers, now)
            asked = "" if wait is None else f": asked to wait {wait:.0f} s"
            return RateLimited(f"the Hub's rate limit is reached{asked}", retry_after_s=wait, limited=True)
        if status >= 500 or status == 408:
            said = f" ({words})" if words else ""
            return SourceError(f"the Hub answered {status}{said}", retry_after_s=_wait(headers, now))
        if status == 401 and self._token and not headers.get("x-error-code"):
            return SourceError("the Hub refuses the token: check hub.token, or leave it out")
        return None

    def refused(self, error: HfHubHTTPError) -> str:
        """One line for an answer of 4xx."""
        headers = error.response.headers
        words = " ".join(filter(None, (headers.get("x-error-code"), headers.get("x-error-message"))))
        said = f" ({self._safe(words)})" if words else ", without X-Error-Code: is hub.endpoint a Hub?"
        return f"the Hub answered {error.response.status_code}{said}"

    @staticmethod
    def speaks_of_repo(error: HfHubHTTPError) -> bool:
        """Whether the Hub itself refused this repo or file; a proxy's 404 says nothing about it."""
        return isinstance(error, _OF_ONE_REPO) or bool(error.response.headers.get("x-error-code"))

    def _safe(self, text: str) -> str:
        text = text.replace(self._token, "***") if self._token else text
        return clean(text, 200)

    def cause(self, error: BaseException) -> BaseException | None:
        """The error itself, unless a traceback would print the token with it."""
        link: BaseException | None = error
        while link is not None and self._token:
            if self._token in f"{link} {link!r}":
                return None
            link = link.__cause__ or link.__context__
        return error


def _checked_token(token: str | None) -> str | None:
    """Without a file's newline. An unprintable one would be quoted by the HTTP library's own error."""
    token = (token or "").strip()
    if token and not (token.isascii() and token.isprintable() and " " not in token):
        raise SourceError("hub.token has characters that no token has: is it the right file or variable?")
    return token or None


def _checked_origin(endpoint: str) -> str:
    try:
        url = httpx2.URL(endpoint)
    except httpx2.InvalidURL:
        url = httpx2.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise SourceError("hub.endpoint is no http(s) address: https://huggingface.co is the usual one")
    return _origin(url)


def _wait(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds: the window's end when its quota is used up, else Retry-After (seconds or a date)."""
    limit = RATE_LIMIT.search(headers.get("ratelimit", ""))
    if limit is not None and int(limit["left"]) == 0:
        return min(float(limit["reset"]), LONGEST_WAIT_S)
    stated = headers.get("retry-after", "").strip()
    if stated.isascii() and stated.isdigit():
        return min(float(stated[:9]), LONGEST_WAIT_S)
    if (until := _http_date(stated)) is not None:
        base = _http_date(headers.get("date", "")) or now  # the Hub's own clock, if it shows it
        return min(max((until - base).total_seconds(), 0.0), LONGEST_WAIT_S)
    return None


def _http_date(text: str) -> datetime | None:
    try:
        read = parsedate_to_datetime(text)
    except ValueError:
        return None
    return read if read.tzinfo else None


def _origin(url: httpx2.URL) -> str:
    """Scheme, host and port; never the user and password an URL may carry."""
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{url.host}{port}"


def _version() -> str:
    try:
        return version(LIBRARY)
    except PackageNotFoundError:
        return "0"
