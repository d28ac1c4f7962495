"""A changed configuration: who is told what, one row per situation."""

from dataclasses import replace
from typing import Any

import pytest

from tests.factories import change, deployment, situation
from tests.judged import check
from watcher.report import Warranted, build_alert
from watcher.situation import Situation
from watcher.triggers import judge
from watcher.types import Change, ChangeKind, Check, Consequences, Key, Lineage

MODEL = "mistralai/Mistral-Small-4-119B-2603"
BIG = "Qwen/Qwen3-235B: nvfp4: tight, 90.0 of 100.0 GiB, memory for 12 users, 14-18 tok/s each at 10 users"
OTHER = (
    "openai/gpt-oss-20b: mxfp4: fits, 14.7 of 100.0 GiB, memory for 99 users, 14-39 tok/s each at 10 users"
)
SLOW = "speed: 2.3-6.3 tok/s each at 60 users, wanted 10 tok/s each"


def configured(kind: ChangeKind, about: str, said: str) -> Change:
    moved = change(kind, about, lineage=Lineage(family=None, publisher=about), evidence=(said,))
    return replace(moved, key=Key(source="config", id=about), before="before")


GROWN = configured(ChangeKind.HARDWARE, "hardware/spark", "spark was joined by a second machine")
RAISED = configured(ChangeKind.REQUIREMENT, "deployment/helpdesk", "helpdesk: users 10 → 60")


def meant(**more: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"deployment": "helpdesk", "holds": True, "current": f"{MODEL} meets 9 of 9"}
    return {"finding": Consequences(**(usual | more))}


ROWS: list[Any] = [
    pytest.param(GROWN, meant(possible=(BIG,)), "alert", "hardware-changed", id="a model newly fits"),
    pytest.param(
        GROWN,
        meant(gained=(f"{MODEL} runs in finer weights: fp8: fits",)),
        "alert",
        "hardware-changed",
        id="the model in use runs in finer weights",
    ),
    pytest.param(
        GROWN,
        meant(holds=False, lost=("memory: 120.0 of 100.0 GiB, wanted fits spark",)),
        "alert",
        "hardware-changed",
        id="machines shrank under the model in use",
    ),
    pytest.param(
        GROWN, meant(), "digest", "hardware-changed", id="nothing new qualifies, and it still holds"
    ),
    pytest.param(
        GROWN,
        meant(holds=False),
        "digest",
        "hardware-changed",
        id="the model in use missed something before and still does",
    ),
    pytest.param(
        GROWN,
        meant(possible=(BIG,), planned=True),
        "digest",
        "hardware-changed",
        id="machines that are only planned",
    ),
    pytest.param(GROWN, {}, "ignore", "hardware-changed", id="machines of another deployment"),
    pytest.param(GROWN, {"deployment": None}, "digest", "hardware-changed", id="no deployment at all"),
    pytest.param(
        RAISED,
        meant(holds=False, lost=(SLOW,), candidates=(OTHER,)),
        "alert",
        "requirements-changed",
        id="more users than the model in use serves",
    ),
    pytest.param(
        RAISED,
        meant(candidates=(OTHER,)),
        "digest",
        "requirements-changed",
        id="more users, and the model in use still holds",
    ),
    pytest.param(
        RAISED,
        meant(holds=False),
        "digest",
        "requirements-changed",
        id="what it missed before it misses still",
    ),
    pytest.param(
        RAISED,
        meant(holds=None, current=f"{MODEL} is not in the catalog"),
        "digest",
        "requirements-changed",
        id="nobody knows the model in use",
    ),
    pytest.param(
        RAISED,
        meant(switched=True),
        "ignore",
        "requirements-changed",
        id="another model that meets everything",
    ),
    pytest.param(
        RAISED,
        meant(switched=True, holds=False, lost=(SLOW,)),
        "digest",
        "requirements-changed",
        id="another model, chosen by the team, that misses something",
    ),
    pytest.param(RAISED, {}, "ignore", "requirements-changed", id="what another deployment asks for"),
]


@pytest.mark.parametrize(("moved", "world", "action", "trigger"), ROWS)
def test_who_is_told(moved: Change, world: dict[str, Any], action: str, trigger: str) -> None:
    check(moved, world, action, trigger)


def test_a_reason_has_the_figures_that_decided() -> None:
    world = situation(**meant(holds=False, lost=(SLOW,), candidates=(OTHER, BIG)))
    assert judge(RAISED, world).reason == f"{MODEL} no longer holds: {SLOW}. Candidates: {OTHER}; and 1 more"
    assert judge(GROWN, situation(**meant(possible=(BIG,)))).reason == f"possible now: {BIG}"
    untouched = (
        "does not touch helpdesk: as before it serves 10 users with 8,192 tokens on spark (1 x DGX Spark)"
    )
    assert judge(GROWN, situation()).reason == untouched


def test_a_verdict_keeps_the_constraints_of_the_model_in_use_one_by_one() -> None:
    checks = (Check(name="memory", passed=True, wanted="fits spark", found="60.0 of 100.0 GiB"),)
    assert judge(GROWN, situation(**meant(checks=checks))).checks == checks


def warranted(moved: Change, world: Situation) -> Warranted:
    return Warranted(verdict=judge(moved, world), situation=world)


def test_an_alert_on_machines_reads_well_without_a_repo() -> None:
    review = deployment(name="review")
    worlds = [
        situation(**meant(possible=(BIG, OTHER))),
        situation(deployment=review, **meant(deployment="review", possible=(BIG,))),
    ]
    alert = build_alert([warranted(GROWN, world) for world in worlds], GROWN.detected_at)
    assert (
        alert.title
        == "spark was joined by a second machine: 2 models now fit helpdesk, 1 model now fits review"
    )
    assert (alert.thread, alert.links, alert.deployments) == ("hardware/spark", (), ("helpdesk", "review"))
    sections = {section.heading: section.lines for section in alert.sections}
    assert sections["Possible now"] == ("helpdesk:", f"  {BIG}", f"  {OTHER}", "review:", f"  {BIG}")
    assert sections["Next step"][-1] == "The whole story: modelwatch explain hardware/spark"


def test_an_alert_on_requirements_says_what_is_lost_and_who_may_step_in() -> None:
    world = situation(**meant(holds=False, lost=(SLOW,), candidates=(OTHER,)))
    alert = build_alert([warranted(RAISED, world)], RAISED.detected_at)
    assert alert.title == "helpdesk: users 10 → 60: the model in use no longer holds"
    assert [section.heading for section in alert.sections] == [
        "What changed",
        "No longer holds",
        "Candidates",
        "Next step",
    ]


def test_a_long_list_is_cut_with_its_length() -> None:
    many = tuple(f"maker/model-{n}: fits" for n in range(9))
    alert = build_alert([warranted(GROWN, situation(**meant(possible=many)))], GROWN.detected_at)
    [lines] = [section.lines for section in alert.sections if section.heading == "Possible now"]
    assert (len(lines), lines[-1]) == (6, "and 4 more")
