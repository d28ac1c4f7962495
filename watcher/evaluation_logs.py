"""The logs of two harnesses: lm-evaluation-harness (results_*.json) and Inspect (.json, and .eval's header).

Their shapes: lm_eval/result_schema.py of EleutherAI/lm-evaluation-harness (0.4 and 0.3), and
src/inspect_ai/log/_log.py of UKGovernmentBEIS/inspect_ai (log version 2).
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from watcher.evaluation_files import BadResults, Parsed, listed, mapping, merged, name_of
from watcher.types import Evaluation

_HARNESS, _INSPECT = "lm-evaluation-harness", "Inspect"
# What the harness's own metrics mean where a file does not say (before 0.4.3): lm_eval/api/metrics.py.
_HIGHER = frozenset(
    {"acc", "acc_norm", "acc_mutual_info", "acc_bytes", "acc_all", "exact_match", "f1", "em", "mc1", "mc2"}
    | {"pass@1", "pass_at_1", "bleu", "chrf", "prompt_level_strict_acc", "inst_level_strict_acc"}
)
_LOWER = frozenset(
    {"perplexity", "word_perplexity", "byte_perplexity", "bits_per_byte", "brier_score", "ter"}
)
_OF_HUNDRED = ("bleu", "chrf")  # sacrebleu counts to 100
_BESIDE = frozenset({"alias", "name", "sample_len", "sample_count", "samples"})
_MODEL_KEYS = ("peft", "delta", "pretrained", "model", "path", "engine")  # in the harness's own order
_MOST = 10**9  # no score, error or number of answers is larger
_CACHED = re.compile(r"models--([\w.-]+?)--([\w.-]+?)(?:/|$)")


def read_log(file: str, document: Any) -> Parsed:
    """Whichever of the two it is; BadResults naming what was found instead."""
    log = mapping(document)
    if isinstance(log.get("eval"), Mapping) and "status" in log:
        return _inspect(file, log)
    results = log.get("results")
    if isinstance(results, Mapping) and any(isinstance(row, Mapping) for row in results.values()):
        return _harness(file, log)
    keys = listed([name_of(key) for key in log], 6) or "no keys"
    raise BadResults(
        file, [f"JSON, but neither results of {_HARNESS} nor a log of {_INSPECT}: there is {keys}"]
    )


# --- lm-evaluation-harness ---------------------------------------------------------------------------


def _harness(file: str, log: Mapping[str, Any]) -> Parsed:
    model, notes = _harness_model(log)
    if not model:
        raise BadResults(file, ["the file does not name its model: give --model org/name"])
    left_out: dict[str, list[str]] = defaultdict(list)
    results = [
        Evaluation(
            model=model,
            task=name_of(task),
            metric=metric,
            score=score,
            samples=_harness_samples(log, task),
            stderr=stderr,
            source=file,
            at=_unix(log.get("date")),
            position=position,
        )
        for task, row in mapping(log.get("results")).items()
        for position, (metric, score, stderr) in enumerate(_harness_metrics(log, task, row, left_out))
    ]
    warnings = [f"{why}: left out on {listed(tasks, 3)}" for why, tasks in left_out.items()]
    if not results:
        raise BadResults(file, ["no metric in it is a share where higher is better", *warnings])
    return Parsed(format=_HARNESS, results=tuple(results), notes=tuple(notes), warnings=tuple(warnings))


def _harness_model(log: Mapping[str, Any]) -> tuple[str, list[str]]:
    config = mapping(log.get("config"))
    arguments = config.get("model_args")
    if isinstance(arguments, str):
        pairs = (part.partition("=") for part in arguments.split(","))
        arguments = {key.strip(): value.strip() for key, _, value in pairs}
    given = mapping(arguments)
    named = [log.get("model_name"), *(given.get(key) for key in _MODEL_KEYS), config.get("model")]
    called = next((name for value in named if (name := name_of(value))), "")
    return _hub_name(called)


def _hub_name(called: str) -> tuple[str, list[str]]:
    """A repo's id out of a path in the Hub's cache; of any other path the last part."""
    if found := _CACHED.search(called):
        return f"{found[1]}/{found[2]}", []
    if called.startswith(("/", ".", "~")) or called.count("/") > 1:
        last = called.rstrip("/").rpartition("/")[2]
        return last, [f"the model was read from a folder, {last}: --model org/name says which it is"]
    return called, []


def _harness_metrics(
    log: Mapping[str, Any], task: str, row: object, left_out: dict[str, list[str]]
) -> Iterator[tuple[str, float, float | None]]:
    """(metric, score, standard error) as shares. "acc,none" is acc, of other filters the key stays whole."""
    values = mapping(row)
    higher = mapping(mapping(log.get("higher_is_better")).get(task))
    for key, value in values.items():
        metric, _, filtered = key.partition(",")
        if key in _BESIDE or metric.endswith("_stderr") or isinstance(value, str | Mapping | list | bool):
            continue
        of = 100 if metric.startswith(_OF_HUNDRED) else 1
        why = _unusable(metric, value, of, higher.get(metric))
        if why is not None:
            left_out[why].append(name_of(task))
            continue
        beside = f"{metric}_stderr,{filtered}" if filtered else f"{metric}_stderr"
        stderr = _positive(values.get(beside))
        yield (
            name_of(metric if filtered in ("", "none") else key),
            float(value) / of,
            stderr / of if stderr else None,
        )


def _unusable(metric: str, value: Any, of: int, higher: object) -> str | None:
    called = name_of(metric)
    if higher is False or (higher is None and metric in _LOWER):
        return f"{called} (less is better)"
    if higher is not True and metric not in _HIGHER:
        return f"{called} (the file does not say whether higher is better)"
    if not _is_number(value):
        return f"{called} (no number)"
    return None if 0 <= value <= of else f"{called} (not between 0 and {of})"


def _harness_samples(log: Mapping[str, Any], task: str) -> int | None:
    """The answers that a score rests on: of a group those of its tasks."""
    stated = mapping(log.get("n-samples"))
    own = stated.get(task)
    if isinstance(own, Mapping):
        return _count(own.get("effective")) or _count(own.get("original"))
    if count := _count(own) or _count(mapping(mapping(log.get("results")).get(task)).get("sample_len")):
        return count
    parts = _leaves(mapping(log.get("group_subtasks")), task, set())
    counts = [_harness_samples({"n-samples": stated}, part) for part in parts]
    return sum(c for c in counts if c) if counts and all(counts) else None


def _leaves(groups: Mapping[str, Any], task: str, seen: set[str]) -> list[str]:
    if task in seen:
        return []
    seen.add(task)
    parts = groups.get(task)
    if not isinstance(parts, list) or not parts:
        return [task] if len(seen) > 1 else []
    return [leaf for part in parts if isinstance(part, str) for leaf in _leaves(groups, part, seen)]


def _is_number(value: object) -> bool:
    """JSON knows whole numbers of any length, of which no float can be made."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return -_MOST <= value <= _MOST


