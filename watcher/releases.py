"""What each family has released, by day: watcher/data/releases.yaml.

A watcher whose catalog is young has seen nothing of a family's past, so "a new version", "a new
size" and "another licence than before" would all look like firsts. The table is the memory it was
not there to collect. It holds what makers published as weights; versions behind an API are none.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from watcher.tables import table
from watcher.types import Lineage
from watcher.versions import version_key

DESIGNS = frozenset({"dense", "moe", "hybrid", "moe-hybrid", "ssm", "encoder", "diffusion"})
_FIELDS = frozenset(
    {
        *("family", "version", "date", "series", "sizes", "licence", "relicensed", "design"),
        *("sees", "kinds", "called", "source"),
    }
)
# What is neither a size nor a variant that a licence row names.
REST = "rest"
# Names round: 8.03 billion are called 8B, 32.8 are called 32B, 117 are called 120B.
_ROUNDING = 0.07
_SIZE = re.compile(r"e?(\d+(?:\.\d+)?)([mbt]?)(?:-a(\d+(?:\.\d+)?)([mb]?))?", re.ASCII)
_UNITS = {"m": 0.001, "": 1.0, "b": 1.0, "t": 1000.0}


@dataclass(frozen=True, kw_only=True, slots=True)
class Size:
    """Parameters in billions; active: those that a token uses, None for all of them."""

    total: float
    active: float | None = None

    def is_called(self, other: "Size") -> bool:
        """Whether a name may say this size for the other: totals within the rounding of names."""
        return abs(self.total - other.total) <= _ROUNDING * max(self.total, other.total)


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """One publication of weights. day: when, in the maker's words; repos may be days older.

    licences: by size ("3B") or variant ("base") as names write them, "rest" for all others; empty
    where nobody of us could check. relicensed: later licences of the same repos, by day, ascending.
    sees, kinds: what a family could do here for the first time. called: words that names use for the
    sizes ("flash"), where other sizes of the same version came apart from them.
    """

    family: str
    version: str
    day: date
    series: str | None = None
    sizes: tuple[Size, ...] = ()
    licences: Mapping[str, str] = field(default_factory=dict)
    relicensed: tuple[tuple[date, str], ...] = ()
    design: str = "dense"
    sees: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    called: tuple[str, ...] = ()
    source: str = ""

    def licence(self, size: str | None, variant: str | None, moment: datetime) -> str | None:
        """The canonical licence at a moment; None where it depends on a size or variant not given."""
        later = [licence for day, licence in self.relicensed if day <= moment.date()]
        if later:
            return later[-1]
        named = {key.casefold(): licence for key, licence in self.licences.items()}
        for word in (size, variant):
            if word and (found := named.get(word.casefold())):
                return found
        wanted = read_size(size)
        for key, licence in named.items():
            if wanted and (known := read_size(key)) and wanted.is_called(known):
                return licence
        # Sizes differ in licence: a repo that names none could be any of them.
        only_variants = all(read_size(key) is None for key in named)
        return named.get(REST) if size or only_variants else None

    def has(self, size: str | None) -> bool:
        """Whether a size, as a name writes it, is one of this release's; a word ("mini") may be."""
        wanted = read_size(size)
        return wanted is None or not self.sizes or any(wanted.is_called(known) for known in self.sizes)


@dataclass(frozen=True, kw_only=True)
class Releases:
    """All releases, sorted by day, then family and version."""

    releases: tuple[Release, ...]

    def before(self, family: str, moment: datetime) -> tuple[Release, ...]:
        """What a family had published before the day of a moment, sorted by day; empty for strangers."""
        return tuple(r for r in self.releases if r.family == family and r.day < moment.date())

    def first(self, family: str) -> date | None:
        """The day of a family's first release; None for strangers."""
        return next((r.day for r in self.releases if r.family == family), None)

    def largest(self, family: str, moment: datetime) -> float | None:
        """Parameters of the largest LLM of a family before the day of a moment; None for strangers.

        Lines that only take pictures or the like are left out.
        """
        rows = (r for r in self.before(family, moment) if not r.sees)
        return max((s.total * 1e9 for r in rows for s in r.sizes), default=None)

    def expected_licence(self, lineage: Lineage, moment: datetime) -> str | None:
        """The licence that the maker's repos of this exact version and size carry at a moment.

        None when the table does not know that version and size, or the lineage does not say enough.
        Repos are created before they are announced, so a release counts before its day too.
        """
        rows = _of_size(self._of_version(lineage), lineage.size)
        started = [row for row in rows if row.day <= moment.date()]
        for row in (*reversed(started), *(row for row in rows if row not in started)):
            return row.licence(lineage.size, lineage.variant, moment)
        return None

    def _of_version(self, lineage: Lineage) -> list[Release]:
        """The rows of a version: the same spelling first, else the same number without its stamp."""
        mine = [r for r in self.releases if r.family == lineage.family and _same_series(r, lineage)]
        version, stamp = lineage.version, lineage.stamp
        spellings = (f"{version}-{stamp}", version) if version else (stamp, "1")
        for spelling in spellings:
            if exact := [r for r in mine if spelling and r.version.casefold() == spelling.casefold()]:
                return exact
        number = version_key(version or "")[:3]
        return [r for r in mine if number[0] and version_key(r.version)[:3] == number]


