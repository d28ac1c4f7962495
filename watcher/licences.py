"""Licences by one name each: cards write the same one in many ways, and repos are judged by theirs.

The table is watcher/data/licences.yaml. A name that it does not know stays itself, as a slug of
class "unknown": nothing is assumed to be free.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from watcher.families import EU_MEMBERS
from watcher.tables import table
from watcher.types import Licence, LicenceRules

# From the freest to the tightest; a move along this line is looser or stricter.
CLASSES = ("permissive", "custom-commercial", "restricted", "non-commercial", "research")
UNKNOWN = "unknown"

_NOTHING = frozenset(
    {"", "unknown", "none", "null", "nil", "n/a", "na", "-", "?", "tbd", "unspecified", "not stated"}
)
_OTHER = frozenset({"other", "custom"})
_SKIPPED = frozenset(
    {"licence", "license", "licenses", "licences", "lic", "agreement", "version", "ver", "v", "the"}
)
_LONGEST = 80
_JOINED = " + "
_PLACES = {"EU": "the EU", "GB": "the UK", "KR": "South Korea"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A licence as the table has it.

    cap: monthly_users and revenue_usd_per_year above which other terms hold. not_licensed_in: ISO 3166
    countries or "EU". changed: what is new against an earlier licence of the same line, by its id.
    """

    id: str
    title: str
    kind: str
    duties: tuple[str, ...]
    synonyms: tuple[str, ...]
    links: tuple[str, ...]
    source: str
    cap: Mapping[str, int] = field(default_factory=dict)
    not_licensed_in: frozenset[str] = frozenset()
    multimodal_not_licensed_in: frozenset[str] = frozenset()
    changed: Mapping[str, str] = field(default_factory=dict)


def canonical(licence: Licence) -> str | None:
    """The one id of a stated licence, several joined as "a + b"; None when nothing is stated.

    Tag "other" gives the normalised name, else what the link is known for, else "other".
    """
    tag = _plain(licence.id)
    if tag.casefold() in _OTHER or tag.casefold() in _NOTHING:
        name = _plain(licence.name)
        if name.casefold() not in _NOTHING and name.casefold() not in _OTHER:
            return _joined(name)
        by_link = _by_link(_plain(licence.link))
        return by_link or ("other" if tag.casefold() in _OTHER or name.casefold() in _OTHER else None)
    return _joined(tag)


def class_of(canonical_id: str) -> str:
    """One of CLASSES or "unknown"; of several licences the tightest."""
    kinds = [row.kind if (row := rows().get(part)) else UNKNOWN for part in _parts(canonical_id)]
    if not kinds or UNKNOWN in kinds:
        return UNKNOWN
    return max(kinds, key=CLASSES.index)


def direction(before: str, after: str) -> str:
    """Whether a change of licence is looser, stricter or sideways for business use.

    A text that nobody knows counts as stricter than any that is known; so does none at all. That a
    licence which was not told ("", "other") is now named is no change of terms. Of two licences of a
    class the one that shuts fewer countries out is looser, whatever its version is called.
    """
    if _squeeze(before) in ("", *_OTHER):
        return "sideways"
    was, now = _tightness(before), _tightness(after)
    if was != now:
        return "looser" if now < was else "stricter"
    shut, shut_now = _shut_out(before), _shut_out(after)
    if shut != shut_now and UNKNOWN not in (class_of(before), class_of(after)):
        return "looser" if shut_now < shut else "stricter" if shut_now > shut else "sideways"
    return "sideways"


def new_terms(before: str, after: str) -> str | None:
    """What is new in a licence of the same class, as a sentence; None when the table knows of nothing."""
    if note := next((row.changed[before] for row in _rows(after) if before in row.changed), None):
        return note
    shut, shut_now = _shut_out(before), _shut_out(after)
    if more := sorted(shut_now - shut):
        return f"no longer licensed in {_listed(more)}"
    if fewer := sorted(shut - shut_now):
        return f"now licensed in {_listed(fewer)} too"
    return None


def usable(canonical_id: str) -> bool | None:
    """Whether business may use it at all, under whatever terms; None when nobody knows.

    Of several licences a single one that says no is enough.
    """
    kinds = {class_of(part) for part in _parts(canonical_id)}
    if kinds & {"non-commercial", "research"}:
        return False
    return None if not kinds or UNKNOWN in kinds else True


def excluded(canonical_id: str, domicile: str, *, multimodal: bool) -> str | None:
    """Why a legal entity of a country ("EU" or ISO 3166) gets no rights, as a sentence; None when it does.

    multimodal: the model takes pictures, sound or video; some licences shut countries out for those only.
    """
    place = domicile.strip().upper()
    places = {place, "EU"} if place in EU_MEMBERS else {place}
    for row in _rows(canonical_id):
        if places & row.not_licensed_in:
            return (
                f"{row.title} gives no rights to entities in {_listed(sorted(places & row.not_licensed_in))}"
            )
        if multimodal and places & row.multimodal_not_licensed_in:
            where = _listed(sorted(places & row.multimodal_not_licensed_in))
            return f"{row.title} gives entities in {where} no rights to its multimodal models"
    return None


