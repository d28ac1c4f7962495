"""How a source marks what decides about its news: a word and a colon at the start of a sentence of evidence.

    supports: TEXT   a model (repo id or family), a device (its key) or a format that an engine newly runs
    moves: TEXT      what a release is expected to move by much: throughput, hardware support
    notable: TEXT    a feature that is worth a line
    fixes: TEXT      a hole that a release closes, such as a CVE id
    about: WORD      what a post is about, see Subject; without it, a release with weights
    stage: WORD      how far a law is, see Stage; without it, a draft
    see: ADDRESS     where to read on

Whatever has no such word is for people only. docs/triggers.md says what follows from them.
"""

from enum import StrEnum

from watcher.types import Change


class Subject(StrEnum):
    """announcement: weights are promised. closed: a model whose weights will not come. hosted: an API only.

    lifecycle: prices, retirements and terms of an API.
    """

    RELEASE = "release"
    ANNOUNCEMENT = "announcement"
    CLOSED = "closed"
    HOSTED = "hosted"
    LIFECYCLE = "lifecycle"
    RUMOUR = "rumour"


class Stage(StrEnum):
    """adopted: published as law, or binding for whoever signed it. applies: a date of application came."""

    ADOPTED = "adopted"
    APPLIES = "applies"
    GUIDANCE = "guidance"
    DRAFT = "draft"


def marks(change: Change, word: str) -> tuple[str, ...]:
    """What a change's evidence says under a word, in order."""
    parts = (note.partition(":") for note in change.evidence)
    return tuple(said.strip() for name, colon, said in parts if colon and name.strip().casefold() == word)


def subject_of(change: Change) -> Subject:
    """What a post is about; a word that nobody knows counts as a rumour."""
    said = marks(change, "about")
    if not said:
        return Subject.RELEASE
    return next((subject for subject in Subject if subject == said[0].casefold()), Subject.RUMOUR)


def stage_of(change: Change) -> Stage:
    """How far a law is; a word that nobody knows counts as a draft."""
    said = marks(change, "stage")
    return next((stage for stage in Stage if said and stage == said[0].casefold()), Stage.DRAFT)
