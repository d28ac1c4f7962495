"""What an alert and `modelwatch explain` say of a deployment's constraints."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from tests.commands import modelwatch
from tests.factories import candidate, fit, situation
from watcher.report_checks import section, summary
from watcher.types import Check, FitVerdict, Speed


def check(name: str, passed: bool | None, found: str = "figures") -> Check:
    return Check(name=name, passed=passed, wanted="this", found=found)


def test_passed_are_one_line_failures_have_figures_and_the_rest_stays_open() -> None:
    checks = [check("task", True), check("memory", True, "60.1 of 112 GiB, room for 14 users")]
    checks += [check("speed", False, "2-5 tok/s"), check("origin", None, "CN"), check("context", None)]
    assert summary(checks) == [
        "meets 2 of 5: task, memory (60.1 of 112 GiB, room for 14 users)",
        "fails speed: 2-5 tok/s; wanted: this",
        "leaves open origin (CN), context (figures)",
    ]


def test_nothing_weighed_is_no_section() -> None:
    assert section([("helpdesk (spark)", (), situation())]) == ()


def test_the_model_in_use_is_held_against_the_same_figures() -> None:
    slow = replace(fit(FitVerdict.FITS), decode_tokens_per_second=Speed(low=2, expected=3, high=5))
    world = situation(incumbent=replace(candidate(), fit=slow))
    [found] = section([("helpdesk (spark)", (check("task", True),), world)])
    assert found.heading == "Your constraints"
    assert found.lines == (
        "helpdesk (spark) meets 1 of 1: task",
        "helpdesk (spark) in use: fails speed: 2.0-5.0 tok/s each at 10 users; wanted: 10 tok/s each",
    )


@pytest.mark.parametrize("action", ["alert", "digest"])
def test_explain_lists_the_constraints_of_a_verdict_also_of_one_that_was_no_alert(
    demo: Path, action: str
) -> None:
    changes = modelwatch("changes", "--action", action, "--json", "--config", demo).json
    stories = [modelwatch("explain", change["id"], "--json", "--config", demo).json for change in changes]
    weighed = [v for story in stories for v in story["verdicts"] if v["action"] == action and v["checks"]]
    assert weighed
    assert set(weighed[0]["checks"][0]) == {"name", "passed", "wanted", "found"}
    said = modelwatch("explain", weighed[0]["change_id"], "--config", demo).out
    assert re.search(r"^    (yes |no  |open) task: .* \(wanted: \w+\)$", said, re.MULTILINE)
