"""Results in the catalog: what is new is judged once, for whose set it is; what is known changes nothing."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from store.db import Store
from tests.factories import deployment, entry, facts, stack
from watcher.evaluation_record import Recorded, record
from watcher.families import load_families
from watcher.rules import Rules
from watcher.situation import Policy
from watcher.types import Deployment, Evaluation, Graded

NOW = datetime(2026, 4, 20, 8, tzinfo=UTC)
IN_USE, OTHER, THIRD = "mistralai/Mistral-Small-4-119B-2603", "Qwen/Qwen3.6-27B", "google/gemma-4-31B-it"
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path / 'm.db'}") as opened:
        yield opened


def result(
    model: str, score: float, *, task: str = "helpdesk", samples: int | None = 100, **more: Any
) -> Evaluation:
    return Evaluation(model=model, task=task, score=score, samples=samples, source="scores.csv", **more)


def keep(
    store: Store, results: Sequence[Evaluation], now: datetime = NOW, *deployments: Deployment
) -> Recorded:
    rules = Rules(
        stack=stack(*(deployments or (deployment(),))),
        registry=load_families(),
        policy=Policy(),
        channels={"ops": frozenset()},
    )
    with store.write() as tx:
        return record(tx, results, rules, now)


def verdicts(recorded: Recorded) -> list[tuple[str, str | None, str]]:
    return [(v.change.key.id, v.deployment, v.action.value) for v in recorded.outcome.verdicts]


def test_a_file_with_both_models_is_compared_at_once(store: Store) -> None:
    recorded = keep(store, [result(OTHER, 0.9), result(IN_USE, 0.7)])
    assert sorted(verdicts(recorded)) == [(OTHER, "helpdesk", "alert"), (IN_USE, "helpdesk", "ignore")]
    [alert] = recorded.outcome.alerts
    assert alert.title == f"{OTHER}: 28.6 % better than the model in use on helpdesk"
    said = "\n".join(line for section in alert.sections for line in section.lines)
    for words in (
        "90.0 % of 100 answers",
        "70.0 % of 100 answers",
        "+28.6 % (95 %: +11.8 % to +50.1 %)",
        IN_USE,
    ):
        assert words in said
    [(_, change)] = [c for c in recorded.outcome.changes if c[1].key.id == OTHER]
    assert (change.key.source, change.before, change.after) == ("eval", "70.0 %", "90.0 % on helpdesk")
    with store.read() as tx:
        assert [d for _, d in tx.alerted_since(NOW)]


def test_importing_again_changes_nothing(store: Store) -> None:
    results = [result(OTHER, 0.9), result(IN_USE, 0.7, at=NOW - DAY)]
    keep(store, results)
    again = keep(store, results, NOW + DAY)
    assert (again.fresh, again.unchanged, again.outcome.changes) == ([], 2, [])
    with store.read() as tx:
        assert len(tx.evaluations(["HELPDESK"])) == 2


@pytest.mark.parametrize(
    ("first", "second", "action"),
    [
        pytest.param(result(OTHER, 0.9), result(IN_USE, 0.7), "alert", id="the candidate came first"),
        pytest.param(result(OTHER, 0.72), result(IN_USE, 0.7), None, id="and was no better"),
    ],
)
def test_the_model_in_use_may_be_evaluated_later(
    store: Store, first: Evaluation, second: Evaluation, action: str | None
) -> None:
    assert verdicts(keep(store, [first])) == [(OTHER, "helpdesk", "ignore")]
    later = verdicts(keep(store, [second], NOW + DAY))
    assert (IN_USE, "helpdesk", "ignore") in later
    assert [v[2] for v in later if v[0] == OTHER] == ([action] if action else [])


def test_a_better_score_some_days_later_joins_the_alert(store: Store) -> None:
    keep(store, [result(OTHER, 0.9), result(IN_USE, 0.7)])
    soon = keep(store, [result(OTHER, 0.95)], NOW + DAY)
    assert verdicts(soon) == [(OTHER, "helpdesk", "digest")]
    assert soon.outcome.verdicts[0].reason.startswith("joins alert ")
    late = keep(store, [result(OTHER, 0.96)], NOW + 20 * DAY)
    assert verdicts(late) == [(OTHER, "helpdesk", "alert")]


def test_an_older_result_is_kept_and_is_no_news(store: Store) -> None:
    keep(store, [result(OTHER, 0.6, at=NOW), result(IN_USE, 0.7, at=NOW)])
    old = keep(store, [result(OTHER, 0.95, at=NOW - 30 * DAY)], NOW + DAY)
    assert (len(old.fresh), old.superseded, old.outcome.changes) == (1, 1, [])
    with store.read() as tx:
        assert [e.score for e in tx.evaluations(["helpdesk"]) if e.model == OTHER] == [0.95, 0.6]


def test_a_corrected_result_of_the_same_day_replaces_the_wrong_one(store: Store) -> None:
    keep(store, [result(OTHER, 0.6, at=NOW), result(IN_USE, 0.7, at=NOW)])
    corrected = keep(store, [result(OTHER, 0.9, at=NOW)], NOW + DAY)
    assert verdicts(corrected) == [(OTHER, "helpdesk", "alert")]
    with store.read() as tx:
        assert [e.score for e in tx.evaluations(["helpdesk"]) if e.model == OTHER] == [0.9]


def test_every_deployment_gets_one_decision_and_only_its_own_set_counts(store: Store) -> None:
    own, other = deployment(), deployment(name="review", task="code", model=THIRD)
    recorded = keep(
        store,
        [
            result(OTHER, 0.9),
            result(IN_USE, 0.7),
            result(OTHER, 0.9, task="code"),
            result(THIRD, 0.6, task="code"),
        ],
        NOW,
        own,
        other,
    )
    assert sorted(verdicts(recorded)) == sorted(
        [
            (OTHER, "helpdesk", "alert"),
            (OTHER, "review", "ignore"),
            (IN_USE, "helpdesk", "ignore"),
            (IN_USE, "review", "ignore"),
            (OTHER, "helpdesk", "ignore"),
            (OTHER, "review", "alert"),
            (THIRD, "helpdesk", "ignore"),
            (THIRD, "review", "ignore"),
        ]
    )
    assert [(d, c.incumbent) for d, c in recorded.comparisons] == [("helpdesk", IN_USE), ("review", THIRD)]


def test_a_public_benchmark_is_kept_and_alerts_nobody(store: Store) -> None:
    recorded = keep(store, [result(OTHER, 0.9, task="mmlu"), result(IN_USE, 0.4, task="mmlu")])
    assert {v[2] for v in verdicts(recorded)} == {"ignore"}
    assert recorded.comparisons == []


def test_names_of_the_catalog_are_used_and_former_ones_lead_to_them(store: Store) -> None:
    with store.write() as tx:
        tx.save_entries([entry(facts("old/Name"))], NOW)
        tx.rename("old/Name", "new/Name")
    d = deployment(model="new/Name")
    keep(store, [result("OLD/NAME", 0.5)], NOW, d)
    recorded = keep(store, [result(OTHER, 0.9)], NOW + DAY, d)
    assert verdicts(recorded) == [(OTHER, "helpdesk", "alert")]
    with store.read() as tx:
        assert {e.model for e in tx.evaluations(["helpdesk"])} == {"new/Name", OTHER}


def test_a_rename_after_the_evaluation_loses_nothing(store: Store) -> None:
    with store.write() as tx:
        tx.save_entries([entry(facts("old/Name"))], NOW)
    keep(store, [result("old/Name", 0.5)], NOW, deployment(model="old/Name"))
    with store.write() as tx:
        tx.rename("old/Name", "new/Name")
    recorded = keep(store, [result(OTHER, 0.9)], NOW + DAY, deployment(model="old/Name"))
    assert verdicts(recorded) == [(OTHER, "helpdesk", "alert")]


def test_answers_are_kept_one_by_one_and_make_pairs(store: Store) -> None:
    def run(model: str, right: int) -> Evaluation:
        items = tuple(Graded(prompt=f"p{i}", right=i < right) for i in range(60))
        return result(model, right / 60, samples=60, items=items)

    keep(store, [run(IN_USE, 40)])
    recorded = keep(store, [run(OTHER, 52)], NOW + DAY)
    [(_, found)] = recorded.comparisons
    assert (found.paired, found.samples) == (True, 60)
    assert verdicts(recorded) == [(OTHER, "helpdesk", "alert")]
    assert keep(store, [run(OTHER, 52)], NOW + 2 * DAY).unchanged == 1


def test_an_alert_of_a_model_that_the_catalog_knows_shows_its_fit_and_its_page(store: Store) -> None:
    with store.write() as tx:
        tx.save_entries([entry(facts(OTHER, total=27_000_000_000))], NOW)
    [alert] = keep(store, [result(OTHER, 0.9), result(IN_USE, 0.7)]).outcome.alerts
    assert alert.links == ((OTHER, f"https://huggingface.co/{OTHER}"),)
    assert "licence Apache 2.0" in [
        line for s in alert.sections if s.heading == "Caveats" for line in s.lines
    ]


def test_a_model_that_nobody_knows_has_no_page(store: Store) -> None:
    [alert] = keep(store, [result("ours/tune-7", 0.9), result(IN_USE, 0.7)]).outcome.alerts
    assert alert.links == ()
