"""Should we tell them? One row per situation, with its answer and the rule that gave it."""

from typing import Any

import pytest

from tests.factories import (
    candidate,
    change,
    deployment,
    lineage,
    situation,
    stack,
    two_quantisers,
)
from tests.judged import check
from watcher.triggers import judge
from watcher.types import Change, ChangeKind, FitVerdict, LicenceRules, RepoFacts
from watcher.uses import subject

MODEL = "mistralai/Mistral-Small-4-119B-2603"
QUANT = "unsloth/Mistral-Small-4-119B-2603-GGUF"
NEW = "newlab/Apollo-70B"

quant = lineage(quant=True, official=False, publisher="unsloth", base_repo=MODEL)
player = lineage(family=None, series="Apollo", version="1", publisher="newlab", official=False)


def licence(before: str, after: str, repo: str = MODEL, **more: Any) -> Change:
    return change(ChangeKind.LICENCE, repo, before=before, after=after, **more)


IN_USE: list[Any] = [
    pytest.param(
        change(ChangeKind.REMOVED, before="available", after="gone or private"),
        {},
        "alert",
        "model-in-use-removed",
        id="the model in use is gone",
    ),
    pytest.param(
        change(ChangeKind.REMOVED, "mistralai/Other"),
        {},
        "digest",
        "watched-family",
        id="another model is gone",
    ),
    pytest.param(
        change(ChangeKind.REMOVED, "some/Candidate", lineage=lineage(family=None, official=False)),
        {"stack": stack(deployment(), shortlist=("some/Candidate",))},
        "alert",
        "model-in-use-removed",
        id="a shortlisted candidate is gone",
    ),
    pytest.param(
        change(ChangeKind.RESTORED), {}, "digest", "model-in-use-moved", id="the model in use came back"
    ),
    pytest.param(
        change(ChangeKind.RENAMED, MODEL, before="mistralai/Old-Name", after=MODEL),
        {},
        "digest",
        "model-in-use-moved",
        id="the model in use was renamed and redirects",
    ),
    pytest.param(
        change(ChangeKind.GATED, before="none", after="manual"),
        {},
        "alert",
        "model-in-use-gated",
        id="the model in use now needs an approval",
    ),
    pytest.param(
        change(ChangeKind.GATED, before="auto", after="none"),
        {},
        "digest",
        "model-in-use-gated",
        id="the model in use was opened",
    ),
    pytest.param(
        change(ChangeKind.GATED, "mistralai/Other", before="none", after="auto"),
        {},
        "digest",
        "watched-family",
        id="another model of the family was gated",
    ),
    pytest.param(
        change(ChangeKind.QUANT_REPLACED),
        {},
        "alert",
        "model-in-use-replaced",
        id="the weights in use were replaced under the same name",
    ),
    pytest.param(
        change(ChangeKind.QUANT_REPLACED, QUANT, lineage=quant),
        {"offers_wanted": True},
        "alert",
        "model-in-use-replaced",
        id="a trusted quant of the model in use was replaced",
    ),
    pytest.param(
        change(ChangeKind.QUANT_REPLACED, QUANT, lineage=quant),
        {"offers_wanted": False},
        "ignore",
        "not-in-use",
        id="a quant in a format that is not in use was replaced",
    ),
]