def _of_size(rows: Sequence[Release], size: str | None) -> list[Release]:
    """The rows that a repo of a size, as its name writes it, may be of."""
    if read_size(size):
        return [row for row in rows if row.has(size)]
    if named := [row for row in rows if size and size.casefold() in row.called]:
        return named
    return [row for row in rows if not row.called] or ([] if size else list(rows))


def load_releases(extra: Iterable[Mapping[str, Any]] = ()) -> Releases:
    """The shipped table with a user's rows; one of the same family, series, version and day replaces.

    ValueError names the row and what is wrong with it.
    """
    theirs = [_release({"source": "your configuration", **row}) for row in extra]
    replaced = {_name(release) for release in theirs}
    ours = [_release(row) for row in table("releases")["releases"]]
    kept = [release for release in ours if _name(release) not in replaced]
    return Releases(releases=tuple(sorted(kept + theirs, key=lambda r: (r.day, *_name(r)))))


def read_size(text: str | None) -> Size | None:
    """ "235B-A22B", "270M", "2.4T-A95B", "E4B" or "30-A3" as billions; None for words and nothing."""
    match = _SIZE.fullmatch((text or "").casefold())
    if match is None:
        return None
    active = float(match[3]) * _UNITS[match[4]] if match[3] else None
    return Size(total=float(match[1]) * _UNITS[match[2]], active=active)


def _same_series(release: Release, lineage: Lineage) -> bool:
    """Lines compare by their words; a row without one is the family's main line, named like its key."""
    if release.series:
        return _squash(release.series) == _squash(lineage.series or "")
    return _squash(lineage.series or release.family) in (_squash(release.family), "")


def _squash(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _name(release: Release) -> tuple[str, ...]:
    return (release.family, release.series or "", release.version, release.day.isoformat())


def _release(row: Mapping[str, Any]) -> Release:
    name = " ".join(str(row[part]) for part in ("family", "series", "version") if row.get(part))
    if unknown := sorted(set(row) - _FIELDS):
        raise ValueError(f"release {name}: unknown fields {', '.join(unknown)}")
    if missing := [part for part in ("family", "version", "date") if not row.get(part)]:
        raise ValueError(f"release {name or '(without name)'}: needs {', '.join(missing)}")
    design = str(row.get("design") or "dense")
    if design not in DESIGNS:
        raise ValueError(f"release {name}: design {design} is none of {', '.join(sorted(DESIGNS))}")
    sizes = [read_size(str(size)) for size in row.get("sizes", ())]
    if None in sizes:
        raise ValueError(f"release {name}: a size is billions of parameters, like 8 or 30-A3")
    stated = row.get("licence") or {}
    return Release(
        family=str(row["family"]),
        version=str(row["version"]),
        day=_day(row["date"], name),
        series=str(row["series"]) if row.get("series") else None,
        sizes=tuple(size for size in sizes if size),
        licences={str(k): str(v) for k, v in stated.items()}
        if isinstance(stated, Mapping)
        else {REST: str(stated)},
        relicensed=tuple(sorted((_day(day, name), str(to)) for day, to in row.get("relicensed", {}).items())),
        design=design,
        sees=tuple(row.get("sees", ())),
        kinds=tuple(row.get("kinds", ())),
        called=tuple(str(word).casefold() for word in row.get("called", ())),
        source=str(row.get("source") or ""),
    )


def _day(value: object, name: str) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        raise ValueError(f"release {name}: {value} is no day like 2026-04-02") from error
