"""Questions of people: which quants, which models, what changed, and why was I not told?"""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from store import read
from store.db import Store
from store.errors import NothingKnown, StoreError
from tests.store.builders import NOW, alert, change, entry, fit_record, observation, quant, verdict
from watcher.types import (
    Action,
    ChangeKind,
    DeliveryState,
    FitVerdict,
    Lineage,
    Popularity,
    Problem,
    SourceState,
)

DAY = timedelta(days=1)
GGUF = "unsloth/Qwen3-8B-GGUF"
FP8 = "nvidia/Qwen3-8B-FP8"
GEMMA = "bartowski/gemma-GGUF"
BARE = "somebody/empty-GGUF"
FITS, TIGHT, NO = FitVerdict.FITS, FitVerdict.TIGHT, FitVerdict.NO


@pytest.fixture
def filled(store: Store, path: Path) -> Path:
    """Four quants and a base, with fits on a Spark and an H100."""
    with store.write() as tx:
        tx.save_entries(
            [
                entry("Qwen/Qwen3-8B", created_at=NOW - 30 * DAY),
                quant(
                    GGUF,
                    "Qwen/Qwen3-8B",
                    {"BF16": 16, "Q8_0": 8.5, "Q4_K_M": 4.8, "Q2_K": 2.6},
                    created_at=NOW - DAY,
                    popularity=Popularity(downloads=1234),
                ),
                quant(FP8, "Qwen/Qwen3-8B", {"FP8": 8}, format="fp8", created_at=NOW - 2 * DAY),
                quant(
                    GEMMA,
                    "google/gemma-3",
                    {"BF16": 16, "Q5_K_M": 5.7},
                    family="gemma",
                    created_at=NOW - 9 * DAY,
                ),
                quant(BARE, None, {}, family=None, created_at=NOW - 10 * DAY),
                quant("gone/gone-GGUF", "Qwen/Qwen3-8B", {"Q4_K_M": 4.8}),
            ],
            NOW,
        )
        tx.mark_removed("gone/gone-GGUF", NOW)
        tx.save_fits(
            [
                fit_record(GGUF, "BF16", "spark", NO),
                fit_record(GGUF, "Q8_0", "spark", TIGHT),
                fit_record(GGUF, "Q4_K_M", "spark", FITS),
                fit_record(GGUF, "Q2_K", "spark", FITS),
                fit_record(GGUF, "Q4_K_M", "h100", FITS, "helpdesk"),
                fit_record(GGUF, "Q4_K_M", "h100", NO, "code"),
                fit_record(FP8, "FP8", "spark", TIGHT),
                fit_record(FP8, "FP8", "h100", FITS),
                fit_record(FP8, "FP8", "h100", NO, "code"),
                fit_record(GEMMA, "Q5_K_M", "spark", NO),
            ],
            NOW,
        )
    return path


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        pytest.param(
            {}, [(GGUF, "Q4_K_M"), (FP8, "FP8"), (GEMMA, "Q5_K_M"), (BARE, None)], id="all, newest first"
        ),
        pytest.param({"since": NOW - 7 * DAY}, [(GGUF, "Q4_K_M"), (FP8, "FP8")], id="since a week"),
        pytest.param({"format": "GGUF"}, [(GGUF, "Q4_K_M"), (GEMMA, "Q5_K_M")], id="a format, in any case"),
        pytest.param({"base": "QWEN3"}, [(GGUF, "Q4_K_M"), (FP8, "FP8")], id="part of the base's id"),
        pytest.param({"base": "%"}, [], id="no wildcards in a base"),
        pytest.param({"family": "Gemma"}, [(GEMMA, "Q5_K_M")], id="a family"),
        pytest.param({"publisher": "NVIDIA"}, [(FP8, "FP8")], id="a publisher"),
        pytest.param(
            {"fits": "spark"},
            [(GGUF, "Q4_K_M"), (FP8, "FP8")],
            id="most bits that fit, tight as a last resort",
        ),
        pytest.param(
            {"fits": "h100"}, [(FP8, "FP8")], id="the team's own load outranks, else the worst deployment"
        ),
        pytest.param({"fits": "h100", "format": "gguf"}, [], id="fit and format must hold for the same file"),
        pytest.param({"fits": "tpu"}, [], id="hardware never computed"),
        pytest.param(
            {
                "since": NOW - 7 * DAY,
                "fits": "spark",
                "format": "gguf",
                "family": "qwen",
                "publisher": "unsloth",
            },
            [(GGUF, "Q4_K_M")],
            id="filters combine",
        ),
        pytest.param({"limit": 1}, [(GGUF, "Q4_K_M")], id="a limit"),
        pytest.param(
            {"every_file": True, "family": "qwen"},
            [(GGUF, "BF16"), (GGUF, "Q8_0"), (GGUF, "Q4_K_M"), (GGUF, "Q2_K"), (FP8, "FP8")],
            id="every file",
        ),
        pytest.param(
            {"every_file": True, "fits": "spark", "limit": 2},
            [(GGUF, "Q8_0"), (GGUF, "Q4_K_M")],
            id="every file that fits, up to a limit of rows",
        ),
        pytest.param({"publisher": "'; DROP TABLE repos; --"}, [], id="a name that would like to be SQL"),
    ],
)
def test_quants(filled: Path, filters: dict[str, Any], found: list[tuple[str, str | None]]) -> None:
    assert [(row["repo_id"], row["label"]) for row in read.quants(filled, **filters)] == found


