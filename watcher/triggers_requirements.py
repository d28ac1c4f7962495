"""The team changed its machines or what it asks for: does the model in use hold, and what is possible now?"""

from watcher.decisions import decision
from watcher.situation import Situation
from watcher.types import Action, Change, ChangeKind, Consequences, Verdict

_HARDWARE, _REQUIREMENTS = "hardware-changed", "requirements-changed"


def hardware_changed(change: Change, s: Situation) -> Verdict | None:
    """Told when the model in use no longer holds, or when something runs now that did not before."""
    if change.kind is not ChangeKind.HARDWARE:
        return None
    finding = _finding(s)
    if finding is None:
        return _untouched(_HARDWARE, change, s)
    if finding.lost:
        return _lost(_HARDWARE, change, s, finding)
    news = (*finding.gained, *finding.possible)
    if news:
        when = "once it is there" if finding.planned else "now"
        where = f"possible on {finding.elsewhere}" if finding.elsewhere else "possible"
        action = Action.DIGEST if finding.planned else Action.ALERT
        return _verdict(action, _HARDWARE, f"{where} {when}: {_first(news)}", change, s)
    remarks = "".join(f"; {remark}" for remark in finding.remarks)
    reason = f"nothing new qualifies{remarks}. In use: {finding.current}"
    return _verdict(Action.DIGEST, _HARDWARE, reason, change, s)


def requirements_changed(change: Change, s: Situation) -> Verdict | None:
    """Told when the model in use no longer meets them; a model that the team chose is no news to it."""
    if change.kind is not ChangeKind.REQUIREMENT:
        return None
    finding = _finding(s)
    if finding is None:
        return _untouched(_REQUIREMENTS, change, s)
    if finding.switched:
        action = Action.IGNORE if finding.holds else Action.DIGEST
        return _verdict(action, _REQUIREMENTS, f"the team's own choice: {finding.current}", change, s)
    if finding.lost:
        return _lost(_REQUIREMENTS, change, s, finding)
    others = (*finding.gained, *finding.candidates)
    also = f" Also possible: {_first(others)}" if others else ""
    return _verdict(Action.DIGEST, _REQUIREMENTS, f"in use: {finding.current}.{also}", change, s)


def _lost(trigger: str, change: Change, s: Situation, finding: Consequences) -> Verdict:
    model = s.deployment.model if s.deployment else "the model in use"
    who = _first(finding.candidates) if finding.candidates else "none in the catalog"
    reason = f"{model} no longer holds: {'; '.join(finding.lost)}. Candidates: {who}"
    return _verdict(Action.ALERT, trigger, reason, change, s)


def _untouched(trigger: str, change: Change, s: Situation) -> Verdict:
    """A change of somebody else's: what this deployment has stays as it was, in figures."""
    d = s.deployment
    if d is None:
        reason = "no deployment is configured that it could matter to"
        return _verdict(Action.DIGEST, trigger, reason, change, s)
    machines = f"{d.hardware.name} ({d.hardware.count} x {d.hardware.device.name})"
    load = f"{d.load.users} user{'s' if d.load.users > 1 else ''} with {d.load.context_tokens:,} tokens"
    reason = f"does not touch {d.name}: as before it serves {load} on {machines}"
    return _verdict(Action.IGNORE, trigger, reason, change, s)


def _finding(s: Situation) -> Consequences | None:
    return s.finding if isinstance(s.finding, Consequences) else None


def _verdict(action: Action, trigger: str, reason: str, change: Change, s: Situation) -> Verdict:
    """With the model in use, constraint by constraint."""
    finding = _finding(s)
    return decision(action, trigger, reason, change, s, checks=finding.checks if finding else ())


def _first(sentences: tuple[str, ...]) -> str:
    more = len(sentences) - 1
    return sentences[0] + (f"; and {more} more" if more else "")
