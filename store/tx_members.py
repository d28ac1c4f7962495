"""Who belongs together: the repos of a family or publisher, and the quants of a base."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, or_, select, union

from store.rows import fold, member_of
from store.schema import changes, repos, variants
from store.tx_base import TxBase, chunks
from watcher.types import ChangeKind, Member

_COLUMNS = [c for c in repos.c if c.name != "facts"]


class MembersTx(TxBase):
    def members(self, families: Iterable[str]) -> list[Member]:
        """Every repo of these families, quants, derivatives and removed ones included, by id."""
        return self._members(repos.c.family, families)

    def members_of_publisher(self, publisher: str) -> list[Member]:
        """Every repo of a publisher, in any case, removed ones included, by id."""
        return self._members(repos.c.publisher, [publisher])

    def members_of_threads(self, threads: Iterable[str]) -> list[Member]:
        """Every repo of these releases, by id."""
        return self._members(repos.c.thread, threads)

    def originals(self, *, official: bool) -> list[Member]:
        """Every repo that is there and is no quant, derivative or imitation, by id; or only makers' own."""
        r = repos.c
        alive = (r.quant.is_(False), r.derived.is_(False), r.impersonates.is_(None), r.removed_at.is_(None))
        own = (r.official.is_(True),) if official else ()
        rows = self._rows(select(*_COLUMNS).where(*alive, *own).order_by(r.folded))
        return [member_of(row) for row in rows]

    def quants_of(self, base_repos: Iterable[str]) -> list[Member]:
        """The quantised repos of these bases that were not removed, by id.

        A quant whose card names a base by a former id carries the id of today in its lineage.
        """
        alive = (repos.c.quant.is_(True), repos.c.removed_at.is_(None))
        return self._members(repos.c.base_folded, map(fold, base_repos), *alive)

    def unregistered_bases(self, quantisers: Iterable[str], since: datetime) -> dict[str, set[str]]:
        """Bases of no registered family -> the quantisers among these that quantised them since.

        Keyed by the base's id as the newest quant spells it.
        """
        r = repos.c
        statement = (
            select(r.base_repo, r.base_folded, r.author)
            .where(r.quant.is_(True), r.family.is_(None), r.base_repo.is_not(None), r.removed_at.is_(None))
            .where(func.lower(r.author).in_(sorted({fold(q) for q in quantisers})), r.first_seen >= since)
            .order_by(r.first_seen, r.folded)
        )
        names: dict[str, str] = {}
        found: dict[str, set[str]] = defaultdict(set)
        for row in self._rows(statement):
            names[row.base_folded] = row.base_repo
            found[row.base_folded].add(row.author)
        return {names[folded]: authors for folded, authors in found.items()}

    def quant_methods(self, publishers: Iterable[str]) -> set[str]:
        """Every method and label of weights by makers and these publishers, and those told before.

        As config.json, tags and file names have them, in small letters.
        """
        r = repos.c
        trusted = or_(
            r.official.is_(True), func.lower(r.publisher).in_(sorted({fold(p) for p in publishers}))
        )
        method = func.json_extract(r.facts, "$.quantisation.method")
        labels = select(variants.c.label).join(repos, r.folded == variants.c.repo).where(trusted)
        told = select(changes.c.after).where(changes.c.kind == ChangeKind.QUANT_METHOD.value)
        found = union(select(method).where(trusted), labels, told).subquery()
        return {str(row[0]).casefold() for row in self._rows(select(found)) if row[0]}

    def _members(
        self, column: ColumnElement[Any], values: Iterable[str], *also: ColumnElement[bool]
    ) -> list[Member]:
        statements = (
            select(*_COLUMNS).where(column.in_(chunk), *also) for chunk in chunks(sorted(set(values)))
        )
        rows = [row for statement in statements for row in self._rows(statement)]
        return [member_of(row) for row in sorted(rows, key=lambda row: row.folded)]
