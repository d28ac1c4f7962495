"""A Hub without sockets: a world's rows through the real reader of rows, for replays of many weeks."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sources.hub_rows import FULL_EXPAND, SLIM_EXPAND, files_of, read_row
from sources.hub_values import Reader
from sources.standin import replies
from sources.standin.world import Row, World
from watcher.types import Details, Listing, Look, Observation, Presence, SourceError


class Used:
    """No request was made."""

    requests = 0
    bytes = 0


class WorldSource:
    """Answers as the Hub would at the time of asking; listings are whole, so absence means something."""

    def __init__(self, world: World) -> None:
        self._world = world

    def listing(self, author: str, since: datetime | None, now: datetime) -> Listing:
        rows = self._world.at(now).of_author(author)
        moved = rows if since is None else [row for row in rows if _modified(row, now) >= since]
        newest = max((_modified(row, now) for row in rows if row.get("lastModified")), default=None)
        seen = self._read(moved, FULL_EXPAND, now)
        return _listing(author, seen, newest, exhaustive=since is None)

    def sweep(self, author: str, now: datetime) -> Listing:
        seen = self._read(self._world.at(now).of_author(author), SLIM_EXPAND, now)
        return _listing(author, seen, None, exhaustive=True)

    def trending(self, now: datetime, limit: int = 50) -> Listing:
        rows = [row for row in self._world.at(now).of_author(None) if row.get("trendingScore")]
        rows.sort(key=lambda row: float(row["trendingScore"]), reverse=True)
        seen = self._read(rows[:limit], FULL_EXPAND, now)
        return Listing(source="hub:trending", observations=tuple(seen), newest=None, exhaustive=False)

    def look(self, repo_id: str, now: datetime) -> Look:
        snapshot = self._world.at(now)
        name = snapshot.moved(repo_id) or repo_id
        row = snapshot.get(name)
        if row is None:
            return Look(repo_id=repo_id, presence=Presence.GONE)
        (seen,) = self._read([row], FULL_EXPAND, now)
        presence = Presence.PRESENT if name == repo_id else Presence.RENAMED
        return Look(repo_id=repo_id, presence=presence, observation=seen)

    def details(self, repo_id: str, revision: str, now: datetime) -> Details:
        """SourceError where nobody knows the files: that there are none would be something else."""
        row = self._world.at(now).get(repo_id) or {}
        siblings = replies.public(row, {"siblings"}, blobs=True).get("siblings")
        if siblings is None:
            raise SourceError(f"{repo_id}: its files are not known")
        return Details(
            repo_id=repo_id, revision=revision, files=files_of(siblings, Reader()) or (), config=None
        )

    def usage(self) -> Used:
        return Used()

    def remaining_share(self) -> float | None:
        return None

    @staticmethod
    def _read(rows: Iterable[Row], expand: tuple[str, ...], now: datetime) -> list[Observation]:
        shown = (replies.listed(row, list(expand), full=False, card=False, config=False) for row in rows)
        return [read_row(row, now)[0] for row in shown]


def _modified(row: Row, now: datetime) -> datetime:
    stated = row.get("lastModified")
    return datetime.fromisoformat(stated).astimezone(UTC) if stated else now


def _listing(author: str, seen: list[Observation], newest: datetime | None, *, exhaustive: bool) -> Listing:
    source = f"hub:{author}"
    return Listing(source=source, observations=tuple(seen), newest=newest, exhaustive=exhaustive)
