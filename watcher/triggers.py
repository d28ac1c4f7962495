"""Should we tell them? One function per rule; the first to speak decides, always with a reason.

The order is the policy: what nobody needs is let go first, what touches a model in use comes
next, then what may replace it, and the digest takes the rest. The rules and their reasons are
those of docs/triggers.md; to add one, write a function and give it its place in TRIGGERS.
"""

from collections.abc import Callable
from dataclasses import replace

from watcher.decisions import NEWCOMERS, NOUNS, decision, how_it_fits, of_release
from watcher.situation import Situation
from watcher.triggers_evaluation import better_on_own_evaluation_set
from watcher.triggers_in_use import (
    licence_of_a_family_in_use,
    licence_unlocks,
    model_in_use_gated,
    model_in_use_replaced,
    model_in_use_vanished,
)
from watcher.triggers_newcomers import (
    for_training,
    not_ours,
    other_kind_of_model,
    quant_of_a_model_in_use,
    still_settling,
    unknown_quantiser,
)
from watcher.triggers_noise import (
    damped,
    licence_text_of_a_model_in_use,
    only_surfaced,
    quant_method_seen_first,
)
from watcher.triggers_releases import (
    first_quant_that_fits,
    genuinely_new_family,
    licence_of_a_new_release,
    newly_fitting_size_or_design,
    too_small,
    weighed,
)
from watcher.triggers_requirements import hardware_changed, requirements_changed
from watcher.triggers_signals import engine_release, post, regulation, security_fix
from watcher.types import Action, Change, ChangeKind, FitVerdict, Verdict
from watcher.uses import subject, told_as

Trigger = Callable[[Change, Situation], Verdict | None]


def judge(change: Change, situation: Situation) -> Verdict:
    """Exactly one verdict, from the first trigger that speaks."""
    for trigger in TRIGGERS:
        verdict = trigger(change, situation)
        if verdict is not None:
            return _once(damped(verdict, situation), situation)
    raise AssertionError("the last trigger always speaks")


def _once(verdict: Verdict, s: Situation) -> Verdict:
    """News that joins a release already alerted goes to the digest: one release is one thread."""
    if verdict.action is not Action.ALERT or not of_release(verdict.change):
        return verdict
    told = s.told.get((told_as(verdict), verdict.deployment))
    if told is None:
        return verdict
    reason = f"joins alert {told[:8]} on the same release: {verdict.reason}"
    return replace(verdict, action=Action.DIGEST, reason=reason)


def version_of_a_known_family(change: Change, s: Situation) -> Verdict | None:
    """Worth a quick test on the own evaluation set, not an alert."""
    if change.kind not in NEWCOMERS or not change.lineage.official:
        return None
    if change.lineage.quant and change.kind in (ChangeKind.NEW_QUANT, ChangeKind.NEW_VARIANT):
        return None  # only a release that came out in few bits is one
    family = change.lineage.family or change.lineage.publisher
    steps = {"patch": "a patch", "minor": "a minor version", "major": "a major version"}
    what = f"{steps.get(change.degree or '') or NOUNS[change.kind]} of {family}"
    checks, said_no = weighed(change, s, planned=True)
    if not s.watches(family):
        if said_no or change.kind is ChangeKind.NEW_VARIANT:
            reason = f"{what}, which nobody here watches"
            return decision(Action.IGNORE, "unwatched-family", reason, change, s, checks=checks)
        reason = f"{what}, which nobody here watches but which would do: {how_it_fits(s)}"
        return decision(Action.DIGEST, "unwatched-family", reason, change, s, checks=checks)
    fits = s.candidate is None or s.candidate.fit.verdict is not FitVerdict.NO
    if change.degree == "patch" and not fits:
        reason = f"{what}; it fits none of your machines at this load"
        return decision(Action.IGNORE, "version", reason, change, s, checks=checks)
    note = "worth a quick test, no reason to re-evaluate" if fits else "it does not fit at this load"
    return decision(Action.DIGEST, "version", f"{what}: {note}", change, s, checks=checks)


def trusted_quant(change: Change, s: Situation) -> Verdict | None:
    if change.kind is not ChangeKind.NEW_QUANT:
        return None
    base = (change.lineage.base_repo or "").casefold()
    if base in {m.casefold() for m in s.stack.shortlist}:
        return decision(Action.DIGEST, "quant-shortlisted", "a quant of a shortlisted candidate", change, s)
    told = (subject(change), s.deployment.name if s.deployment else None) in s.told
    if change.lineage.derived or not (s.watches(change.lineage.family) or told):
        reason = "a quant of a model that nobody here runs"
        return decision(Action.IGNORE, "quant-unused", reason, change, s)
    if useless := _useless(change, s):
        return decision(Action.IGNORE, "quant-unused", f"a trusted quant, but {useless}", change, s)
    reason = "a trusted quant of a family that you run or watch, or of a release that you were told of"
    return decision(Action.DIGEST, "quant-of-family", reason, change, s)


def _useless(change: Change, s: Situation) -> str | None:
    """Why nobody here would load a quant; None when somebody might."""
    if s.candidate is not None and for_training(s):
        return f"{s.candidate.label} is for training, not for serving"
    if not s.loadable and s.deployment is not None:
        return f"{s.deployment.engine} is not made for its format"
    if s.candidate is not None and s.candidate.fit.verdict is FitVerdict.NO:
        return "it does not fit"
    return too_small(change, s)


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
    hardware_changed,
    requirements_changed,
    security_fix,
    engine_release,
    post,
    regulation,
    better_on_own_evaluation_set,
    licence_text_of_a_model_in_use,
    quant_method_seen_first,
    model_in_use_vanished,
    model_in_use_gated,
    model_in_use_replaced,
    licence_of_a_family_in_use,
    licence_unlocks,
    not_ours,
    unknown_quantiser,
    other_kind_of_model,
    only_surfaced,
    still_settling,
    quant_of_a_model_in_use,
    genuinely_new_family,
    licence_of_a_new_release,
    newly_fitting_size_or_design,
    first_quant_that_fits,
    version_of_a_known_family,
    trusted_quant,
    news_of_a_watched_family,
    nothing_to_do,
)