def test_a_row_of_quants(filled: Path) -> None:
    [row] = read.quants(filled, publisher="unsloth")
    assert row == {
        "repo_id": GGUF,
        "publisher": "unsloth",
        "base_repo": "Qwen/Qwen3-8B",
        "family": "qwen",
        "version": "3",
        "size": None,
        "format": "gguf",
        "label": "Q4_K_M",
        "bits": 4.8,
        "size_bytes": 4_800_000_000,
        "licence": "apache-2.0",
        "downloads": 1234,
        "published_at": "2026-08-21T10:00:00Z",
        "updated_at": "2026-08-22T10:00:00Z",
        "fits": {"h100": "no", "spark": "fits"},
        "files": 4,
    }
    assert json.loads(json.dumps(row)) == row


def test_models_are_what_is_not_a_quant(filled: Path) -> None:
    [row] = read.models(filled)
    assert (row["repo_id"], row["format"], row["fits"], row["files"]) == ("Qwen/Qwen3-8B", None, {}, 0)
    assert read.models(filled, family="gemma") == []


_QUESTION = """
import sys
import store.read
store.read.quants(sys.argv[1])
print([name for name in ("sqlalchemy", "pydantic") if name in sys.modules])
"""


def test_questions_need_neither_sqlalchemy_nor_pydantic(filled: Path) -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _QUESTION, str(filled)], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture
def told(store: Store, path: Path) -> Path:
    """A licence change that was held, then told; a gate that was ignored; a rename before all that."""
    licence, gate = change(), change(kind=ChangeKind.GATED, after="auto", detected_at=NOW + DAY)
    other = change(
        "google/gemma-3", lineage=Lineage(family="gemma", publisher="google"), detected_at=NOW + 2 * DAY
    )
    with store.write() as tx:
        tx.save_entries([entry("Qwen/Qwen3-8B-Preview", hub_id="66"), entry("google/gemma-3")], NOW)
        tx.log([observation("Qwen/Qwen3-8B-Preview", {"id": "Qwen/Qwen3-8B-Preview"}, NOW - DAY)])
        tx.rename("Qwen/Qwen3-8B-Preview", "Qwen/Qwen3-8B")
        tx.log([observation("Qwen/Qwen3-8B", {"id": "Qwen/Qwen3-8B"})])
        tx.save_fits([fit_record("Qwen/Qwen3-8B", "BF16", "spark", TIGHT, "helpdesk")], NOW)
        first, second, third = (tx.save_change(c) for c in (licence, gate, other))
        tx.save_verdicts(
            first,
            [
                verdict(licence, Action.HOLD, until=NOW + DAY),
                verdict(licence, Action.IGNORE, deployment=None),
            ],
            NOW,
        )
        tx.save_verdicts(first, [verdict(licence, Action.ALERT)], NOW + DAY)
        tx.save_verdicts(second, [verdict(gate, Action.IGNORE)], NOW + DAY)
        tx.save_verdicts(third, [verdict(other, Action.DIGEST)], NOW + DAY)
        tx.save_alert(alert(), [first], ["ops"], NOW + DAY)
    [delivery] = store.due(NOW + DAY)
    store.begin(delivery, NOW + DAY)
    store.settle(delivery, DeliveryState.PENDING, NOW + 2 * DAY, "HTTP 503", NOW + DAY)
    return path


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        pytest.param(
            {},
            [("licence", "google/gemma-3"), ("gated", "Qwen/Qwen3-8B"), ("licence", "Qwen/Qwen3-8B")],
            id="newest first",
        ),
        pytest.param({"since": NOW + 2 * DAY}, [("licence", "google/gemma-3")], id="since"),
        pytest.param({"kind": "gated"}, [("gated", "Qwen/Qwen3-8B")], id="a kind"),
        pytest.param({"family": "GEMMA"}, [("licence", "google/gemma-3")], id="a family"),
        pytest.param(
            {"repo": "qwen/QWEN3-8b"}, [("gated", "Qwen/Qwen3-8B"), ("licence", "Qwen/Qwen3-8B")], id="a repo"
        ),
        pytest.param({"repo": "qwen/qwen3"}, [], id="a whole id is not a part"),
        pytest.param({"repo": "emma"}, [("licence", "google/gemma-3")], id="a part of a name"),
        pytest.param({"action": "alert"}, [("licence", "Qwen/Qwen3-8B")], id="what was told"),
        pytest.param({"action": "hold"}, [], id="a hold that was superseded does not count"),
        pytest.param(
            {"action": "ignore", "kind": "gated", "limit": 1},
            [("gated", "Qwen/Qwen3-8B")],
            id="filters combine",
        ),
    ],
)
def test_changes(told: Path, filters: dict[str, Any], found: list[tuple[str, str]]) -> None:
    assert [(row["kind"], row["repo_id"]) for row in read.changes(told, **filters)] == found


