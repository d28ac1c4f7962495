"""Values that move away and come back: told once, and not again with every turn. Pure.

A repo that is gated in the morning and open at noon, gone for an hour, relabelled and labelled back:
the first move is told as ever. What comes back to a value that it had is left alone until it has stayed
so for the policy's window, and is then a line of the digest; what returns to the value that was told
is no news at all.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from watcher import licences
from watcher.licence_steps import RELEASE
from watcher.types import Change, ChangeKind, RepoFacts

_PRESENCE = frozenset({ChangeKind.REMOVED, ChangeKind.RESTORED})
# Kinds that move a known repo's value; changes of one field share a word.
_FIELDS = {
    ChangeKind.LICENCE: "licence",
    ChangeKind.GATED: "gate",
    ChangeKind.REMOVED: "presence",
    ChangeKind.RESTORED: "presence",
    ChangeKind.RENAMED: "name",
    ChangeKind.QUANT_REPLACED: "weights",
}
MOVES = frozenset(_FIELDS)


class Turn(StrEnum):
    """What a move is to those shortly before it."""

    NEW = "a value it did not have"
    BACK = "a value it had before"
    AS_TOLD = "the value that was told"
    AGAIN = "replaced once more"


def is_move(change: Change) -> bool:
    """Whether a change moves a value of a known repo; a release that brings its own licence does not."""
    return change.kind in MOVES and change.degree != RELEASE


def turn_of(change: Change, moves: Iterable[Change], window: timedelta) -> tuple[Turn, Change | None]:
    """What a move is, and the first move of its spell: moves of one field, each within window of the last.

    moves: of the same repo, in any order; those after the change do not count.
    """
    spell = _spell(change, moves, window)
    if not spell:
        return Turn.NEW, None
    if change.kind is ChangeKind.QUANT_REPLACED:
        return Turn.AGAIN, spell[0]
    told, had, turn = _before(spell[0]), {_before(spell[0])}, Turn.NEW
    for move in [*spell, change]:
        value = _after(move)
        if value == told:
            turn = Turn.AS_TOLD
        elif value in had:
            turn = Turn.BACK
        else:
            turn, told = Turn.NEW, value
        had.add(value)
    return turn, spell[0]


def still_so(change: Change, facts: RepoFacts, *, missing: bool) -> bool:
    """Whether the catalog still has the value that a move led to. missing: gone, or said so once."""
    if change.kind in _PRESENCE:
        return missing is (change.kind is ChangeKind.REMOVED)
    if change.kind is ChangeKind.GATED:
        return facts.gated is None or facts.gated.value == change.after
    if change.kind is ChangeKind.LICENCE:
        return change.degree is not None or licences.canonical(facts.licence) == change.after
    return change.kind is not ChangeKind.RENAMED or facts.repo_id == change.after


def fresh(found: Sequence[Change], recorded: Iterable[Change]) -> list[Change]:
    """Without moves that were recorded on the same UTC day already: a day's record holds each once."""
    had = {_record(change) for change in recorded if is_move(change)}
    return [change for change in found if not is_move(change) or _record(change) not in had]


def start_of_day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _record(change: Change) -> tuple[object, ...]:
    day = start_of_day(change.detected_at)
    return (change.kind, change.key.folded, change.before, change.after, day)


def _spell(change: Change, moves: Iterable[Change], window: timedelta) -> list[Change]:
    field = _FIELDS.get(change.kind)
    own = [
        m
        for m in moves
        if is_move(m)
        and _FIELDS[m.kind] == field
        and m.key.folded == change.key.folded
        and m.detected_at < change.detected_at
    ]
    spell: list[Change] = []
    latest = change.detected_at
    for move in sorted(own, key=lambda m: m.detected_at, reverse=True):
        if latest - move.detected_at > window:
            break
        spell.insert(0, move)
        latest = move.detected_at
    return spell


def _before(change: Change) -> str | None:
    if change.kind in _PRESENCE:
        return "there" if change.kind is ChangeKind.REMOVED else "gone"
    return change.before


def _after(change: Change) -> str | None:
    if change.kind in _PRESENCE:
        return "gone" if change.kind is ChangeKind.REMOVED else "there"
    return change.after
