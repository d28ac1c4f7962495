"""What counts as a change of machines or requirements, and how it is said."""

from dataclasses import replace
from typing import Any

import pytest

from tests.factories import NOW, SPARK, deployment, stack
from watcher.accepted import compare_stacks, deployment_before, facts_of, pool_before
from watcher.fit.devices import devices
from watcher.types import ChangeKind, Deployment, Hardware, LicenceRules, Load, Stack

H200 = Hardware(name="h200", device=devices()["h200-sxm-141gb"], count=1)
TWO = replace(SPARK, count=2)
BOX = replace(SPARK, name="box")
HELPDESK = deployment()
REVIEW = deployment(name="review", task="code")


def team(*deployments: Deployment, pools: tuple[Hardware, ...] = (SPARK,), **more: Any) -> Stack:
    return stack(*deployments, hardware=pools, **more)


def asks(**more: Any) -> Stack:
    """The reference deployment, asking for something else."""
    return team(replace(HELPDESK, **more))


def rules(**more: Any) -> LicenceRules:
    return replace(HELPDESK.licence, **more)


HARDWARE: list[Any] = [
    pytest.param(
        team(pools=(SPARK,)),
        team(pools=(TWO,)),
        ["hardware/spark: spark was joined by a second machine"],
        id="a second machine of unified memory",
    ),
    pytest.param(
        team(pools=(H200,)),
        team(pools=(replace(H200, count=2),)),
        ["hardware/h200: h200 was joined by a second GPU"],
        id="a second GPU",
    ),
    pytest.param(
        team(pools=(H200,)),
        team(pools=(replace(H200, count=8),)),
        ["hardware/h200: h200 grew from 1 to 8 GPUs"],
        id="seven more",
    ),
    pytest.param(
        team(pools=(TWO,)),
        team(pools=(SPARK,)),
        ["hardware/spark: spark shrank from 2 to 1 machine"],
        id="a machine less",
    ),
    pytest.param(
        team(pools=(SPARK,)),
        team(pools=(SPARK, H200)),
        [f"hardware/h200: h200 is new: 1 x {H200.device.name}"],
        id="a new pool",
    ),
    pytest.param(
        team(pools=(SPARK, H200)),
        team(pools=(SPARK,)),
        [f"hardware/h200: h200 is gone: it was 1 x {H200.device.name}"],
        id="a pool that is gone",
    ),
    pytest.param(
        team(pools=(replace(H200, name="spark"),)),
        team(pools=(SPARK,)),
        [f"hardware/spark: spark is now 1 x DGX Spark, no longer 1 x {H200.device.name}"],
        id="another device under the same name",
    ),
    pytest.param(
        team(pools=(replace(SPARK, planned=True),)),
        team(pools=(SPARK,)),
        ["hardware/spark: spark is here: it was planned until now"],
        id="a planned machine that came",
    ),
]
REQUIREMENTS: list[Any] = [
    pytest.param(
        asks(load=Load(users=25, context_tokens=32768)),
        "helpdesk: users 10 → 25, context 8,192 → 32,768",
        id="more users with more context",
    ),
    pytest.param(asks(languages=("de", "en")), "helpdesk: languages en → de and en", id="one more language"),
    pytest.param(asks(task="code"), "helpdesk: task chat → code", id="another task"),
    pytest.param(
        asks(min_tokens_per_second=None), "helpdesk: speed floor 10 tok/s → none", id="no floor for the speed"
    ),
    pytest.param(asks(quality_floor="q8"), "helpdesk: quality floor none → q8", id="a floor for the quality"),
    pytest.param(asks(quant="fp8"), "helpdesk: quant q4 → fp8", id="another format"),
    pytest.param(asks(engine="vllm"), "helpdesk: engine sglang → vllm", id="another engine"),
    pytest.param(
        asks(licence=rules(allow=("mit",))),
        "helpdesk: licences apache-2.0 and mit → mit",
        id="fewer licences",
    ),
    pytest.param(
        asks(licence=rules(refuse_origin=())), "helpdesk: refused origins CN → none", id="every origin"
    ),
    pytest.param(
        asks(licence=rules(domicile="DE")), "helpdesk: domicile not said → DE", id="a domicile that matters"
    ),
    pytest.param(
        asks(model="google/gemma-4-31B-it"),
        f"helpdesk: model {HELPDESK.model} → google/gemma-4-31B-it",
        id="another model",
    ),
    pytest.param(
        team(HELPDESK, REVIEW),
        f"review is new: {REVIEW.model} for code on spark, 10 users with 8,192 tokens",
        id="a new deployment",
    ),
    pytest.param(
        team(),
        f"helpdesk was removed: it was {HELPDESK.model} for chat on spark, 10 users with 8,192 tokens",
        id="a deployment that is gone",
    ),
]
NOTHING: list[Any] = [
    pytest.param(team(HELPDESK), team(HELPDESK), id="the same once more"),
    pytest.param(
        team(HELPDESK, REVIEW, pools=(SPARK, H200)),
        team(REVIEW, HELPDESK, pools=(H200, SPARK)),
        id="another order of pools and deployments",
    ),
    pytest.param(asks(languages=("en", "de")), asks(languages=("de", "en")), id="another order of languages"),
    pytest.param(
        asks(licence=rules(allow=("Apache 2.0", "mit"))),
        asks(licence=rules(allow=("mit", "apache-2.0"))),
        id="another spelling of a licence",
    ),
    pytest.param(
        asks(model=HELPDESK.model.upper(), quant="Q4"),
        asks(model=HELPDESK.model.lower(), quant="q4"),
        id="capitals in a model's id and format",
    ),
    pytest.param(
        team(HELPDESK), team(replace(HELPDESK, hardware=BOX), pools=(BOX,)), id="another name for a pool"
    ),
    pytest.param(team(HELPDESK), team(replace(HELPDESK, name="support")), id="another name for a deployment"),
    pytest.param(
        team(HELPDESK),
        team(HELPDESK, pools=(replace(SPARK, device=replace(SPARK.device, bandwidth_bytes_per_s=1e9)),)),
        id="a corrected figure in our table of devices",
    ),
    pytest.param(
        team(HELPDESK), team(HELPDESK, shortlist=("google/gemma-4-31B-it",)), id="another shortlist"
    ),
]


