"""A configuration, understood: what the team runs, whom we watch for it, and how patient we are."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from watcher.config import Config, stack_of
from watcher.families import Registry, load_families
from watcher.fit.devices import devices
from watcher.tasks import tasks
from watcher.types import Stack

if TYPE_CHECKING:
    from watcher.rules import Rules


@dataclass(frozen=True, kw_only=True, slots=True)
class Team:
    """A configuration, understood: what the team runs, whom we watch for it, and how patient we are."""

    config: Config
    stack: Stack
    registry: Registry

    @property
    def authors(self) -> tuple[str, ...]:
        """Every Hub account to watch: families first, so that bases are known before their quants."""
        hub = self.config.hub
        names = [*self.registry.organisations(self.stack.families), *hub.organisations]
        names += [d.model.partition("/")[0] for d in self.stack.deployments]
        names += [d.quant.partition("/")[0] for d in self.stack.deployments if d.quant and "/" in d.quant]
        names += [model.partition("/")[0] for model in self.stack.shortlist]
        last = {name.casefold() for name in hub.quantisers}
        first = {name.casefold(): name for name in names if name.casefold() not in last}
        return tuple((first | {name.casefold(): name for name in hub.quantisers}).values())

    def rules(self, channels: Iterable[str]) -> "Rules":
        """What a round decides by; an alert goes to those of channels that take its deployments."""
        from watcher.rules import Rules
        from watcher.situation import Policy

        policy = self.config.policy
        return Rules(
            stack=self.stack,
            registry=self.registry,
            policy=Policy(
                settle=policy.settle,
                quant_settle=policy.quant_settle,
                evaluation_gain=policy.evaluation_gain,
                flap=policy.flap,
            ),
            channels={name: self._takes(name) for name in channels if self._receives_alerts(name)},
        )

    def _receives_alerts(self, channel: str) -> bool:
        entry = self.config.channels.get(channel)
        return entry is None or "alert" in entry.receives

    def _takes(self, channel: str) -> frozenset[str]:
        entry = self.config.channels.get(channel)
        return frozenset(entry.deployments if entry else ())


def team_of(config: Config) -> Team:
    """The team behind a configuration; a narrow task watches the specialists of its kind as well."""
    stack = stack_of(config, devices())
    specialists = [family for d in stack.deployments for family in tasks()[d.task].families]
    families = tuple(dict.fromkeys([*stack.families, *specialists]))
    return Team(config=config, stack=replace(stack, families=families), registry=load_families())
