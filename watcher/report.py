"""What an alert says: pure, plain text in sections; the renderers escape it for their target."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from watcher import licences, report_checks, report_configuration, report_evaluation, report_signals
from watcher.situation import Candidate, Situation
from watcher.types import Alert, Change, ChangeKind, Comparison, Consequences, FitVerdict, Section, Verdict

GIB = 1024**3
T = TypeVar("T")

_HEADLINES = {
    "model-in-use-removed": "{repo} is no longer on the Hub",
    "model-in-use-gated": "{repo} is now gated",
    "model-in-use-replaced": "{repo}: weights replaced under the same name",
    "licence-in-use": "{repo}: licence {before} → {after}",
    "licence-unlocks": "{repo} is now {after}: your rules allow it",
    "licence-of-release": "{repo} comes under {after}, not {before}",
    "quant-makes-it-fit": "{repo}: the first weights of it that run here",
    "quant-in-use": "{repo}: a quant of your model that changes what fits",
    "new-family": "New family: {repo}",
    "new-size": "{repo}: a new size that fits",
    "new-architecture": "{repo}: a new architecture that fits",
}
_NEXT_STEPS = {
    "model-in-use-removed": "Keep your local copy, and pick the successor while nobody is in a hurry.",
    "model-in-use-gated": "Accept the terms with your servers' account before the next node pulls.",
    "model-in-use-replaced": "Read the publisher's note, then pull again or pin the revision you run.",
    "licence-in-use": "Show the new terms to legal before the next upgrade; your copy keeps its old terms.",
    "licence-unlocks": "Put it on the shortlist and run your evaluation set.",
    "licence-of-release": "Read the new terms with legal before anybody tries it; what runs keeps its own.",
    "quant-makes-it-fit": "Pull it on a test node and run your evaluation set against the model in use.",
    "quant-in-use": "Pull it on a test node and run your evaluation set against the weights in use.",
    "new-family": "Run your evaluation set on it before anybody asks.",
    "new-size": "Compare it with the model in use on your evaluation set.",
    "new-architecture": "Check that your engine supports it, then run your evaluation set.",
    "security-fix": "Read what it closes, then upgrade every node that runs the engine.",
    "engine-release": "Measure it on a test node against the version that you run.",
    "closed-model": "Shortlist an open model of another family while nobody is in a hurry.",
    "regulation": "Show it to legal: which deployments does it touch, and from when?",
    "evaluation-better": "Try it beside the model in use on real requests, then switch.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Warranted:
    """An alert verdict with the situation it was judged in."""

    verdict: Verdict
    situation: Situation


def build_alert(items: Sequence[Warranted], now: datetime) -> Alert:
    """One alert for verdicts of one trigger and thread, over deployments and repos.

    Raises ValueError on an empty sequence. The id hashes what the alert says, not when.
    """
    first = items[0].verdict
    meant = [i.situation.finding for i in items if isinstance(i.situation.finding, Consequences)]
    if meant:
        return _of_configuration(items, meant, now)
    compared = [
        (i.verdict.deployment or "", f) for i in items if isinstance(f := i.situation.finding, Comparison)
    ]
    title = report_evaluation.headline(first.change, [f for _, f in compared]) if compared else _title(items)
    sections = (
        Section(heading="What changed", lines=_what(items)),
        Section(
            heading="Why it matters to you",
            lines=tuple(_unique(f"{_place(i)}: {i.verdict.reason}" for i in items)),
        ),
        *report_evaluation.sections(compared),
        *_fit_section(items),
        *report_checks.section((_place(i), i.verdict.checks, i.situation) for i in items),
        *_caveats(items),
        Section(heading="Next step", lines=_next_step(first)),
    )
    return _alert(
        title=title,
        thread=first.change.lineage.thread,
        trigger=first.trigger,
        sections=sections,
        links=tuple(_unique(link for i in items for link in _links(i))),
        deployments=tuple(_unique(i.verdict.deployment for i in items if i.verdict.deployment)),
        now=now,
    )


def _of_configuration(items: Sequence[Warranted], meant: Sequence[Consequences], now: datetime) -> Alert:
    """There is no repo behind it: the team's own machines and wishes, and what follows from them."""
    verdict = items[0].verdict
    change = verdict.change
    seen = f"first seen {change.detected_at:%Y-%m-%d %H:%M} UTC"
    step = report_configuration.next_step(change, meant)
    sections = (
        Section(heading="What changed", lines=(report_configuration.what(change), seen)),
        *report_configuration.sections(meant),
        Section(heading="Next step", lines=(step, f"The whole story: modelwatch explain {change.key.id}")),
    )
    return _alert(
        title=report_configuration.headline(change, meant),
        thread=change.lineage.thread,
        trigger=verdict.trigger,
        sections=sections,
        links=(),
        deployments=tuple(_unique(i.verdict.deployment for i in items if i.verdict.deployment)),
        now=now,
    )


