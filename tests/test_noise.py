"""Noise of the real Hub in small, from the listing to what is decided: real client, real SQLite."""

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sources.standin.server import StandIn
from sources.standin.world import World
from tests.factories import deployment
from tests.rows import START, api_row
from tests.world import Watch
from watcher.rounds import RoundReport
from watcher.types import Action, ChangeKind

MODEL = "mistralai/Mistral-Small-4-119B-2603"
QUANT = "unsloth/Mistral-Small-4-119B-2603-GGUF"
AUTHORS = ("mistralai", "unsloth", "lab")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OTHERS = [f"mistralai/Mistral-Old-{n}B" for n in range(1, 9)]
STRANGERS = [f"lab/thing-{n}" for n in range(8)]


def _world() -> World:
    return World.from_rows([api_row(MODEL), *(api_row(name) for name in [*OTHERS, *STRANGERS])])


def _changes(report: RoundReport) -> list[tuple[str, str]]:
    return [(c.kind.value, c.key.id) for _, c in report.outcome.changes]


def _decided(report: RoundReport) -> list[tuple[str, str]]:
    return [(v.action.value, v.trigger) for v in report.outcome.verdicts]


def _play(folder: Path, world: World, *days: float, **more: Any) -> list[RoundReport]:
    with StandIn(world) as hub, Watch(folder, hub, AUTHORS, **more) as watch:
        return [watch.look(START + day * DAY) for day in days]


def test_a_licence_that_a_young_repo_corrects_is_no_change(tmp_path: Path) -> None:
    world, name = _world(), "lab/young"
    born = START + 2 * HOUR
    world.put(api_row(name, created=born, modified=born, licence="apache-2.0"), born)
    world.put(api_row(name, created=born, modified=born + 8 * HOUR, licence="mit"), born + 8 * HOUR)
    reports = _play(tmp_path, world, 0, 0.2, 0.6, 2)
    assert [kind for report in reports for kind, _ in _changes(report)] == ["new-variant"]


def test_licences_that_come_late_and_bases_that_move_are_no_changes(tmp_path: Path) -> None:
    world = World.from_rows(
        [api_row(MODEL), *(api_row(f"lab/q{n}-GGUF", licence=None, base="0xSero/GLM-REAP") for n in range(8))]
    )
    for n in range(8):
        row = api_row(f"lab/q{n}-GGUF", licence="mit", base="0xSero/GLM-185B", modified=START + DAY)
        world.put(row, START + DAY)
    reports = _play(tmp_path, world, 0, 1.5, 3)
    assert [_changes(report) for report in reports] == [[], [], []]


def test_a_gate_that_opens_again_is_one_alert_and_one_line(tmp_path: Path) -> None:
    world = _world()
    world.gate(MODEL, "manual", START + HOUR)
    world.gate(MODEL, False, START + 2 * DAY)
    reports = _play(tmp_path, world, 0, 1.1, 2.2, 3, 5.3, 6)
    assert [_decided(report) for report in reports] == [
        [],
        [("alert", "model-in-use-gated")],
        [("hold", "flapping")],
        [],
        [("digest", "went-back")],
        [],
    ]


def test_a_gate_that_goes_on_flapping_is_told_once(tmp_path: Path) -> None:
    world = _world()
    for day in range(1, 6):
        world.gate(MODEL, "manual" if day % 2 else False, START + (day - 0.5) * DAY)
    reports = _play(tmp_path, world, *range(12))
    told = [v for report in reports for v in report.outcome.verdicts if v.action is not Action.HOLD]
    assert Counter((v.action.value, v.trigger) for v in told) == {
        ("alert", "model-in-use-gated"): 1,
        ("ignore", "flapping"): 4,
    }
    assert sum(len(report.outcome.alerts) for report in reports) == 1