@pytest.mark.parametrize(("before", "after", "said"), HARDWARE)
def test_a_change_of_machines(before: Stack, after: Stack, said: list[str]) -> None:
    found = compare_stacks(before, after, NOW)
    assert [f"{c.key.id}: {c.evidence[0]}" for c in found] == said
    assert {c.kind for c in found} == {ChangeKind.HARDWARE}


@pytest.mark.parametrize(("after", "said"), REQUIREMENTS)
def test_a_change_of_requirements(after: Stack, said: str) -> None:
    [change] = compare_stacks(team(HELPDESK), after, NOW)
    assert (change.kind, change.evidence) == (ChangeKind.REQUIREMENT, (said,))
    assert change.key.id == f"deployment/{said.split(':')[0].split()[0]}"


@pytest.mark.parametrize(("before", "after"), NOTHING)
def test_no_change_at_all(before: Stack, after: Stack) -> None:
    assert compare_stacks(before, after, NOW) == []


def test_a_change_says_before_and_after_in_plain_words() -> None:
    [change] = compare_stacks(team(HELPDESK), asks(load=Load(users=25, context_tokens=32768)), NOW)
    assert (change.before, change.after) == ("users 10, context 8,192", "users 25, context 32,768")
    [change] = compare_stacks(team(pools=(SPARK,)), team(pools=(TWO,)), NOW)
    assert (change.before, change.after) == ("1 x DGX Spark", "2 x DGX Spark")


def test_a_deployment_that_moved_and_its_machines_are_changes_of_their_own() -> None:
    after = team(replace(HELPDESK, hardware=H200), pools=(SPARK, H200))
    kinds = [(c.kind.value, c.key.id) for c in compare_stacks(team(HELPDESK), after, NOW)]
    assert kinds == [("hardware", "hardware/h200"), ("requirement", "deployment/helpdesk")]


def test_each_change_is_a_thread_of_its_own() -> None:
    after = team(replace(HELPDESK, task="code"), pools=(TWO,))
    threads = [c.lineage.thread for c in compare_stacks(team(HELPDESK), after, NOW)]
    assert threads == ["hardware/spark", "deployment/helpdesk"]


def test_what_was_renamed_is_found_under_its_name_of_before() -> None:
    before, after = team(HELPDESK), team(replace(HELPDESK, name="support", hardware=BOX), pools=(BOX,))
    assert pool_before(BOX, before, after) == SPARK
    assert deployment_before(after.deployments[0], before, after) == HELPDESK


def test_only_machines_deployments_and_shortlist_are_remembered() -> None:
    whole = team(HELPDESK, shortlist=("google/gemma-4-31B-it",))
    assert facts_of(whole) == replace(whole, families=(), quantisers=())
