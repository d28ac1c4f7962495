"""What a result on an evaluation set means: only the team's own sets speak, and only beyond chance."""

from watcher.decisions import decision
from watcher.evaluation_compare import (
    basis_in_words,
    gain_in_words,
    in_use,
    own_tasks,
    percent,
)
from watcher.situation import Situation
from watcher.types import Action, Change, ChangeKind, Comparison, Verdict

_EXACT = 1e-9  # 0.6 against 0.5 is 20 % better, not more, whatever floating point says


def better_on_own_evaluation_set(change: Change, s: Situation) -> Verdict | None:
    """An alert: better than the model in use by more than policy.evaluation_gain, and beyond chance."""
    if change.kind is not ChangeKind.EVALUATION:
        return None
    d = s.deployment
    if d is None:
        return _ignore(
            "evaluation-elsewhere", "no deployment is configured that it could matter to", change, s
        )
    if not isinstance(s.finding, Comparison):
        own = " or ".join(own_tasks(d))
        reason = f"{change.after}: not on an evaluation set of {d.name}, which are those called {own}"
        return _ignore("evaluation-elsewhere", reason, change, s)
    if change.key.folded in {name.casefold() for name in in_use(d)}:
        reason = f"the model in use itself scored {change.after}: others are held against it from now on"
        return _ignore("evaluation-of-the-model-in-use", reason, change, s)
    return _weighed(s.finding, change, s)


def _weighed(found: Comparison, change: Change, s: Situation) -> Verdict:
    wanted = s.policy.evaluation_gain
    if found.gain is None or found.incumbent_score is None:
        return _ignore("evaluation-without-comparison", f"{_scored(found)}; {found.doubt}", change, s)
    against = f"{_scored(found)} against {percent(found.incumbent_score)} of {found.incumbent}, in use"
    said = f"{against}: {gain_in_words(found)}; {basis_in_words(found)}"
    beyond_chance = found.low is not None and found.low > 0
    if found.gain > wanted + _EXACT and beyond_chance:
        reason = f"{said}; more than {wanted * 100:g} % better, and beyond chance"
        if found.told:
            reason = f"joins alert {found.told[:8]}, which said so of late: {reason}"
        action = Action.DIGEST if found.told else Action.ALERT
        return decision(action, "evaluation-better", reason, change, s)
    if found.gain > wanted + _EXACT:
        return decision(Action.DIGEST, "evaluation-promising", f"{said}; {_settle(found)}", change, s)
    if beyond_chance:
        reason = f"{said}; better, but not by more than {wanted * 100:g} %"
        return decision(Action.DIGEST, "evaluation-somewhat-better", reason, change, s)
    return _ignore("evaluation-not-better", f"{said}; no better beyond chance", change, s)


def _scored(found: Comparison) -> str:
    return f"{percent(found.score)} on {found.task}"


def _settle(found: Comparison) -> str:
    if found.low is None:
        return "promising, but nothing says how sure that is: state the sample sizes"
    if found.more_samples is None:
        return "promising, too few samples"
    what = "prompts" if found.paired else "answers of each"
    return (
        f"promising, too few samples: {found.more_samples:,} more {what} would settle it if the scores stay"
    )


def _ignore(trigger: str, reason: str, change: Change, s: Situation) -> Verdict:
    return decision(Action.IGNORE, trigger, reason, change, s)
