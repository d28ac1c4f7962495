"""Where alerts go: the terminal, a file of JSON lines, or any service that Apprise reaches.

A channel makes one attempt per `send` and says how it failed; when to try again is alerts.deliver's.
Addresses hold tokens: no error, repr or name made here shows one. Apprise loads on first use.
"""

import json
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TextIO

from pydantic import SecretStr

from alerts import inert, render
from watcher.types import Alert

if TYPE_CHECKING:
    from apprise import NotifyFormat

    from alerts.apprise_service import Service

TERMINAL = "terminal://"
JSON_LINES = "jsonl://"


class DeliveryError(Exception):
    """An alert was not taken. permanent: trying again will not help. timed_out: it may have arrived.

    retry_after_s is the wait that the target asked for, where it did and the library passed it on.
    """

    def __init__(
        self,
        message: str,
        *,
        permanent: bool = False,
        timed_out: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.permanent = permanent
        self.timed_out = timed_out
        self.retry_after_s = retry_after_s


class Channel(Protocol):
    """One target. send raises DeliveryError and nothing else."""

    @property
    def name(self) -> str: ...
    def send(self, alert: Alert, now: datetime) -> None: ...


class TerminalChannel:
    """Prints alerts as plain text; what the stream's encoding lacks becomes a question mark."""

    def __init__(self, stream: TextIO, *, name: str = "terminal", width: int = 100) -> None:
        self.name = name
        self._stream = stream
        self._width = width

    def send(self, alert: Alert, now: datetime) -> None:  # noqa: ARG002 - the protocol's argument; nothing here is dated
        text = render.as_text(alert, self._width)
        encoding = getattr(self._stream, "encoding", None) or "utf-8"
        try:
            self._stream.write(text.encode(encoding, "replace").decode(encoding) + "\n\n")
            self._stream.flush()
        except (OSError, ValueError) as error:
            raise DeliveryError(f"{self.name}: the terminal is gone ({type(error).__name__})") from None


class JsonLinesChannel:
    """Appends one JSON line per alert and waits until it is on disk. ASCII only, so `cat` is safe.

    Each line is alerts.render.as_json plus delivered_at. A line that a crash cut off is ended first.
    """

    def __init__(self, path: Path, *, name: str = "alerts.jsonl") -> None:
        self.name = name
        self._path = path

    def send(self, alert: Alert, now: datetime) -> None:
        line = json.dumps({**render.as_json(alert), "delivered_at": now.isoformat()}, ensure_ascii=True)
        try:
            self._append(line.encode("ascii") + b"\n")
        except OSError as error:
            raise DeliveryError(f"{self.name}: can not write {self._path}: {error.strerror}") from None

    def _append(self, line: bytes) -> None:
        with self._path.open("ab+") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    line = b"\n" + line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())


class AppriseChannel:
    """One Apprise address. Slack gets our mrkdwn as it is, mail HTML with a text part, all others text.

    Where an alert takes several Slack messages, a repeated attempt goes on with the first one that
    was not accepted, as long as the process lives.
    """

    def __init__(self, name: str, url: str) -> None:
        self.name = name
        self._url = SecretStr(url)
        self._service: Service | None = None
        self._accepted: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"AppriseChannel({self.name!r})"

    def send(self, alert: Alert, now: datetime) -> None:  # noqa: ARG002 - the protocol's argument; nothing here is dated
        from alerts import apprise_service

        self._service = self._service or apprise_service.load(self._url.get_secret_value())
        if self._service is None:
            raise DeliveryError(
                f"{self.name}: its address can not be read: see modelwatch check", permanent=True
            )
        title, bodies, body_format = _message(alert, self._service)
        for number, body in enumerate(bodies):
            if number < self._accepted.get(alert.id, 0):
                continue
            failure = apprise_service.post(self._service, title, body, body_format)
            if failure is not None:
                raise DeliveryError(
                    f"{self.name}: {failure.message}",
                    permanent=failure.permanent,
                    timed_out=failure.timed_out,
                )
            self._accepted[alert.id] = number + 1
        self._accepted.pop(alert.id, None)


def open_channel(name: str, url: str) -> Channel:
    """The channel behind an address of the configuration: terminal://, jsonl://PATH or an Apprise one."""
    if url.strip() == TERMINAL:
        return TerminalChannel(sys.stdout, name=name)
    if url.startswith(JSON_LINES):
        return JsonLinesChannel(Path(url.removeprefix(JSON_LINES)), name=name)
    return AppriseChannel(name, url)


def check_url(url: str) -> str | None:
    """What is wrong with a channel's address in words that show no secret, or None. Sends nothing."""
    if url.strip() == TERMINAL:
        return None
    if url.startswith(JSON_LINES):
        parent = Path(url.removeprefix(JSON_LINES)).absolute().parent
        return None if parent.is_dir() else f"its folder {parent} does not exist"
    from alerts import apprise_service

    return apprise_service.problem_of(url)


def safe_name(url: str) -> str:
    """Scheme and a hash that identifies the target, for logs and status."""
    if url.startswith((TERMINAL, JSON_LINES)):
        return inert.line(url)
    from alerts import apprise_service

    return apprise_service.name_of(url)


def _message(alert: Alert, service: "Service") -> "tuple[str, Sequence[str], NotifyFormat | None]":
    """Title, bodies and Apprise's format for a service."""
    from apprise import NotifyFormat

    from alerts import apprise_service

    title = inert.title(alert.title)
    if apprise_service.takes_mrkdwn(service):
        return "", render.as_slack(alert), None
    if apprise_service.takes_html(service):
        return title, [render.as_html(alert)], NotifyFormat.HTML
    return inert.unpinged(title), [inert.unpinged(render.text_body(alert, width=None))], NotifyFormat.TEXT
