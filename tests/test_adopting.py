"""From an edited configuration to the alert it warrants, over the catalog of April 2026 in a real store."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from store.db import Store
from store.read import changes as recorded
from store.read import explain
from tests.april import april_catalog
from watcher.accepted import facts_of
from watcher.adopting import adopt, pending
from watcher.cli_common import read_config
from watcher.ports import Catalog, Tx
from watcher.refit import refit
from watcher.rules import Outcome, Rules
from watcher.team import team_of

NOW = datetime(2026, 4, 20, 9, tzinfo=UTC)
USUAL: dict[str, Any] = {
    "more": "",
    "sparks": 1,
    "h100s": 1,
    "users": 10,
    "languages": "en, de",
    "review": True,
}
HELPDESK = """
  helpdesk:
    {{model: mistralai/Mistral-Small-4-119B-2603, quant: q4, engine: sglang, hardware: spark, users: {users},
      languages: [{languages}], licence: {{allow: [apache-2.0, mit], refuse_origin: [CN]}}}}"""
REVIEW = """
  review: {model: Qwen/Qwen3-32B, quant: fp8, engine: vllm, hardware: h100, task: code, context: 32768}"""


def text(folder: Path, **changed: Any) -> str:
    said = USUAL | changed
    return (
        f'store: {{url: "sqlite:///{folder}/watch.db"}}\n'
        f"hardware: {{spark: {{device: dgx-spark, count: {said['sparks']}}}, "
        f"h100: {{device: h100-sxm-80gb, count: {said['h100s']}}}{said['more']}}}\n"
        f"deployments:{HELPDESK.format(**said)}{REVIEW if said['review'] else ''}\n"
    )


class Desk:
    """A team at its configuration: what it edits is adopted a day later each time."""

    def __init__(self, folder: Path, catalog: Path) -> None:
        self.folder, self.day = folder, 0
        shutil.copy(catalog, folder / "watch.db")
        self.store = Store.open(f"sqlite:///{folder}/watch.db")

    def rules(self, **changed: Any) -> Rules:
        return team_of(read_config(text(self.folder, **changed), "watch.yaml")).rules(["ops"])

    def edits(self, **changed: Any) -> Outcome:
        self.day += 1
        outcome = adopt(self.store, self.rules(**changed), NOW + timedelta(days=self.day), patient=True)
        assert outcome is not None
        return outcome


@pytest.fixture(scope="module")
def april(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The catalog before anybody accepted a configuration."""
    return april_catalog(tmp_path_factory.mktemp("april"))


@pytest.fixture
def desk(tmp_path: Path, april: Path) -> Iterator[Desk]:
    found = Desk(tmp_path, april)
    with found.store:
        assert found.edits() == Outcome()
        yield found


def decided(outcome: Outcome) -> dict[str | None, str]:
    """Each deployment's decision; there must be one for each."""
    assert len(outcome.verdicts) == len({v.deployment for v in outcome.verdicts})
    return {v.deployment: v.action.value for v in outcome.verdicts}


def told(outcome: Outcome) -> dict[str, tuple[str, ...]]:
    [alert] = outcome.alerts
    return {"title": (alert.title,)} | {section.heading: section.lines for section in alert.sections}


def test_the_first_configuration_is_accepted_in_silence(desk: Desk) -> None:
    assert recorded(desk.store.path) == []
    with desk.store.read() as tx:
        assert tx.accepted() == facts_of(desk.rules().stack)


def test_a_second_gpu_makes_finer_weights_and_larger_models_possible(desk: Desk) -> None:
    outcome = desk.edits(h100s=2)
    assert decided(outcome) == {"helpdesk": "ignore", "review": "alert"}
    said = told(outcome)
    [title] = said["title"]
    assert title.startswith("h100 was joined by a second GPU: ")
    assert title.endswith(" models now fit review")
    assert said["The model in use"][0].startswith("Qwen/Qwen3-32B runs in finer weights: bf16: fits, ")
    assert any(
        line.startswith("Qwen/Qwen3-Next-80B-A3B-Instruct: fp8: fits, ") for line in said["Possible now"]
    )
    assert all("tok/s each at 1 user" in line for line in said["Possible now"] if ": fits, " in line)


def test_a_machine_less_is_a_line_where_the_model_still_holds(desk: Desk) -> None:
    desk.edits(sparks=2)
    outcome = desk.edits()
    assert decided(outcome) == {"helpdesk": "digest", "review": "ignore"}
    assert "spark shrank from 2 to 1 machine" in outcome.verdicts[0].change.evidence
    assert "In use: mistralai/Mistral-Small-4-119B-2603 meets " in outcome.verdicts[0].reason


def test_more_users_than_the_model_in_use_serves_list_who_would(desk: Desk) -> None:
    outcome = desk.edits(users=60)
    assert decided(outcome) == {"helpdesk": "alert", "review": "ignore"}
    said = told(outcome)
    assert said["title"] == ("helpdesk: users 10 → 60: the model in use no longer holds",)
    [lost] = said["No longer holds"]
    assert lost.startswith("speed: ")
    assert "tok/s each at 60 users, wanted 10 tok/s each" in lost
    names = [line.partition(":")[0] for line in said["Candidates"]]
    assert "openai/gpt-oss-20b" in names
    assert not any(name.startswith("Qwen/") for name in names), "an origin that is refused"
    [verdict] = [v for v in outcome.verdicts if v.deployment == "helpdesk"]
    assert [check.name for check in verdict.checks if check.passed is False] == ["speed"]


