"""The logs of lm-evaluation-harness and Inspect, in their shapes and with our own figures."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from watcher.evaluation_files import BadResults, Parsed, read_results

NOW = datetime(2026, 4, 20, tzinfo=UTC)
QWEN = "Qwen/Qwen3.6-27B"


def harness(**more: Any) -> dict[str, Any]:
    """results_*.json of lm-evaluation-harness 0.4.9."""
    return {
        "results": {
            "gsm8k": {
                "alias": "gsm8k",
                "exact_match,strict-match": 0.62,
                "exact_match_stderr,strict-match": 0.0134,
                "exact_match,flexible-extract": 0.65,
                "exact_match_stderr,flexible-extract": 0.0131,
            },
            "arc_easy": {
                "alias": " - arc_easy",
                "acc,none": 0.81,
                "acc_stderr,none": 0.008,
                "acc_norm,none": 0.79,
                "acc_norm_stderr,none": "N/A",
            },
            "wikitext": {
                "alias": "wikitext",
                "word_perplexity,none": 9.2,
                "word_perplexity_stderr,none": "N/A",
            },
        },
        "group_subtasks": {"gsm8k": [], "arc_easy": []},
        "versions": {"gsm8k": 3.0, "arc_easy": 1.0},
        "n-shot": {"gsm8k": 5, "arc_easy": 0},
        "higher_is_better": {
            "gsm8k": {"exact_match": True},
            "arc_easy": {"acc": True, "acc_norm": True},
            "wikitext": {"word_perplexity": False},
        },
        "n-samples": {
            "gsm8k": {"original": 1319, "effective": 1319},
            "arc_easy": {"original": 2376, "effective": 500},
            "wikitext": {"original": 62, "effective": 62},
        },
        "config": {
            "model": "vllm",
            "model_args": f"pretrained={QWEN},dtype=auto,api_key=sk-secret",
            "limit": 500,
            "bootstrap_iters": 100000,
        },
        "date": 1775001600.5,
        "model_source": "vllm",
        "model_name": QWEN,
        "model_name_sanitized": "Qwen__Qwen3.6-27B",
        "total_evaluation_time_seconds": "812.5",
        **more,
    }


def inspect(**more: Any) -> dict[str, Any]:
    """A log of Inspect, version 2, without its samples."""
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "run_id": "r1",
            "created": "2026-04-01T12:53:13+02:00",
            "task": "helpdesk",
            "task_version": 0,
            "dataset": {"name": "helpdesk", "samples": 50, "shuffled": False},
            "model": f"vllm/{QWEN}",
            "config": {"epochs": 1},
        },
        "plan": {"name": "plan", "steps": []},
        "results": {
            "total_samples": 50,
            "completed_samples": 48,
            "scores": [
                {
                    "name": "match",
                    "scorer": "match",
                    "params": {},
                    "metrics": {
                        "accuracy": {"name": "accuracy", "value": 0.75, "params": {}},
                        "stderr": {"name": "stderr", "value": 0.0631, "params": {}},
                    },
                }
            ],
        },
        "stats": {"started_at": "2026-04-01T12:53:13+02:00", "completed_at": "2026-04-01T12:55:00+02:00"},
        **more,
    }


def _read(document: object, **named: Any) -> Parsed:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return read_results("results.json", raw, now=NOW, **named)


def _rows(parsed: Parsed) -> list[tuple[str, str, float, int | None, float | None]]:
    return [(e.task, e.metric, e.score, e.samples, e.stderr) for e in parsed.results]


def test_results_of_the_harness() -> None:
    parsed = _read(harness())
    assert parsed.format == "lm-evaluation-harness"
    assert _rows(parsed) == [
        ("gsm8k", "exact_match,strict-match", 0.62, 1319, 0.0134),
        ("gsm8k", "exact_match,flexible-extract", 0.65, 1319, 0.0131),
        ("arc_easy", "acc", 0.81, 500, 0.008),
        ("arc_easy", "acc_norm", 0.79, 500, None),
    ]
    assert {e.model for e in parsed.results} == {QWEN}
    assert parsed.results[0].at == datetime(2026, 4, 1, 0, 0, 0, 500_000, tzinfo=UTC)
    assert [e.position for e in parsed.results] == [0, 1, 0, 1]
    assert parsed.warnings == ("word_perplexity (less is better): left out on wikitext",)
    assert "sk-secret" not in repr(parsed)


@pytest.mark.parametrize(
    ("more", "model"),
    [
        pytest.param({"model_name": None}, QWEN, id="by its arguments"),
        pytest.param(
            {
                "model_name": None,
                "config": {"model": "hf", "model_args": {"pretrained": "a/b", "peft": "c/d"}},
            },
            "c/d",
            id="an adapter on a model is the adapter",
        ),
        pytest.param(
            {"model_name": "/hub/models--Qwen--Qwen3.6-27B/snapshots/abc123"},
            QWEN,
            id="a path of the Hub's cache",
        ),
        pytest.param({"model_name": "/data/checkpoints/my-tune/"}, "my-tune", id="a folder"),
        pytest.param({"model_name": None, "config": {"model": "gpt2"}}, "gpt2", id="the last resort"),
    ],
)
def test_whose_results_they_are(more: dict[str, Any], model: str) -> None:
    assert {e.model for e in _read(harness(**more)).results} == {model}


def test_metrics_of_older_versions_and_without_directions() -> None:
    old = {
        "results": {"arc": {"acc": 0.5, "acc_stderr": 0.02, "own_metric": 0.7, "ppl": float("nan")}},
        "config": {"model_args": "pretrained=a/b", "model": "hf"},
        "versions": {"arc": 0},
    }
    parsed = _read(old)
    assert _rows(parsed) == [("arc", "acc", 0.5, None, 0.02)]
    assert parsed.warnings == (
        "own_metric (the file does not say whether higher is better): left out on arc",
        "ppl (the file does not say whether higher is better): left out on arc",
    )


def test_bleu_counts_to_100_and_what_is_no_share_is_left_out() -> None:
    results = {"wmt": {"bleu,none": 31.5, "bleu_stderr,none": 1.5, "mcc,none": -0.2}}
    higher = {"wmt": {"bleu": True, "mcc": True}}
    parsed = _read(harness(results=results, higher_is_better=higher))
    assert _rows(parsed) == [("wmt", "bleu", 0.315, None, 0.015)]
    assert parsed.warnings == ("mcc (not between 0 and 1): left out on wmt",)


def test_a_group_rests_on_the_answers_of_all_its_tasks() -> None:
    results = {"mmlu": {"acc,none": 0.7}, "mmlu_law": {"acc,none": 0.6}, "mmlu_art": {"acc,none": 0.8}}
    groups = {"mmlu": ["mmlu_humanities"], "mmlu_humanities": ["mmlu_law", "mmlu_art", "mmlu"]}
    sizes = {"mmlu_law": {"effective": 100}, "mmlu_art": {"effective": 50}}
    parsed = _read(
        harness(results=results, group_subtasks=groups, higher_is_better={}, **{"n-samples": sizes})
    )
    assert [(task, n) for task, _, _, n, _ in _rows(parsed)] == [
        ("mmlu", 150),
        ("mmlu_law", 100),
        ("mmlu_art", 50),
    ]


def test_a_log_of_inspect() -> None:
    parsed = _read(inspect())
    [e] = parsed.results
    assert (e.model, e.task, e.metric, e.score, e.samples, e.stderr) == (
        QWEN,
        "helpdesk",
        "accuracy",
        0.75,
        48,
        0.0631,
    )
    assert e.at == datetime(2026, 4, 1, 10, 53, 13, tzinfo=UTC)
    assert parsed.notes == (f"the model is {QWEN}, served by vllm",)
    assert parsed.warnings == ("2 of 50 samples failed and do not count",)


def test_epochs_ask_the_same_samples_again_and_are_no_further_samples() -> None:
    log = inspect()
    log["eval"]["config"]["epochs"] = 4
    log["results"] |= {"total_samples": 200, "completed_samples": 200}
    assert _read(log).results[0].samples == 50
    log["results"]["scores"][0]["scored_samples"] = 49
    assert _read(log).results[0].samples == 49


def test_several_scorers_are_several_metrics_and_strange_metrics_are_left_out() -> None:
    log = inspect()
    second = {"name": "judge", "metrics": {"mean": {"value": 0.5}, "f7": {"value": 3}, "std": {"value": 0.1}}}
    log["results"]["scores"].append(second)
    parsed = _read(log)
    assert [e.metric for e in parsed.results] == ["accuracy,match", "mean,judge"]
    assert "f7 (Inspect does not say whether higher is better): left out" in parsed.warnings


def test_a_spread_of_nothing_among_a_few_tells_nothing() -> None:
    log = inspect()
    log["results"]["scores"][0]["metrics"] = {"accuracy": {"value": 1.0}, "stderr": {"value": 0.0}}
    assert _read(log).results[0].stderr is None


@pytest.mark.parametrize(
    ("document", "says"),
    [
        pytest.param(b'{"results": ', ":1:13: not complete JSON", id="cut off"),
        pytest.param(b'{"a": 1}\n{"a": 2}\n', ":2:1: these are JSON lines", id="single answers"),
        pytest.param({"foo": 1, "bar": 2}, "there is foo, bar", id="other JSON"),
        pytest.param([], "there is no keys", id="a list"),
        pytest.param(b'{"a": "\xff"}', "not UTF-8", id="not UTF-8"),
        pytest.param(b"[" * 100_000, "nested too deeply", id="nested without end"),
        pytest.param(b'{"a": 1' + b"0" * 5000 + b"}", "thousands of digits", id="a number without end"),
        pytest.param(
            harness(results={"arc_easy": {"acc,none": 10**400}}), "no metric in it", id="a huge score"
        ),
        pytest.param(
            harness(
                results={"g0": {"acc,none": 0.5}},
                group_subtasks={f"g{i}": [f"g{i + 1}"] for i in range(5000)},
            ),
            "groups of tasks nested too deeply",
            id="groups without end",
        ),
        pytest.param(inspect(results={"scores": 5}), "no score in it", id="scores that are no list"),
        pytest.param(
            inspect(status="cancelled"), "the run ended as cancelled", id="a run that was cancelled"
        ),
        pytest.param(inspect(invalidated=True), "invalidated", id="a log that was invalidated"),
        pytest.param(inspect(eval={"task": "t"}), "eval.model or eval.task is missing", id="no model"),
        pytest.param(inspect(results=None), "no score in it", id="no results"),
        pytest.param(
            harness(model_name="", config={}), "does not name its model: give --model", id="nobody's results"
        ),
        pytest.param(
            harness(results={"w": {"word_perplexity,none": 9.0}}),
            "no metric in it is a share where higher is better",
            id="only what is better when lower",
        ),
    ],
)
def test_what_is_refused_says_why(document: object, says: str) -> None:
    with pytest.raises(BadResults) as refused:
        _read(document)
    assert says in str(refused.value)


def test_huge_numbers_beside_a_score_say_nothing() -> None:
    row = {"acc,none": 0.8, "acc_stderr,none": 10**400}
    [result] = _read(
        harness(results={"arc_easy": row}, **{"n-samples": {"arc_easy": {"effective": 10**400}}})
    ).results
    assert (result.samples, result.stderr) == (None, None)


def test_one_task_of_many_is_chosen_and_an_only_one_renamed() -> None:
    assert {e.task for e in _read(harness(), task="gsm8k").results} == {"gsm8k"}
    assert _read(inspect(), task="desk", model="a/b").results[0].task == "desk"
    with pytest.raises(BadResults, match="has 2 tasks"):
        _read(harness(), task="helpdesk")
