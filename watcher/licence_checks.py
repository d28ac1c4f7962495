"""Which licence counts for a repo, where its tag, its name, its card and its base model disagree.

The tag is what somebody clicked. A quant is the same work as its base, so its tag is a label only; a
fine-tune can add terms to its base's but grant no more than it was given. In doubt the stricter
statement counts, and a licence that nobody of us read is stricter than any. Pure.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache

from watcher import licences
from watcher.types import Details, Entry, Licence, RepoFacts

_FILLERS = re.compile(r"\b(?:licen[cs]e[sd]?|agreement|version|the)\b")
_BETWEEN = re.compile(r"[^a-z0-9.+]+")
_SAYS_NOTHING = frozenset({"other", "custom"})

Findings = tuple[str | None, tuple[str, ...]]


def effective_licence(entry: Entry, base: Entry | None) -> Findings:
    """The canonical licence that counts for an entry, and what disagrees, in plain words.

    base: the entry of its first known base model, with the licence that counts for it.
    """
    facts, lineage = entry.known.facts, entry.lineage
    own, notes = stated_licence(facts, entry.known.details)
    if base is None or base.licence is None or base.licence in _SAYS_NOTHING:
        return own, notes
    name, inherited = base.known.facts.repo_id, base.licence
    if own == inherited:
        return own, notes
    from_base = f"the licence of its base {name} counts"
    if own is None:
        return inherited, (*notes, f"{from_base}: {_title(inherited)} (it states none)")
    if lineage.quant:
        note = f"{from_base}: {_title(inherited)} (its own tag, a label, says {_title(own)})"
        return inherited, (*notes, note)
    if base.lineage.publisher.casefold() == lineage.publisher.casefold():
        return own, notes  # a maker may put its own work under other terms
    counts = _both(own, inherited)
    if counts == own:
        return own, notes
    how = "" if counts == inherited else " as well"
    return counts, (*notes, f"{from_base}{how}: {_title(inherited)} (it says {_title(own)})")


def stated_licence(facts: RepoFacts, details: Details | None = None) -> Findings:
    """What a repo itself says: the stricter of its tag, its licence's name and link, else its card's text."""
    tag = licences.canonical(facts.licence)
    by_name = licences.canonical(Licence(id="other", name=facts.licence.name))
    by_link = licences.canonical(Licence(id="other", link=facts.licence.link))
    card = card_licences(details.card_says if details else ())
    if tag is None or tag in _SAYS_NOTHING:
        return _by_card(tag, card)
    counts, notes = tag, []
    for found, where in ((by_name, "name"), (by_link, "link")):
        if found and found not in _SAYS_NOTHING and not _agree(found, counts):
            stricter = _stricter(counts, found)
            notes.append(f"its licence's {where} says {_title(found)}, its tag {_title(tag)}")
            counts = stricter
    others = [found for found in card if not _agree(found, counts)]
    if others:
        notes.append(f"its card's text speaks of {_titles(others)}, its tag of {_title(tag)}")
    return counts, tuple(notes)


def _by_card(tag: str | None, card: tuple[str, ...]) -> Findings:
    said = "its tag says other" if tag else "it has no licence tag"
    if len(card) == 1:
        return card[0], (f"{said}; its card's text says {_title(card[0])}",)
    if card:
        return tag, (f"{said}; its card's text speaks of {_titles(card)}",)
    return tag, ()


def card_licences(lines: Iterable[str]) -> tuple[str, ...]:
    """The licences of our table that a card's lines name or link to, each once, in their order."""
    found: dict[str, None] = {}
    for line in lines:
        linked = [
            row.id for row in licences.rows().values() if any(part in line.casefold() for part in row.links)
        ]
        plain = _BETWEEN.sub("-", _FILLERS.sub(" ", line.casefold()))
        named = [(name, row) for name, row in _names().items() if f"-{name}-" in f"-{plain.strip('-.')}-"]
        longest = [
            row for name, row in named if not any(name != other and name in other for other, _ in named)
        ]
        mit = ["mit"] if re.search(r"\bMIT\b", line) and not {"modified-mit"} & {*linked, *longest} else []
        found |= dict.fromkeys([*linked, *longest, *mit])
    return tuple(found)


@cache
def _names() -> Mapping[str, str]:
    """Spellings that can not be mistaken for a word of a sentence, to ids: several words, or a number."""
    names: dict[str, str] = {}
    for row in licences.rows().values():
        for text in (row.id, row.title, *row.synonyms):
            name = _BETWEEN.sub("-", _FILLERS.sub(" ", text.casefold())).strip("-.")
            if "-" in name or re.search(r"\d", name):
                names.setdefault(name, row.id)
    return names


def _agree(one: str, other: str) -> bool:
    """Whether one statement is the other, or part of it."""
    return set(one.split(" + ")) <= set(other.split(" + ")) or set(other.split(" + ")) <= set(
        one.split(" + ")
    )


def _both(own: str, inherited: str) -> str:
    """What binds somebody who was given inherited and says own: the stricter, both where neither is free."""
    if licences.class_of(own) == licences.class_of(inherited) != licences.CLASSES[0]:
        return " + ".join(sorted({*own.split(" + "), *inherited.split(" + ")}))
    return _stricter(own, inherited)


def _stricter(one: str, other: str) -> str:
    """The one with the tighter class; of equals the first."""
    return other if _rank(other) > _rank(one) else one


def _rank(licence: str) -> int:
    kind = licences.class_of(licence)
    return licences.CLASSES.index(kind) if kind in licences.CLASSES else len(licences.CLASSES)


def _title(licence: str) -> str:
    return licences.title(licence)


def _titles(found: Iterable[str]) -> str:
    return " and ".join(_title(licence) for licence in found)
