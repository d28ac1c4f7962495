"""What a repo name says of a release, read with the eyes of a family: its line, version, size and kind."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from watcher.families import Family, Registry
from watcher.reponames import SIZE_WORDS, Reading, read_name, strip_format
from watcher.types import Lineage
from watcher.versions import version_key

# bartowski's way to keep the owner: "Qwen_Qwen3-8B".
PREFIXED = re.compile(r"([A-Za-z0-9][A-Za-z0-9.-]*)_([A-Za-z].*)", re.DOTALL)
# qwen35 and llama31 are 3.5 and 3.1: no family has come so far by whole numbers.
_TWO_DIGITS = re.compile(r"([1-9])([1-9])", re.ASCII)
# Nobody we do not know numbers a release 26 or 06: experiments are.
_NO_VERSION = re.compile(r"\d\d", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """What a name says of a release. clean: it says nothing else, as only a release's own name does.

    stated: the variant that the name or its line states. habit: that of the family's repos that state none.
    late: the version stands behind the size or a stranger's word, and so may number their own work.
    """

    series: str | None
    version: str | None
    size: str | None
    stated: str | None
    habit: str | None = None
    stamp: str | None = None
    clean: bool = False
    late: bool = False

    def lineage(self, family: Family | None, publisher: str) -> Lineage:
        return Lineage(
            family=family.key if family else None,
            series=self.series,
            version=self.version,
            size=self.size,
            variant=self.stated or self.habit,
            stamp=self.stamp,
            publisher=publisher,
        )


def identity_of(family: Family | None, text: str, registry: Registry) -> Identity:
    """Read a name (without owner and format) as a release of family, or as nobody's."""
    if family is None:
        reading = read_name(text, registry.words)
        if _NO_VERSION.fullmatch(reading.number):
            reading.head += (
                [f"{reading.head.pop()}{reading.number}"] if reading.glued and reading.head else []
            )
            reading.number = ""
        return Identity(
            series=_joined(*reading.head, reading.line()),
            version=reading.version,
            size=reading.size(),
            stated=reading.variant,
            stamp=reading.stamp or None,
        )
    folded = text.casefold()
    match = family.find(folded)
    start = match.start() if match else 0
    begin = match.start("name") if match and "name" in match.re.groupindex else start
    reading = read_name(text[begin:], registry.words)
    stamp = reading.stamp or None
    if family.ignore_stamp:
        reading.stamp = ""
    if reading.glued in (family.key, family.name.casefold()):
        reading.number = (
            _TWO_DIGITS.sub(r"\1.\2", reading.number) if "." not in reading.number else reading.number
        )
    habit = _habit(family, reading)
    line = reading.line(habit if family.plain else None)
    row = next((row for row in family.series if row.match.search(folded[start:])), None)
    version = (row.version if row else None) or reading.version
    if row:
        series: str | None = row.name
    elif match is None and reading.head:
        series = _joined(*reading.head, line)
    else:
        series = _joined(family.name, line)
    stated = reading.variant
    known = squash((match.group() if match else "") + (series or ""))
    return Identity(
        series=series,
        version=version,
        size=reading.size(series or "") or _first_word_size(reading),
        stated=stated if stated == "draft" or not (row and row.variant) else row.variant,
        habit=habit,
        stamp=stamp,
        late=not (row and row.version)
        and (reading.late or not _own(family, reading.head[: reading.preface], known)),
        clean=match is not None and start == 0 and _own(family, [*reading.head, *reading.extra], known),
    )


def _joined(*parts: str | None) -> str | None:
    return " ".join(part for part in parts if part) or None


def _first_word_size(reading: Reading) -> str | None:
    """The size in "tiny-aya-base", where it stands before the family's name."""
    word = reading.head[0].casefold() if reading.head else ""
    return word if word in SIZE_WORDS else None


def _own(family: Family, words: Iterable[str], known: str) -> bool:
    """Whether every word is the family's: of its name or its line, or one that its makers use."""
    bare = (re.sub(r"(?<=[a-z])[\d.]+$", "", word.casefold()) for word in words)
    return all(word in family.own_words or squash(word) in known for word in bare)


def _habit(family: Family, reading: Reading) -> str | None:
    """The variant of a name that states none, by the family's habit at that version."""
    key = version_key(reading.number)
    fitting = [variant for least, variant in family.plain if version_key(least) <= key]
    if fitting:
        return fitting[-1]
    return family.plain[0][1] if family.plain else None


def squash(text: str) -> str:
    """Letters and digits alone, case-folded."""
    return "".join(c for c in text.casefold() if c.isalnum())


def split(repo_id: str) -> tuple[str, str]:
    """Owner and name; the owner is empty where none is stated."""
    publisher, _, name = repo_id.rpartition("/")
    return publisher.strip(), name.strip()


def same_name(one: str, other: str) -> bool:
    """Whether two repos bear the same model's name, formats, spelling and an owner before it aside."""
    (ours, owned), (theirs, theirs_owned) = _names(one), _names(other)
    return bool(ours) and (ours in (theirs, theirs_owned) or owned == theirs)


def _names(repo_id: str) -> tuple[str, str]:
    owner, name = split(repo_id)
    text = squash(strip_format(name).text)
    return text, squash(owner) + text


def named_in(text: str, families: Iterable[Family]) -> Family | None:
    """The family a name speaks of: the one named first, and of those the longest match."""
    folded = text.casefold()
    found = [(match, family) for family in families if (match := family.find(folded))]
    best = min(found, key=lambda pair: (pair[0].start(), -pair[0].end()), default=None)
    return best[1] if best else None


def is_draft(text: str, base_id: str, registry: Registry) -> bool:
    """Whether a repo is a draft model for its base: that helps its speed, and is no quant of it."""
    if read_name(text, registry.words).variant != "draft":
        return False
    base = strip_format(split(base_id)[1]).text
    return read_name(base, registry.words).variant != "draft"
