"""New families, sizes, licences and first quants: who is told, one row per situation."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.factories import (
    NOW,
    SPARK,
    candidate,
    change,
    deployment,
    facts,
    lineage,
    stack,
    two_quantisers,
)
from tests.judged import check
from watcher.situation import Candidate, Evidence
from watcher.types import Change, ChangeKind, FitVerdict, LicenceRules, Term

MODEL = "mistralai/Mistral-Small-4-119B-2603"
QUANT = "unsloth/Mistral-Small-4-119B-2603-GGUF"
NEW = "newlab/Apollo-70B"

quant = lineage(quant=True, official=False, publisher="unsloth", base_repo=MODEL)
player = lineage(family=None, series="Apollo", version="1", publisher="newlab", official=False)


PLANNED = replace(SPARK, planned=True)


def released(before: str, after: str, **line: Any) -> Change:
    """A release that carries another licence than its line had."""
    found = lineage(**line)
    return change(ChangeKind.LICENCE, before=before, after=after, lineage=found, degree="release")


def full() -> Candidate:
    """A candidate whose weights leave little room."""
    fitting = candidate()
    return replace(fitting, fit=replace(fitting.fit, weights=Term(bytes=90 * 1024**3, source="table")))


OTHER = "mistralai/Mistral-Large-5-70B"
other_quant = lineage(quant=True, official=False, publisher="unsloth", base_repo=OTHER, size="70B")

FIRST_THAT_FIT: list[Any] = [
    pytest.param(
        change(ChangeKind.NEW_QUANT, "unsloth/x-GGUF", lineage=other_quant),
        {"runs_already": False},
        "alert",
        "quant-makes-it-fit",
        id="the first weights of a watched release that run here",
    ),
    pytest.param(
        change(ChangeKind.NEW_QUANT, "unsloth/x-GGUF", lineage=other_quant),
        {"runs_already": True},
        "digest",
        "quant-of-family",
        id="a quant of a release that ran here already",
    ),
    pytest.param(
        change(ChangeKind.NEW_QUANT, "unsloth/x-GGUF", lineage=other_quant),
        {"runs_already": False, "deployment": deployment(hardware=PLANNED)},
        "digest",
        "quant-of-family",
        id="a quant that needs a machine nobody has bought",
    ),
    pytest.param(
        change(ChangeKind.NEW_QUANT, "unsloth/x-GGUF", lineage=other_quant),
        {"runs_already": None},
        "digest",
        "quant-of-family",
        id="a quant of a model whose size nobody knows",
    ),
    pytest.param(
        change(ChangeKind.NEW_QUANT, "unsloth/x-bnb-4bit", lineage=other_quant),
        {"runs_already": True, "candidate": candidate(label="bnb-4bit")},
        "ignore",
        "quant-unused",
        id="a quant for training",
    ),
]

LICENCES: list[Any] = [
    pytest.param(
        released("apache-2.0", "mrl"),
        {"facts": facts(licence="mrl")},
        "alert",
        "licence-of-release",
        id="a release of the family in use for research only",
    ),
    pytest.param(
        released("apache-2.0", "mrl"),
        {"facts": facts(licence="mrl", total=3_000_000_000), "incumbent_total": 119e9},
        "digest",
        "licence-of-release",
        id="a small size of it for research only",
    ),
    pytest.param(
        released("mrl", "apache-2.0"),
        {},
        "alert",
        "licence-of-release",
        id="the family in use comes back to a free licence",
    ),
    pytest.param(
        released("deepseek", "mit", family="deepseek"),
        {
            "facts": facts(licence="mit"),
            "stack": stack(deployment(), families=("deepseek",)),
            "candidate": candidate(FitVerdict.NO),
        },
        "digest",
        "licence-of-release",
        id="a watched family becomes free, but this one runs nowhere here",
    ),
    pytest.param(
        released("modified-mit", "kimi-k3", family="kimi"),
        {"facts": facts(licence="kimi-k3"), "stack": stack(deployment(), families=("kimi",))},
        "digest",
        "licence-of-release",
        id="a watched family that nobody runs gets stricter",
    ),
    pytest.param(
        released("cc-by-nc-4.0", "apache-2.0", family="command"),
        {},
        "alert",
        "licence-unlocks",
        id="a family that nobody could use becomes free, and fits",
    ),
    pytest.param(
        released("cc-by-nc-4.0", "apache-2.0", family="command"),
        {"candidate": candidate(FitVerdict.NO)},
        "digest",
        "licence-unlocks",
        id="the same, but it does not fit",
    ),
    pytest.param(
        released("yi-license", "apache-2.0", family="yi"),
        {"deployment": deployment(licence=LicenceRules())},
        "digest",
        "licence-of-release",
        id="a family that one could use before becomes freer",
    ),
    pytest.param(
        released("apache-2.0", "mrl"),
        {"facts": facts(licence="mrl", created_at=NOW - timedelta(hours=2))},
        "hold",
        "settling",
        id="two hours old: its card may still be wrong",
    ),
    pytest.param(
        released("apache-2.0", "mrl"),
        {},
        "ignore",
        "licence-of-release",
        id="a licence that the card corrected while the release settled",
    ),
    pytest.param(
        released("mrl", "apache-2.0", family="deepseek"),
        {"stack": stack(families=("deepseek",)), "deployment": None, "incumbent_family": None},
        "digest",
        "licence-unlocks",
        id="a watched family becomes free, and nobody runs anything",
    ),
    pytest.param(
        released("mrl", "apache-2.0"),
        {"deployment": deployment(task="embed", model="BAAI/bge-m3"), "incumbent_family": "bge"},
        "ignore",
        "other-task",
        id="an LLM comes back to a free licence, and the deployment embeds",
    ),
]

CANDIDATES: list[Any] = [
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {"told": {("apollo-1", "helpdesk"): "0123456789abcdef"}},
        "digest",
        "new-family",
        id="no evidence of its own, but its release was told",
    ),
    pytest.param(
        change(ChangeKind.NEW_VERSION, OTHER, lineage=replace(other_quant, official=True), degree="major"),
        {},
        "digest",
        "version",
        id="a version that its maker published in few bits first",
    ),
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
        {"evidence": Evidence(quantised_by=frozenset({"bartowski"}), supported=True)},
        "alert",
        "new-family",
        id="one quantiser and a class of its own in transformers are evidence",
    ),
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {"evidence": Evidence(trending=True, supported=True)},
        "hold",
        "waiting-for-evidence",
        id="trending and support without any quant are not enough",
    ),
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {"first_seen": NOW - timedelta(days=30)},
        "digest",
        "no-evidence",
        id="no evidence in three weeks, but it would do",
    ),
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {"first_seen": NOW - timedelta(days=30), "candidate": candidate(FitVerdict.NO)},
        "ignore",
        "no-evidence",
        id="no evidence in three weeks, and it does not fit",
    ),
    pytest.param(
        change(ChangeKind.NEW_FAMILY, "tiiuae/Falcon-70B", lineage=lineage(family="falcon")),
        {},
        "alert",
        "new-family",
        id="the first release of a maker that we know needs no evidence",
    ),
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {"evidence": two_quantisers(), "facts": facts(total=4_000_000_000), "incumbent_total": 119e9},
        "digest",
        "new-family",
        id="a new family of edge sizes",
    ),
    pytest.param(
        change(ChangeKind.NEW_FAMILY, NEW, lineage=player),
        {"evidence": two_quantisers(), "deployment": deployment(hardware=PLANNED)},
        "digest",
        "new-family",
        id="a new family that needs a machine nobody has bought",
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
        {"facts": facts(total=24_000_000_000), "incumbent_total": 24e9},
        "alert",
        "new-size",
        id="a size that the family in use did not have, and that fits",
    ),
    pytest.param(
        change(ChangeKind.NEW_SIZE, "mistralai/Mistral-Small-4-24B", lineage=lineage(size="24B")),
        {"facts": facts(total=24_000_000_000), "deployment": deployment(hardware=PLANNED)},
        "alert",
        "new-size",
        id="a size of the family in use that fits a machine with room that may be bought",
    ),
    pytest.param(
        change(ChangeKind.NEW_SIZE, "mistralai/Mistral-Huge"),
        {"candidate": full(), "deployment": deployment(hardware=PLANNED)},
        "digest",
        "new-size",
        id="a size that would fill a machine that may be bought",
    ),
    pytest.param(
        change(ChangeKind.NEW_SIZE, "tiiuae/Falcon-5-119B", lineage=lineage(family="falcon")),
        {"facts": facts(total=119_000_000_000), "incumbent_total": 119e9, "family_since": NOW.date()},
        "alert",
        "new-size",
        id="a free size, large enough, of a new player that nobody watches",
    ),
    pytest.param(
        change(ChangeKind.NEW_SIZE, "tiiuae/Falcon-5-119B", lineage=lineage(family="falcon")),
        {"facts": facts(total=119_000_000_000), "incumbent_total": 119e9, "family_largest": 40e9},
        "alert",
        "new-size",
        id="a family that nobody watches reaches sizes that are used here for the first time",
    ),
    pytest.param(
        change(ChangeKind.NEW_SIZE, "tiiuae/Falcon-5-119B", lineage=lineage(family="falcon")),
        {"facts": facts(total=119_000_000_000), "incumbent_total": 119e9, "family_largest": 180e9},
        "digest",
        "unwatched-family",
        id="the same of a family that has been at it for years",
    ),
    pytest.param(
        change(ChangeKind.NEW_SIZE, "Qwen/Qwen4-Coder-30B", lineage=lineage(family="gemma"), degree="line"),
        {},
        "digest",
        "version",
        id="a line of a watched family reaches a size that the family had",
    ),
    pytest.param(
        change(ChangeKind.NEW_SIZE, "tiiuae/Falcon-5-119B", lineage=lineage(family="falcon")),
        {"licence": "falcon-llm-license", "deployment": deployment(licence=LicenceRules())},
        "digest",
        "unwatched-family",
        id="the same under the maker's own terms",
    ),
    pytest.param(
        change(ChangeKind.NEW_SIZE, "tiiuae/Falcon-5-100B", lineage=lineage(family="falcon")),
        {"facts": facts(total=100_000_000_000), "incumbent_total": 119e9},
        "digest",
        "unwatched-family",
        id="the same, but smaller than the model in use",
    ),
    pytest.param(
        change(ChangeKind.NEW_SIZE, "mistralai/Mistral-Small-4-24B"),
        {"facts": facts(total=24_000_000_000), "incumbent_total": 119e9},
        "digest",
        "new-size",
        id="a new size below the range in use",
    ),
    pytest.param(
        change(ChangeKind.NEW_ARCHITECTURE, "mistralai/Mistral-Small-5"),
        {},
        "alert",
        "new-architecture",
        id="a new architecture of the family in use",
    ),
    pytest.param(
        change(ChangeKind.NEW_ARCHITECTURE, "google/gemma-5", lineage=lineage(family="gemma")),
        {},
        "alert",
        "new-architecture",
        id="a new architecture of a family that is watched",
    ),
    pytest.param(
        change(ChangeKind.NEW_ARCHITECTURE, "mistralai/Mistral-Small-5", degree="minor"),
        {},
        "digest",
        "version",
        id="an architecture of which only the name is new",
    ),
]


@pytest.mark.parametrize(("change", "world", "action", "trigger"), FIRST_THAT_FIT + LICENCES + CANDIDATES)
def test_judge(change: Change, world: dict[str, Any], action: str, trigger: str) -> None:
    check(change, world, action, trigger)
