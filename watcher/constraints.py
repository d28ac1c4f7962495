"""Does a model meet what a deployment asks for? One check per constraint, with what was wanted and found.

A check passes, fails, or stays open (None): because something is not known, because the answer lies inside
the error of an estimate, or because a person has to decide. Open is never a failure, and always said.
"""

from collections.abc import Iterable, Sequence

from watcher import licences
from watcher.families import EU_MEMBERS, Registry
from watcher.fit.serving import runs
from watcher.formats import format_of, formats
from watcher.situation import Candidate
from watcher.tables import table
from watcher.tasks import is_llm, serves, tasks
from watcher.types import Check, Deployment, Fit, FitVerdict, Lineage, RepoFacts

GIB = 1024**3
_LEAST_LEVEL = 4  # of bits: fewer are for an emergency (watcher/data/formats.yaml)


def check(
    deployment: Deployment,
    *,
    lineage: Lineage,
    licence: str | None,
    facts: RepoFacts | None,
    candidate: Candidate | None,
    registry: Registry,
    context_tokens: int | None,
) -> tuple[Check, ...]:
    """Every constraint of a deployment, held against one model in the order in which one would ask.

    licence is canonical (watcher.licences). candidate: how it would run there, None where that is not known.
    context_tokens: where the model's own context ends, None where that is not stated.
    """
    fit = candidate.fit if candidate else None
    return (
        _task(deployment, lineage, facts),
        *_languages(deployment, lineage, facts),
        _context(deployment, fit, context_tokens),
        _memory(deployment, fit, context_tokens),
        _users(deployment, fit, context_tokens),
        *_speed(deployment, fit),
        _quality(deployment, candidate),
        _licence(deployment, lineage, licence, facts),
        _origin(deployment, lineage, registry),
        _ecosystem(deployment, candidate),
    )


