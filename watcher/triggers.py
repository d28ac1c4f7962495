"""Should we tell them? One function per rule; the first to speak decides, always with a reason.

The order is the policy: what nobody needs is let go first, what touches a model in use comes
next, then what may replace it, and the digest takes the rest. The rules and their reasons are
those of docs/triggers.md; to add one, write a function and give it its place in TRIGGERS.
"""

from collections.abc import Callable
from datetime import timedelta

from watcher import licences
from watcher.situation import Situation
from watcher.types import Action, Change, ChangeKind, FitVerdict, Verdict
from watcher.uses import (
    narrow_task,
    quant_in_use,
    repo_in_use,
    same_task,
    subject,
    trusted_publisher,
    wanted_quant,
)

_NEWCOMERS = frozenset(
    {
        ChangeKind.NEW_FAMILY,
        ChangeKind.NEW_VERSION,
        ChangeKind.NEW_SIZE,
        ChangeKind.NEW_ARCHITECTURE,
        ChangeKind.NEW_VARIANT,
        ChangeKind.NEW_QUANT,
    }
)
_NOUNS = {
    ChangeKind.NEW_VERSION: "a version",
    ChangeKind.NEW_SIZE: "another size",
    ChangeKind.NEW_ARCHITECTURE: "a new architecture",
    ChangeKind.NEW_VARIANT: "another variant",
    ChangeKind.NEW_FAMILY: "a first release",
}
_RANK = {FitVerdict.NO: 0, FitVerdict.TIGHT: 1, FitVerdict.FITS: 2}

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
    if verdict.action is not Action.ALERT or told is None or verdict.change.kind not in _NEWCOMERS:
        return verdict
    reason = f"joins alert {told[:8]} on the same release: {verdict.reason}"
    return _verdict(Action.DIGEST, verdict.trigger, reason, verdict.change, s)


def _verdict(
    action: Action, trigger: str, reason: str, change: Change, s: Situation, *, wait: timedelta | None = None
) -> Verdict:
    return Verdict(
        action=action,
        trigger=trigger,
        reason=reason,
        change=change,
        deployment=s.deployment.name if s.deployment else None,
        fit=s.candidate.fit if s.candidate else None,
        until=s.now + wait if wait else None,
    )


# --- the model in use ---------------------------------------------------------------------------


def model_in_use_vanished(change: Change, s: Situation) -> Verdict | None:
    if change.kind not in (ChangeKind.REMOVED, ChangeKind.RESTORED, ChangeKind.RENAMED):
        return None
    role = repo_in_use(change, s)
    if role is None:
        return None
    if change.kind is ChangeKind.REMOVED:
        reason = f"{role} is {change.after}: new nodes can not download it; keep your copy safe"
        return _verdict(Action.ALERT, "model-in-use-removed", reason, change, s)
    word = "came back" if change.kind is ChangeKind.RESTORED else f"is now called {change.after}"
    reason = f"{role} {word}; nothing breaks, the old name keeps working"
    if change.kind is ChangeKind.RESTORED:
        reason = f"{role} {word}"
    return _verdict(Action.DIGEST, "model-in-use-moved", reason, change, s)


def model_in_use_gated(change: Change, s: Situation) -> Verdict | None:
    if change.kind is not ChangeKind.GATED:
        return None
    role = repo_in_use(change, s)
    if role is None:
        return None
    if change.before == "none":
        reason = f"{role} now asks for {_gate(change.after)}: downloads without an accepted token fail"
        return _verdict(Action.ALERT, "model-in-use-gated", reason, change, s)
    reason = f"{role} moved from {change.before} to {change.after} gating"
    return _verdict(Action.DIGEST, "model-in-use-gated", reason, change, s)


def _gate(after: str | None) -> str:
    return "the owner's approval" if after == "manual" else "an accepted licence form"


def model_in_use_replaced(change: Change, s: Situation) -> Verdict | None:
    if change.kind is not ChangeKind.QUANT_REPLACED:
        return None
    role = repo_in_use(change, s) or quant_in_use(change, s)
    if role is None:
        return None
    reason = f"the weights of {role} were replaced under the same name: pull again, or pin the old revision"
    return _verdict(Action.ALERT, "model-in-use-replaced", reason, change, s)