def test_a_model_that_is_back_within_hours_is_nothing(tmp_path: Path) -> None:
    world = _world()
    world.remove(MODEL, START + DAY)
    world.put(api_row(MODEL), START + DAY + 4 * HOUR)
    assert [_changes(report) for report in _play(tmp_path, world, 0, 1.05, 1.3, 3)] == [[], [], [], []]


def test_a_maker_that_relabels_its_models_is_one_alert_which_names_them(tmp_path: Path) -> None:
    world = _world()
    for name in [*OTHERS, MODEL]:
        world.put(api_row(name, licence="mrl", modified=START + DAY), START + DAY)
    _, report = _play(tmp_path, world, 0, 1.5)
    assert Counter(_decided(report)) == {("alert", "licence-in-use"): 1, ("ignore", "bulk-relabel"): 8}
    (alert,) = report.outcome.alerts
    assert MODEL in alert.title
    (reason,) = next(section.lines for section in alert.sections if section.heading.startswith("Why"))
    assert "so did 8 more repos of the account: mistralai/Mistral-Old-1B" in reason


def test_a_relabelling_that_takes_a_day_is_told_with_its_first_repos(tmp_path: Path) -> None:
    world = _world()
    for n, name in enumerate(OTHERS):
        hours = 24 if n < 2 else 30
        world.put(api_row(name, licence="mrl", modified=START + hours * HOUR), START + hours * HOUR)
    _, first, second = _play(tmp_path, world, 0, 1.05, 1.5)
    assert [trigger for _, trigger in _decided(first)] == ["licence-in-use"] * 2
    assert _decided(second) == [("ignore", "bulk-relabel")] * 6


def test_two_deployments_hear_of_one_relabelling_in_one_alert(tmp_path: Path) -> None:
    world = _world()
    for name in [*OTHERS, MODEL]:
        world.put(api_row(name, licence="mrl", modified=START + DAY), START + DAY)
    places = (deployment(), deployment(name="code", model=OTHERS[3]))
    _, report = _play(tmp_path, world, 0, 1.5, deployments=places)
    alerts = [(v.deployment, v.change.key.id) for v in report.outcome.verdicts if v.action is Action.ALERT]
    assert sorted(alerts) == [("code", OTHERS[3]), ("helpdesk", MODEL)]
    assert [alert.deployments for alert in report.outcome.alerts] in (
        [("helpdesk", "code")],
        [("code", "helpdesk")],
    )


def test_strangers_that_relabel_in_bulk_are_recorded_as_such(tmp_path: Path) -> None:
    world = _world()
    for name in STRANGERS:
        world.put(api_row(name, licence="bsd-3-clause", modified=START + DAY), START + DAY)
    _, report = _play(tmp_path, world, 0, 1.5)
    assert Counter(_decided(report)) == {("ignore", "not-in-use"): 1, ("ignore", "bulk-relabel"): 7}


def test_strangers_that_relabel_what_they_have_just_made_are_one_bulk_too(tmp_path: Path) -> None:
    world, born = _world(), START + HOUR
    for n in range(20):
        world.put(api_row(f"lab/clock-{n}", created=born, modified=born, licence="bsd-3-clause"), born)
        row = api_row(f"lab/clock-{n}", created=born, modified=born + 9 * HOUR, licence="mit")
        world.put(row, born + 9 * HOUR)
    _, _, report = _play(tmp_path, world, 0, 0.2, 0.6)
    moved = [v for v in report.outcome.verdicts if v.change.kind is ChangeKind.LICENCE]
    assert Counter((v.action.value, v.trigger) for v in moved) == {
        ("ignore", "not-in-use"): 1,
        ("ignore", "bulk-relabel"): 19,
    }


def test_what_leaves_a_capped_list_is_there_and_what_enters_it_is_not_new(tmp_path: Path) -> None:
    world = _world()
    world.put(api_row("unsloth/Mistral-Old-1B-GGUF", base=OTHERS[0]))
    world.put(api_row(STRANGERS[0], unlisted=True), START + DAY)
    old = START - 200 * DAY
    world.put(api_row(QUANT, base=MODEL, created=old, modified=old), START + DAY)
    reports = _play(tmp_path, world, 0, 1.5, 3, 4)
    assert [change for report in reports for change in _changes(report)] == [("new-quant", QUANT)]
    assert _decided(reports[1]) == [("ignore", "only-surfaced")]