def _alert(
    *,
    title: str,
    thread: str,
    trigger: str,
    sections: tuple[Section, ...],
    links: tuple[tuple[str, str], ...],
    deployments: tuple[str, ...],
    now: datetime,
) -> Alert:
    said = json.dumps([title, [[s.heading, s.lines] for s in sections], links, deployments], sort_keys=True)
    return Alert(
        id=hashlib.sha256(said.encode()).hexdigest()[:16],
        thread=thread,
        trigger=trigger,
        title=title,
        sections=sections,
        links=links,
        deployments=deployments,
        created_at=now,
    )


def build_summary(groups: Sequence[Sequence[Warranted]], now: datetime) -> Alert:
    """Many alerts as one: a line for each, and where to read on."""
    alerts = [build_alert(group, now) for group in groups]
    sections = (
        Section(heading="What changed", lines=tuple(alert.title for alert in alerts)),
        Section(
            heading="Next step",
            lines=("Read on with modelwatch changes --action alert, and modelwatch explain REPO for each.",),
        ),
    )
    first = groups[0][0].verdict.change
    title = f"{len(alerts)} changes that matter to you, seen at once"
    return _alert(
        title=title,
        thread=first.lineage.thread,
        trigger="summary",
        sections=sections,
        links=tuple(_unique(link for alert in alerts for link in alert.links)),
        deployments=tuple(_unique(name for alert in alerts for name in alert.deployments)),
        now=now,
    )


def _title(items: Sequence[Warranted]) -> str:
    change = items[0].verdict.change
    repos = _unique(i.verdict.change.key.id for i in items)
    headline = _HEADLINES.get(items[0].verdict.trigger, "{repo}: " + change.kind.value)
    text = headline.format(
        repo=change.key.id, before=_value(change, change.before), after=_value(change, change.after)
    )
    if change.kind in report_signals.SIGNALS:
        text = report_signals.headline(change)
    return text if len(repos) == 1 else f"{text} (and {len(repos) - 1} more)"


def _value(change: Change, value: str | None) -> str:
    if change.kind is ChangeKind.LICENCE and value:
        return licences.title(value)
    return value or "nothing"


# Kinds whose first note repeats what _moved says.
_SAID_ALREADY = frozenset({ChangeKind.LICENCE, ChangeKind.NEW_QUANT})


def _what(items: Sequence[Warranted]) -> tuple[str, ...]:
    lines = []
    for change in _unique(i.verdict.change for i in items):
        lines.append(f"{change.key.id}: {_moved(change)}")
        repeats = change.kind in _SAID_ALREADY and change.degree != "text"
        lines += [f"evidence: {note}" for note in change.evidence[1 if repeats else 0 :]]
    first = items[0]
    if first.verdict.change.kind is ChangeKind.NEW_FAMILY:
        lines.append(f"evidence: {first.situation.evidence.sentence()}")
    lines.append(f"first seen {first.verdict.change.detected_at:%Y-%m-%d %H:%M} UTC")
    return tuple(_unique(lines))


def _moved(change: Change) -> str:
    """What became different, in words."""
    before, after = _value(change, change.before), _value(change, change.after)
    if change.kind is ChangeKind.LICENCE:
        direction = licences.direction(change.before or "", change.after or "")
        return f"licence {before} → {after} ({direction})"
    if change.kind is ChangeKind.EVALUATION:
        return report_evaluation.moved(change)
    if change.kind in report_signals.SIGNALS:
        return report_signals.moved(change)
    if change.kind is ChangeKind.GATED:
        return f"gating {before} → {after}"
    if change.kind is ChangeKind.NEW_SIZE:
        return f"a new size, {change.lineage.size}; so far {before}"
    if change.kind is ChangeKind.NEW_VERSION:
        return f"a new version, {after}; so far {before}"
    words = {
        ChangeKind.NEW_FAMILY: f"a new family, {after}",
        ChangeKind.NEW_ARCHITECTURE: f"a new architecture, {after}",
        ChangeKind.NEW_QUANT: f"a new quant of {change.lineage.base_repo}",
        ChangeKind.QUANT_REPLACED: f"weights replaced, {before} → {after}",
        ChangeKind.REMOVED: after,
    }
    return words.get(change.kind, f"{change.kind.value}, {before} → {after}")


def _place(item: Warranted) -> str:
    d = item.situation.deployment
    return f"{d.name} ({d.hardware.name})" if d else "your team"


def _links(item: Warranted) -> tuple[tuple[str, str], ...]:
    """The repo's page; results may be of a model that the catalog does not know, and news about no repo."""
    change = item.verdict.change
    if change.kind in report_signals.SIGNALS:
        return report_signals.links(change)
    if change.kind is ChangeKind.EVALUATION and item.situation.facts.created_at is None:
        return ()
    return ((change.key.id, f"https://huggingface.co/{change.key.id}"),)


