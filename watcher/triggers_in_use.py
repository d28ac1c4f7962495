"""What touches a model in use: gone, gated, replaced, under another licence."""

from watcher import licences
from watcher.decisions import age_of, decision, direction_of, how_it_fits, licence_title
from watcher.licence_steps import RELEASE
from watcher.situation import Situation
from watcher.triggers_releases import usable_here, weighed
from watcher.types import Action, Change, ChangeKind, Verdict
from watcher.uses import quant_in_use, repo_in_use, same_task


def model_in_use_vanished(change: Change, s: Situation) -> Verdict | None:
    if change.kind not in (ChangeKind.REMOVED, ChangeKind.RESTORED, ChangeKind.RENAMED):
        return None
    role = repo_in_use(change, s)
    if role is None:
        return None
    if change.kind is ChangeKind.REMOVED:
        reason = f"{role} is {change.after}: new nodes can not download it; keep your copy safe"
        return decision(Action.ALERT, "model-in-use-removed", reason, change, s)
    word = "came back" if change.kind is ChangeKind.RESTORED else f"is now called {change.after}"
    reason = f"{role} {word}; nothing breaks, the old name keeps working"
    if change.kind is ChangeKind.RESTORED:
        reason = f"{role} {word}"
    return decision(Action.DIGEST, "model-in-use-moved", reason, change, s)


def model_in_use_gated(change: Change, s: Situation) -> Verdict | None:
    if change.kind is not ChangeKind.GATED:
        return None
    role = repo_in_use(change, s)
    if role is None:
        return None
    if change.before == "none":
        reason = f"{role} now asks for {_gate(change.after)}: downloads without an accepted token fail"
        return decision(Action.ALERT, "model-in-use-gated", reason, change, s)
    reason = f"{role} moved from {change.before} to {change.after} gating"
    return decision(Action.DIGEST, "model-in-use-gated", reason, change, s)


def _gate(after: str | None) -> str:
    return "the owner's approval" if after == "manual" else "an accepted licence form"


def model_in_use_replaced(change: Change, s: Situation) -> Verdict | None:
    if change.kind is not ChangeKind.QUANT_REPLACED:
        return None
    exact = repo_in_use(change, s)
    role = exact or quant_in_use(change, s)
    if role is None:
        return None
    if exact is None and age_of(s) < s.policy.quant_settle:
        reason = f"{role} was uploaded again in its first week, as most are"
        return decision(Action.DIGEST, "quant-reuploaded", reason, change, s)
    reason = f"the weights of {role} were replaced under the same name: pull again, or pin the old revision"
    return decision(Action.ALERT, "model-in-use-replaced", reason, change, s)


def licence_of_a_family_in_use(change: Change, s: Situation) -> Verdict | None:
    """Judged per exact repo; a quantiser's tag on somebody else's model is only a label."""
    if change.kind is not ChangeKind.LICENCE or change.lineage.quant or change.lineage.derived:
        return None
    if change.degree == RELEASE:
        return None
    before, after = licence_title(change.before), licence_title(change.after)
    moved = f"changed its licence from {before} to {after}, which is {direction_of(change)}"
    role = repo_in_use(change, s)
    if role is not None:
        return decision(Action.ALERT, "licence-in-use", f"{role} {moved}", change, s)
    if not change.lineage.official or change.lineage.family not in s.families_in_use:
        return None
    if not same_task(change.lineage, s.deployment):
        return None
    if age_of(s) < s.policy.settle:
        reason = f"{change.key.id} {moved}, before its release settled: judged with the release"
        return decision(Action.DIGEST, "settling", reason, change, s)
    reason = f"{change.key.id} of {change.lineage.family}, a family in use, {moved}"
    return decision(Action.ALERT, "licence-in-use", reason, change, s)


def licence_unlocks(change: Change, s: Situation) -> Verdict | None:
    """A watched model that fits and was ruled out by its licence alone is now allowed."""
    if change.kind is not ChangeKind.LICENCE or not change.lineage.official or s.deployment is None:
        return None
    if change.degree == RELEASE:
        return None
    before, after = change.before or "", change.after or ""
    if usable_here(before, s) or not usable_here(after, s):
        return None
    if not s.deployment.licence.allow and licences.usable(before) is None:
        return None  # nobody had said no, only that its text is to be read
    checks, said_no = weighed(change, s, planned=True)
    if said_no or not same_task(change.lineage, s.deployment):
        return None
    reason = f"{change.key.id} is now {licence_title(after)}, which your rules allow, and {how_it_fits(s)}"
    return decision(Action.ALERT, "licence-unlocks", reason, change, s, checks=checks)