def test_repos_that_are_made_and_deleted_by_the_hour_are_nobodys_business(tmp_path: Path) -> None:
    world, name = _world(), "lab/MyAwesomeModel-TestRepo"
    for hour in range(1, 100, 3):
        born = START + hour * HOUR
        world.put(api_row(name, created=born, modified=born, _id=f"{hour:024x}"), born)
        world.remove(name, born + 2 * HOUR)
    reports = _play(tmp_path, world, *(day / 4 for day in range(20)))
    assert {action for report in reports for action, _ in _decided(report)} <= {"hold", "ignore"}


LICENCE = {"LICENSE": "You may."}


@pytest.mark.parametrize(
    ("name", "decided"),
    [
        pytest.param(MODEL, [("alert", "licence-text")], id="of the model in use"),
        pytest.param(OTHERS[0], [], id="of one whose files nobody reads"),
    ],
)
def test_another_licence_text_under_the_same_tag(
    tmp_path: Path, name: str, decided: list[tuple[str, str]]
) -> None:
    world = _world()
    world.put(api_row(name, texts=LICENCE))
    world.put(api_row(name, modified=START + DAY, texts=LICENCE), START + DAY)
    world.put(api_row(name, modified=START + 2 * DAY, texts={"LICENSE": "You may not."}), START + 2 * DAY)
    reports = _play(tmp_path, world, 0, 1.5, 2.5)
    assert [_decided(report) for report in reports] == [[], [], decided]


def test_a_method_nobody_trusted_had_used_is_one_line_once(tmp_path: Path) -> None:
    world = _world()
    for n, day in ((1, 1), (2, 3)):
        row = api_row(
            f"unsloth/Mistral-Old-{n}B-AQLM",
            base=OTHERS[n - 1],
            created=START + day * DAY,
            modified=START + day * DAY,
            config={"model_type": "mistral", "quantization_config": {"quant_method": "aqlm", "bits": 2}},
        )
        world.put(row, START + day * DAY)
    reports = _play(tmp_path, world, 0, 2, 4)
    told = [v for r in reports for v in r.outcome.verdicts if v.change.kind is ChangeKind.QUANT_METHOD]
    assert [(v.action.value, v.change.key.id) for v in told] == [("digest", "unsloth/Mistral-Old-1B-AQLM")]
    assert "a possible breakthrough, 2 bits per weight, below 3" in told[0].reason


def test_a_quant_has_the_licence_of_its_base_also_when_that_moves(tmp_path: Path) -> None:
    world = _world()
    world.put(api_row(QUANT, base=MODEL, licence="mit"))
    world.put(api_row(MODEL, licence="mrl", modified=START + DAY), START + DAY)
    with StandIn(world) as hub, Watch(tmp_path, hub, AUTHORS) as watch:
        licences = []
        for day in (0, 1.5):
            watch.look(START + day * DAY)
            with watch.store.read() as tx:
                licences.append(tx.entries([QUANT])[QUANT.casefold()].licence)
    assert licences == ["apache-2.0", "mrl"]


def test_a_newcomer_that_claims_a_freer_licence_than_its_base_says_so(tmp_path: Path) -> None:
    world = _world()
    world.put(api_row(MODEL, licence="mrl"))
    born: datetime = START + DAY
    world.put(api_row(QUANT, base=MODEL, licence="apache-2.0", created=born, modified=born), born)
    _, report = _play(tmp_path, world, 0, 1.5)
    (_, change) = report.outcome.changes[0]
    assert change.evidence[-1] == (
        f"the licence of its base {MODEL} counts: Mistral Research (its own tag, a label, says Apache 2.0)"
    )