def allowed(canonical_id: str, rules: LicenceRules) -> bool:
    """Whether the rules allow a licence by id or class; no rules allow all, no licence is allowed by none."""
    if not rules.allow:
        return True
    wanted = {entry.strip().casefold() for entry in rules.allow} | {_joined(entry) for entry in rules.allow}
    parts = _parts(canonical_id)
    return bool(parts) and all(part in wanted or class_of(part) in wanted for part in parts)


def title(canonical_id: str) -> str:
    """A licence's name for people."""
    return _JOINED.join(row.title if (row := rows().get(part)) else part for part in _parts(canonical_id))


def obligations(canonical_id: str) -> tuple[str, ...]:
    """What a team must do or heed, in plain words; for an unknown licence, to read it."""
    parts = _parts(canonical_id)
    if any(part not in rows() for part in parts):
        return ("no licence that we know: read its text before use",)
    return tuple(dict.fromkeys(duty for part in parts for duty in rows()[part].duties))


@cache
def rows() -> Mapping[str, Row]:
    """The table by canonical id."""
    return {
        row["id"]: Row(
            id=row["id"],
            title=row["title"],
            kind=row["class"],
            duties=tuple(row.get("duties", ())),
            synonyms=tuple(row.get("synonyms", ())),
            links=tuple(row.get("links", ())),
            source=row["source"],
            cap=dict(row.get("cap", {})),
            not_licensed_in=frozenset(row.get("not_licensed_in", ())),
            multimodal_not_licensed_in=frozenset(row.get("multimodal_not_licensed_in", ())),
            changed=dict(row.get("changed", {})),
        )
        for row in table("licences")["licences"]
    }


@cache
def _synonyms() -> Mapping[str, str]:
    """Squeezed spellings to ids: the id itself wins over a title, a title over a synonym."""
    spellings: dict[str, str] = {}
    for pick in (lambda row: (row.id,), lambda row: (row.title,), lambda row: row.synonyms):
        for row in rows().values():
            for text in pick(row):
                spellings.setdefault(_squeeze(text), row.id)
    return spellings


def _rows(canonical_id: str) -> list[Row]:
    return [row for part in _parts(canonical_id) if (row := rows().get(part))]


def _tightness(canonical_id: str) -> int:
    """A place on the line from free to tight; what nobody knows stands behind its end."""
    kind = class_of(canonical_id)
    return CLASSES.index(kind) if kind in CLASSES else len(CLASSES)


def _shut_out(canonical_id: str) -> frozenset[str]:
    return frozenset().union(*(row.not_licensed_in for row in _rows(canonical_id)))


def _listed(places: Sequence[str]) -> str:
    names = [_PLACES.get(place, place) for place in places]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _parts(canonical_id: str) -> list[str]:
    return [part.strip() for part in canonical_id.split(_JOINED) if part.strip()]


def _plain(text: str | None) -> str:
    return unicodedata.normalize("NFKC", text or "").strip().strip("\"'[]").strip()


def _joined(text: str) -> str | None:
    """One id, or several in a fixed order: the same licences in another order are no change."""
    if whole := _synonyms().get(_squeeze(text)):
        return whole
    names = [_one(part) for part in re.split(r"\s*[,;]\s*|\s+\+\s+", text)]
    return _JOINED.join(sorted({name for name in names if name})) or None


def _one(text: str) -> str | None:
    if text.casefold() in _NOTHING:
        return None
    return _synonyms().get(_squeeze(text)) or _slug(text)


def _squeeze(text: str) -> str:
    """Spelling folded away: "Apache License, Version 2.0", "apache2.0" and "Apache-2" are one."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = re.sub(r"(?<![a-z])v(?=\d)", "", folded)
    tokens = [token for token in re.split(r"[^a-z0-9.+]+", folded) if token and token not in _SKIPPED]
    joined = "".join(tokens).strip(".")
    return re.sub(r"(?<=\d)\.0(?!\d)", "", joined)


def _slug(text: str) -> str | None:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("licence", "license")
    return re.sub(r"[^a-z0-9.+]+", "-", folded).strip("-.")[:_LONGEST].strip("-.") or None


def _by_link(link: str) -> str | None:
    """The licence that a link is known for; the longest known part decides."""
    folded = link.casefold()
    found = [(part, row.id) for row in rows().values() for part in row.links if part in folded]
    return max(found, key=lambda pair: len(pair[0]))[1] if found else None