def licence_of_a_family_in_use(change: Change, s: Situation) -> Verdict | None:
    """Judged per exact repo; a quantiser's tag on somebody else's model is only a label."""
    if change.kind is not ChangeKind.LICENCE or change.lineage.quant or change.lineage.derived:
        return None
    before, after = _title(change.before), _title(change.after)
    moved = f"changed its licence from {before} to {after}, which is {_direction(change)}"
    role = repo_in_use(change, s)
    if role is not None:
        return _verdict(Action.ALERT, "licence-in-use", f"{role} {moved}", change, s)
    if not change.lineage.official or change.lineage.family not in s.families_in_use:
        return None
    if not same_task(change.lineage, s.deployment):
        return None
    reason = f"{change.key.id} of {change.lineage.family}, a family in use, {moved}"
    return _verdict(Action.ALERT, "licence-in-use", reason, change, s)


def licence_unlocks(change: Change, s: Situation) -> Verdict | None:
    """A watched model that fits and was ruled out by its licence alone is now allowed."""
    if change.kind is not ChangeKind.LICENCE or not change.lineage.official or s.deployment is None:
        return None
    rules = s.deployment.licence
    if (
        not rules.allow
        or licences.allowed(change.before or "", rules)
        or not licences.allowed(change.after or "", rules)
    ):
        return None
    if (
        s.candidate is None
        or s.candidate.fit.verdict is FitVerdict.NO
        or not same_task(change.lineage, s.deployment)
    ):
        return None
    reason = f"{change.key.id} is now {_title(change.after)}, which your rules allow, and {_fits(s)}"
    return _verdict(Action.ALERT, "licence-unlocks", reason, change, s)


# --- newcomers ----------------------------------------------------------------------------------


def not_ours(change: Change, s: Situation) -> Verdict | None:
    """Fine-tunes, merges and imitations by others never count, whatever their title says."""
    if change.lineage.impersonates:
        reason = f"{change.lineage.publisher} imitates {change.lineage.impersonates}: not a release of theirs"
        return _verdict(Action.IGNORE, "impersonator", reason, change, s)
    if change.lineage.derived and not change.lineage.quant and repo_in_use(change, s) is None:
        reason = f"a third party's fine-tune or merge of {change.lineage.base_repo or 'another model'}"
        return _verdict(Action.IGNORE, "third-party", reason, change, s)
    return None


def other_kind_of_model(change: Change, s: Situation) -> Verdict | None:
    """A deployment hears of its own kind: an embedding model is no news to a chat service."""
    if (
        change.kind not in _NEWCOMERS
        or s.deployment is None
        or same_task(change.lineage, s.deployment, s.facts)
    ):
        return None
    kind = change.lineage.variant or s.facts.pipeline_tag or "another kind of model"
    reason = f"{kind} does not serve the task {s.deployment.task}"
    return _verdict(Action.IGNORE, "other-task", reason, change, s)


def unknown_quantiser(change: Change, s: Situation) -> Verdict | None:
    if change.kind is not ChangeKind.NEW_QUANT:
        return None
    if trusted_publisher(change.lineage, s.stack, s.registry):
        return None
    return _verdict(
        Action.IGNORE, "unknown-quantiser", f"{change.lineage.publisher} is no trusted quantiser", change, s
    )


def still_settling(change: Change, s: Situation) -> Verdict | None:
    """Young and half-uploaded repos wait: most early edits are typos, missing shards and wrong tags."""
    if change.kind not in _NEWCOMERS:
        return None
    age = s.now - (s.facts.created_at or s.first_seen)
    if s.complete is False:
        if s.now - s.first_seen > s.policy.waiting_limit:
            days = s.policy.waiting_limit.days
            return _verdict(
                Action.IGNORE, "never-completed", f"no complete weights after {days} days", change, s
            )
        reason = "the weights are not complete yet"
        return _verdict(Action.HOLD, "still-uploading", reason, change, s, wait=s.policy.settle)
    if age < s.policy.settle:
        reason = f"only {_hours(age)} old: held until it settles"
        return _verdict(Action.HOLD, "settling", reason, change, s, wait=s.policy.settle - age)
    return None


