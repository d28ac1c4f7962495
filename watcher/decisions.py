"""Making a verdict and wording it: what every trigger shares."""

from datetime import timedelta

from watcher import licences
from watcher.licence_steps import RELEASE
from watcher.situation import Situation
from watcher.types import Action, Change, ChangeKind, Check, FitVerdict, Verdict

NEWCOMERS = frozenset(
    {
        ChangeKind.NEW_FAMILY,
        ChangeKind.NEW_VERSION,
        ChangeKind.NEW_SIZE,
        ChangeKind.NEW_ARCHITECTURE,
        ChangeKind.NEW_VARIANT,
        ChangeKind.NEW_QUANT,
    }
)
NOUNS = {
    ChangeKind.NEW_VERSION: "a version",
    ChangeKind.NEW_SIZE: "another size",
    ChangeKind.NEW_ARCHITECTURE: "a new architecture",
    ChangeKind.NEW_VARIANT: "another variant",
    ChangeKind.NEW_FAMILY: "a first release",
}


def of_release(change: Change) -> bool:
    """Whether a change is part of a release: a newcomer, or the licence that it brings."""
    return change.kind in NEWCOMERS or change.degree == RELEASE


RANK = {FitVerdict.NO: 0, FitVerdict.TIGHT: 1, FitVerdict.FITS: 2}


def decision(
    action: Action,
    trigger: str,
    reason: str,
    change: Change,
    s: Situation,
    *,
    wait: timedelta | None = None,
    checks: tuple[Check, ...] = (),
) -> Verdict:
    return Verdict(
        action=action,
        trigger=trigger,
        reason=reason,
        change=change,
        deployment=s.deployment.name if s.deployment else None,
        fit=s.candidate.fit if s.candidate else None,
        until=s.now + wait if wait else None,
        checks=checks,
    )


def age_of(s: Situation) -> timedelta:
    """How old the repo is: since its creation, or since we know of it."""
    return s.now - (s.facts.created_at or s.first_seen)


def licence_title(licence: str | None) -> str:
    return licences.title(licence) if licence else "none stated"


def direction_of(change: Change) -> str:
    return licences.direction(change.before or "", change.after or "")


def hours(age: timedelta) -> str:
    return f"{max(0, int(age.total_seconds() // 3600))} h"


_FITS = {
    FitVerdict.FITS: ("fits", "would fit"),
    FitVerdict.TIGHT: ("fits tightly on", "would fit tightly on"),
    FitVerdict.NO: ("does not fit", "would not fit"),
}


def how_it_fits(s: Situation) -> str:
    """In words, and whether the weights exist yet."""
    if s.candidate is None or s.deployment is None:
        return "its fit is unknown"
    real, assumed = _FITS[s.candidate.fit.verdict]
    place = s.deployment.hardware.name
    if s.candidate.hypothetical:
        return f"at {s.candidate.label}, which nobody published yet, it {assumed} {place}"
    return f"{s.candidate.label} {real} {place}"
