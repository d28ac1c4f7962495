"""What `modelwatch check` asks of the Hub: do the accounts answer, are the models in use there?"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from difflib import get_close_matches

from watcher import licences
from watcher.config import Config, PolicySettings
from watcher.formats import format_of, formats
from watcher.ports import Source
from watcher.types import Deployment, Licence, Look, Presence, SourceError, Stack

Finding = tuple[str, bool, str]
# What watcher.quants.matches_quant takes besides labels and their families.
_ALSO = ("gguf", "safetensors", "mlx", "int4", "4bit", "int8", "8bit", "bf16", "fp16")


def without_effect(config: Config) -> Iterator[Finding]:
    """Keys that are read and checked, but that this version does not act on yet."""
    if config.feeds:
        yield "feeds", True, "no effect yet: this version watches the Hub only"
    quiet = [name for name, channel in config.channels.items() if channel.quiet_hours]
    if quiet:
        yield "quiet_hours", True, f"no effect yet: {', '.join(quiet)} gets alerts at any hour"
    yield from _unheard(config)
    yield from unknown_words(config)
    defaults = PolicySettings()
    if config.policy.max_alerts_per_week != defaults.max_alerts_per_week:
        yield "policy.max_alerts_per_week", True, "no effect yet: every alert is sent"


def unknown_words(config: Config) -> Iterator[Finding]:
    """Licences and weights formats that nobody knows: a slip there would allow nothing, or anything."""
    labels = {*formats(), *(row.family for row in formats().values()), *_ALSO}
    for name, entry in config.deployments.items():
        for place, word in (("quant", entry.quant), ("quality_floor", entry.quality_floor)):
            if word and "/" not in word and not (format_of(word) or word.casefold() in labels):
                yield f"deployment {name}", False, f"{place} {word}: {_nearest(word, labels)}"
        for licence in entry.licence.allow:
            known = licence in licences.CLASSES or licences.canonical(Licence(id=licence)) in licences.rows()
            if not known:
                near = _nearest(licence, {*licences.rows(), *licences.CLASSES})
                yield f"deployment {name}", False, f"licence.allow {licence}: {near}"


def _nearest(word: str, known: Iterable[str]) -> str:
    found = get_close_matches(word.casefold(), sorted(known), n=1, cutoff=0.5)
    return f"nothing that we know; did you mean {found[0]}?" if found else "nothing that we know"


def _unheard(config: Config) -> Iterator[Finding]:
    """Deployments whose alerts no channel takes: they are recorded, and nobody is told."""
    if not config.channels:
        return
    takers = [channel for channel in config.channels.values() if "alert" in channel.receives]
    heard = {name for channel in takers for name in channel.deployments or config.deployments}
    for name in config.deployments:
        if name not in heard:
            yield f"deployment {name}", False, "no channel receives its alerts: see receives and deployments"


def sources(hub: Source, authors: Sequence[str], stack: Stack, now: datetime) -> Iterator[Finding]:
    """One finding per account and per deployment; when the very first fails, the rest is not tried."""
    for author in authors:
        try:
            listing = hub.listing(author, now, now)
        except SourceError as error:
            yield f"hub:{author}", False, str(error)
            if author == authors[0]:
                yield "hub", False, "the other accounts were not tried: mend this first"
                return
            continue
        empty = any("lists no repos" in problem.message for problem in listing.problems)
        yield f"hub:{author}", not empty, "has no models: is the name right?" if empty else "answers"
    for deployment in stack.deployments:
        yield _deployed(hub, deployment, now)


def _deployed(hub: Source, deployment: Deployment, now: datetime) -> Finding:
    try:
        look = hub.look(deployment.model, now)
    except SourceError as error:
        return deployment.name, False, str(error)
    here = look.presence in (Presence.PRESENT, Presence.GATED)
    return deployment.name, here, f"{deployment.model} {_said(look)}"


def _said(look: Look) -> str:
    if look.presence is Presence.RENAMED and look.observation:
        return f"is now called {look.observation.key.id}: write that in the configuration"
    if look.presence is Presence.GONE:
        return "is not on the Hub (or private): is it spelt right?"
    return f"is {look.presence.value}"
