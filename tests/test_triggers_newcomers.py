"""New families, sizes, versions and quants: who is told, one row per situation."""

from datetime import timedelta
from typing import Any

import pytest

from tests.factories import (
    LONG_AGO,
    NOW,
    candidate,
    change,
    deployment,
    facts,
    lineage,
    member,
    stack,
    two_quantisers,
)
from tests.judged import check
from watcher.situation import Evidence
from watcher.types import Change, ChangeKind, FitVerdict

MODEL = "mistralai/Mistral-Small-4-119B-2603"
QUANT = "unsloth/Mistral-Small-4-119B-2603-GGUF"
NEW = "newlab/Apollo-70B"

quant = lineage(quant=True, official=False, publisher="unsloth", base_repo=MODEL)
player = lineage(family=None, series="Apollo", version="1", publisher="newlab", official=False)


def licence(before: str, after: str, repo: str = MODEL, **more: Any) -> Change:
    return change(ChangeKind.LICENCE, repo, before=before, after=after, **more)


QUANTS: list[Any] = [
    pytest.param(
        change(ChangeKind.NEW_QUANT, QUANT, lineage=quant),
        {"incumbent": candidate(FitVerdict.NO), "base_created_at": LONG_AGO},
        "alert",
        "quant-in-use",
        id="a quant makes the model in use fit",
    ),
    pytest.param(
        change(ChangeKind.NEW_QUANT, QUANT, lineage=quant),
        {"incumbent": candidate(), "base_created_at": LONG_AGO},
        "digest",
        "quant-in-use",
        id="one more quant of the model in use",
    ),
    pytest.param(
        change(ChangeKind.NEW_QUANT, QUANT, lineage=quant),
        {"incumbent": candidate(), "base_created_at": LONG_AGO, "offers_wanted": True},
        "alert",
        "quant-in-use",
        id="the first quant in the format asked for",
    ),
    pytest.param(
        change(ChangeKind.NEW_QUANT, QUANT, lineage=quant),
        {
            "incumbent": candidate(),
            "base_created_at": LONG_AGO,
            "offers_wanted": True,
            "wanted_elsewhere": True,
        },
        "digest",
        "quant-in-use",
        id="the second quant in the format asked for",
    ),
    pytest.param(
        change(ChangeKind.NEW_QUANT, QUANT, lineage=quant),
        {"incumbent": candidate(FitVerdict.NO), "base_created_at": NOW - timedelta(days=3)},
        "hold",
        "young-quant",
        id="a quant in the model's first week waits",
    ),
    pytest.param(
        change(ChangeKind.NEW_QUANT, QUANT, lineage=quant),
        {"candidate": None, "base_created_at": LONG_AGO},
        "digest",
        "quant-in-use",
        id="a quant whose size is not known",
    ),
    pytest.param(
        change(
            ChangeKind.NEW_QUANT,
            "random/x-GGUF",
            lineage=lineage(quant=True, official=False, publisher="random"),
        ),
        {},
        "ignore",
        "unknown-quantiser",
        id="a quant by nobody we trust",
    ),
    pytest.param(
        change(
            ChangeKind.NEW_QUANT,
            lineage=lineage(quant=True, official=False, publisher="unsloth", base_repo="mistralai/Other"),
        ),
        {},
        "digest",
        "quant-of-family",
        id="a quant of another model of the family",
    ),
    pytest.param(
        change(
            ChangeKind.NEW_QUANT,
            lineage=lineage(
                family="falcon", quant=True, official=False, publisher="unsloth", base_repo="tiiuae/F"
            ),
        ),
        {},
        "ignore",
        "quant-unused",
        id="a quant of a model that nobody here runs",
    ),
    pytest.param(
        change(
            ChangeKind.NEW_QUANT,
            lineage=lineage(
                family="falcon", quant=True, official=False, publisher="unsloth", base_repo="tiiuae/F"
            ),
        ),
        {"stack": stack(deployment(), shortlist=("tiiuae/F",))},
        "digest",
        "quant-shortlisted",
        id="a quant of a shortlisted candidate",
    ),
]