def test_a_row_of_changes(told: Path) -> None:
    [row] = read.changes(told, action="alert")
    assert row["verdicts"] == [
        {"deployment": None, "action": "ignore", "trigger": "licence-in-use", "reason": "ignore, because"},
        {
            "deployment": "helpdesk",
            "action": "alert",
            "trigger": "licence-in-use",
            "reason": "alert, because",
        },
    ]
    assert (row["before"], row["after"], row["detected_at"]) == (
        "apache-2.0",
        "other",
        "2026-08-22T10:00:00Z",
    )
    assert row["evidence"] == ["the card says so"]
    assert (row["lineage"]["family"], row["lineage"]["size"], row["lineage"]["thread"]) == (
        "qwen",
        None,
        "qwen3-3",
    )
    assert json.loads(json.dumps(row)) == row


def test_alerts(told: Path) -> None:
    [row] = read.alerts(told)
    assert (row["id"], row["deployments"], len(row["changes"])) == (alert().id, ["helpdesk"], 1)
    assert [(d["channel"], d["state"], d["last_error"]) for d in row["deliveries"]] == [
        ("ops", "pending", "HTTP 503")
    ]
    assert read.alerts(told, since=NOW + DAY) == []


@pytest.mark.parametrize("name", ["Qwen/Qwen3-8B", "qwen/qwen3-8b", "Qwen/Qwen3-8B-Preview"])
def test_explain_a_repo_by_any_of_its_names(told: Path, name: str) -> None:
    answer = read.explain(told, name)
    assert answer["kind"] == "repo"
    assert [(r["repo_id"], r["former_names"]) for r in answer["repos"]] == [
        ("Qwen/Qwen3-8B", ["qwen/qwen3-8b-preview"])
    ]
    assert [o["row"]["id"] for o in answer["observations"]] == ["Qwen/Qwen3-8B-Preview", "Qwen/Qwen3-8B"]
    assert [c["kind"] for c in answer["changes"]] == ["licence", "gated"]
    assert [v["action"] for v in answer["verdicts"]] == ["hold", "ignore", "alert", "ignore"]
    assert [(f["deployment"], f["verdict"]) for f in answer["fits"]] == [("helpdesk", "tight")]
    assert [a["id"] for a in answer["alerts"]] == [alert().id]
    [delivery] = answer["deliveries"]
    assert [(t["number"], t["outcome"], t["error"]) for t in delivery["tries"]] == [
        (1, "pending", "HTTP 503")
    ]
    assert json.loads(json.dumps(answer)) == answer


def test_explain_a_change_or_an_alert_by_the_beginning_of_its_id(told: Path) -> None:
    gated = read.changes(told, kind="gated")[0]["id"]
    answer = read.explain(told, gated[:6].upper())
    assert (answer["kind"], [c["id"] for c in answer["changes"]], answer["alerts"]) == ("change", [gated], [])
    answer = read.explain(told, alert().id[:5])
    assert (answer["kind"], [c["kind"] for c in answer["changes"]]) == ("alert", ["licence"])
    assert [d["channel"] for d in answer["deliveries"]] == ["ops"]


