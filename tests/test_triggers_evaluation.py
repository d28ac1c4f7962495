"""What a result on an evaluation set means for a deployment: one row per situation."""

from dataclasses import replace
from typing import Any

import pytest

from tests.factories import change, deployment, situation
from watcher.evaluation_compare import against_in_use
from watcher.situation import Policy
from watcher.triggers import judge
from watcher.types import ChangeKind, Comparison, Deployment, Evaluation, Graded, Verdict

IN_USE, OTHER = "mistralai/Mistral-Small-4-119B-2603", "Qwen/Qwen3.6-27B"


def result(model: str, right: int | None, of: int, **more: Any) -> Evaluation:
    score = (right or 0) / of
    return Evaluation(**{"model": model, "task": "helpdesk", "score": score, "samples": of, **more})


def answered(model: str, passed: str) -> Evaluation:
    """A run of ours: one letter per prompt, x right and . wrong."""
    items = tuple(Graded(prompt=f"p{i}", right=letter == "x") for i, letter in enumerate(passed))
    return result(model, passed.count("x"), len(passed), items=items)


def found(*results: Evaluation, d: Deployment | None = None, model: str = OTHER) -> Comparison | None:
    by_model: dict[str, list[Evaluation]] = {}
    for e in results:
        by_model.setdefault(e.model.casefold(), []).append(e)
    return against_in_use(model, by_model, d or deployment())


def told(
    finding: Comparison | None, *, model: str = OTHER, d: Deployment | None = None, **more: Any
) -> Verdict:
    news = change(ChangeKind.EVALUATION, model, after="86.0 % on helpdesk")
    return judge(news, situation(deployment=d or deployment(), finding=finding, **more))


@pytest.mark.parametrize(
    ("finding", "action", "trigger", "words"),
    [
        pytest.param(
            found(result(OTHER, 90, 100), result(IN_USE, 70, 100)),
            "alert",
            "evaluation-better",
            "90.0 % on helpdesk against 70.0 %",
            id="much better, and beyond chance",
        ),
        pytest.param(
            found(result(OTHER, 9, 10), result(IN_USE, 7, 10)),
            "digest",
            "evaluation-promising",
            "promising, too few samples: 22 more answers of each would settle it",
            id="the same from ten answers is perhaps luck",
        ),
        pytest.param(
            found(result(OTHER, 9000, 10000), result(IN_USE, 8000, 10000)),
            "digest",
            "evaluation-somewhat-better",
            "better, but not by more than 20 %",
            id="surely better, but not by much",
        ),
        pytest.param(
            found(result(OTHER, 600, 1000), result(IN_USE, 500, 1000)),
            "digest",
            "evaluation-somewhat-better",
            "+20.0 %",
            id="exactly 20 % is not more than 20 %",
        ),
        pytest.param(
            found(result(OTHER, 72, 100), result(IN_USE, 70, 100)),
            "ignore",
            "evaluation-not-better",
            "no better beyond chance",
            id="about as good",
        ),
        pytest.param(
            found(result(OTHER, 40, 100), result(IN_USE, 70, 100)),
            "ignore",
            "evaluation-not-better",
            "-42.9 %",
            id="worse",
        ),
        pytest.param(
            found(result(OTHER, 90, 100, samples=None), result(IN_USE, 60, 100)),
            "digest",
            "evaluation-promising",
            "state the sample sizes",
            id="much better, but nobody says from how many answers",
        ),
        pytest.param(
            found(answered(OTHER, "x" * 40 + "." * 10), answered(IN_USE, "x" * 28 + "." * 22)),
            "alert",
            "evaluation-better",
            "both answered the same 50 prompts",
            id="the same prompts, and the other fails only where it fails too",
        ),
        pytest.param(
            found(answered(OTHER, "x" * 8 + "..." * 1 + "x"), answered(IN_USE, "....xxxxxx.x")),
            "digest",
            "evaluation-promising",
            "more prompts would settle it",
            id="a dozen prompts of which each got others right",
        ),
        pytest.param(
            found(result(OTHER, 90, 100)),
            "ignore",
            "evaluation-without-comparison",
            "the model in use, has no result on helpdesk",
            id="the model in use was never asked",
        ),
        pytest.param(
            found(result(OTHER, 90, 100, metric="f1"), result(IN_USE, 60, 100, metric="em")),
            "ignore",
            "evaluation-without-comparison",
            "no metric in common: f1 against em",
            id="measured in another way",
        ),
        pytest.param(
            found(
                replace(answered(OTHER, "xxxx"), items=(Graded(prompt="q", right=True),)),
                answered(IN_USE, "x..."),
            ),
            "ignore",
            "evaluation-without-comparison",
            "different prompts",
            id="prompts that were rewritten in between",
        ),
        pytest.param(
            found(result(OTHER, 90, 100, samples=None), result(IN_USE, 0, 100, samples=None)),
            "ignore",
            "evaluation-without-comparison",
            "no gain can be named",
            id="over nothing, from nobody knows how many",
        ),
        pytest.param(
            None,
            "ignore",
            "evaluation-elsewhere",
            "those called helpdesk or chat",
            id="a set of somebody else",
        ),
    ],
)
def test_results(finding: Comparison | None, action: str, trigger: str, words: str) -> None:
    verdict = told(finding)
    assert (verdict.action.value, verdict.trigger) == (action, trigger), verdict.reason
    assert words in verdict.reason