NEWCOMERS: list[Any] = [
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {"evidence": two_quantisers()},
        "alert",
        "new-family",
        id="a new family with evidence that fits",
    ),
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {},
        "hold",
        "waiting-for-evidence",
        id="no evidence yet",
    ),
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {"evidence": Evidence(quantised_by=frozenset({"bartowski"}), trending=True)},
        "alert",
        "new-family",
        id="one quantiser and the trending list are evidence",
    ),
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {"first_seen": NOW - timedelta(days=30)},
        "ignore",
        "no-evidence",
        id="no evidence in three weeks",
    ),
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {"evidence": two_quantisers(), "licence": "cc-by-nc-4.0"},
        "digest",
        "new-family",
        id="a new family under a non-commercial licence",
    ),
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {"evidence": two_quantisers(), "candidate": candidate(FitVerdict.NO)},
        "digest",
        "new-family",
        id="a new family that does not fit",
    ),
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {"evidence": two_quantisers(), "candidate": candidate(speed=4.0)},
        "digest",
        "new-family",
        id="a new family under the speed floor",
    ),
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {"evidence": two_quantisers(), "candidate": None},
        "digest",
        "new-family",
        id="a new family of unknown size",
    ),
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {"evidence": two_quantisers(), "deployment": None},
        "digest",
        "new-family",
        id="a new family, but no deployment to serve",
    ),
    pytest.param(
        change(ChangeKind.NEW_SIZE, "mistralai/Mistral-Small-4-24B"),
        {"facts": facts(total=24_000_000_000), "relatives": (member(MODEL, total=119_000_000_000),)},
        "alert",
        "new-size",
        id="a size that the family in use did not have, and that fits",
    ),
    pytest.param(
        change(ChangeKind.NEW_SIZE, "mistralai/Mistral-Small-4-24B"),
        {
            "facts": facts(total=24_000_000_000),
            "relatives": (member("mistralai/Mistral-Small-3.2-24B", total=23_600_000_000),),
        },
        "digest",
        "new-size",
        id="a size that an earlier version had",
    ),
    pytest.param(
        change(ChangeKind.NEW_ARCHITECTURE, "mistralai/Mistral-Small-5"),
        {},
        "alert",
        "new-architecture",
        id="a new architecture of the family in use",
    ),
    pytest.param(
        change(ChangeKind.NEW_ARCHITECTURE, "Qwen/Qwen4", lineage=lineage(family="qwen", publisher="Qwen")),
        {},
        "digest",
        "version",
        id="a new architecture of a family that is only watched",
    ),
    pytest.param(
        change(ChangeKind.NEW_VERSION, "mistralai/Mistral-Small-4.1", degree="minor"),
        {},
        "digest",
        "version",
        id="a version update is worth a quick test",
    ),
    pytest.param(
        change(ChangeKind.NEW_VERSION, "mistralai/Mistral-Small-4.0.1", degree="patch"),
        {"candidate": candidate(FitVerdict.NO)},
        "digest",
        "version",
        id="a patch that fits nowhere",
    ),
    pytest.param(
        change(ChangeKind.NEW_VERSION, "tiiuae/Falcon-4", lineage=lineage(family="falcon"), degree="major"),
        {},
        "ignore",
        "unwatched-family",
        id="a version of a family that nobody watches",
    ),
    pytest.param(
        change(ChangeKind.NEW_VARIANT, lineage=lineage(variant="embedding")),
        {},
        "ignore",
        "other-task",
        id="an embedding model for a chat service",
    ),
    pytest.param(
        change(ChangeKind.NEW_VERSION, degree="minor"),
        {"deployment": deployment(task="embed")},
        "ignore",
        "other-task",
        id="an LLM for an embedding service",
    ),
    pytest.param(
        change(ChangeKind.NEW_VERSION, lineage=lineage(variant="embedding"), degree="minor"),
        {"deployment": deployment(task="embed")},
        "digest",
        "version",
        id="an embedding model for an embedding service",
    ),
    pytest.param(
        change(
            ChangeKind.NEW_VARIANT,
            "me/Mistral-Small-4-Uncensored",
            lineage=lineage(derived=True, official=False, publisher="me"),
        ),
        {},
        "ignore",
        "third-party",
        id="a fine-tune with the family's name",
    ),
    pytest.param(
        change(ChangeKind.NEW_VARIANT, lineage=lineage(impersonates="mistralai", official=False)),
        {},
        "ignore",
        "impersonator",
        id="an account that imitates the maker",
    ),
    pytest.param(
        change(ChangeKind.NEW_VERSION, degree="major"),
        {"facts": facts(created_at=NOW - timedelta(hours=3))},
        "hold",
        "settling",
        id="three hours old",
    ),
    pytest.param(
        change(ChangeKind.NEW_VERSION, degree="major"),
        {"complete": False},
        "hold",
        "still-uploading",
        id="half the shards are missing",
    ),
    pytest.param(
        change(ChangeKind.NEW_VERSION, degree="major"),
        {"complete": False, "first_seen": NOW - timedelta(days=30)},
        "ignore",
        "never-completed",
        id="the weights never came",
    ),
]


@pytest.mark.parametrize(("change", "world", "action", "trigger"), QUANTS + NEWCOMERS)
def test_judge(change: Change, world: dict[str, Any], action: str, trigger: str) -> None:
    check(change, world, action, trigger)
