"""News that is about no repo: engines, posts and laws. What its sources mark: watcher/signals.py.

An engine's release or fix: key ("releases:ENGINE", "ENGINE/TAG"), the versions before and after, major, minor
or patch as degree, and an empty lineage whose publisher is the engine as the configuration names it.
A post: key ("feed:NAME", its id), the lineage of what it speaks of, its title as after, and as before an
earlier closed release of the family, if there was one.
A law: key ("feed:NAME", its id), its title as after, and an empty lineage whose publisher is the place where
it holds: "EU" or a country.
"""

from watcher.constraints import in_eu
from watcher.decisions import decision
from watcher.formats import format_of
from watcher.signals import Stage, Subject, marks, stage_of, subject_of
from watcher.situation import Situation
from watcher.types import Action, Change, ChangeKind, Deployment, Verdict
from watcher.uses import same_task, subject


def security_fix(change: Change, s: Situation) -> Verdict | None:
    """A hole in an engine in use is an alert, whatever else the release brings."""
    if change.kind is not ChangeKind.SECURITY_FIX:
        return None
    engine = change.lineage.publisher
    if not _runs(s.deployment, engine):
        return decision(Action.IGNORE, "security-fix", _elsewhere(engine, s), change, s)
    holes = ", ".join(marks(change, "fixes")) or "a security hole"
    since = f", which {change.before} has" if change.before else ""
    reason = f"{_who(s)} runs {engine}: {change.after} closes {holes}{since}"
    return decision(Action.ALERT, "security-fix", reason, change, s)


def engine_release(change: Change, s: Situation) -> Verdict | None:
    """An alert only for what is expected to move much here; a line for what is notable; routine is none."""
    if change.kind is not ChangeKind.ENGINE_RELEASE:
        return None
    engine = change.lineage.publisher
    supports, moves = marks(change, "supports"), marks(change, "moves")
    notable = (*moves, *marks(change, "notable"))
    if not _runs(s.deployment, engine):
        if notable or change.degree == "major":
            said = f"{_elsewhere(engine, s)}; {engine} {change.after}: {_said(notable, change)}"
            return decision(Action.DIGEST, "engine-release", said, change, s)
        return decision(Action.IGNORE, "engine-release", _elsewhere(engine, s), change, s)
    ours = [what for what in supports if _uses(what, s)]
    if moves and (ours or not supports):
        what = f" for {', '.join(ours)}" if ours else ""
        reason = f"{_who(s)} runs {engine}: {change.after} is expected to move {', '.join(moves)}{what}"
        return decision(Action.ALERT, "engine-release", reason, change, s)
    if ours or notable or change.degree == "major":
        brings = (*(f"support for {what}" for what in ours), *notable)
        reason = f"{_who(s)} runs {engine}; {change.after}: {_said(brings, change)}"
        return decision(Action.DIGEST, "engine-release", reason, change, s)
    reason = f"a routine release of {engine}, {change.before or 'an earlier one'} → {change.after}"
    return decision(Action.IGNORE, "engine-routine", reason, change, s)


def post(change: Change, s: Situation) -> Verdict | None:
    """A post joins its release; what has no weights is a line at most, unless a family in use closes."""
    if change.kind is not ChangeKind.POST:
        return None
    family, about = change.lineage.family, subject_of(change)
    in_use = family in s.families_in_use
    if about in (Subject.HOSTED, Subject.LIFECYCLE, Subject.RUMOUR):
        words = {
            Subject.HOSTED: "an API without weights",
            Subject.LIFECYCLE: "terms of an API, not of weights",
        }
        return decision(
            Action.IGNORE, "post", words.get(about, "a rumour: no weights, no licence"), change, s
        )
    if not same_task(change.lineage, s.deployment):
        task = s.deployment.task if s.deployment else ""
        return decision(Action.IGNORE, "other-task", f"does not serve the task {task}", change, s)
    if not in_use and family not in s.stack.families:
        return decision(Action.IGNORE, "post", f"{family or 'a maker'} that nobody here watches", change, s)
    if about is Subject.CLOSED:
        return _closed(change, s, in_use=in_use)
    role = f"{family}, a family {'in use' if in_use else 'that is watched'}"
    if about is Subject.ANNOUNCEMENT:
        return decision(Action.DIGEST, "post", f"announced by {role}: no weights yet", change, s)
    told = s.told.get((subject(change), s.deployment.name if s.deployment else None))
    joins = f"joins alert {told[:8]} on the same release: " if told else ""
    return decision(Action.DIGEST, "post", f"{joins}a post on a release of {role}", change, s)


def _closed(change: Change, s: Situation, *, in_use: bool) -> Verdict:
    """The first closed flagship of a family in use says where it is going; those after it say no more."""
    if in_use and change.before is None:
        reason = (
            f"the first closed model of {change.lineage.family}, a family in use: its next may not be open"
        )
        return decision(Action.ALERT, "closed-model", reason, change, s)
    known = f", after {change.before}" if change.before else ""
    reason = f"a closed model of {change.lineage.family}{known}: no weights to run"
    return decision(Action.DIGEST, "closed-model", reason, change, s)


def regulation(change: Change, s: Situation) -> Verdict | None:
    """Law that is adopted or begins to apply, for whoever is bound by it."""
    if change.kind is not ChangeKind.REGULATION:
        return None
    where, stage, title = change.lineage.publisher, stage_of(change), change.after or change.key.id
    binding = stage in (Stage.ADOPTED, Stage.APPLIES)
    word = {Stage.ADOPTED: "adopted", Stage.APPLIES: "applies now", Stage.GUIDANCE: "guidance"}.get(
        stage, "a draft"
    )
    domicile = s.deployment.licence.domicile if s.deployment else None
    if domicile is None:
        reason = (
            f"{title}: {word} in {where}; say where you sit (licence.domicile) to be told when it binds you"
        )
        return decision(Action.DIGEST, "regulation", reason, change, s)
    if domicile != where and not (where == "EU" and in_eu(domicile)):
        reason = f"{title}: {word} in {where}; {_who(s)} answers to {domicile}"
        return decision(Action.IGNORE, "regulation", reason, change, s)
    reason = f"{title}: {word} in {where}, where {_who(s)} answers to the law ({domicile})"
    action = Action.ALERT if binding else Action.DIGEST
    return decision(action, "regulation", reason, change, s)


def _runs(deployment: Deployment | None, engine: str) -> bool:
    return deployment is not None and deployment.engine.casefold() == engine.casefold()


def _elsewhere(engine: str, s: Situation) -> str:
    if s.deployment is None:
        return f"no deployment is configured that runs {engine}"
    return f"{s.deployment.name} runs {s.deployment.engine}, not {engine}"


def _who(s: Situation) -> str:
    return s.deployment.name if s.deployment else "your team"


def _uses(what: str, s: Situation) -> bool:
    """Whether a model, device or format is one of the deployment's; a shortlisted model counts as one."""
    d = s.deployment
    if d is None:
        return False
    models = [d.model, *s.stack.shortlist]
    names = [
        *models,
        *(model.rpartition("/")[2] for model in models),
        *s.families_in_use,
        d.hardware.device.key,
    ]
    for label in (d.quant, s.incumbent.label if s.incumbent else None):
        row = format_of(label) if label else None
        names += [row.label, *(["gguf"] if row.container == "gguf" else [])] if row else [label or ""]
    return what.casefold() in {name.casefold() for name in names}


def _said(notes: tuple[str, ...], change: Change) -> str:
    return ", ".join(notes) or f"a {change.degree or 'further'} release"
