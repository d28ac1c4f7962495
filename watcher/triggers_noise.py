"""What keeps noise from people, and news about how things are stored: values that flap, old repos that
only surfaced, licence texts, quantisation methods."""

from datetime import timedelta

from watcher.changes import TEXT
from watcher.decisions import NEWCOMERS, decision
from watcher.flapping import Turn, still_so, turn_of
from watcher.situation import Situation
from watcher.types import Action, Change, ChangeKind, Verdict
from watcher.uses import repo_in_use

# createdAt precedes a release by up to 52 days in the releases we know of.
SURFACED_AFTER = timedelta(days=60)


def damped(verdict: Verdict, s: Situation) -> Verdict:
    """A decision to tell, unless the value only flaps: then once at most, and the way back in the digest."""
    if verdict.action not in (Action.ALERT, Action.DIGEST):
        return verdict
    change = verdict.change
    turn, first = turn_of(change, s.moves, s.policy.flap)
    if turn is Turn.NEW or first is None:
        return verdict
    since = f"{first.detected_at:%Y-%m-%d %H:%M} UTC"
    if turn is Turn.AS_TOLD:
        reason = f"it is {_value(change)} again, as told: it flaps since {since}"
        return decision(Action.IGNORE, "flapping", reason, change, s)
    if turn is Turn.AGAIN:
        if verdict.action is Action.DIGEST:
            return verdict
        reason = f"replaced once more since {since}, which was told: {verdict.reason}"
        return decision(Action.DIGEST, verdict.trigger, reason, change, s)
    return _back(verdict, since, s)


def _back(verdict: Verdict, since: str, s: Situation) -> Verdict:
    change = verdict.change
    if not still_so(change, s.facts, missing=s.missing or s.gone):
        return decision(Action.IGNORE, "flapping", f"it moved on: it flaps since {since}", change, s)
    wait = change.detected_at + s.policy.flap - s.now
    if wait > timedelta(0):
        reason = f"it is {_value(change)} again, as before {since}: held until it stays so"
        return decision(Action.HOLD, "flapping", reason, change, s, wait=wait)
    reason = f"it went back to {_value(change)}, as before {since}: {verdict.reason}"
    return decision(Action.DIGEST, "went-back", reason, change, s)


def _value(change: Change) -> str:
    words = {ChangeKind.REMOVED: "gone", ChangeKind.RESTORED: "there"}
    return words.get(change.kind) or (change.after or "nothing")


def only_surfaced(change: Change, s: Situation) -> Verdict | None:
    """An old repo that a listing only now begins to show is no release: lists are capped, accounts move.

    A maker's own model is left to the other rules: it may have been private until today.
    """
    created = s.facts.created_at
    first_sight = change.kind in NEWCOMERS and change.detected_at == s.first_seen
    if created is None or not first_sight or s.first_seen - created <= SURFACED_AFTER:
        return None
    if change.lineage.official and not change.lineage.quant:
        return None
    reason = f"not new: created on {created:%Y-%m-%d}, it only came to be listed now"
    return decision(Action.IGNORE, "only-surfaced", reason, change, s)


def licence_text_of_a_model_in_use(change: Change, s: Situation) -> Verdict | None:
    """The tag is a label, the file is the licence: another text is another licence until it is read."""
    if change.kind is not ChangeKind.LICENCE or change.degree != TEXT:
        return None
    role = repo_in_use(change, s)
    if role is None:
        reason = "the text of its licence file changed under the same tag: nothing that you run"
        return decision(Action.IGNORE, "licence-text", reason, change, s)
    reason = f"the text of the licence file of {role} changed, its tag did not: read it before you update"
    return decision(Action.ALERT, "licence-text", reason, change, s)


def quant_method_seen_first(change: Change, s: Situation) -> Verdict | None:
    """A way to store weights that no trusted publisher had used before."""
    if change.kind is not ChangeKind.QUANT_METHOD:
        return None
    few = next((note for note in change.evidence if "below" in note), None)
    what = f"the first weights in {change.after} by a trusted publisher"
    reason = f"{what}: a possible breakthrough, {few}" if few else what
    return decision(Action.DIGEST, "quant-method", reason, change, s)
