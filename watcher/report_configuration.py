"""What an alert says of a changed configuration: no repo is behind it, but the team's machines and wishes."""

from collections.abc import Sequence

from watcher.types import Change, ChangeKind, Consequences, Section

_LISTED = 5


def headline(change: Change, meant: Sequence[Consequences]) -> str:
    """What changed and what follows: "spark was joined by a second machine: 3 models now fit code-review"."""
    said = what(change)
    lost = [c.deployment for c in meant if c.lost]
    if lost:
        whom = f" for {_and(lost)}" if change.kind is ChangeKind.HARDWARE else ""
        return f"{said}: the model in use no longer holds{whom}"
    fitting = [_fitting(c) for c in meant if c.possible]
    if fitting:
        return f"{said}: {', '.join(fitting)}"
    return f"{said}: the model in use gains for {_and([c.deployment for c in meant])}"


def _fitting(meant: Consequences) -> str:
    count = len(meant.possible)
    if meant.elsewhere:
        return f"{_models(count)} would fit {meant.deployment} there"
    return f"{_models(count)} now fit{'s' * (count == 1)} {meant.deployment}"


def what(change: Change) -> str:
    return change.evidence[0] if change.evidence else f"{change.key.id}: {change.before} → {change.after}"


def sections(meant: Sequence[Consequences]) -> tuple[Section, ...]:
    """One section for each kind of consequence, with a line of its own for each model and figure."""
    parts = (
        ("No longer holds", [(c, c.lost) for c in meant]),
        ("The model in use", [(c, c.gained if c.lost else (*c.gained, c.current)) for c in meant]),
        ("Possible now", [(c, c.possible) for c in meant]),
        ("Candidates", [(c, c.candidates) for c in meant]),
        ("Caveats", [(c, c.remarks) for c in meant]),
    )
    told = ((heading, _lines(lines)) for heading, lines in parts)
    return tuple(Section(heading=heading, lines=lines) for heading, lines in told if lines)


def next_step(change: Change, meant: Sequence[Consequences]) -> str:
    if any(c.lost and c.candidates for c in meant):
        return "Run your evaluation set on the first of the candidates before you switch."
    if any(c.lost for c in meant):
        return "Take the requirement back, or give the model more room: nothing else in the catalog would do."
    if change.kind is ChangeKind.HARDWARE:
        return "Run your evaluation set on the first of what is possible now, against the model in use."
    return "Have a look."


def _lines(told: Sequence[tuple[Consequences, Sequence[str]]]) -> tuple[str, ...]:
    """Each deployment by name, its sentences below it; of long lists the beginning."""
    lines: list[str] = []
    for meant, sentences in told:
        named, indent = ([f"{meant.deployment}:"], "  ") if len(told) > 1 else ([], "")
        lines += named if sentences else []
        lines += [f"{indent}{sentence}" for sentence in sentences[:_LISTED]]
        if len(sentences) > _LISTED:
            lines.append(f"{indent}and {len(sentences) - _LISTED} more")
    return tuple(lines)


def _models(count: int) -> str:
    return "1 model" if count == 1 else f"{count} models"


def _and(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
