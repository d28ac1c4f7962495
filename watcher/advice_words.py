"""Advice in words: why a model stands where it stands, what speaks against another, and how to start it."""

from watcher import licences
from watcher.advise import Advice, Place
from watcher.evaluation_compare import gain_in_words
from watcher.families import Registry
from watcher.fit.command_line import CannotServe, serve_command
from watcher.types import Check, Deployment, Fit, FitVerdict
from watcher.ways import Way

GIB = 1024**3


def asked(d: Deployment) -> str:
    """What a deployment asks for: "chat in de for 10 users with 8,192 tokens each on spark (DGX Spark)"."""
    spoken = f" in {', '.join(d.languages)}" if d.languages else ""
    users = "1 user" if d.load.users == 1 else f"{d.load.users:,} users"
    each = "" if d.load.users == 1 else " each"
    count = f"{d.hardware.count} x " if d.hardware.count > 1 else ""
    place = f"{d.hardware.name} ({count}{d.hardware.device.name})"
    return f"{d.task}{spoken} for {users} with {d.load.context_tokens:,} tokens{each} on {place}"


def in_use(d: Deployment) -> str:
    return ", ".join(part for part in (d.model, d.quant, d.engine) if part)


def reasons(place: Place) -> tuple[str, ...]:
    """Why it stands where it stands, in the order in which the ranking asks."""
    way, found = place.way, []
    if place.comparison is not None:
        found.append(f"your own evaluation: {gain_in_words(place.comparison)}")
    if place.specialist is not None:
        return (*found, place.specialist.sentence())
    if way.capacity:
        found.append(_capacity(way))
    found.append(f"weights {weights(way)}")
    found.append(f"engine {way.choice.engine}: {way.choice.reason}")
    if way.small_cache:
        found.append(f"with a KV cache in {way.small_cache}")
    return tuple(found)


def _capacity(way: Way) -> str:
    parameters = way.weights.parameters
    total, active = (parameters.total or 0) / 1e9, (parameters.active or parameters.total or 0) / 1e9
    if total - active < total * 0.1:
        return f"{total:.0f}B parameters, all of them active"
    worth = f"worth about {way.capacity:.0f}B dense ones"
    return f"{total:.0f}B parameters of which {active:.1f}B are active: {worth}"


def weights(way: Way) -> str:
    """Whose weights, in which format: "nvfp4 by RedHatAI (RedHatAI/gemma-4-31B-it-NVFP4)"."""
    variant = way.weights.variant
    if way.weights.hypothetical:
        return f"{variant.label}, not published yet"
    whose = "its maker's" if way.weights.native else f"by {variant.repo_id.partition('/')[0]}"
    return f"{variant.label} {whose} ({variant.repo_id})"


def against(check: Check) -> str:
    """One failed check with its figures."""
    return f"{check.name}: {check.found}; wanted: {check.wanted}"


def memory(fit: Fit) -> str:
    return f"{fit.required_bytes / GIB:.1f} of {fit.budget_bytes / GIB:.1f}"


def pace(fit: Fit) -> str:
    """Tokens per second of one user; a dash where it does not run, a question mark where it is not known."""
    speed = fit.decode_tokens_per_second
    if fit.verdict is FitVerdict.NO:
        return "-"
    if speed is None or fit.kv_cache.source == "guess":
        return "?"
    digits = 1 if speed.high < 10 else 0
    return f"{speed.low:.{digits}f}-{speed.high:.{digits}f}"


def licence(way: Way) -> str:
    stated = way.contender.entry.licence
    return licences.title(stated) if stated else "not stated"


def origin(way: Way, registry: Registry) -> str | None:
    """The maker's country as an ISO code; None where it is not known."""
    family = way.contender.entry.lineage.family
    return registry.origin(family) if family else None


def command(place: Place, d: Deployment) -> str | None:
    """What starts it under the deployment's load; None where no weights or no engine of ours do."""
    way = place.way
    if way.choice.engine is None or way.weights.hypothetical or way.fit.verdict is FitVerdict.NO:
        return None
    try:
        return serve_command(
            way.choice.engine,
            variant=way.weights.variant,
            load=d.load,
            hardware=d.hardware,
            settings=way.fit.settings,
        )
    except CannotServe:
        return None


def headline(advice: Advice) -> str:
    """The answer in one sentence."""
    d = advice.deployment
    if advice.narrow:
        use = f"{advice.ranked[0].name} first" if advice.ranked else "none is in the catalog yet"
        return f"{d.task} is a narrow task: use a specialist, not an LLM; {use}"
    if not advice.ranked:
        return "Nothing in the catalog meets what you ask here."
    first = advice.ranked[0]
    if first.in_use and first.as_it_runs:
        return f"{first.name}, which you run, is still the first choice."
    if first.in_use:
        return f"{first.name}, which you run, stays the first choice: in {_served(first)}."
    return f"First choice: {first.name} in {_served(first)}."


def _served(place: Place) -> str:
    way = place.way
    cache = f" and a KV cache in {way.small_cache}" if way.small_cache else ""
    return f"{way.weights.variant.label} with {way.choice.engine}{cache}"
