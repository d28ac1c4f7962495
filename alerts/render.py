"""An alert as people and machines read it: text, Markdown, Slack, HTML, JSON.

Pure. Everything that comes from outside goes through alerts.inert for its target, so no renderer
trusts a title, a line or a link. A line that begins with two spaces hangs below the one before it.
"""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from alerts import inert
from watcher.types import Alert, Section

MAX_SLACK = 2900
"""Characters per message: a Slack section takes 3,000 (docs.slack.dev, Block Kit, section block)."""


def as_text(alert: Alert, width: int | None = 100) -> str:
    """For terminals and plain services, wrapped to width columns (None: not wrapped). Words stay whole."""
    title = inert.title(alert.title)
    head = textwrap.wrap(title, width, break_long_words=False) if width else [title]
    return "\n".join([*head, "", text_body(alert, width)])


def text_body(alert: Alert, width: int | None = 100) -> str:
    """The text without its title, for services that show the title themselves."""
    blocks = ["\n".join(_text_section(section, width)) for section in _sections(alert)]
    if links := [f"  {_link_label(text, url)}" for text, url in alert.links]:
        blocks.append("\n".join(["Links", *links]))
    return "\n\n".join(blocks)


def as_markdown(alert: Alert) -> str:
    """CommonMark: a heading, sections as headings with lists, links in angle brackets."""
    blocks = [f"## {inert.markdown(inert.title(alert.title))}"]
    for section in _sections(alert):
        lines = [f"{'  ' * level}- {inert.markdown(text)}" for level, text in _items(section)]
        blocks.append("\n".join([f"### {inert.markdown(section.heading)}", "", *lines]))
    if alert.links:
        blocks.append("\n".join(["### Links", "", *(f"- {_markdown_link(*link)}" for link in alert.links)]))
    return "\n\n".join(blocks) + "\n"


def as_slack(alert: Alert) -> list[str]:
    """Slack's mrkdwn as messages of at most MAX_SLACK characters, cut between lines; nearly always one."""
    lines = [f"*{inert.mrkdwn(inert.title(alert.title))}*"]
    for section in _sections(alert):
        bullets = (f"{'    ◦' if level else '•'} {inert.mrkdwn(text)}" for level, text in _items(section))
        lines += ["", f"*{inert.mrkdwn(section.heading)}*", *bullets]
    if alert.links:
        lines += ["", *(f"• {_slack_link(*link)}" for link in alert.links)]
    return split_lines(lines, MAX_SLACK)


def as_json(alert: Alert) -> dict[str, Any]:
    """Everything, as plain JSON values. Indented lines keep their indent; a refused link has url null."""
    return {
        "id": alert.id,
        "thread": inert.line(alert.thread),
        "trigger": alert.trigger,
        "title": inert.title(alert.title),
        "created_at": alert.created_at.isoformat(),
        "deployments": [inert.line(name) for name in alert.deployments],
        "sections": [
            {"heading": inert.line(s.heading), "lines": ["  " * level + text for level, text in _items(s)]}
            for s in _sections(alert)
        ],
        "links": [{"text": inert.line(text), "url": inert.url(url)} for text, url in alert.links],
    }


def as_html(alert: Alert) -> str:
    """A fragment with inline styles for mail: narrow windows, no images, colours left to the reader."""
    parts = [f'<h2 style="font-size:1.2em;margin:0 0 .6em">{inert.html(inert.title(alert.title))}</h2>']
    for section in _sections(alert):
        items = (_html_item(level, inert.html(text)) for level, text in _items(section))
        parts += [_html_heading(inert.html(section.heading)), _html_list(items)]
    if alert.links:
        parts += [
            _html_heading("Links"),
            _html_list(_html_item(0, _html_link(*link)) for link in alert.links),
        ]
    inner = "\n".join(parts)
    style = "font-family:sans-serif;line-height:1.45;max-width:44em;overflow-wrap:anywhere"
    return f'<div style="{style}">\n{inner}\n</div>\n'


def split_lines(lines: Sequence[str], limit: int) -> list[str]:
    """Messages of at most limit characters. A cut falls between lines, inside one only where it is longer."""
    messages: list[str] = []
    current = ""
    for piece in (piece for text in lines for piece in _pieces(text, limit)):
        joined = f"{current}\n{piece}" if current else piece
        if len(joined) <= limit:
            current = joined
        else:
            messages.append(current.rstrip())
            current = piece
    return [*messages, current.rstrip()] if current.strip() else messages


def _pieces(text: str, limit: int) -> Iterator[str]:
    while len(text) > limit:
        cut = text.rfind(" ", limit // 2, limit)
        cut = cut if cut > 0 else _before_entity(text, limit)
        yield text[:cut]
        text = text[cut:].lstrip()
    yield text


def _before_entity(text: str, cut: int) -> int:
    """A cut that leaves &amp; and its like whole; entities are at most six characters."""
    start = text.rfind("&", cut - 6, cut)
    return start if start > 0 and ";" not in text[start:cut] else cut


def _sections(alert: Alert) -> Iterable[Section]:
    return [section for section in alert.sections if section.lines]


def _items(section: Section) -> Iterator[tuple[int, str]]:
    """Level (0 or 1) and cleaned text of each line; lines with nothing visible are left out."""
    for text in section.lines:
        if visible := inert.line(text):
            yield int(text.startswith("  ")), visible


def _text_section(section: Section, width: int | None) -> Iterator[str]:
    yield inert.line(section.heading)
    for level, text in _items(section):
        indent = "  " * (level + 1)
        if width is None:
            yield f"{indent}- {text}"
            continue
        yield from textwrap.wrap(
            text,
            max(width, 20),
            initial_indent=f"{indent}- ",
            subsequent_indent=f"{indent}  ",
            break_long_words=False,
            break_on_hyphens=False,
        )


def _link_label(text: str, url: str) -> str:
    return f"{inert.line(text)}: {inert.url(url) or '(link left out: not a plain web address)'}"


def _markdown_link(text: str, url: str) -> str:
    label, safe = inert.markdown(text), inert.url(url)
    return f"[{label or 'link'}](<{safe}>)" if safe else inert.markdown(_link_label(text, url))


def _slack_link(text: str, url: str) -> str:
    label, safe = inert.mrkdwn(text, 200).replace("|", "¦"), inert.url(url)
    return (
        f"<{safe.replace('&', '&amp;')}|{label or 'link'}>" if safe else inert.mrkdwn(_link_label(text, url))
    )


def _html_link(text: str, url: str) -> str:
    # The address stands visible: Apprise makes the mail's text part from this and drops every href.
    safe = inert.url(url)
    if safe is None:
        return inert.html(_link_label(text, url))
    return f'{inert.html(text)}: <a href="{inert.html(safe)}">{inert.html(safe)}</a>'


def _html_heading(text: str) -> str:
    return f'<h3 style="font-size:1em;margin:1em 0 .3em">{text}</h3>'


def _html_list(items: Iterable[str]) -> str:
    return '<ul style="margin:0;padding-left:1.3em">\n' + "\n".join(items) + "\n</ul>"


def _html_item(level: int, text: str) -> str:
    style = ' style="margin-left:1.3em;list-style-type:circle"' if level else ""
    return f"<li{style}>{text}</li>"