def _fit_section(items: Sequence[Warranted]) -> tuple[Section, ...]:
    places: dict[str, list[str]] = {}
    for item in items:
        s = item.situation
        if not _about_fit(item.verdict.change) or s.deployment is None or s.candidate is None:
            continue
        d = s.deployment
        load = f"{_users(d.load.users)} with {d.load.context_tokens:,} tokens"
        place = places.setdefault(f"{d.name} alone on {d.hardware.name}, {load}, {d.engine}:", [])
        place.append(f"  {item.verdict.change.key.id} {fit_line(s.candidate)}")
        if s.incumbent is not None and item.verdict.change.key.folded != d.model.casefold():
            place.append(f"  in use: {d.model} {fit_line(s.incumbent)}")
    lines = [line for place, fits in places.items() for line in (place, *_in_use_last(fits))]
    return (Section(heading="Fit", lines=tuple(lines)),) if lines else ()


def _in_use_last(fits: Sequence[str]) -> list[str]:
    """Each line once, candidates before the model in use."""
    return sorted(_unique(fits), key=lambda line: line.startswith("  in use:"))


def _about_fit(change: Change) -> bool:
    """Whether the news is something to run; licence, gating and removal of what runs already are not."""
    if change.kind.value.startswith("new-") or change.kind is ChangeKind.EVALUATION:
        return True
    return change.kind is ChangeKind.LICENCE and _unlocked(change)


def _unlocked(change: Change) -> bool:
    return licences.direction(change.before or "", change.after or "") == "looser"


def fit_line(candidate: Candidate) -> str:
    """One line a person can check: verdict, memory, users, speed."""
    fit = candidate.fit
    memory = f"{fit.required_bytes / GIB:.1f} of {fit.budget_bytes / GIB:.1f} GiB"
    room = f"memory for {_users(fit.max_users)}" if fit.verdict is not FitVerdict.NO else "no room"
    speed = fit.decode_tokens_per_second
    pace = f", {speed.low:.0f}-{speed.high:.0f} tok/s each at {_users(fit.load.users)}" if speed else ""
    if fit.kv_cache.source == "guess" or fit.verdict is FitVerdict.NO:
        pace = ""
    assumed = " (not published yet)" if candidate.hypothetical else ""
    return f"{candidate.label}{assumed}: {fit.verdict.value}, {memory}, {room}{pace}"


def _users(count: int) -> str:
    return "1 user" if count == 1 else f"{count} users"


def _caveats(items: Sequence[Warranted]) -> tuple[Section, ...]:
    lines: list[str] = []
    for item in items:
        s = item.situation
        change = item.verdict.change
        if change.kind is ChangeKind.LICENCE and change.after:
            lines += [
                f"{licences.title(change.after)}: {duty}" for duty in licences.obligations(change.after)
            ]
            lines += _refused(change, s)
        elif s.licence and _about_fit(change):
            lines += [f"licence {licences.title(s.licence)}", *licences.obligations(s.licence)]
            origin = s.registry.origin(change.lineage.family) if change.lineage.family else None
            lines += [f"maker's origin: {origin}"] if origin else []
        if s.candidate and _about_fit(change):
            lines += _floor(s)
            if s.candidate.fit.verdict is FitVerdict.TIGHT:
                lines.append("tight fit: inside the error of the estimate; measure before you promise")
            lines += s.candidate.fit.notes[:2]
    return (Section(heading="Caveats", lines=tuple(_unique(lines))),) if lines else ()


def _floor(s: Situation) -> list[str]:
    """When the range of the speed reaches under what the deployment asks for."""
    floor = s.deployment.min_tokens_per_second if s.deployment else None
    speed = s.candidate.fit.decode_tokens_per_second if s.candidate else None
    guessed = s.candidate is not None and s.candidate.fit.kv_cache.source == "guess"
    if not floor or not speed or guessed or speed.low >= floor:
        return []
    how = "probably" if speed.expected < floor else "possibly"
    return [f"{how} slower than your floor of {floor:g} tok/s per user: measure it"]


def _refused(change: Change, s: Situation) -> list[str]:
    """When a licence that moved is one that the deployment's rules do not allow."""
    d = s.deployment
    if d is None or not d.licence.allow or not change.after or licences.allowed(change.after, d.licence):
        return []
    return [f"{d.name} allows {', '.join(d.licence.allow)}: not this one"]


def _next_step(verdict: Verdict) -> tuple[str, ...]:
    step = _NEXT_STEPS.get(verdict.trigger, "Have a look.")
    return (step, f"The whole story: modelwatch explain {verdict.change.key.id}")


def _unique(values: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(values))


def sample_alert(now: datetime) -> Alert:
    """What `modelwatch channels test` sends: recognisably a sample, shaped like the real thing."""
    sections = (
        Section(
            heading="What changed", lines=("nothing: this is a sample, sent by modelwatch channels test",)
        ),
        Section(heading="Next step", lines=("If you can read this, alerts will reach you here.",)),
    )
    return Alert(
        id="sample",
        thread="sample",
        trigger="sample",
        title="modelwatch sample alert",
        sections=sections,
        links=(("Hugging Face", "https://huggingface.co"),),
        deployments=(),
        created_at=now,
    )
