"""The families there are and who makes them: watcher/data/families.yaml as a registry.

The table is data, so a new player is a new row; a user's config can add or replace rows. Patterns
are compiled once. Names and organisations compare case-folded, as the Hub's ids do.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from watcher.tables import table

# Member states by ISO 3166 code; https://european-union.europa.eu/principles-countries-history/eu-countries_en
EU_MEMBERS = frozenset(
    {
        *(
            "AT",
            "BE",
            "BG",
            "CY",
            "CZ",
            "DE",
            "DK",
            "EE",
            "ES",
            "FI",
            "FR",
            "GR",
            "HR",
            "HU",
            "IE",
            "IT",
            "LT",
        ),
        *("LU", "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK"),
    }
)
_FIELDS = frozenset(
    {
        *("key", "name", "organisations", "moved_from", "maker", "origin", "whole", "names", "common"),
        *("model_types", "plain", "series", "stamp", "renamed", "own_words", "licence_note", "source"),
        *("jurisdiction", "feeds", "watch_for", "edge"),
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Series:
    """A line inside a family: version and variant hold where the name matches, whatever it states."""

    match: re.Pattern[str]
    name: str
    version: str | None = None
    variant: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """One family. plain: the variant of a repo that names none, by least version, ascending.

    edge: small models for devices, or few tools and derivatives. jurisdiction: what the law of its
    maker's country means to who runs the weights; "" where nothing needs saying. feeds: URLs.
    renamed: old and new beginnings of repo names that the Hub redirects. own_words: words, beside those
    that every family uses, which stand in the makers' own repo names.
    """

    key: str
    name: str
    organisations: tuple[str, ...]
    moved_from: tuple[str, ...] = ()
    maker: str = ""
    origin: str | None = None
    whole: bool = False
    common: bool = False
    name_patterns: tuple[re.Pattern[str], ...] = ()
    model_types: frozenset[str] = frozenset()
    plain: tuple[tuple[str, str], ...] = ()
    series: tuple[Series, ...] = ()
    ignore_stamp: bool = False
    own_words: frozenset[str] = frozenset()
    renamed: tuple[tuple[str, str], ...] = ()
    licence_note: str = ""
    jurisdiction: str = ""
    feeds: tuple[str, ...] = ()
    watch_for: tuple[str, ...] = ()
    edge: bool = False
    source: str = ""

    @property
    def in_eu(self) -> bool:
        return self.origin in EU_MEMBERS

    @property
    def all_organisations(self) -> tuple[str, ...]:
        return self.organisations + self.moved_from

    def find(self, name: str) -> re.Match[str] | None:
        """Where a repo name (case-folded) names this family: the leftmost, then longest match."""
        found = [m for pattern in self.name_patterns if (m := pattern.search(name))]
        return min(found, key=lambda m: (m.start(), -m.end()), default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Quantiser:
    """A publisher of quants one may rely on, and the formats it is known for."""

    organisation: str
    formats: tuple[str, ...]
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """A word of repo names: which variant it means and whether it makes a line of its own.

    last: it counts only as the last word of a name.
    """

    variant: str | None
    line: str | None
    rank: int
    last: bool = False


@dataclass(frozen=True, kw_only=True)
class Registry:
    """All families, trusted quantisers and other known publishers."""

    families: tuple[Family, ...]
    quantisers: tuple[Quantiser, ...] = ()
    known: frozenset[str] = frozenset()
    words: Mapping[str, Word] = field(default_factory=dict)
    by_key: Mapping[str, Family] = field(init=False)
    trusted_quantisers: frozenset[str] = field(init=False)
    by_model_type: Mapping[str, Family] = field(init=False)
    _of: Mapping[str, tuple[Family, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        of: dict[str, tuple[Family, ...]] = {}
        for family in self.families:
            for organisation in family.all_organisations:
                of[organisation.casefold()] = (*of.get(organisation.casefold(), ()), family)
        types = {t: family for family in reversed(self.families) for t in family.model_types}
        object.__setattr__(self, "by_key", {family.key: family for family in self.families})
        object.__setattr__(self, "by_model_type", types)
        object.__setattr__(self, "_of", of)
        trusted = frozenset(q.organisation.casefold() for q in self.quantisers)
        object.__setattr__(self, "trusted_quantisers", trusted)

    def families_of(self, organisation: str) -> tuple[Family, ...]:
        """Every family an organisation publishes officially; empty for all others."""
        return self._of.get(organisation.casefold(), ())

    def of_organisation(self, organisation: str) -> Family | None:
        """The main family of an organisation."""
        return next(iter(self.families_of(organisation)), None)

    def organisations(self, keys: Iterable[str]) -> tuple[str, ...]:
        """The organisations to watch for some families, in order, each once. KeyError names a wrong key."""
        return tuple(dict.fromkeys(org for key in keys for org in self.by_key[key].organisations))

    def current(self, repo_id: str) -> str:
        """The id under which a moved organisation's or renamed repo lives now; others as they are."""
        organisation, _, name = repo_id.partition("/")
        for family in self.families_of(organisation):
            if organisation.casefold() in (old.casefold() for old in family.moved_from):
                organisation = family.organisations[0]
            for old, new in family.renamed:
                if name.casefold().startswith(old):
                    name = new + name[len(old) :]
        return f"{organisation}/{name}" if "/" in repo_id else repo_id

    def origin(self, key: str) -> str | None:
        """ISO 3166 country of a family's maker; None when the family or its origin is unknown."""
        family = self.by_key.get(key)
        return family.origin if family else None

    def formats_of(self, quantiser: str) -> tuple[str, ...]:
        """The formats that a trusted quantiser is known for; empty for all others."""
        name = quantiser.casefold()
        return next((q.formats for q in self.quantisers if q.organisation.casefold() == name), ())

    def known_organisation(self, organisation: str) -> bool:
        """Whether an organisation is a maker, a trusted quantiser or another publisher we know of."""
        name = organisation.casefold()
        return name in self._of or name in self.trusted_quantisers or name in self.known

    @property
    def makers(self) -> tuple[str, ...]:
        """Every organisation that publishes a family, as the Hub spells it."""
        return tuple(dict.fromkeys(org for family in self.families for org in family.all_organisations))