def quant_of_a_model_in_use(change: Change, s: Situation) -> Verdict | None:
    if change.kind is not ChangeKind.NEW_QUANT or s.deployment is None:
        return None
    base = (change.lineage.base_repo or "").casefold()
    if base != s.deployment.model.casefold():
        return None
    young = s.base_created_at is not None and s.now - s.base_created_at < s.policy.quant_settle
    if young and s.base_created_at is not None:
        wait = s.base_created_at + s.policy.quant_settle - s.now
        reason = "quants of a model in its first week are often broken: held until it is over"
        return _verdict(Action.HOLD, "young-quant", reason, change, s, wait=wait)
    name = f"a quant of {s.deployment.model}, which {s.deployment.name} runs"
    if s.candidate is None:
        why = (
            "its size is not known yet" if s.loadable else f"{s.deployment.engine} is not made for its format"
        )
        return _verdict(Action.DIGEST, "quant-in-use", f"{name}; {why}", change, s)
    if _RANK[s.candidate.fit.verdict] > _RANK[s.incumbent.fit.verdict if s.incumbent else FitVerdict.NO]:
        was = s.incumbent.fit.verdict.value if s.incumbent else "no"
        how = f"{_fits(s)} (until now: {was})"
        return _verdict(Action.ALERT, "quant-in-use", f"{name}: {how}", change, s)
    if wanted_quant(s):
        reason = f"{name}: the first {s.deployment.quant} of it by a trusted quantiser, and {_fits(s)}"
        return _verdict(Action.ALERT, "quant-in-use", reason, change, s)
    return _verdict(Action.DIGEST, "quant-in-use", f"{name}; it does not change what fits", change, s)


def genuinely_new_family(change: Change, s: Situation) -> Verdict | None:
    if change.kind is not ChangeKind.NEW_FAMILY:
        return None
    if not s.evidence.enough:
        if s.now - s.first_seen > s.policy.waiting_limit:
            days = s.policy.waiting_limit.days
            reason = f"{s.evidence.sentence()} in {days} days"
            return _verdict(Action.IGNORE, "no-evidence", f"a new player, but {reason}", change, s)
        reason = f"a new player waiting for evidence: {s.evidence.sentence()}"
        return _verdict(Action.HOLD, "waiting-for-evidence", reason, change, s, wait=s.policy.settle)
    return _candidate_verdict("new-family", f"a genuinely new family ({s.evidence.sentence()})", change, s)


def newly_fitting_size_or_architecture(change: Change, s: Situation) -> Verdict | None:
    """A known family reaches a size or a design it did not have, and that runs here."""
    if change.kind not in (ChangeKind.NEW_SIZE, ChangeKind.NEW_ARCHITECTURE) or not change.lineage.official:
        return None
    if change.lineage.family not in s.families_in_use:
        return None
    if change.kind is ChangeKind.NEW_SIZE and (near := _near_size(s)):
        reason = f"another size of {change.lineage.family}, which already had {near}"
        return _verdict(Action.DIGEST, "new-size", reason, change, s)
    what = "a new size" if change.kind is ChangeKind.NEW_SIZE else "a new architecture"
    return _candidate_verdict(
        change.kind.value, f"{what} of {change.lineage.family}, a family in use", change, s
    )


def _near_size(s: Situation) -> str | None:
    """A family member within 25 % of the parameters: the same size class to anybody with a GPU."""
    total = s.facts.parameters.total
    if not total:
        return None
    for member in s.relatives:
        known = member.parameters_total
        if known and member.repo_id != s.facts.repo_id and 0.75 <= total / known <= 1.25:
            return member.repo_id
    return None


def _candidate_verdict(trigger: str, what: str, change: Change, s: Situation) -> Verdict:
    """Alert when licence, origin and fit all say yes; otherwise the digest, naming what said no."""
    refused = _objection(change, s)
    if refused:
        return _verdict(Action.DIGEST, trigger, f"{what}, but {refused}", change, s)
    return _verdict(Action.ALERT, trigger, f"{what}: {_fits(s)}", change, s)


