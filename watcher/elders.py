"""What a family had before a newcomer: repos of the catalog and rows of the table of releases, as one."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from watcher import licences
from watcher.designs import EXPERTS, stem_of, traits_of_design
from watcher.releases import REST, Release, Releases, read_size
from watcher.types import Lineage, Member, Observation

# A family's last weeks are what the catalog saw itself; the table speaks of what lies before.
TABLE_SPEAKS_AFTER = timedelta(days=7)
# Within this of each other two counts of parameters are one size to anybody with a GPU.
SAME_SIZE = 0.25
# Repos of one release are created within this of each other, give or take a straggler.
SAME_RELEASE = timedelta(days=14)


@dataclass(frozen=True, kw_only=True, slots=True)
class Elder:
    """One model that a family had. total: parameters, None where nobody says; kind as Lineage.variant.

    traits: of its design (watcher.designs), None where not known. sees: it takes pictures.
    """

    name: str
    series: str | None
    version: str
    size: str | None
    total: float | None
    moment: datetime
    seen_since: datetime | None = None
    licence: str | None = None
    kinds: frozenset[str] = frozenset()
    traits: frozenset[str] | None = None
    stem: str | None = None
    sees: bool = False
    thread: str = ""


def elders(
    lineage: Lineage, family: Iterable[Member], past: Releases, created: datetime, own: str
) -> list[Elder]:
    """Everything that the family is known to have had when a repo was created, oldest first. own: its id."""
    members = [_of_member(m) for m in family if m.repo_id.casefold() != own.casefold()]
    until = created - TABLE_SPEAKS_AFTER
    rows = past.before(lineage.family or "", until)
    return sorted([*members, *(e for row in rows for e in _of_release(row, until))], key=lambda e: e.moment)


def _of_member(member: Member) -> Elder:
    line, size = member.lineage, read_size(member.lineage.size)
    total = float(member.parameters_total) if member.parameters_total else size.total * 1e9 if size else None
    moe = bool(size and size.active) or "moe" in (member.model_type or "").split("_")
    return Elder(
        name=member.repo_id,
        series=line.series,
        version=line.version or "",
        size=line.size,
        total=total,
        moment=member.created_at or member.first_seen,
        seen_since=member.first_seen,
        licence=None if member.licence == "other" else member.licence,  # which one, nobody said
        kinds=frozenset({line.variant} if line.variant else ()),
        traits=frozenset({EXPERTS} if moe else ()),
        stem=stem_of(member.model_type),
        sees=line.variant in ("vision", "omni"),
        thread=line.thread,
    )


def _of_release(row: Release, until: datetime) -> list[Elder]:
    """The sizes of a row, each under the licence that it had come to by then."""
    moment = datetime.combine(row.day, datetime.min.time()).replace(tzinfo=UTC)
    name = " ".join(part for part in (row.series or row.family, row.version) if part)
    return [
        Elder(
            name=f"{name} {size.total:g}B",
            series=row.series,
            version=row.version,
            size=f"{size.total:g}B",
            total=size.total * 1e9,
            moment=moment,
            licence=row.licence(f"{size.total:g}B", None, until) or row.licences.get(REST),
            kinds=frozenset(row.kinds),
            traits=traits_of_design(row.design) | ({EXPERTS} if size.active else set()),
            sees="vision" in row.sees,
        )
        for size in row.sizes
    ]


def of_line(found: Sequence[Elder], lineage: Lineage, main: str) -> list[Elder]:
    """Those of the same line; main is the family's name, and what the table lists without a line is of it."""
    wanted = squash(lineage.series or main)
    return [e for e in found if squash(e.series or main) == wanted]


def near(found: Iterable[Elder], total: float, moe: bool, licence: str | None) -> Elder | None:
    """One of this size that reads as much per token and may be used as freely; None when there is none.

    A dense model is no match for a mixture of the same size: on the same machine they are ten times apart.
    """
    for elder in found:
        if elder.total is None or not 1 - SAME_SIZE <= total / elder.total <= 1 + SAME_SIZE:
            continue
        if elder.traits is not None and (EXPERTS in elder.traits) != moe:
            continue
        if licence is None or elder.licence is None or not _stricter(elder.licence, licence):
            return elder
    return None


def _stricter(one: str, other: str) -> bool:
    return licences.direction(other, one) == "stricter"


def sibling(elder: Elder, seen: Observation, lineage: Lineage) -> bool:
    """Whether an elder is of the same release, which comes out over some days."""
    # Repos are created up to weeks before they are shown, so their own dates do not tell.
    known_for = seen.seen_at - (elder.seen_since or elder.moment)
    return elder.thread == lineage.thread and known_for <= SAME_RELEASE


def squash(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())