def failed(checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks that say no."""
    return tuple(c for c in checks if c.passed is False)


def undecided(checks: Iterable[Check]) -> tuple[Check, ...]:
    """The checks that stay open: not known, too close to call, or a person's to decide."""
    return tuple(c for c in checks if c.passed is None)


def sentence(checks: Sequence[Check]) -> str:
    """All checks in one line: what failed, with figures, or that nothing did; then what stays open."""
    said = [f"{c.name}: {c.found}, wanted {c.wanted}" for c in failed(checks)]
    passed = sum(1 for c in checks if c.passed)
    text = "fails " + "; ".join(said) if said else f"meets {passed} of {len(checks)} constraints"
    still = [f"{c.name} ({c.found})" for c in undecided(checks)]
    return f"{text}; open: {', '.join(still)}" if still else text


def _task(d: Deployment, lineage: Lineage, facts: RepoFacts | None) -> Check:
    task = tasks()[d.task]
    kind = lineage.variant or (facts.pipeline_tag if facts else None) or "kind not stated"
    passed = serves(task, lineage, facts)
    if task.narrow and not passed and is_llm(lineage, facts):
        kind = "a general LLM, where a small specialist is faster and as good"
    return Check(name="task", passed=passed, wanted=d.task, found=kind)


def _languages(d: Deployment, lineage: Lineage, facts: RepoFacts | None) -> Iterable[Check]:
    """A card that lists many languages means those; one that lists one or two states a habit."""
    if not d.languages:
        return
    rows = table("tasks")["languages"]
    stated = {language.casefold() for language in (facts.languages if facts else ())}
    missing = [code for code in d.languages if code.casefold() not in stated]
    weak = weak_in(d, lineage)
    passed: bool | None = None
    if not missing or (stated and "multilingual" in stated):
        passed, found = True, "all of them stated"
    elif weak:
        found = f"{weak}: try it in {', '.join(missing)}"
    elif len(stated) >= rows["listed_from"]:
        passed, found = False, f"{len(stated)} languages stated, not {', '.join(missing)}"
    elif stated:
        found = f"its card names only {', '.join(sorted(stated))}: try it in {', '.join(missing)}"
    else:
        found = "its card names no languages"
    yield Check(name="languages", passed=passed, wanted=", ".join(d.languages), found=found)


def weak_in(d: Deployment, lineage: Lineage) -> str | None:
    """Why a family is known to be weak in one of the deployment's languages; None where it is not."""
    rows = (row for row in table("tasks")["languages"]["weak"] if row["family"] == lineage.family)
    return next((str(row["why"]) for row in rows if set(d.languages) - set(row["good"])), None)


def _context(d: Deployment, fit: Fit | None, own: int | None) -> Check:
    """The model's own end first; then what memory leaves for all users at once, where it holds it at all."""
    wanted = d.load.context_tokens
    asked = f"{wanted:,} tokens{_each(d)}"
    if own is not None and own < wanted:
        return Check(name="context", passed=False, wanted=asked, found=f"its own context ends at {own:,}")
    said = [] if own is None else [f"{own:,} of its own"]
    if fit is None or _guessed(fit) or fit.verdict is FitVerdict.NO:
        passed = None if own is None else True
        return Check(name="context", passed=passed, wanted=asked, found="".join(said) or "not stated")
    said.append(f"memory for {fit.max_context:,}{_each(d)}")
    return Check(name="context", passed=fit.max_context >= wanted, wanted=asked, found=", ".join(said))


def _memory(d: Deployment, fit: Fit | None, own: int | None) -> Check:
    wanted = f"fits {d.hardware.name}"
    if fit is None:
        return Check(name="memory", passed=None, wanted=wanted, found="the size of its weights is not known")
    found = f"{fit.required_bytes / GIB:.1f} of {fit.budget_bytes / GIB:.1f} GiB"
    if fit.verdict is FitVerdict.NO:
        # A context that is too long is a no of its own; the memory may well be there.
        too_long = own is not None and own < d.load.context_tokens
        held = fit.required_bytes <= fit.budget_bytes
        if too_long and held:
            return Check(name="memory", passed=True, wanted=wanted, found=found)
        why = "" if not held else f": {fit.notes[0]}" if fit.notes else ""
        return Check(name="memory", passed=False, wanted=wanted, found=f"{found}{why or _room(fit)}")
    if fit.verdict is FitVerdict.TIGHT:
        return Check(name="memory", passed=None, wanted=wanted, found=f"tight: {found}{_room(fit)}")
    return Check(name="memory", passed=True, wanted=wanted, found=f"{found}{_room(fit)}")


def _room(fit: Fit) -> str:
    return f", room for {_people(fit.max_users)}" if fit.max_users else ", no room for one user"


def _users(d: Deployment, fit: Fit | None, own: int | None) -> Check:
    wanted = f"{_people(d.load.users)} with {d.load.context_tokens:,} tokens"
    short = own is not None and own < d.load.context_tokens
    if fit is None or _guessed(fit) or short:
        found = "not known" if not short else "none at that context"
        return Check(name="users", passed=None, wanted=wanted, found=found)
    return Check(
        name="users", passed=fit.max_users >= d.load.users, wanted=wanted, found=_people(fit.max_users)
    )


def _speed(d: Deployment, fit: Fit | None) -> Iterable[Check]:
    """A range of which a part lies under the floor is too close to call; only all of it fails."""
    floor, wanted = speed_floor(d)
    if floor is None:
        return
    speed = fit.decode_tokens_per_second if fit else None
    if fit is None or speed is None or _guessed(fit):
        yield Check(name="speed", passed=None, wanted=wanted, found="not known")
        return
    found = f"{_span(speed.low, speed.high)} tok/s each at {_people(d.load.users)}"
    if fit.verdict is FitVerdict.NO:
        yield Check(name="speed", passed=None, wanted=wanted, found="it does not run there")
    elif speed.high < floor:
        yield Check(name="speed", passed=False, wanted=wanted, found=found)
    elif speed.low < floor:
        yield Check(name="speed", passed=None, wanted=wanted, found=f"tight: {found}")
    else:
        yield Check(name="speed", passed=True, wanted=wanted, found=found)


def speed_floor(d: Deployment) -> tuple[float | None, str]:
    """The slowest acceptable tokens per second per user, and how to say it; None where nobody waits."""
    if d.min_tokens_per_second:
        return d.min_tokens_per_second, f"{d.min_tokens_per_second:g} tok/s each"
    if not tasks()[d.task].interactive:
        return None, ""
    usual = float(table("tasks")["pace"]["interactive"])
    return usual, f"{usual:g} tok/s each, as people read"


def _quality(d: Deployment, candidate: Candidate | None) -> Check:
    """By the class of the format; what a maker released itself in few bits has lost nothing by it."""
    stated = _level(d.quality_floor)
    floor = _level(d.quant) if stated is None else stated
    least = _LEAST_LEVEL if floor is None else floor
    wanted = f"{d.quality_floor} or better"
    if stated is None:
        wanted = "4 bit or better: fewer are for an emergency"
        wanted = wanted if floor is None else f"{d.quant} or better, as it runs today"
    row = format_of(candidate.label) if candidate else None
    if candidate is None or row is None:
        found = candidate.label if candidate else "no weights known"
        return Check(name="quality", passed=None, wanted=wanted, found=found)
    found = f"{row.label}, {row.bits:g} bits a weight"
    if candidate.native and row.level < least and row.level >= _LEAST_LEVEL:
        return Check(
            name="quality", passed=True, wanted=wanted, found=f"{row.label}, as its maker released it"
        )
    return Check(name="quality", passed=row.level >= least, wanted=wanted, found=found)


def _level(floor: str | None) -> int | None:
    """The quality class of a label or a family of labels such as q4; None where nobody knows it."""
    if not floor:
        return None
    if row := format_of(floor):
        return row.level
    return next((row.level for row in formats().values() if row.family == floor.casefold()), None)


def _licence(d: Deployment, lineage: Lineage, licence: str | None, facts: RepoFacts | None) -> Check:
    rules = d.licence
    wanted = f"one of {', '.join(rules.allow)}" if rules.allow else "business use"
    if licence is None:
        # What nobody stated is not allowed by a list of names.
        passed = False if rules.allow else None
        return Check(name="licence", passed=passed, wanted=wanted, found="none stated")
    title, named = licences.title(licence), _named(licence, rules.allow)
    usable = licences.usable(licence)
    if rules.domicile:
        multimodal = _takes_more_than_text(lineage, facts)
        if why := licences.excluded(licence, rules.domicile, multimodal=multimodal):
            wanted = f"{wanted} by an entity in {rules.domicile}"
            return Check(name="licence", passed=False, wanted=wanted, found=why)
    if usable is False and not named:
        found = f"{title}: {licences.class_of(licence)} use only"
        return Check(name="licence", passed=False, wanted=wanted, found=found)
    if not licences.allowed(licence, rules):
        return Check(name="licence", passed=False, wanted=wanted, found=title)
    if usable is None and not named:
        found = f"{title}: no licence that we know, read its text"
        return Check(name="licence", passed=None, wanted=wanted, found=found)
    return Check(name="licence", passed=True, wanted=wanted, found=title)


def _takes_more_than_text(lineage: Lineage, facts: RepoFacts | None) -> bool:
    """Whether a model takes pictures, sound or video, which some licences treat apart."""
    kinds = table("tasks")["llm"]["multimodal"]
    return lineage.variant in kinds or (facts is not None and facts.pipeline_tag in kinds)


def _named(licence: str, allow: Sequence[str]) -> bool:
    """Whether a team named this very licence, which it then has read."""
    return licence in {entry.casefold() for entry in allow}


def _origin(d: Deployment, lineage: Lineage, registry: Registry) -> Check:
    """refuse_origin is a no; a maker outside of the reach of EU law is a question for an EU entity."""
    refused = d.licence.refuse_origin
    wanted = f"not from {', '.join(refused)}" if refused else "any"
    origin = registry.origin(lineage.family) if lineage.family else None
    if origin is None:
        passed = None if refused else True
        return Check(name="origin", passed=passed, wanted=wanted, found="maker's country not known")
    if origin in refused:
        return Check(name="origin", passed=False, wanted=wanted, found=origin)
    if origin == "CN" and in_eu(d.licence.domicile):
        wanted = f"{wanted}, from a legal entity in {d.licence.domicile}"
        found = "CN: needs a compliance talk for sensitive work"
        return Check(name="origin", passed=None, wanted=wanted, found=found)
    return Check(name="origin", passed=True, wanted=wanted, found=origin)


def in_eu(domicile: str | None) -> bool:
    """Whether a legal entity sits in the European Union."""
    return domicile == "EU" or domicile in EU_MEMBERS


def _ecosystem(d: Deployment, candidate: Candidate | None) -> Check:
    wanted = f"weights that {d.engine} runs on {d.hardware.device.name}"
    row = format_of(candidate.label) if candidate else None
    if candidate is None or row is None:
        return Check(name="ecosystem", passed=None, wanted=wanted, found="no weights known")
    if not runs(d.engine, "gguf" if row.container == "gguf" else row.container, row.label, d.hardware.device):
        found = f"{d.engine} does not run {row.label} there"
        return Check(name="ecosystem", passed=False, wanted=wanted, found=found)
    if candidate.hypothetical:
        found = f"{row.label} would run, but nobody published it yet"
        return Check(name="ecosystem", passed=None, wanted=wanted, found=found)
    return Check(name="ecosystem", passed=True, wanted=wanted, found=f"{row.label} is there")


def _guessed(fit: Fit) -> bool:
    """Whether cache and speed are those of a stand-in: the layers of this model are not known."""
    return fit.kv_cache.source == "guess"


def _each(d: Deployment) -> str:
    return f" for each of {d.load.users} users" if d.load.users > 1 else ""


def _people(count: int) -> str:
    return "1 user" if count == 1 else f"{count:,} users"


def _span(low: float, high: float) -> str:
    digits = 1 if high < 10 else 0
    return f"{low:.{digits}f}-{high:.{digits}f}"
