"""One release is one alert: of all that is warranted at once, the best speaks and the rest joins it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from watcher.decisions import NEWCOMERS, RANK, of_release
from watcher.releases import read_size
from watcher.report import Warranted
from watcher.types import Action, ChangeKind, Verdict


def topic(verdict: Verdict) -> tuple[str, str]:
    """What one message is about: a release with all that it brings, or one kind of news about a thread."""
    return verdict.change.lineage.thread, "release" if of_release(verdict.change) else verdict.trigger


def _part(verdict: Verdict) -> tuple[str, bool]:
    """What one repo of a release speaks for: its models, or their licence."""
    return verdict.change.lineage.thread, verdict.change.kind in NEWCOMERS


def one_alert_per_release(judged: Mapping[str, Sequence[Warranted]]) -> dict[str, list[Warranted]]:
    """The verdicts by change, with those that join another repo of the same release in the digest.

    The repo that speaks is one that runs on a machine of the team, and of those the largest; a model
    before its quants, and one for use before a base.
    """
    groups: dict[tuple[str, bool], list[Warranted]] = defaultdict(list)
    for found in judged.values():
        for w in found:
            if w.verdict.action is Action.ALERT and of_release(w.verdict.change):
                groups[_part(w.verdict)].append(w)
    best = {name: max(found, key=_merit).verdict.change.key for name, found in groups.items()}

    def joined(w: Warranted) -> Warranted:
        lead = best.get(_part(w.verdict))
        if w.verdict.action is not Action.ALERT or lead is None or lead == w.verdict.change.key:
            return w
        if not of_release(w.verdict.change):
            return w
        reason = f"joins the alert on {lead.id} of the same release: {w.verdict.reason}"
        return replace(w, verdict=replace(w.verdict, action=Action.DIGEST, reason=reason))

    return {change_id: [joined(w) for w in found] for change_id, found in judged.items()}


def _merit(w: Warranted) -> tuple[bool, bool, bool, float, str]:
    s, change = w.situation, w.verdict.change
    fit = s.candidate.fit if s.candidate else None
    runs = fit is not None and RANK[fit.verdict] > 0
    owned = s.deployment is not None and not s.deployment.hardware.planned
    size = read_size(change.lineage.size)
    total = s.facts.parameters.total or (size.total * 1e9 if size else 0.0)
    return (
        change.kind is ChangeKind.LICENCE or (runs and owned),
        not change.lineage.quant,
        change.lineage.variant != "base",
        total,
        change.key.folded,
    )
