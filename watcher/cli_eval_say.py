"""What `modelwatch eval` says: results with intervals and what was decided, for people and for programs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from watcher import app
from watcher.config_errors import did_you_mean
from watcher.evaluation import Interval
from watcher.evaluation_compare import hears_of, in_use, interval, percent, score_in_words
from watcher.inert import plain
from watcher.types import Comparison, Deployment, Evaluation

if TYPE_CHECKING:
    from watcher.evaluation_record import Recorded
    from watcher.rules import Outcome

_ELSEWHERE = "evaluation-elsewhere"


def say(text: str, *, err: bool = False) -> None:
    """One line, with whatever came from outside made inert."""
    typer.echo(plain(text), err=err)


def range_in_words(found: Interval | None) -> str:
    if found is None:
        return "how sure is not stated"
    return f"95 %: {percent(found.low)} to {percent(1.0 if found.high is None else found.high)}"


def result_in_words(e: Evaluation) -> str:
    return f"{e.model} on {e.task}: {score_in_words(e.score, e.samples)} ({range_in_words(interval(e))})"


def say_decisions(team: app.Team, recorded: "Recorded", tasks: Iterable[str]) -> None:
    """What the results mean for each deployment whose evaluation set they are on."""
    told = [v for v in recorded.outcome.verdicts if v.trigger != _ELSEWHERE]
    for verdict in told:
        say(f"{verdict.deployment}: {verdict.action.value}: {verdict.change.key.id}: {verdict.reason}")
    if not recorded.fresh:
        say("Nothing new: all of it is known.")
    deployments = team.stack.deployments
    for task in tasks if recorded.fresh else ():
        if not any(hears_of(d, task) for d in deployments):
            hint = ": name it under evaluation.tasks of one that it speaks for" if deployments else ""
            say(f"No deployment has {task} as its evaluation set{hint}.")
    for alert in recorded.outcome.alerts:
        say(f"alert: {alert.title}")


def say_unknown(unknown: Mapping[str, Sequence[str]]) -> None:
    for name, near in unknown.items():
        hint = f"; nearest: {', '.join(near)}" if near else ""
        say(f"{name} is no model that the catalog knows: kept under this name{hint}", err=True)


def unknown_models(team: app.Team, names: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Models that neither the configuration nor the catalog knows, with the nearest names of both."""
    configured = {n for d in team.stack.deployments for n in in_use(d)} | set(team.stack.shortlist)
    folded = {name.casefold() for name in configured}
    strange = [name for name in dict.fromkeys(names) if name.casefold() not in folded]
    path = app.store_path(team.config)
    if not strange or not path.is_file():
        found: dict[str, tuple[str, ...]] = dict.fromkeys(strange, ())
    else:
        found = app.questions().unknown(path, strange)
    return {
        name: tuple(dict.fromkeys([*_alike(name, configured), *near]))[:3] for name, near in found.items()
    }


def _alike(name: str, configured: set[str]) -> list[str]:
    """The configured name that may be meant, if one is spelled alike."""
    return [known for known in sorted(configured) if did_you_mean(name, [known])]


# --- for programs ----------------------------------------------------------------------------------


def result_json(e: Evaluation) -> dict[str, Any]:
    found = interval(e)
    return {
        "model": e.model,
        "task": e.task,
        "metric": e.metric,
        "score": e.score,
        "low": found.low if found else None,
        "high": found.high if found else None,
        "samples": e.samples,
        "stderr": e.stderr,
        "at": f"{e.at:%Y-%m-%dT%H:%M:%SZ}" if e.at else None,
        "source": e.source,
    }


def comparison_json(deployment: str, found: Comparison) -> dict[str, Any]:
    return {"deployment": deployment, **asdict(found)}


def outcome_json(outcome: "Outcome") -> dict[str, Any]:
    counts = Counter(v.action.value for v in outcome.verdicts)
    return {
        "changes": len(outcome.changes),
        "verdicts": {action: counts.get(action, 0) for action in ("alert", "digest", "hold", "ignore")},
        "decisions": [
            {
                "model": v.change.key.id,
                "deployment": v.deployment,
                "action": v.action.value,
                "trigger": v.trigger,
                "reason": v.reason,
            }
            for v in outcome.verdicts
            if v.trigger != _ELSEWHERE
        ],
        "alerts": [
            {
                "id": a.id,
                "trigger": a.trigger,
                "deployment": ", ".join(a.deployments) or None,
                "title": a.title,
            }
            for a in outcome.alerts
        ],
    }


def users_of(deployments: Sequence[Deployment], model: str) -> list[str]:
    """The deployments in which a model is the one in use."""
    return [d.name for d in deployments if model.casefold() in {name.casefold() for name in in_use(d)}]
