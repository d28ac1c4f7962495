"""The catalog: what is known of every repo, under its case-folded id."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, bindparam, delete, func, or_, select, update

from store.codec import DETAILS
from store.rows import fold, known_of, lineage_of, repo_values, variant_of, variant_values
from store.schema import aliases, details, fits, repos, variants
from store.tx_base import TxBase, chunks, upsert
from watcher.types import Entry, Known, Popularity

_REPOS_WITH_DETAILS = select(repos, details.c.document).outerjoin(details, details.c.repo == repos.c.folded)

_TOUCH = (
    update(repos)
    .where(repos.c.folded == bindparam("b_folded"))
    .values(
        downloads=func.coalesce(bindparam("b_downloads", type_=repos.c.downloads.type), repos.c.downloads),
        likes=func.coalesce(bindparam("b_likes", type_=repos.c.likes.type), repos.c.likes),
        trending_score=func.coalesce(bindparam("b_trending"), repos.c.trending_score),
        last_seen=bindparam("b_now", type_=repos.c.last_seen.type),
    )
)

_LICENCE = (
    update(repos)
    .where(repos.c.folded == bindparam("b_folded"))
    .values(licence=bindparam("b_licence", type_=repos.c.licence.type))
)


class CatalogTx(TxBase):
    def known(self, repo_ids: Iterable[str]) -> dict[str, Known]:
        """By case-folded id, removed repos included; ids never seen are absent."""
        return {row.folded: known_of(row) for row in self._repos(repos.c.folded, map(fold, repo_ids))}

    def known_by_hub_id(self, hub_ids: Iterable[str]) -> dict[str, Known]:
        """By the Hub's own _id, which survives renames; a live repo wins over a removed one."""
        rows = self._repos(repos.c.hub_id, hub_ids)
        rows.sort(key=lambda row: row.removed_at is None)
        return {row.hub_id: known_of(row) for row in rows}

    def known_of_author(self, author: str) -> list[Known]:
        """Every repo of an author that was not removed, by id: what a sweep should find again."""
        statement = _REPOS_WITH_DETAILS.where(repos.c.author == author, repos.c.removed_at.is_(None))
        return [known_of(row) for row in self._rows(statement.order_by(repos.c.folded))]

    def missing_of_author(self, author: str, since: datetime) -> list[Known]:
        """Those of known_of_author whose own page said, at or before since, that they are gone."""
        statement = _REPOS_WITH_DETAILS.where(repos.c.author == author, repos.c.removed_at.is_(None))
        rows = self._rows(statement.where(repos.c.missing_since <= since).order_by(repos.c.folded))
        return [known_of(row) for row in rows]

    def lacking_details(
        self, author: str, created_since: datetime, also: Collection[str] = ()
    ) -> list[Known]:
        """Repos of an author whose details are missing or of an older revision.

        Only those created since, and of any age those named in also (case-folded ids) and their quants.
        """
        statement = _REPOS_WITH_DETAILS.where(repos.c.author == author, repos.c.removed_at.is_(None))
        stale = or_(details.c.revision.is_(None), details.c.revision != repos.c.revision)
        names = sorted(also)
        wanted = or_(
            repos.c.created_at >= created_since,
            repos.c.folded.in_(names),
            and_(repos.c.quant.is_(True), repos.c.base_folded.in_(names)),
        )
        rows = self._rows(statement.where(wanted, stale).order_by(repos.c.folded))
        return [known_of(row) for row in rows]

    def entries(self, repo_ids: Iterable[str]) -> dict[str, Entry]:
        """What save_entries wrote, by the case-folded id asked for; a former name leads to its repo."""
        asked = sorted({fold(repo_id) for repo_id in repo_ids})
        renamed = self._renamed(asked)
        wanted = {name: renamed.get(name, name) for name in asked}
        rows = {row.folded: row for row in self._repos(repos.c.folded, set(wanted.values()))}
        files = self._variants(rows)
        return {
            name: _entry(rows[folded], files[folded]) for name, folded in wanted.items() if folded in rows
        }

    def count_with_weights(self) -> int:
        """How many entries with_weights goes through."""
        here = select(variants.c.repo).where(variants.c.repo == repos.c.folded).exists()
        counted = select(func.count()).select_from(repos).where(here, repos.c.removed_at.is_(None))
        return self._connection.execute(counted).scalar_one()

    def with_weights(self, *, after: str, limit: int) -> list[Entry]:
        """Entries that have variants, by folded id, from the one behind after on."""
        here = select(variants.c.repo).where(variants.c.repo == repos.c.folded).exists()
        statement = _REPOS_WITH_DETAILS.where(here, repos.c.folded > after, repos.c.removed_at.is_(None))
        rows = list(self._rows(statement.order_by(repos.c.folded).limit(limit)))
        files = self._variants(row.folded for row in rows)
        return [_entry(row, files[row.folded]) for row in rows]

    def save_entries(self, entries: Sequence[Entry], now: datetime) -> None:
        """Write the entries over what was there, variants included; of equal ids the last one counts.

        Details that an entry does not have are kept, unless it is another repo under the same id (see
        _made_anew). A renamed repo must have gone through rename first.
        """
        by_id = {fold(entry.known.facts.repo_id): entry for entry in entries}
        values = [repo_values(entry, now) for entry in by_id.values()]
        self._forget_details(self._made_anew(by_id))
        self._free_names(by_id)
        self._lead_to_current_names(values)
        self._many(upsert(repos), values)
        documents = [
            {"repo": folded, "revision": d.revision, "document": DETAILS.encode(d), "saved_at": now}
            for folded, entry in by_id.items()
            if (d := entry.known.details)
        ]
        self._many(upsert(details), documents)
        self._many(
            delete(variants).where(variants.c.repo == bindparam("b_repo")), [{"b_repo": f} for f in by_id]
        )
        files = [variant_values(f, i, v) for f, entry in by_id.items() for i, v in enumerate(entry.variants)]
        self._many(upsert(variants), files)

    def save_licences(self, licences: Sequence[tuple[str, str | None]]) -> None:
        """(repo id, canonical licence) that counts for it now; nothing else of the repo was seen."""
        self._many(_LICENCE, [{"b_folded": fold(name), "b_licence": value} for name, value in licences])

    def touch(self, popularities: Sequence[tuple[str, Popularity]], now: datetime) -> None:
        """Seen again with nothing new but the counters; a counter not stated keeps its value."""
        values = [
            {
                "b_folded": fold(repo_id),
                "b_downloads": popularity.downloads,
                "b_likes": popularity.likes,
                "b_trending": popularity.trending_score,
                "b_now": now,
            }
            for repo_id, popularity in popularities
        ]
        self._many(_TOUCH, values)

    def rename(self, old_id: str, new_id: str) -> None:
        """Move all that is known of a repo to its new id; the old one stays as an alias.

        A row that the new id has already (seen before the rename was) gives way. Nothing happens
        when the old id is unknown.
        """
        old, new = fold(old_id), fold(new_id)
        if self._connection.execute(select(repos.c.folded).where(repos.c.folded == old)).first() is None:
            return
        if old != new:
            self._connection.execute(delete(repos).where(repos.c.folded == new))
            self._connection.execute(delete(fits).where(fits.c.repo == new))
            self._connection.execute(update(fits).where(fits.c.repo == old).values(repo=new))
        name = {"folded": new, "repo_id": new_id, "author": new_id.partition("/")[0] if "/" in new_id else ""}
        facts = func.json_set(repos.c.facts, "$.repo_id", new_id)
        self._connection.execute(update(repos).where(repos.c.folded == old).values(**name, facts=facts))
        document = func.json_set(details.c.document, "$.repo_id", new_id)
        self._connection.execute(update(details).where(details.c.repo == new).values(document=document))
        base = {"base_repo": new_id, "base_folded": new}
        self._connection.execute(update(repos).where(repos.c.base_folded == old).values(**base))
        self._connection.execute(delete(aliases).where(aliases.c.folded == new))
        if old != new:
            self._connection.execute(upsert(aliases), {"folded": old, "target": new})

    def mark_missing(self, repo_id: str, since: datetime | None) -> None:
        """The repo's own page said once that it is gone; None: it is there after all."""
        self._connection.execute(
            update(repos).where(repos.c.folded == fold(repo_id)).values(missing_since=since)
        )

    def mark_removed(self, repo_id: str, at: datetime | None) -> None:
        """The repo is gone for good; None: it came back."""
        self._connection.execute(update(repos).where(repos.c.folded == fold(repo_id)).values(removed_at=at))

    def _repos(self, column: ColumnElement[Any], values: Iterable[str]) -> list[Row[Any]]:
        wanted = sorted(set(values))
        return [
            r for chunk in chunks(wanted) for r in self._rows(_REPOS_WITH_DETAILS.where(column.in_(chunk)))
        ]

    def _variants(self, folded: Iterable[str]) -> dict[str, list[Row[Any]]]:
        found: dict[str, list[Row[Any]]] = {name: [] for name in folded}
        for chunk in chunks(found):
            statement = select(variants).where(variants.c.repo.in_(chunk))
            for row in self._rows(statement.order_by(variants.c.repo, variants.c.position)):
                found[row.repo].append(row)
        return found

    def _renamed(self, names: Iterable[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for chunk in chunks(names):
            rows = self._rows(select(aliases.c.folded, aliases.c.target).where(aliases.c.folded.in_(chunk)))
            found |= {row.folded: row.target for row in rows}
        return found

    def _made_anew(self, by_id: Mapping[str, Entry]) -> list[str]:
        """Ids whose repo was deleted and made anew: another Hub id or, where none is known, a later birth."""
        found = []
        for chunk in chunks(by_id):
            statement = select(repos.c.folded, repos.c.hub_id, repos.c.created_at)
            for row in self._rows(statement.where(repos.c.folded.in_(chunk))):
                seen = by_id[row.folded].known.facts
                if row.hub_id and seen.hub_id:
                    anew = row.hub_id != seen.hub_id
                else:
                    anew = bool(row.created_at and seen.created_at and seen.created_at > row.created_at)
                found += [row.folded] if anew else []
        return found

    def _forget_details(self, names: Iterable[str]) -> None:
        for chunk in chunks(names):
            self._connection.execute(delete(details).where(details.c.repo.in_(chunk)))

    def _free_names(self, names: Iterable[str]) -> None:
        """A repo that lives under a former name of another ends that alias."""
        for chunk in chunks(names):
            self._connection.execute(delete(aliases).where(aliases.c.folded.in_(chunk)))

    def _lead_to_current_names(self, values: Sequence[dict[str, Any]]) -> None:
        """Cards go on naming a base by its former id; its quants must still be found under the new one."""
        renamed = self._renamed({v["base_folded"] for v in values if v["base_folded"]})
        if not renamed:
            return
        rows = self._repos(repos.c.folded, renamed.values())
        current = {row.folded: row.repo_id for row in rows}
        for value in values:
            if (target := renamed.get(value["base_folded"])) is not None:
                value |= {"base_repo": current[target], "base_folded": target}


def _entry(row: Row[Any], files: Sequence[Row[Any]]) -> Entry:
    return Entry(
        known=known_of(row),
        lineage=lineage_of(row),
        licence=row.licence,
        variants=tuple(variant_of(file, row.repo_id) for file in files),
    )
