"""Makes text from outside inert: it can not steer a terminal, hide, reorder, ping, link or inject.

Every renderer passes each piece of an alert through here. `line` cleans for every target; `mrkdwn`,
`markdown` and `html` clean and then escape for theirs; `url` lets only plain web addresses through.
"""

import html as _html
import re
import unicodedata
from urllib.parse import quote, urlsplit, urlunsplit

MAX_TITLE = 150
"""Characters: the limit of a Slack header, and about what a mail client shows of a subject."""
MAX_URL = 2048
_MARKS_IN_A_ROW = 4  # no living script stacks more; a "Zalgo" text covers the lines around it

# Colour and cursor sequences go whole. Of the others only the introducer goes: their payload ends wherever
# the sender says, and swallowing up to there would let one field hide the rest of the line.
_TERMINAL = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b[ -/]*[0-~]?")
_SPACES = {"Zs", "Zl", "Zp"}
_UNSEEN_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn"}
# Invisible characters that Unicode files under letters, marks and symbols: fillers, variation selectors.
_UNSEEN = frozenset(
    [
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0),
        *range(0x180B, 0x1810),
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    ]
)
# Discord hears @everyone and @here inside words too; Google Chat calls everyone with <users/all>.
_MENTION = re.compile(
    r"(?<!\w)@(?=\S)|@(?=(?:everyone|here|channel|all|room)\b)|(?<=<)(?=users/)", re.ASCII | re.I
)
_MRKDWN_LOOKALIKES = str.maketrans({"*": "∗", "~": "∼", "`": "ˋ"})
_EDGE_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")  # all but those between letters, as in Q4_K_M
_MARKDOWN_SPECIAL = re.compile(rf"[\\`*\[\]]|{_EDGE_UNDERSCORE.pattern}")
_MARKDOWN_START = re.compile(r"^(?:[-+#]|\d{1,9}[.)])")
_MARKDOWN_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "~": "&#126;"})


def line(text: str, limit: int | None = None) -> str:
    """One visible line: no control, bidi or zero-width character, spaces collapsed, cut with an ellipsis."""
    kept: list[str] = []
    marks = 0
    for char in _TERMINAL.sub("", text):
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if char in "\t\n\v\f\r\x1c\x1d\x1e\x85" or category in _SPACES:
            kept.append(" ")
        elif category not in _UNSEEN_CATEGORIES and ord(char) not in _UNSEEN and marks <= _MARKS_IN_A_ROW:
            kept.append(char)
    return shortened(" ".join("".join(kept).split()), limit)


def title(text: str) -> str:
    """A headline that fits a Slack header and a mail subject; never empty, which some services refuse."""
    return line(text, MAX_TITLE) or "(no title)"


def shortened(text: str, limit: int | None) -> str:
    if limit is None or len(text) <= limit:
        return text
    return text[: limit - 1].rstrip() + "…"


def unpinged(text: str) -> str:
    """The same words, but @channel, @here and @somebody call nobody. a@b.example stays as it is."""
    return _MENTION.sub(lambda m: m[0] + " ", text)


def url(text: str) -> str | None:
    """A web address that is what it looks like, or None: http(s) only, no user part, plain ASCII."""
    if len(text) > MAX_URL or line(text) != text or any(char.isspace() for char in text):
        return None
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
        ascii_host = host.encode("idna").decode("ascii") if host else ""
    except (ValueError, UnicodeError):
        return None
    if (
        parts.scheme not in ("http", "https")
        or not re.fullmatch(r"[a-z0-9.-]+", ascii_host)
        or "@" in parts.netloc
    ):
        return None
    netloc = ascii_host if port is None else f"{ascii_host}:{port}"
    path, query, fragment = (
        quote(part, safe="/%:=&?+,;-._") for part in (parts.path, parts.query, parts.fragment)
    )
    return urlunsplit((parts.scheme, netloc, path, query, fragment))


def mrkdwn(text: str, limit: int | None = None) -> str:
    """For Slack. It has no escape for its own marks, so look-alikes stand in for those that would format."""
    plain = unpinged(line(text, limit)).translate(_MRKDWN_LOOKALIKES)
    plain = _EDGE_UNDERSCORE.sub("＿", plain)
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def markdown(text: str, limit: int | None = None) -> str:
    """For CommonMark and Python-Markdown alike: entities where only one of them knows the backslash."""
    escaped = _MARKDOWN_SPECIAL.sub(lambda m: "\\" + m[0], unpinged(line(text, limit)))
    escaped = escaped.translate(_MARKDOWN_ENTITIES)
    return _MARKDOWN_START.sub(lambda m: m[0][:-1] + "\\" + m[0][-1], escaped)


def html(text: str, limit: int | None = None) -> str:
    """For HTML text and quoted attributes. Mail clients know no mentions, but forwarders to chat do."""
    return _html.escape(unpinged(line(text, limit)), quote=True)