def test_the_model_in_use_is_not_news_to_itself() -> None:
    verdict = told(found(result(IN_USE, 90, 100), model=IN_USE), model=IN_USE)
    assert (verdict.action.value, verdict.trigger) == ("ignore", "evaluation-of-the-model-in-use")
    quant = deployment(quant="unsloth/Mistral-Small-4-119B-2603-GGUF/Q4_K_M.gguf")
    own = "unsloth/Mistral-Small-4-119B-2603-GGUF"
    assert told(None, model=own, d=quant).trigger == "evaluation-elsewhere"
    assert told(found(result(own, 1, 2), model=own, d=quant), model=own, d=quant).action.value == "ignore"


def test_the_exact_weights_in_use_are_what_others_are_held_against() -> None:
    own = "unsloth/Mistral-Small-4-119B-2603-GGUF"
    d = deployment(quant=f"{own}/Q4_K_M.gguf")
    finding = found(result(OTHER, 90, 100), result(IN_USE, 85, 100), result(own, 60, 100), d=d)
    assert finding is not None
    assert (finding.incumbent, finding.incumbent_score) == (own, 0.6)


def test_the_main_metric_that_both_have_decides() -> None:
    results = [
        result(OTHER, 50, 100, metric="acc", position=0),
        result(OTHER, 90, 100, metric="f1", position=1),
        result(OTHER, 10, 100, metric="em", position=2),
        result(IN_USE, 60, 100, metric="em"),
        result(IN_USE, 60, 100, metric="f1"),
    ]
    finding = found(*results)
    assert finding is not None
    assert (finding.metric, finding.score) == ("f1", 0.9)


def test_the_policy_says_how_much_better_is_enough() -> None:
    finding = found(result(OTHER, 850, 1000), result(IN_USE, 750, 1000))
    assert told(finding).action.value == "digest"
    assert told(finding, policy=Policy(evaluation_gain=0.1)).action.value == "alert"


def test_what_was_alerted_of_late_is_not_alerted_again() -> None:
    finding = found(result(OTHER, 90, 100), result(IN_USE, 70, 100))
    assert finding is not None
    verdict = told(replace(finding, told="0123456789abcdef"))
    assert (verdict.action.value, verdict.reason[:20]) == ("digest", "joins alert 01234567")


def test_a_team_without_deployments_is_not_alerted() -> None:
    news = change(ChangeKind.EVALUATION, OTHER, after="86.0 % on helpdesk")
    assert judge(news, situation(deployment=None)).action.value == "ignore"


@pytest.mark.parametrize(
    ("tasks", "task", "hears"),
    [
        pytest.param((), "helpdesk", True, id="a set of the deployment's name"),
        pytest.param((), "Chat", True, id="a set of its task's name, in any case"),
        pytest.param((), "mmlu", False, id="a public benchmark"),
        pytest.param(("desk-v2",), "desk-v2", True, id="a set that is configured"),
        pytest.param(("desk-v2",), "helpdesk", False, id="then no other"),
    ],
)
def test_a_deployment_hears_of_its_own_sets(tasks: tuple[str, ...], task: str, hears: bool) -> None:
    from watcher.evaluation_compare import hears_of

    assert hears_of(deployment(evaluation_tasks=tasks), task) is hears
