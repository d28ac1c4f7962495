"""Should we tell them? One function per rule; the first to speak decides, always with a reason.

The order is the policy: what nobody needs is let go first, what touches a model in use comes
next, then what may replace it, and the digest takes the rest. The rules and their reasons are
those of docs/triggers.md; to add one, write a function and give it its place in TRIGGERS.
"""

from collections.abc import Callable

from watcher.decisions import NEWCOMERS, NOUNS, decision
from watcher.situation import Situation
from watcher.triggers_in_use import (
    licence_of_a_family_in_use,
    licence_unlocks,
    model_in_use_gated,
    model_in_use_replaced,
    model_in_use_vanished,
)
from watcher.triggers_newcomers import (
    genuinely_new_family,
    newly_fitting_size_or_architecture,
    not_ours,
    other_kind_of_model,
    quant_of_a_model_in_use,
    still_settling,
    unknown_quantiser,
)
from watcher.types import Action, Change, ChangeKind, FitVerdict, Verdict
from watcher.uses import subject

Trigger = Callable[[Change, Situation], Verdict | None]


def judge(change: Change, situation: Situation) -> Verdict:
    """Exactly one verdict, from the first trigger that speaks."""
    for trigger in TRIGGERS:
        verdict = trigger(change, situation)
        if verdict is not None:
            return _once(verdict, situation)
    raise AssertionError("the last trigger always speaks")


def _once(verdict: Verdict, s: Situation) -> Verdict:
    """News that joins a release already alerted goes to the digest: one release is one thread."""
    told = s.told.get((subject(verdict.change), verdict.trigger, verdict.deployment))
    if verdict.action is not Action.ALERT or told is None or verdict.change.kind not in NEWCOMERS:
        return verdict
    reason = f"joins alert {told[:8]} on the same release: {verdict.reason}"
    return decision(Action.DIGEST, verdict.trigger, reason, verdict.change, s)


def version_of_a_known_family(change: Change, s: Situation) -> Verdict | None:
    """Worth a quick test on the own evaluation set, not an alert."""
    if change.kind not in NEWCOMERS or change.lineage.quant or not change.lineage.official:
        return None
    family = change.lineage.family or change.lineage.publisher
    watched = family in s.stack.families or family in s.families_in_use
    label = {"patch": "a patch", "minor": "a minor version", "major": "a major version"}.get(
        change.degree or ""
    )
    what = f"{label or NOUNS[change.kind]} of {family}"
    if not watched:
        return decision(Action.IGNORE, "unwatched-family", f"{what}, which nobody here watches", change, s)
    if s.candidate is not None and s.candidate.fit.verdict is FitVerdict.NO:
        return decision(
            Action.DIGEST, "version", f"{what}; it fits none of your machines at this load", change, s
        )
    return decision(
        Action.DIGEST, "version", f"{what}: worth a quick test, no reason to re-evaluate", change, s
    )


def trusted_quant(change: Change, s: Situation) -> Verdict | None:
    if change.kind is not ChangeKind.NEW_QUANT:
        return None
    base = (change.lineage.base_repo or "").casefold()
    if base in {m.casefold() for m in s.stack.shortlist}:
        return decision(Action.DIGEST, "quant-shortlisted", "a quant of a shortlisted candidate", change, s)
    if change.lineage.family in s.families_in_use and not change.lineage.derived:
        return decision(Action.DIGEST, "quant-of-family", "a trusted quant of a family in use", change, s)
    return decision(Action.IGNORE, "quant-unused", "a quant of a model that nobody here runs", change, s)


def news_of_a_watched_family(change: Change, s: Situation) -> Verdict | None:
    """Licence, gating, removal and renaming where nothing in use is touched."""
    family = change.lineage.family
    if change.kind in NEWCOMERS or not change.lineage.official or change.lineage.quant:
        return None
    if family not in s.stack.families and family not in s.families_in_use:
        return None
    moved = f"from {change.before} to {change.after}"
    if change.kind is ChangeKind.REMOVED:
        moved = f"now {change.after}"
    reason = f"{change.kind.value}, {moved}: a watched family, not in use here"
    return decision(Action.DIGEST, "watched-family", reason, change, s)


def nothing_to_do(change: Change, s: Situation) -> Verdict:
    return decision(
        Action.IGNORE, "not-in-use", "touches nothing that you run, shortlist or watch", change, s
    )


TRIGGERS: tuple[Trigger, ...] = (
    model_in_use_vanished,
    model_in_use_gated,
    model_in_use_replaced,
    licence_of_a_family_in_use,
    licence_unlocks,
    not_ours,
    unknown_quantiser,
    other_kind_of_model,
    still_settling,
    quant_of_a_model_in_use,
    genuinely_new_family,
    newly_fitting_size_or_architecture,
    version_of_a_known_family,
    trusted_quant,
    news_of_a_watched_family,
    nothing_to_do,
)