LICENCES: list[Any] = [
    pytest.param(
        licence("apache-2.0", "mrl"), {}, "alert", "licence-in-use", id="licence of the model in use"
    ),
    pytest.param(
        licence("apache-2.0", "mrl", "mistralai/Mistral-Large-4"),
        {},
        "alert",
        "licence-in-use",
        id="licence of the family in use",
    ),
    pytest.param(
        licence("apache-2.0", "mrl", QUANT, lineage=quant),
        {},
        "ignore",
        "not-in-use",
        id="a quantiser's tag is only a label",
    ),
    pytest.param(
        licence(
            "gemma", "apache-2.0", "google/gemma-4-31b", lineage=lineage(family="gemma", publisher="google")
        ),
        {},
        "alert",
        "licence-unlocks",
        id="a watched model that fits is no longer ruled out",
    ),
    pytest.param(
        licence(
            "gemma", "apache-2.0", "google/gemma-4-31b", lineage=lineage(family="gemma", publisher="google")
        ),
        {"candidate": candidate(FitVerdict.NO)},
        "digest",
        "watched-family",
        id="unlocked, but it does not fit",
    ),
    pytest.param(
        licence("qwen", "apache-2.0", "Qwen/Qwen2.5-72B", lineage=lineage(family="qwen", publisher="Qwen")),
        {},
        "digest",
        "watched-family",
        id="unlocked, but its makers' country is refused",
    ),
    pytest.param(
        licence("cc-by-nc-4.0", "mit", "google/gemma-4-31b", lineage=lineage(family="gemma")),
        {"deployment": deployment(licence=LicenceRules())},
        "alert",
        "licence-unlocks",
        id="business may use it now, although no list of licences ruled it out",
    ),
    pytest.param(
        licence("mit", "apache-2.0", "x/y", lineage=lineage(family=None, official=False)),
        {},
        "ignore",
        "not-in-use",
        id="a stranger's licence",
    ),
    pytest.param(
        licence("apache-2.0", "mit", "mistralai/Embed", lineage=lineage(variant="embedding")),
        {},
        "digest",
        "watched-family",
        id="licence of the family's embedding model, for a chat service",
    ),
]


@pytest.mark.parametrize(("change", "world", "action", "trigger"), IN_USE + LICENCES)
def test_judge(change: Change, world: dict[str, Any], action: str, trigger: str) -> None:
    check(change, world, action, trigger)


@pytest.mark.parametrize(
    ("rules", "family", "said"),
    [
        pytest.param(
            LicenceRules(allow=("mit",)),
            "mistral",
            "licence: Apache 2.0 (wanted one of mit)",
            id="licence not on the list",
        ),
        pytest.param(
            LicenceRules(refuse_origin=("FR",)),
            "mistral",
            "origin: FR (wanted not from FR)",
            id="origin refused",
        ),
        pytest.param(LicenceRules(), "mistral", "fits spark", id="no rules, no objection"),
    ],
)
def test_a_deployments_rules_decide_on_candidates(rules: LicenceRules, family: str, said: str) -> None:
    moved = change(ChangeKind.NEW_ARCHITECTURE, "mistralai/New", lineage=lineage(family=family))
    assert said in judge(moved, situation(deployment=deployment(licence=rules))).reason


def test_a_narrow_task_hears_of_a_new_family_of_specialists_and_not_of_llms() -> None:
    embedder = lineage(family=None, publisher="newlab", official=False, variant="embedding")
    moved = change(ChangeKind.NEW_FAMILY, NEW, lineage=embedder)
    world = situation(deployment=deployment(task="embed"), evidence=two_quantisers())
    assert judge(moved, world).action.value == "alert"
    llm = change(ChangeKind.NEW_FAMILY, NEW, lineage=lineage(family=None, publisher="newlab", official=False))
    assert judge(llm, world).trigger == "other-task"


def test_more_news_on_an_alerted_release_joins_it_in_the_digest() -> None:
    moved = change(ChangeKind.NEW_ARCHITECTURE, "mistralai/Mistral-Small-4-Base")
    told = {(subject(moved), "helpdesk"): "0123456789abcdef"}
    verdict = judge(moved, situation(told=told))
    assert (verdict.action.value, verdict.reason[:22]) == ("digest", "joins alert 01234567 o")


def test_an_alert_on_the_model_in_use_is_never_folded_into_an_earlier_one() -> None:
    gone = change(ChangeKind.REMOVED, after="gone or private")
    told = {(subject(gone), "helpdesk"): "0123456789abcdef"}
    assert judge(gone, situation(told=told)).action.value == "alert"


def test_a_verdict_names_its_deployment() -> None:
    assert judge(change(ChangeKind.REMOVED), situation()).deployment == "helpdesk"
    assert judge(change(ChangeKind.REMOVED), situation(deployment=None)).deployment is None


def test_an_exact_quant_repo_counts_as_in_use() -> None:
    place = deployment(quant=f"{QUANT}/Q4_K_M.gguf")
    gone = change(ChangeKind.REMOVED, QUANT, lineage=quant, after="gone or private")
    assert judge(gone, situation(of=RepoFacts(repo_id=QUANT), deployment=place)).action.value == "alert"
