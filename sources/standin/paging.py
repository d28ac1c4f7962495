"""The model listing: filter, sort, expand, and pages chained by a Link header.

The cursor names the last row of a page by its sort value and `_id`, as the Hub's does, so rows
that move between two pages are seen twice or not at all: that is what a client must live with.
"""

import base64
import binascii
import json
from typing import Any
from urllib.parse import parse_qsl, urlencode

from sources.standin import replies
from sources.standin.replies import Reply
from sources.standin.world import Row, Snapshot

SORTS = {
    "lastModified": "lastModified",
    "last_modified": "lastModified",
    "createdAt": "createdAt",
    "created_at": "createdAt",
    "downloads": "downloads",
    "likes": "likes",
    "likes7d": "trendingScore",
    "trendingScore": "trendingScore",
    "trending_score": "trendingScore",
}


def page(snapshot: Snapshot, query: str, *, base: str, max_page: int) -> Reply:
    """One page of /api/models. Unknown sorts, expands and cursors are the caller's mistake: 400."""
    pairs = parse_qsl(query, keep_blank_values=True)
    asked = dict(pairs)
    expand = [value for key, value in pairs if key.startswith("expand")]
    sort = SORTS.get(asked.get("sort", "trendingScore"))
    if sort is None:
        return replies.of_error(400, f'"sort" must be one of [{", ".join(SORTS)}]')
    if wrong := bad_expand(expand):
        return wrong
    try:
        size = min(max(int(asked.get("limit", max_page)), 1), max_page)
        after = _read_cursor(asked["cursor"]) if "cursor" in asked else None
    except ValueError:
        return replies.of_error(400, "Invalid cursor or limit")
    rows = sorted(_filtered(snapshot, pairs), key=lambda row: _place(row, sort), reverse=True)
    if after is not None:
        rows = [row for row in rows if _place(row, sort) < after]
    shown = [
        replies.listed(
            row, expand, full=_yes(asked, "full"), card=_yes(asked, "cardData"), config=_yes(asked, "config")
        )
        for row in rows[:size]
    ]
    link = {}
    if len(rows) > size:
        following = [(key, value) for key, value in pairs if key != "cursor"]
        following.append(("cursor", _cursor(_place(rows[size - 1], sort))))
        link = {"Link": f'<{base}/api/models?{urlencode(following)}>; rel="next"'}
    return replies.of_json(shown, **link)


def bad_expand(expand: list[str]) -> Reply | None:
    unknown = [key for key in expand if key not in replies.EXPANDABLE]
    if not unknown:
        return None
    return replies.of_error(400, f'"expand" must be one of [{", ".join(sorted(replies.EXPANDABLE))}]')


def _yes(asked: dict[str, str], key: str) -> bool:
    return asked.get(key, "").lower() in ("true", "1")


def _filtered(snapshot: Snapshot, pairs: list[tuple[str, str]]) -> list[Row]:
    rows = snapshot.of_author(dict(pairs).get("author"))
    for key, value in pairs:
        if key == "search":
            rows = [row for row in rows if value.casefold() in str(row["id"]).casefold()]
        elif key in ("filter", "pipeline_tag"):
            wanted = {part for part in value.split(",") if part}
            rows = [row for row in rows if wanted <= {*(row.get("tags") or ()), row.get("pipeline_tag")}]
    return rows


def _place(row: Row, sort: str) -> tuple[Any, str]:
    """Where a row stands: its value, and its `_id` where values are equal."""
    empty: Any = "" if sort in ("lastModified", "createdAt") else 0
    return (row.get(sort) or empty, str(row.get("_id") or row.get("id") or ""))


def _cursor(place: tuple[Any, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def _read_cursor(text: str) -> tuple[Any, str]:
    try:
        value, hub_id = json.loads(base64.urlsafe_b64decode(text.encode()))
    except (binascii.Error, ValueError, TypeError) as error:
        raise ValueError(f"not a cursor of this server: {text[:40]}") from error
    return (value, str(hub_id))
