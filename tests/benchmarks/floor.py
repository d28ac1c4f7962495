"""The least that the same work can cost: bare HTTP, json and sqlite3, and nothing decided."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2

from sources.hub_rows import FULL_EXPAND

PAGE = 100


def pages(client: httpx2.Client, url: str, account: str) -> Iterator[httpx2.Response]:
    """Every page of an account's listing, asked as the source asks."""
    params = httpx2.QueryParams(
        {"author": account, "sort": "lastModified", "limit": PAGE, "expand": FULL_EXPAND}
    )
    page = client.get(f"{url}/api/models", params=params)
    yield page
    while link := page.links.get("next"):
        page = client.get(link["url"])
        yield page


def first_sync(url: str, accounts: tuple[str, ...], database: Path) -> int:
    """Rows as they came, one transaction per account; how many."""
    count = 0
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE repos (id TEXT PRIMARY KEY, sha TEXT, row TEXT)")
    with httpx2.Client() as client:
        for account in accounts:
            rows = [row for page in pages(client, url, account) for row in json.loads(page.content)]
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany("INSERT OR REPLACE INTO repos VALUES (?, ?, ?)", map(_values, rows))
            connection.execute("COMMIT")
            count += len(rows)
    connection.close()
    return count


def _values(row: Mapping[str, Any]) -> tuple[str, str, str]:
    return row["id"], row["sha"], json.dumps(row)


def first_pages(client: httpx2.Client, url: str, accounts: tuple[str, ...]) -> list[httpx2.Response]:
    return [next(pages(client, url, account)) for account in accounts]


def unchanged(client: httpx2.Client, known: list[httpx2.Response]) -> None:
    """One conditional request per account; nothing comes back."""
    for page in known:
        answer = client.get(page.request.url, headers={"If-None-Match": page.headers["ETag"]})
        assert answer.status_code == httpx2.codes.NOT_MODIFIED
