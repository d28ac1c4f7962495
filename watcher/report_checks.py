"""The constraints of a deployment in an alert: what a candidate passes and fails, and what is in use."""

from collections.abc import Iterable, Sequence

from watcher import constraints
from watcher.situation import Situation
from watcher.types import Check, Lineage, Section

# What can be said of the model in use by its fit alone.
_OF_FIT = frozenset({"memory", "users", "speed", "quality"})
# Figures worth repeating where a check is passed.
_WITH_FIGURES = frozenset({"memory", "speed"})


def section(weighed: Iterable[tuple[str, Sequence[Check], Situation]]) -> tuple[Section, ...]:
    """Passed, failed and open for each deployment, and what the model in use fails; empty without checks."""
    lines: list[str] = []
    for place, checks, situation in weighed:
        if checks:
            lines += [f"{place} {line}" for line in summary(checks)]
            lines += [f"{place} in use: {line}" for line in _in_use(situation)]
    return (Section(heading="Your constraints", lines=tuple(dict.fromkeys(lines))),) if lines else ()


def summary(checks: Sequence[Check]) -> list[str]:
    """Passed in one line, each failure with its figures, and in one line what stays open."""
    passed = [_named(check) for check in checks if check.passed]
    lines = [f"meets {len(passed)} of {len(checks)}: {', '.join(passed)}"] if passed else []
    lines += [f"fails {c.name}: {c.found}; wanted: {c.wanted}" for c in constraints.failed(checks)]
    still = [f"{c.name} ({c.found})" for c in constraints.undecided(checks)]
    return [*lines, f"leaves open {', '.join(still)}"] if still else lines


def _named(check: Check) -> str:
    return f"{check.name} ({check.found})" if check.name in _WITH_FIGURES else check.name


def _in_use(s: Situation) -> list[str]:
    """What the model in use fails of that which its fit tells; nothing where it fails nothing."""
    if s.deployment is None or s.incumbent is None:
        return []
    checks = constraints.check(
        s.deployment,
        lineage=Lineage(family=s.incumbent_family),
        licence=None,
        facts=None,
        candidate=s.incumbent,
        registry=s.registry,
        context_tokens=None,
    )
    return [
        f"fails {c.name}: {c.found}; wanted: {c.wanted}"
        for c in constraints.failed(checks)
        if c.name in _OF_FIT
    ]