def test_a_language_that_the_card_does_not_list(desk: Desk) -> None:
    outcome = desk.edits(languages="en, de, is")
    assert decided(outcome) == {"helpdesk": "alert", "review": "ignore"}
    [lost] = told(outcome)["No longer holds"]
    assert lost == "languages: 24 languages stated, not is, wanted en, de, is"


def test_a_language_that_the_model_speaks_is_a_line(desk: Desk) -> None:
    assert decided(desk.edits(languages="en, de, fr"))["helpdesk"] == "digest"


def test_machines_that_nobody_runs_on_yet_are_told_to_whoever_could(desk: Desk) -> None:
    outcome = desk.edits(more=", pair: {device: h200-sxm-141gb, count: 2}")
    assert decided(outcome) == {"helpdesk": "alert", "review": "alert"}
    [title] = told(outcome)["title"]
    assert title.startswith("pair is new: 2 x H200")
    assert title.endswith("would fit review there")
    assert outcome.verdicts[1].reason.startswith("possible on pair now: ")


def test_machines_that_are_only_planned_are_a_line_until_they_come(desk: Desk) -> None:
    planned = desk.edits(more=", pair: {device: h200-sxm-141gb, count: 2, planned: true}")
    assert set(decided(planned).values()) == {"digest"}
    here = desk.edits(more=", pair: {device: h200-sxm-141gb, count: 2}")
    assert decided(here) == {"helpdesk": "alert", "review": "alert"}


def test_a_deployment_that_was_removed_is_nobodys_business(desk: Desk) -> None:
    outcome = desk.edits(review=False)
    assert decided(outcome) == {"helpdesk": "ignore"}
    [row] = recorded(desk.store.path)
    assert (row["kind"], row["repo_id"], row["after"]) == ("requirement", "deployment/review", None)


def test_what_was_missed_before_is_not_told_twice(desk: Desk) -> None:
    desk.edits(users=60)
    outcome = desk.edits(users=70)
    assert (decided(outcome)["helpdesk"], outcome.alerts) == ("digest", [])


def test_machines_and_users_at_once_are_two_changes_and_one_loss(desk: Desk) -> None:
    desk.edits(sparks=2)
    outcome = desk.edits(sparks=1, users=60)
    verdicts = {(v.change.kind.value, v.deployment): v.action.value for v in outcome.verdicts}
    assert verdicts == {
        ("hardware", "helpdesk"): "digest",
        ("hardware", "review"): "ignore",
        ("requirement", "helpdesk"): "alert",
        ("requirement", "review"): "ignore",
    }
    assert len(outcome.alerts) == 1


def test_a_change_is_judged_once(desk: Desk) -> None:
    assert desk.edits(users=60).alerts
    assert desk.edits(users=60) == Outcome()


def test_every_change_has_one_decision_for_each_deployment(desk: Desk) -> None:
    edits: list[dict[str, Any]] = [
        {"sparks": 2, "users": 40},
        {"h100s": 2, "languages": "en, is", "users": 5},
        {"review": False, "sparks": 1},
        {"more": ", spare: {device: l40s}", "h100s": 4},
        {"users": 500, "languages": "en"},
    ]
    for edit in edits:
        outcome = desk.edits(**edit)
        places = {d.name for d in desk.rules(**edit).stack.deployments}
        with desk.store.read() as tx:
            assert all(tx.judged(change_id) >= places for change_id, _ in outcome.changes)
        pairs = [(v.change.key.id, v.deployment) for v in outcome.verdicts]
        assert len(pairs) == len(set(pairs)) == len(outcome.changes) * len(places) > 0
        assert all(v.reason for v in outcome.verdicts)


class Torn:
    """A catalog whose next write breaks off before it commits."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def read(self) -> AbstractContextManager[Tx]:
        return self._store.read()

    @contextmanager
    def write(self) -> Iterator[Tx]:
        with self._store.write() as tx:
            yield tx
            raise ConnectionAbortedError


def test_a_crash_loses_nothing_and_repeats_nothing(desk: Desk) -> None:
    torn: Catalog = Torn(desk.store)
    with pytest.raises(ConnectionAbortedError):
        adopt(torn, desk.rules(users=60), NOW, patient=True)
    assert recorded(desk.store.path) == []
    assert len(desk.edits(users=60).alerts) == 1
    assert desk.edits(users=60) == Outcome()


def test_why_was_i_told_is_answered_for_a_change_of_the_configuration(desk: Desk) -> None:
    desk.edits(users=60)
    answer = explain(desk.store.path, "deployment/helpdesk")
    assert [v["action"] for v in answer["verdicts"]] == ["alert", "ignore"]
    assert len(answer["alerts"]) == 1


def test_what_the_next_round_will_judge_can_be_asked_before(desk: Desk) -> None:
    with desk.store.read() as tx:
        found = pending(tx, desk.rules(users=60, sparks=2).stack, NOW)
    assert [change.evidence[0] for change in found] == [
        "spark was joined by a second machine",
        "helpdesk: users 10 → 60",
    ]


def test_stored_fits_are_those_of_the_machines_of_now(desk: Desk) -> None:
    refit(desk.store, desk.rules().stack, NOW)
    desk.edits(sparks=2)
    assert refit(desk.store, desk.rules(sparks=2).stack, NOW) > 0
    assert refit(desk.store, desk.rules(sparks=2).stack, NOW) == 0
