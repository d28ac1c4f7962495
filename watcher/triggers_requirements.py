"""The team changed its machines or what it asks for: does the model in use hold, and what is possible now?"""

from watcher.decisions import decision
from watcher.situation import Situation
from watcher.types import Action, Change, ChangeKind, Consequences, Verdict

_NAMED = 3  # of a longer list, so many are named in a reason


def hardware_changed(change: Change, s: Situation) -> Verdict | None:
    """Told when the model in use no longer holds, or when something runs now that did not before."""
    if change.kind is not ChangeKind.HARDWARE:
        return None
    trigger, finding = "hardware-changed", _finding(s)
    if finding is None:
        return _untouched(trigger, change, s)
    if finding.lost:
        return _lost(trigger, change, s, finding)
    said = _what(change)
    if finding.possible and finding.planned:
        reason = f"{said}; once it is there: {_listed(finding.possible)}"
        return _verdict(Action.DIGEST, trigger, reason, change, s)
    if finding.possible:
        count = len(finding.possible)
        word = "one thing is possible now" if count == 1 else f"{count} things are possible now"
        return _verdict(Action.ALERT, trigger, f"{said}; {word}: {_listed(finding.possible)}", change, s)
    remarks = "".join(f"; {remark}" for remark in finding.remarks)
    reason = f"{said}; nothing new qualifies{remarks}. {_standing(finding)}"
    return _verdict(Action.DIGEST, trigger, reason, change, s)


def requirements_changed(change: Change, s: Situation) -> Verdict | None:
    """Told when the model in use no longer meets them; a model that the team chose is no news to it."""
    if change.kind is not ChangeKind.REQUIREMENT:
        return None
    trigger, finding = "requirements-changed", _finding(s)
    if finding is None:
        return _untouched(trigger, change, s)
    said = _what(change)
    if finding.switched:
        action = Action.IGNORE if finding.holds else Action.DIGEST
        return _verdict(action, trigger, f"{said}: your own choice. {_standing(finding)}", change, s)
    if finding.lost:
        return _lost(trigger, change, s, finding)
    others = finding.possible or finding.candidates
    also = f" Also possible: {_listed(others)}" if others else ""
    return _verdict(Action.DIGEST, trigger, f"{said}. {_standing(finding)}.{also}", change, s)


def _lost(trigger: str, change: Change, s: Situation, finding: Consequences) -> Verdict:
    model = s.deployment.model if s.deployment else "the model in use"
    who = _listed(finding.candidates) if finding.candidates else "no other model in the catalog does"
    reason = f"{_what(change)}; {model} no longer holds: {'; '.join(finding.lost)}. Who does: {who}"
    return _verdict(Action.ALERT, trigger, reason, change, s)


def _untouched(trigger: str, change: Change, s: Situation) -> Verdict:
    said = _what(change)
    if s.deployment is None:
        reason = f"{said}; no deployment is configured that it could matter to"
        return _verdict(Action.DIGEST, trigger, reason, change, s)
    if change.kind is ChangeKind.REQUIREMENT:
        reason = f"{said}; {s.deployment.name} asks for what it asked for before"
    else:
        place = s.deployment.hardware
        machines = f"{place.name} ({place.count} x {place.device.name})"
        reason = f"{said}; {s.deployment.name} runs on {machines} as before"
    return _verdict(Action.IGNORE, trigger, reason, change, s)


def _finding(s: Situation) -> Consequences | None:
    return s.finding if isinstance(s.finding, Consequences) else None


def _verdict(action: Action, trigger: str, reason: str, change: Change, s: Situation) -> Verdict:
    """With the model in use, constraint by constraint."""
    finding = _finding(s)
    return decision(action, trigger, reason, change, s, checks=finding.checks if finding else ())


def _what(change: Change) -> str:
    return change.evidence[0] if change.evidence else f"{change.key.id}: {change.before} → {change.after}"


def _listed(sentences: tuple[str, ...]) -> str:
    more = len(sentences) - _NAMED
    return "; ".join(sentences[:_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _standing(finding: Consequences) -> str:
    return f"In use: {finding.current}"
