"""What an alert says of a result on an evaluation set: both scores, the gain with its interval, the sizes."""

from collections.abc import Sequence

from watcher.evaluation_compare import basis_in_words, change_in_words, gain_in_words, score_in_words
from watcher.types import Change, Comparison, Section


def headline(change: Change, found: Sequence[Comparison]) -> str:
    """ "google/gemma-4-31B-it: 21.1 % better than the model in use on helpdesk"."""
    best = max(found, key=lambda c: c.gain or 0.0)
    gain = change_in_words(best.gain or 0.0).removeprefix("+")
    return f"{change.key.id}: {gain} better than the model in use on {best.task}"


def moved(change: Change) -> str:
    """What became different, in words."""
    return f"scored {change.after}" + (f"; the model in use {change.before}" if change.before else "")


def sections(told: Sequence[tuple[str, Comparison]]) -> tuple[Section, ...]:
    """The comparison for each deployment, both models side by side."""
    lines: list[str] = []
    for deployment, found in told:
        theirs = score_in_words(found.incumbent_score or 0.0, found.incumbent_samples)
        lines += [
            f"{deployment}, on its own evaluation set {found.task} ({found.metric}):",
            f"  {found.model}: {score_in_words(found.score, found.samples)}",
            f"  in use: {found.incumbent}: {theirs}",
            f"  gain: {gain_in_words(found)}; {basis_in_words(found)}",
        ]
    return (Section(heading="Evaluation", lines=tuple(lines)),) if lines else ()