def load_families(extra: Sequence[Mapping[str, Any]] = ()) -> Registry:
    """The shipped registry with a user's rows on top; a row with a known key replaces what it states.

    ValueError names the row and what is wrong with it.
    """
    known = table("families")
    rows: dict[str, dict[str, Any]] = {row["key"]: dict(row) for row in known["families"]}
    for row in extra:
        key = str(row.get("key", "")).casefold()
        rows[key] = {"source": "your configuration", **rows.get(key, {}), **row, "key": key}
    laws = {row["origin"]: row["means"] for row in known["jurisdictions"]}
    return _registry(known, tuple(_family(row, laws) for row in rows.values()))


def _registry(rows: Mapping[str, Any], families: tuple[Family, ...]) -> Registry:
    known = frozenset(
        str(org).casefold() for row in rows["known_organisations"] for org in row["organisations"]
    )
    quantisers = tuple(
        Quantiser(organisation=row["organisation"], formats=tuple(row["formats"]), source=row["source"])
        for row in rows["quantisers"]
    )
    words = {
        word: Word(variant=row.get("variant"), line=row.get("line"), rank=rank, last=bool(row.get("last")))
        for rank, row in enumerate(rows["words"])
        for word in row["words"]
    }
    return Registry(families=families, quantisers=quantisers, known=known, words=words)


def _family(row: Mapping[str, Any], laws: Mapping[str, str]) -> Family:
    key = str(row.get("key") or "")
    if not key or not row.get("organisations"):
        raise ValueError(f"family {key or '(without key)'}: needs a key and at least one organisation")
    if unknown := sorted(set(row) - _FIELDS):
        raise ValueError(f"family {key}: unknown fields {', '.join(unknown)}")
    try:
        patterns = tuple(re.compile(rf"(?<![a-z0-9])(?:{text})") for text in row.get("names", ()))
        series = tuple(
            Series(
                match=re.compile(item["match"]),
                name=item["name"],
                version=item.get("version"),
                variant=item.get("variant"),
            )
            for item in row.get("series", ())
        )
    except (re.error, KeyError, TypeError) as error:
        raise ValueError(f"family {key}: a name pattern or series cannot be read: {error}") from error
    return Family(
        key=key,
        name=str(row.get("name") or key),
        organisations=tuple(row["organisations"]),
        moved_from=tuple(row.get("moved_from", ())),
        maker=str(row.get("maker") or ""),
        origin=row.get("origin"),
        whole=bool(row.get("whole")),
        common=bool(row.get("common")),
        name_patterns=patterns,
        model_types=frozenset(row.get("model_types", ())),
        plain=tuple((str(version), variant) for version, variant in row.get("plain", {}).items()),
        series=series,
        ignore_stamp=row.get("stamp") == "ignore",
        own_words=frozenset(row.get("own_words", ())),
        renamed=tuple((old.casefold(), new) for old, new in row.get("renamed", {}).items()),
        licence_note=str(row.get("licence_note") or ""),
        jurisdiction=str(row.get("jurisdiction") or _law(row.get("origin"), laws)),
        feeds=_texts(row, "feeds"),
        watch_for=_texts(row, "watch_for"),
        edge=bool(row.get("edge")),
        source=str(row.get("source") or ""),
    )


def _law(origin: str | None, laws: Mapping[str, str]) -> str:
    """What a country's law means, its own before the European Union's."""
    return laws.get(origin or "") or (laws.get("EU", "") if origin in EU_MEMBERS else "")


def _texts(row: Mapping[str, Any], name: str) -> tuple[str, ...]:
    texts = row.get(name) or []
    if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
        raise ValueError(f"family {row['key']}: {name} is a list of texts")
    if name == "feeds" and (wrong := [text for text in texts if not text.startswith("https://")]):
        raise ValueError(f"family {row['key']}: a feed is an https:// address, not {wrong[0]}")
    return tuple(texts)
