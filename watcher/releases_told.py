"""One release is one alert: of all that is warranted at once, the best speaks and the rest joins it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from watcher.decisions import RANK, of_release
from watcher.releases import read_size
from watcher.report import Warranted
from watcher.types import Action, ChangeKind, Key, Verdict
from watcher.uses import told_as

# How a verdict begins that is told in the message on another repo of its release.
BESIDE = "told beside"


def topic(verdict: Verdict) -> tuple[str, str]:
    """What one message is about: a release with all that it brings, or one kind of news about a thread."""
    return verdict.change.lineage.thread, "release" if of_release(verdict.change) else verdict.trigger


def _part(verdict: Verdict) -> str:
    """What one repo speaks for: the models of a release, or a licence of its family."""
    return told_as(verdict)


def one_alert_per_release(judged: Mapping[str, Sequence[Warranted]]) -> dict[str, list[Warranted]]:
    """The verdicts by change, with those that join another repo of the same release in the digest.

    The repo that speaks is one that runs on a machine of the team, and of those one of a new design,
    then the largest; a model before its quants, and one for use before a base. A deployment that this
    repo is nothing to is told of the best for itself, in the same message.
    """
    groups: dict[str, list[Warranted]] = defaultdict(list)
    for found in judged.values():
        for w in found:
            if w.verdict.action is Action.ALERT and of_release(w.verdict.change):
                groups[_part(w.verdict)].append(w)
    best = {name: max(found, key=_merit).verdict.change.key for name, found in groups.items()}
    told = {
        (_part(w.verdict), w.verdict.deployment)
        for found in groups.values()
        for w in found
        if _leads(w, best)
    }
    own = {
        (_part(w.verdict), w.verdict.deployment): w.verdict.change.key
        for found in groups.values()
        for w in sorted(found, key=_merit)
    }

    def joined(w: Warranted) -> Warranted:
        lead = best.get(_part(w.verdict))
        if w.verdict.action is not Action.ALERT or lead is None or lead == w.verdict.change.key:
            return w
        place = (_part(w.verdict), w.verdict.deployment)
        if place not in told and own.get(place) == w.verdict.change.key:
            reason = f"{BESIDE} {lead.id}: {w.verdict.reason}"
            return replace(w, verdict=replace(w.verdict, reason=reason))
        if not of_release(w.verdict.change):
            return w
        reason = f"joins the alert on {lead.id} of the same release: {w.verdict.reason}"
        return replace(w, verdict=replace(w.verdict, action=Action.DIGEST, reason=reason))

    return {change_id: [joined(w) for w in found] for change_id, found in judged.items()}


def _leads(w: Warranted, best: Mapping[str, Key]) -> bool:
    return best.get(_part(w.verdict)) == w.verdict.change.key


def _merit(w: Warranted) -> tuple[bool, bool, bool, bool, float, str]:
    s, change = w.situation, w.verdict.change
    fit = s.candidate.fit if s.candidate else None
    runs = fit is not None and RANK[fit.verdict] > 0
    owned = s.deployment is not None and not s.deployment.hardware.planned
    size = read_size(change.lineage.size)
    total = s.facts.parameters.total or (size.total * 1e9 if size else 0.0)
    return (
        change.kind is ChangeKind.LICENCE or (runs and owned),
        change.kind is ChangeKind.NEW_ARCHITECTURE,
        not change.lineage.quant,
        change.lineage.variant != "base",
        total,
        change.key.folded,
    )
