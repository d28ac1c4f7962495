"""One message to one service through Apprise, and what became of it. The only file that imports Apprise.

Apprise answers yes, no or "not in time"; the reason is in the log lines it captures per call. They
hold addresses and tokens, so they are searched here for status codes and known phrases and dropped:
a Failure is worded from this file's own vocabulary, never from theirs.
"""

import difflib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import apprise
from apprise import AppriseAsset, AppriseResultStatus, NotifyFormat, OverflowMode, URLBase
from apprise.apprise import N_MGR

Service = Any
"""An Apprise plugin; what we set on one (timeouts, blocks, footer) is typed nowhere in Apprise."""
_KNOWN: Any = N_MGR

CONNECT_S = 5.0
READ_S = 15.0
ATTEMPT_S = 25.0
"""Above connect and read together with a slow name server: so what ends here is a target that hangs."""

_MAIL = re.compile(
    "mailtos?|sendgrid|mailgun|ses|o365|azure|sparkpost|smtp2go|resend|brevo|postmark|mailersend|sendpulse"
)
_SLACK_MODES = ("hook", "gov-hook", "bot")  # workflows take plain text
_SCHEME = re.compile(r"^\s*([a-z][a-z0-9+.-]{0,20})://", re.IGNORECASE)

# What waiting does not change: bad request, unauthorised, forbidden, not found, gone, too large, refused.
_PERMANENT_HTTP = frozenset([400, 401, 403, 404, 405, 410, 413, 415, 422])
_PERMANENT_SLACK = re.compile(
    "invalid_auth|not_authed|account_inactive|token_(revoked|expired)|no_permission|missing_scope"
    "|channel_not_found|not_in_channel|is_archived|invalid_blocks"
)
_HTTP_STATUS = re.compile(r"\berror=(\d{3})\.?\s*$")  # how Apprise's HTTP plugins end their warning
_SMTP_STATUS = re.compile(r"^Socket Exception: (?:\{'[^']*': )?\(([45]\d\d), b|was refused: ([45]\d\d) ")
_SLACK_ERROR = re.compile(r"^Response Details:\s+b'\{\"ok\": ?false, ?\"error\": ?\"([a-z_]{3,40})\"")
_PHRASES = (
    ("Connection refused", "could not be reached: connection refused"),
    ("Failed to resolve", "could not be reached: its host name is not known"),
    ("Name or service not known", "could not be reached: its host name is not known"),
    ("Temporary failure in name resolution", "could not be reached: the name server does not answer"),
    ("CERTIFICATE_VERIFY_FAILED", "could not be reached safely: its certificate is not valid"),
    ("timed out", "could not be reached: no connection in time"),
    ("onnection error", "could not be reached, or broke off the connection"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why a message was not accepted, in words without any secret. timed_out: it may have arrived."""

    message: str
    permanent: bool = False
    timed_out: bool = False


def load(url: str) -> Service | None:
    """The service behind an address, set up for one attempt at a time; None when Apprise can not read it."""
    _quiet()
    asset = AppriseAsset(
        app_id="modelwatch", app_desc="Watches open-weight models", app_url="", storage_mode="memory"
    )
    try:
        service: Service = apprise.Apprise.instantiate(url, asset=asset)
    except Exception:  # some plugins raise while they parse, and quote what they parse
        return None
    if service is None:
        return None
    service.service_retry = 0
    service.optional = False  # would report every failure as a success
    if service.schema not in ("mailto", "mailtos"):
        if service.socket_connect_timeout == URLBase.socket_connect_timeout:  # no ?cto= in the address
            service.socket_connect_timeout = CONNECT_S
        if service.socket_read_timeout == URLBase.socket_read_timeout:  # no ?rto=
            service.socket_read_timeout = READ_S
        if service.schema != "slack" and service.overflow_mode == OverflowMode.UPSTREAM:
            service.overflow_mode = OverflowMode.SPLIT  # 2,000 characters is all that some services take
    if service.schema == "slack":
        service.use_blocks = True
        service.include_image = service.include_footer = service.include_timestamp = False
    return service


def takes_mrkdwn(service: Service) -> bool:
    """Slack, unless its address asks for plain text or leads to a workflow."""
    markdown = service.resolve_format(None) == NotifyFormat.MARKDOWN
    return bool(service.schema == "slack" and service.mode in _SLACK_MODES and markdown)


def takes_html(service: Service) -> bool:
    return _MAIL.fullmatch(service.schema) is not None


def post(service: Service, title: str, body: str, body_format: NotifyFormat | None) -> Failure | None:
    """One attempt; None when the service accepted it. body_format None: Apprise leaves the body alone."""
    sender = apprise.Apprise()
    sender.add(service)
    try:
        result = sender.notify(
            body=body, title=title, body_format=body_format, timeout=ATTEMPT_S, log_level=logging.DEBUG
        )
    except Exception as error:  # whatever a plugin raises may quote the address; only its name goes on
        return Failure(message=f"the attempt broke off with {type(error).__name__}")
    log = [(entry.level, entry.message) for entry in result.logs()]
    status = result.status
    result.close()
    return failure_of(str(service.service_name), status, log)


def failure_of(service: str, status: AppriseResultStatus, log: Sequence[tuple[str, str]]) -> Failure | None:
    """What Apprise's status and its captured (level, message) lines mean for the outbox."""
    if status == AppriseResultStatus.SUCCESS:
        return None
    if status == AppriseResultStatus.NOMATCH:
        return Failure(message="Apprise has no service for its address", permanent=True)
    # Debug lines also repeat the alert, and its words must not pass for the target's: so only these.
    spoken = [
        text for level, text in log if level != "DEBUG" or text.startswith(("Socket Exc", "Response Det"))
    ]
    if status == AppriseResultStatus.TIMEOUT or _sent_but_unanswered(spoken):
        return Failure(message=f"{service} gave no answer in time; it may have arrived", timed_out=True)
    if service == "Slack" and (word := _first(_SLACK_ERROR, spoken)):
        return Failure(message=f"Slack answered {word}", permanent=bool(_PERMANENT_SLACK.fullmatch(word)))
    if code := _first(_HTTP_STATUS, spoken):
        return Failure(
            message=f"{service} answered {_named(int(code))}", permanent=int(code) in _PERMANENT_HTTP
        )
    if code := _first(_SMTP_STATUS, spoken):
        return Failure(message=f"the mail server answered {code}", permanent=code.startswith("5"))
    phrase = next((words for needle, words in _PHRASES if needle in "\n".join(spoken)), "did not accept it")
    return Failure(message=f"{service} {phrase}")


def _sent_but_unanswered(spoken: Sequence[str]) -> bool:
    """A read that timed out, over HTTP or while a mail was being handed over; not a connect."""
    text = "\n".join(line for line in spoken if line.startswith("Socket Exception"))
    mail = any(line.startswith("Sending email to") for line in spoken)
    return "Read timed out" in text or (mail and "timed out" in text)


def _first(pattern: re.Pattern[str], lines: Sequence[str]) -> str | None:
    for line in lines:
        if found := pattern.search(line):
            return next(group for group in found.groups() if group)
    return None


def problem_of(url: str) -> str | None:
    """What is wrong with an address, without quoting any part but its scheme; None when it is usable."""
    scheme = scheme_of(url)
    if scheme is None:
        return "is not an address: it needs a service in front, like slack:// or mailto://"
    service = load(url)
    if service is not None:
        targets = len(service)
        if targets > 1:
            return (
                f"names {targets} targets: give each its own channel (or, for mail, use cc), so that a "
                "failure of one does not repeat the message to the others"
            )
        return None
    return _unreadable(scheme)


def name_of(url: str) -> str:
    """The scheme and Apprise's id of the address, which is a hash: safe to log and to show."""
    service = load(url)
    if service is None:
        scheme = scheme_of(url)
        return f"{scheme}:// (unreadable)" if scheme in _KNOWN else "(unreadable address)"
    return f"{service.schema}#{service.url_id()}"


def scheme_of(url: str) -> str | None:
    found = _SCHEME.match(url)
    return found[1].lower() if found else None


def _unreadable(scheme: str) -> str:
    if scheme in _KNOWN:
        plugin = _KNOWN[scheme]
        if not plugin.enabled:
            return f"{scheme}:// needs a package that is not installed (Apprise, {plugin.service_name})"
        shape = str(next(iter(plugin.templates), "{schema}://...")).replace("{schema}", scheme)
        return f"{scheme}:// is known, but the rest is not right: it looks like {shape}"
    if scheme in ("http", "https"):
        return f"{scheme}:// alone names no service: for a plain webhook write json{'s' * (scheme == 'https')}://"
    near = difflib.get_close_matches(scheme, list(_KNOWN.schemas()), n=1)
    return f"{scheme}:// is no service that Apprise knows" + (
        f" (did you mean {near[0]}://?)" if near else ""
    )


def _named(status: int) -> str:
    try:
        return f"{status} ({HTTPStatus(status).phrase.lower()})"
    except ValueError:
        return str(status)


def _quiet() -> None:
    """Keeps log lines with addresses in: Apprise's own go to its per-call capture only, and the webhook
    paths that urllib3 prints at debug level are not printed at all."""
    logger = logging.getLogger("apprise")
    logger.propagate = False
    logger.setLevel(logging.DEBUG)
    logging.getLogger("urllib3").setLevel(logging.WARNING)