def test_explain_what_is_no_repo_but_in_the_log(store: Store, path: Path) -> None:
    with store.write() as tx:
        tx.log([observation("a/never-saved", {"id": "a/never-saved"})])
    assert [o["key"] for o in read.explain(path, "A/never-saved")["observations"]] == ["a/never-saved"]


@pytest.mark.parametrize(
    ("what", "nearest"),
    [
        pytest.param("Qwen/Qwen3-8", "Qwen/Qwen3-8B", id="cut short"),
        pytest.param("Qwen/Qwen3-B8", "Qwen/Qwen3-8B", id="mistyped"),
        pytest.param("gema-3", "google/gemma-3", id="without the organisation"),
    ],
)
def test_explain_names_the_nearest(told: Path, what: str, nearest: str) -> None:
    with pytest.raises(NothingKnown, match=f"nothing known of {what}; nearest: .*{nearest}"):
        read.explain(told, what)


def test_explain_nothing_alike_and_several_alike(store: Store, path: Path) -> None:
    with store.write() as tx:
        for number in (1, 2):
            tx.save_alert(alert(f"abcdef{number}"), [], [], NOW)
    with pytest.raises(NothingKnown, match=r"nothing known of nonsense$"):
        read.explain(path, "nonsense")
    with pytest.raises(StoreError, match="beginning of 2 ids: abcdef1, abcdef2"):
        read.explain(path, "abcdef")


def test_status(told: Path, store: Store) -> None:
    with store.write() as tx:
        tx.save_source_state(
            SourceState(source="hub:Qwen", last_success_at=NOW, failing_since=NOW, last_error="502")
        )
        tx.note_problem(Problem(source="hub:Qwen", key="Qwen/x", message="a row without id"), NOW)
        tx.save_alert(
            alert("d1", trigger="digest", title="Week 34", created_at=NOW), [], ["mail"], NOW + 2 * DAY
        )
        tx.mark_removed("google/gemma-3", NOW)
    [mail] = store.due(NOW + 2 * DAY, limit=100)[1:]
    store.settle(mail, DeliveryState.DEAD, None, "no such mailbox", NOW + 2 * DAY, begun=False)
    answer = read.status(told)
    [source] = answer["sources"]
    assert (
        source["source"],
        source["last_success_at"],
        source["failing_since"],
        source["open_problems"],
    ) == (
        "hub:Qwen",
        "2026-08-22T10:00:00Z",
        "2026-08-22T10:00:00Z",
        1,
    )
    assert [p["message"] for p in answer["problems"]] == ["a row without id"]
    assert answer["deliveries"]["counts"] == {"pending": 1, "sent": 0, "held": 0, "unknown": 0, "dead": 1}
    assert answer["deliveries"]["oldest_pending_at"] == "2026-08-23T10:00:00Z"
    assert [d["next_attempt_at"] for d in answer["deliveries"]["next"]] == ["2026-08-24T10:00:00Z"]
    assert [d["last_error"] for d in answer["deliveries"]["dead"]] == ["no such mailbox"]
    assert (answer["last_alert"]["id"], answer["last_digest"]["title"]) == (alert().id, "Week 34")
    assert answer["repos"] == {"total": 1, "quants": 0, "models": 1, "removed": 1, "families": 1}
    assert answer["observations"] == 2
    assert json.loads(json.dumps(answer)) == answer


def test_status_of_an_empty_catalog(store: Store, path: Path) -> None:
    answer = read.status(path)
    assert (answer["sources"], answer["last_alert"], answer["repos"]["total"]) == ([], None, 0)


def test_a_repo_without_a_birthday_is_as_old_as_our_first_sight(store: Store, path: Path) -> None:
    item = quant(GGUF, None, {"Q4_K_M": 4.8}, created_at=None)
    seen: datetime = NOW - 3 * DAY
    with store.write() as tx:
        tx.save_entries([replace(item, known=replace(item.known, first_seen=seen))], NOW)
    assert [row["published_at"] for row in read.quants(path)] == ["2026-08-19T10:00:00Z"]
    assert read.quants(path, since=NOW - 2 * DAY) == []
