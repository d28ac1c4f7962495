"""What the pretended Hub holds, and how that changes over time.

A row is the API's full row (`_id`, `id`, `tags`, `cardData`, ...) as a dict, plus what only the
stand-in reads and never sends:

- `files`: `[{"path", "size", "sha256"}]`, sizes in bytes; `sha256` where the file is in LFS
- `config_json` and `quant_config_json`: the whole config.json and hf_quant_config.json
- `card`: the text of README.md, and `texts`: `{path: text}` of further small files
- `unlisted`: true where no listing shows the row although its own page answers, as capped listings have it

A row without `config_json` serves its `config` as config.json.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

Row = dict[str, Any]

BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True, slots=True)
class Gone:
    """The repo was deleted or made private: the Hub does not tell the two apart."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """The repo answers under another name."""

    to: str


State = Row | Gone | Moved


class Snapshot:
    """The Hub at one moment. Ids compare case-folded, as the Hub's do."""

    def __init__(self, states: dict[str, State]) -> None:
        self._states = states

    def get(self, repo_id: str) -> Row | None:
        """The row that answers under exactly this id, without following a rename."""
        state = self._states.get(repo_id.casefold())
        return state if isinstance(state, dict) else None

    def moved(self, repo_id: str) -> str | None:
        state = self._states.get(repo_id.casefold())
        return state.to if isinstance(state, Moved) else None

    @cached_property
    def rows(self) -> list[Row]:
        return [s for s in self._states.values() if isinstance(s, dict) and not s.get("unlisted")]

    def of_author(self, author: str | None) -> list[Row]:
        """The listed rows of one author, or of everybody. The list is shared: do not change it."""
        return self.rows if author is None else self._by_author.get(author.casefold(), [])

    @cached_property
    def _by_author(self) -> dict[str, list[Row]]:
        found: dict[str, list[Row]] = {}
        for row in self.rows:
            found.setdefault(author_of(row).casefold(), []).append(row)
        return found


class World:
    """Repos over time: from a moment on, an id shows a row, is gone, or answers under another id."""

    def __init__(self) -> None:
        self._timelines: dict[str, list[tuple[datetime, State]]] = {}
        self._snapshots: dict[int, Snapshot] = {}
        self._moments: list[datetime] | None = None

    @classmethod
    def from_rows(cls, rows: Iterable[Row], since: datetime = BEGINNING) -> "World":
        world = cls()
        for row in rows:
            world.put(row, since)
        return world

    def put(self, row: Row, since: datetime = BEGINNING) -> None:
        """From `since` on the Hub shows this row, whatever it showed before."""
        self._note(row["id"], since, row)

    def remove(self, repo_id: str, since: datetime = BEGINNING) -> None:
        self._note(repo_id, since, Gone())

    def rename(self, old: str, new: str, since: datetime) -> None:
        """The repo keeps its `_id`, its sha and its lastModified, as on the Hub."""
        row = self.at(since).get(old)
        if row is None:
            raise KeyError(f"{old} is not in the world at {since:%Y-%m-%d}: nothing to rename")
        self._note(old, since, Moved(to=new))
        self.put({**row, "id": new, "modelId": new, "author": new.partition("/")[0]}, since)

    def gate(self, repo_id: str, gated: str | bool, since: datetime) -> None:
        """Gating is a setting, not a commit: neither sha nor lastModified moves."""
        row = self.at(since).get(repo_id)
        if row is None:
            raise KeyError(f"{repo_id} is not in the world at {since:%Y-%m-%d}: nothing to gate")
        self.put({**row, "gated": gated}, since)

    def _note(self, repo_id: str, since: datetime, state: State) -> None:
        timeline = self._timelines.setdefault(repo_id.casefold(), [])
        timeline.append((since, state))
        timeline.sort(key=lambda entry: entry[0])
        self._snapshots.clear()
        self._moments = None

    @property
    def moments(self) -> list[datetime]:
        """When anything changes, ascending."""
        if self._moments is None:
            self._moments = sorted({since for timeline in self._timelines.values() for since, _ in timeline})
        return self._moments

    def at(self, moment: datetime) -> Snapshot:
        number = bisect_right(self.moments, moment)
        if number not in self._snapshots:
            states: dict[str, State] = {}
            for key, timeline in self._timelines.items():
                reached = bisect_right(timeline, moment, key=lambda entry: entry[0])
                if reached:
                    states[key] = timeline[reached - 1][1]
            self._snapshots[number] = Snapshot(states)
        return self._snapshots[number]

    def revision(self, repo_id: str, sha: str, moment: datetime) -> Row | None:
        """The row as it was at a commit: old commits stay reachable."""
        for since, state in self._timelines.get(repo_id.casefold(), ()):
            if since <= moment and isinstance(state, dict) and state.get("sha") == sha:
                return state
        return None

    def repo_ids(self) -> set[str]:
        """Every id that ever was, as written."""
        return {
            state["id"]
            for timeline in self._timelines.values()
            for _, state in timeline
            if isinstance(state, dict)
        }


def author_of(row: Row) -> str:
    return str(row.get("author") or str(row.get("id", "")).partition("/")[0])