def _positive(value: Any) -> float | None:
    """None for what is missing, "N/A", not finite or 0: that nothing varied among a few tells nothing."""
    return float(value) if _is_number(value) and value > 0 else None


def _count(value: Any) -> int | None:
    return int(value) if _is_number(value) and value >= 1 else None


def _unix(value: object) -> datetime | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**35:
        return None
    return datetime.fromtimestamp(value, UTC)


# --- Inspect -----------------------------------------------------------------------------------------


def _inspect(file: str, log: Mapping[str, Any]) -> Parsed:
    spec, results = mapping(log.get("eval")), mapping(log.get("results"))
    status = name_of(log.get("status"))
    if status != "success":
        raise BadResults(file, [f"the run ended as {status or 'unknown'}: only a finished one counts"])
    if log.get("invalidated") is True:
        raise BadResults(file, ["the log was invalidated"])
    model, task = name_of(spec.get("model")), name_of(spec.get("task"))
    if not model or not task:
        raise BadResults(file, ["eval.model or eval.task is missing"])
    notes = []
    if model.count("/") > 1:
        provider, _, model = model.partition("/")
        model = "/".join(model.split("/")[-2:])
        notes.append(f"the model is {model}, served by {provider}")
    listed_scores = results.get("scores")
    scores = [s for s in listed_scores if isinstance(s, Mapping)] if isinstance(listed_scores, list) else []
    found: list[Evaluation] = []
    left_out: list[str] = []
    for score in scores:
        for metric, value, stderr in _inspect_metrics(score, left_out):
            found.append(
                Evaluation(
                    model=model,
                    task=task,
                    metric=metric if len(scores) == 1 else f"{metric},{name_of(score.get('name'))}",
                    score=value,
                    samples=_inspect_samples(score, results, spec),
                    stderr=stderr,
                    source=file,
                    at=_moment(spec.get("created")),
                    position=len(found),
                )
            )
    if not found:
        raise BadResults(file, ["no score in it has accuracy or mean between 0 and 1", *left_out])
    done, total = _count(results.get("completed_samples")) or 0, _count(results.get("total_samples")) or 0
    missing = [f"{total - done} of {total} samples failed and do not count"] if done < total else []
    return Parsed(
        format=_INSPECT,
        results=tuple(found),
        notes=tuple(notes),
        warnings=merged([*missing, *(f"{why}: left out" for why in left_out)]),
    )


def _inspect_metrics(
    score: Mapping[str, Any], left_out: list[str]
) -> Iterator[tuple[str, float, float | None]]:
    metrics = mapping(score.get("metrics"))
    stderr = _positive(mapping(metrics.get("stderr")).get("value"))
    for name, metric in metrics.items():
        value = mapping(metric).get("value")
        if name in ("stderr", "std", "var", "bootstrap_stderr"):
            continue
        if name not in ("accuracy", "mean"):
            left_out.append(f"{name_of(name)} (Inspect does not say whether higher is better)")
        elif not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 1:
            left_out.append(f"{name} (not between 0 and 1)")
        else:
            yield name, float(value), stderr


def _inspect_samples(
    score: Mapping[str, Any], results: Mapping[str, Any], spec: Mapping[str, Any]
) -> int | None:
    """Samples, not repetitions of them: an epoch asks every sample once more."""
    if count := _count(score.get("scored_samples")):
        return count
    epochs = _count(mapping(spec.get("config")).get("epochs")) or 1
    completed = _count(results.get("completed_samples"))
    return max(1, completed // epochs) if completed else None


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
