"""What changed and what was decided about it: changes, verdicts, fits and the team's decisions."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from store.codec import clean
from store.rows import change_of, change_values, fit_values, fold, verdict_of, verdict_values
from store.schema import changes, decisions, fits, verdicts
from store.tx_base import TxBase, chunks, upsert
from watcher.types import Action, Change, ChangeKind, FitRecord, Verdict


def change_id_of(change: Change) -> str:
    """Twelve hex digits of what changed and on which UTC day, so that the same change is recorded once."""
    day = change.detected_at.astimezone(UTC).date().isoformat()
    said = [change.kind.value, change.key.source, fold(change.key.id), change.before, change.after, day]
    return hashlib.sha256(json.dumps([clean(s) if s else s for s in said]).encode()).hexdigest()[:12]


# Kinds that move a known repo's value, as watcher.flapping has them.
_MOVES = [
    kind.value
    for kind in (
        ChangeKind.LICENCE,
        ChangeKind.GATED,
        ChangeKind.REMOVED,
        ChangeKind.RESTORED,
        ChangeKind.RENAMED,
        ChangeKind.QUANT_REPLACED,
    )
]


class ChangesTx(TxBase):
    def save_change(self, change: Change) -> str:
        """Record a change unless it is there already; returns its id."""
        change_id = change_id_of(change)
        statement = sqlite_insert(changes).on_conflict_do_nothing(index_elements=["id"])
        self._connection.execute(statement, change_values(change_id, change))
        return change_id

    def new_families(self, repo_ids: Iterable[str]) -> set[str]:
        """Those of the repos (case-folded ids) that were recorded as a new family before."""
        wanted = [fold(repo_id) for repo_id in repo_ids]
        told = changes.c.kind == ChangeKind.NEW_FAMILY.value
        return {
            row.folded
            for chunk in chunks(wanted)
            for row in self._rows(select(changes.c.folded).where(changes.c.folded.in_(chunk), told))
        }

    def change(self, change_id: str) -> Change | None:
        row = self._connection.execute(select(changes).where(changes.c.id == change_id)).first()
        return change_of(row) if row else None

    def moves(self, accounts: Iterable[str], since: datetime) -> list[tuple[str, Change]]:
        """(change id, change) of what moved since in known repos of these accounts, oldest first."""
        c = changes.c
        account = func.substr(c.folded, 1, func.instr(c.folded, "/") - 1)
        found = [
            row
            for chunk in chunks(sorted({fold(account) for account in accounts}))
            for row in self._rows(
                select(changes).where(c.detected_at >= since, c.kind.in_(_MOVES), account.in_(chunk))
            )
        ]
        return [(row.id, change_of(row)) for row in sorted(found, key=lambda row: (row.detected_at, row.id))]

    def current_verdicts(self, change_ids: Iterable[str]) -> list[Verdict]:
        """The decisions that stand, one per change and deployment, in the order they were made."""
        v = verdicts.c
        found: dict[tuple[str, str | None], Verdict] = {}
        for chunk in chunks(sorted(set(change_ids))):
            known = {r.id: change_of(r) for r in self._rows(select(changes).where(changes.c.id.in_(chunk)))}
            for row in self._rows(select(verdicts).where(v.change_id.in_(chunk)).order_by(v.id)):
                found.pop((row.change_id, row.deployment), None)
                found[row.change_id, row.deployment] = verdict_of(row, known[row.change_id])
        return list(found.values())

    def save_verdicts(self, change_id: str, verdicts_: Sequence[Verdict], now: datetime) -> None:
        """Append; the latest per deployment is the current one."""
        self._many(insert(verdicts), [verdict_values(change_id, verdict, now) for verdict in verdicts_])

    def judged(self, change_id: str) -> set[str | None]:
        """The deployments (None: the team) that a change has a decision for."""
        statement = select(verdicts.c.deployment).where(verdicts.c.change_id == change_id).distinct()
        return {row.deployment for row in self._rows(statement)}

    def due_holds(self, now: datetime) -> list[tuple[str, Verdict]]:
        """(change id, verdict) for every current hold whose time has come, the longest due first."""
        v, newer = verdicts.c, verdicts.alias()
        superseded = (
            select(newer.c.id)
            .where(newer.c.change_id == v.change_id, newer.c.id > v.id)
            .where(newer.c.deployment.is_not_distinct_from(v.deployment))
            .exists()
        )
        due = (
            select(verdicts)
            .where(v.action == Action.HOLD.value, v.until <= now, ~superseded)
            .order_by(v.until, v.id)
        )
        found: dict[str, Change | None] = {}
        holds = []
        for row in self._rows(due):
            if row.change_id not in found:
                found[row.change_id] = self.change(row.change_id)
            if (change := found[row.change_id]) is not None:
                holds.append((row.change_id, verdict_of(row, change)))
        return holds

    def save_fits(self, records: Sequence[FitRecord], now: datetime) -> None:
        """Write each fit over the last one of the same repo, label, hardware and deployment."""
        values = {
            (v["repo"], v["label"], v["hardware"], v["deployment"]): v
            for v in (fit_values(r, now) for r in records)
        }
        self._many(upsert(fits), list(values.values()))

    def fitted(self) -> set[tuple[str, str | None, str | None, int, int]]:
        """(hardware, deployment, its engine, users, context) for which there are fits."""
        f = fits.c
        statement = select(f.hardware, f.deployment, f.engine, f.users, f.context_tokens).distinct()
        return {
            (r.hardware, r.deployment or None, r.engine if r.deployment else None, r.users, r.context_tokens)
            for r in self._rows(statement)
        }

    def drop_fits(self) -> None:
        """Forget every fit: the configuration they were for is another now."""
        self._connection.execute(delete(fits))

    def record_decision(
        self, *, thread: str, choice: str, reason: str, by: str, now: datetime, until: datetime | None = None
    ) -> None:
        """Append what the team decided about a release; choice is evaluate, adopt or reject."""
        said = {"thread": thread, "choice": choice, "reason": reason, "by": by, "until": until, "at": now}
        self._connection.execute(insert(decisions), said)
