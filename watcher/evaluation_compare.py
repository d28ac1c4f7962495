"""A candidate's results on a task against those of the model in use: one metric, pair by pair if possible."""

from collections.abc import Iterable, Mapping, Sequence

from watcher.evaluation import (
    Gain,
    Interval,
    Measured,
    Pairs,
    more_pairs,
    more_samples,
    paired_gain,
    unpaired_gain,
)
from watcher.types import Comparison, Deployment, Evaluation
from watcher.uses import quant_repo


def own_tasks(deployment: Deployment) -> tuple[str, ...]:
    """The evaluation sets whose results count for a deployment: as configured, else its name and its task."""
    return deployment.evaluation_tasks or tuple(dict.fromkeys((deployment.name, deployment.task)))


def hears_of(deployment: Deployment, task: str) -> bool:
    return task.casefold() in {own.casefold() for own in own_tasks(deployment)}


def in_use(deployment: Deployment) -> tuple[str, ...]:
    """The names under which the model in use may have been evaluated, the exact one first."""
    quant = quant_repo(deployment)
    return (quant, deployment.model) if quant else (deployment.model,)


def measured(evaluation: Evaluation) -> Measured:
    return Measured(score=evaluation.score, samples=evaluation.samples, stderr=evaluation.stderr)


def interval(evaluation: Evaluation) -> Interval | None:
    """95 %; None where the source states neither a number of answers nor a standard error."""
    return measured(evaluation).interval


# What is known of one task: by case-folded model, one result per metric.
Results = Mapping[str, Sequence[Evaluation]]


def against_in_use(model: str, results: Results, deployment: Deployment) -> Comparison | None:
    """How a model does against the deployment's own; None where the model has no result in results.

    The main metric decides: of those that the candidate has, the first that the model in use has too.
    """
    candidates = sorted(results.get(model.casefold(), ()), key=lambda e: (e.position, e.metric))
    if not candidates:
        return None
    found = [results[name.casefold()] for name in in_use(deployment) if name.casefold() in results]
    for own in found:
        by_metric = {e.metric: e for e in own}
        for candidate in candidates:
            if candidate.metric in by_metric:
                return compare(candidate, by_metric[candidate.metric])
    first = candidates[0]
    doubt = f"{deployment.model}, the model in use, has no result on {first.task}"
    if found:
        doubt = f"no metric in common: {_metrics(candidates)} against {_metrics(found[0])}"
    return Comparison(
        task=first.task,
        metric=first.metric,
        model=first.model,
        score=first.score,
        samples=first.samples,
        incumbent=deployment.model,
        doubt=doubt,
    )


def _metrics(evaluations: Iterable[Evaluation]) -> str:
    return ", ".join(sorted({e.metric for e in evaluations})[:4])


def compare(candidate: Evaluation, incumbent: Evaluation) -> Comparison:
    """One result against another on the same task and metric."""
    if candidate.items and incumbent.items:
        return _paired(candidate, incumbent)
    ours, theirs = measured(candidate), measured(incumbent)
    gain = unpaired_gain(ours, theirs)
    doubt = None
    if gain is None:
        doubt = f"{incumbent.model} scored 0, and how often it was asked is not stated: no gain can be named"
    elif gain.low is None:
        blank = [e.model for e in (candidate, incumbent) if interval(e) is None]
        doubt = f"neither sample size nor standard error is stated for {' and '.join(blank)}"
    more = more_samples(ours, theirs) if _promising(gain) else None
    return _comparison(candidate, incumbent, gain, more=more, doubt=doubt)


def _paired(candidate: Evaluation, incumbent: Evaluation) -> Comparison:
    ours = {item.prompt: item.right for item in candidate.items}
    theirs = {item.prompt: item.right for item in incumbent.items}
    shared = [(right, theirs[prompt]) for prompt, right in ours.items() if prompt in theirs]
    if not shared:
        return _comparison(
            candidate, incumbent, None, more=None, doubt="they answered different prompts: ask both the same"
        )
    pairs = Pairs(
        both=sum(a and b for a, b in shared),
        candidate_only=sum(a and not b for a, b in shared),
        incumbent_only=sum(b and not a for a, b in shared),
        neither=sum(not a and not b for a, b in shared),
    )
    gain = paired_gain(pairs)
    more = more_pairs(pairs) if _promising(gain) else None
    doubt = None if gain.low is not None else "neither got one of their common prompts right"
    return Comparison(
        task=candidate.task,
        metric=candidate.metric,
        model=candidate.model,
        score=(pairs.both + pairs.candidate_only) / len(shared),
        samples=len(shared),
        incumbent=incumbent.model,
        incumbent_score=(pairs.both + pairs.incumbent_only) / len(shared),
        incumbent_samples=len(shared),
        gain=gain.gain,
        low=gain.low,
        high=gain.high,
        paired=True,
        more_samples=more,
        doubt=doubt,
    )


def _promising(gain: Gain | None) -> bool:
    """Better, but perhaps by chance."""
    return gain is not None and gain.low is not None and gain.gain > 0 >= gain.low


def _comparison(
    candidate: Evaluation, incumbent: Evaluation, gain: Gain | None, *, more: int | None, doubt: str | None
) -> Comparison:
    return Comparison(
        task=candidate.task,
        metric=candidate.metric,
        model=candidate.model,
        score=candidate.score,
        samples=candidate.samples,
        incumbent=incumbent.model,
        incumbent_score=incumbent.score,
        incumbent_samples=incumbent.samples,
        gain=gain.gain if gain else None,
        low=gain.low if gain else None,
        high=gain.high if gain else None,
        more_samples=more,
        doubt=doubt,
    )


# --- in words --------------------------------------------------------------------------------------


def percent(share: float) -> str:
    """A share as people write it: 86.1 %."""
    return f"{share * 100:.1f} %"


def change_in_words(gain: float) -> str:
    """A relative gain with its sign: +21.1 %."""
    return f"{gain * 100:+.1f} %"


def score_in_words(score: float, samples: int | None) -> str:
    return percent(score) + (f" of {samples:,} answers" if samples else "")


def gain_in_words(comparison: Comparison) -> str:
    """The gain with its interval: "+21.1 % (95 %: +8.3 % to +36.0 %)"."""
    if comparison.gain is None:
        return comparison.doubt or "not known"
    said = change_in_words(comparison.gain)
    if comparison.low is None:
        return f"{said} (no interval: {comparison.doubt})"
    end = f"to {change_in_words(comparison.high)}" if comparison.high is not None else "or more"
    return f"{said} (95 %: {change_in_words(comparison.low)} {end})"


def basis_in_words(comparison: Comparison) -> str:
    """What the comparison rests on."""
    if comparison.paired:
        return f"both answered the same {comparison.samples:,} prompts"
    sizes = [f"{n:,}" if n else "unstated" for n in (comparison.samples, comparison.incumbent_samples)]
    return f"whole scores compared, sample sizes {sizes[0]} and {sizes[1]}"