def _objection(change: Change, s: Situation) -> str | None:
    if s.deployment is None:
        return "no deployment is configured that it could serve"
    if narrow_task(s.deployment):
        return f"{s.deployment.name} does a narrow task that a specialist serves better"
    if s.candidate is None:
        return "its size is not known yet"
    if s.candidate.fit.verdict is FitVerdict.NO:
        return f"it does not fit {s.deployment.hardware.name}"
    rules = s.deployment.licence
    if s.licence is None or licences.class_of(s.licence) in ("non-commercial", "research"):
        return f"its licence ({_title(s.licence)}) does not allow business use"
    if rules.allow and not licences.allowed(s.licence, rules):
        return f"its licence {_title(s.licence)} is not among those {s.deployment.name} allows"
    origin = s.registry.origin(change.lineage.family) if change.lineage.family else None
    if origin and origin in rules.refuse_origin:
        return f"{s.deployment.name} refuses models from {origin}"
    floor = s.deployment.min_tokens_per_second
    speed = s.candidate.fit.decode_tokens_per_second
    if floor and speed and speed.high < floor:
        return f"about {speed.expected:.0f} tok/s per user is under the floor of {floor:g}"
    return None


# --- the rest -----------------------------------------------------------------------------------


def version_of_a_known_family(change: Change, s: Situation) -> Verdict | None:
    """Worth a quick test on the own evaluation set, not an alert."""
    if change.kind not in _NEWCOMERS or change.lineage.quant or not change.lineage.official:
        return None
    family = change.lineage.family or change.lineage.publisher
    watched = family in s.stack.families or family in s.families_in_use
    label = {"patch": "a patch", "minor": "a minor version", "major": "a major version"}.get(
        change.degree or ""
    )
    what = f"{label or _NOUNS[change.kind]} of {family}"
    if not watched:
        return _verdict(Action.IGNORE, "unwatched-family", f"{what}, which nobody here watches", change, s)
    if s.candidate is not None and s.candidate.fit.verdict is FitVerdict.NO:
        return _verdict(
            Action.DIGEST, "version", f"{what}; it fits none of your machines at this load", change, s
        )
    return _verdict(
        Action.DIGEST, "version", f"{what}: worth a quick test, no reason to re-evaluate", change, s
    )


def trusted_quant(change: Change, s: Situation) -> Verdict | None:
    if change.kind is not ChangeKind.NEW_QUANT:
        return None
    base = (change.lineage.base_repo or "").casefold()
    if base in {m.casefold() for m in s.stack.shortlist}:
        return _verdict(Action.DIGEST, "quant-shortlisted", "a quant of a shortlisted candidate", change, s)
    if change.lineage.family in s.families_in_use and not change.lineage.derived:
        return _verdict(Action.DIGEST, "quant-of-family", "a trusted quant of a family in use", change, s)
    return _verdict(Action.IGNORE, "quant-unused", "a quant of a model that nobody here runs", change, s)


def news_of_a_watched_family(change: Change, s: Situation) -> Verdict | None:
    """Licence, gating, removal and renaming where nothing in use is touched."""
    family = change.lineage.family
    if change.kind in _NEWCOMERS or not change.lineage.official or change.lineage.quant:
        return None
    if family not in s.stack.families and family not in s.families_in_use:
        return None
    moved = f"from {change.before} to {change.after}"
    if change.kind is ChangeKind.REMOVED:
        moved = f"now {change.after}"
    reason = f"{change.kind.value}, {moved}: a watched family, not in use here"
    return _verdict(Action.DIGEST, "watched-family", reason, change, s)


def nothing_to_do(change: Change, s: Situation) -> Verdict:
    return _verdict(
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


def _title(licence: str | None) -> str:
    return licences.title(licence) if licence else "none stated"


def _direction(change: Change) -> str:
    return licences.direction(change.before or "", change.after or "")


def _hours(age: timedelta) -> str:
    return f"{max(0, int(age.total_seconds() // 3600))} h"


def _fits(s: Situation) -> str:
    if s.candidate is None or s.deployment is None:
        return "its fit is unknown"
    verb = {FitVerdict.FITS: "fits", FitVerdict.TIGHT: "fits tightly on", FitVerdict.NO: "does not fit"}
    return f"{s.candidate.label} {verb[s.candidate.fit.verdict]} {s.deployment.hardware.name}"
