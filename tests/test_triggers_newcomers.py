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
    stack,
)
from tests.judged import check
from watcher.types import Change, ChangeKind, FitVerdict

MODEL = "mistralai/Mistral-Small-4-119B-2603"
QUANT = "unsloth/Mistral-Small-4-119B-2603-GGUF"
NEW = "newlab/Apollo-70B"

quant = lineage(quant=True, official=False, publisher="unsloth", base_repo=MODEL)
player = lineage(family=None, series="Apollo", version="1", publisher="newlab", official=False)


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
        change(ChangeKind.NEW_VERSION, "mistralai/Mistral-Small-4.1", degree="minor"),
        {},
        "digest",
        "version",
        id="a version update is worth a quick test",
    ),
    pytest.param(
        change(ChangeKind.NEW_VERSION, "mistralai/Mistral-Small-4.0.1", degree="patch"),
        {"candidate": candidate(FitVerdict.NO)},
        "ignore",
        "version",
        id="a patch that fits nowhere",
    ),
    pytest.param(
        change(ChangeKind.NEW_VERSION, "tiiuae/Falcon-4", lineage=lineage(family="falcon"), degree="major"),
        {"candidate": candidate(FitVerdict.NO)},
        "ignore",
        "unwatched-family",
        id="a version that does not fit of a family that nobody watches",
    ),
    pytest.param(
        change(ChangeKind.NEW_VERSION, "tiiuae/Falcon-4", lineage=lineage(family="falcon"), degree="major"),
        {},
        "digest",
        "unwatched-family",
        id="a version that would do of a family that nobody watches",
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
