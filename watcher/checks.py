"""What `modelwatch check` asks of the Hub: do the accounts answer, are the models in use there?"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from watcher.config import Config, PolicySettings
from watcher.ports import Source
from watcher.types import Deployment, Look, Presence, SourceError, Stack

Finding = tuple[str, bool, str]


def without_effect(config: Config) -> Iterator[Finding]:
    """Keys that are read and checked, but that this version does not act on yet."""
    if config.feeds:
        yield "feeds", True, "no effect yet: this version watches the Hub only"
    quiet = [name for name, channel in config.channels.items() if channel.quiet_hours]
    if quiet:
        yield "quiet_hours", True, f"no effect yet: {', '.join(quiet)} gets alerts at any hour"
    yield from _unheard(config)
    defaults = PolicySettings()
    if config.policy.max_alerts_per_week != defaults.max_alerts_per_week:
        yield "policy.max_alerts_per_week", True, "no effect yet: every alert is sent"


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
