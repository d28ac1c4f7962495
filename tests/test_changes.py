"""What counts as a change, as tables that read like the product."""

from datetime import timedelta

import pytest

from tests.factories import NOW, details, facts, known, lineage, member, observation
from watcher.changes import compare, merge, removed, same
from watcher.newcomers import newcomer
from watcher.types import ChangeKind, Gate, Licence, Popularity, RepoFacts


def _kinds(before: RepoFacts, after: RepoFacts) -> list[tuple[str, str | None, str | None]]:
    found = compare(known(before), observation(after), lineage())
    return [(c.kind.value, c.before, c.after) for c in found]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(facts(), facts(), [], id="nothing moved"),
        pytest.param(
            facts(licence="apache-2.0"),
            facts(licence="mit"),
            [("licence", "apache-2.0", "mit")],
            id="licence moved from value to value",
        ),
        pytest.param(facts(licence=None), facts(licence="mit"), [], id="nothing to a licence is enrichment"),
        pytest.param(
            facts(licence="mit"), facts(licence=None), [], id="an unreadable card is no licence change"
        ),
        pytest.param(
            facts(licence="unknown"), facts(licence="mit"), [], id="the tag unknown counts as nothing"
        ),
        pytest.param(facts(licence="apache-2.0"), facts(licence="Apache-2.0"), [], id="case is not a change"),
        pytest.param(
            facts(licence=Licence(id="other")),
            facts(licence=Licence(id="other", name="modified-mit")),
            [],
            id="other that gains its name is the same licence",
        ),
        pytest.param(
            facts(licence=Licence(id="other")),
            facts(licence="mit"),
            [("licence", "other", "mit")],
            id="from a custom licence to MIT",
        ),
        pytest.param(
            facts(gated=Gate.NONE),
            facts(gated=Gate.MANUAL),
            [("gated", "none", "manual")],
            id="downloads now need an approval",
        ),
        pytest.param(
            facts(gated=None), facts(gated=Gate.AUTO), [], id="gating that was unknown is enrichment"
        ),
        pytest.param(
            facts("t5-small", hub_id="1"),
            facts("google-t5/t5-small", hub_id="1"),
            [("renamed", "t5-small", "google-t5/t5-small")],
            id="renamed: the Hub id stayed",
        ),
        pytest.param(facts("Org/Name"), facts("org/name"), [], id="ids compare case-folded"),
        pytest.param(
            facts(hub_id="1"),
            facts(hub_id="2"),
            [("quant-replaced", "created 2026-01-20", "created 2026-01-20")],
            id="made anew under the old id",
        ),
        pytest.param(
            facts(),
            facts(popularity=Popularity(downloads=10**6), last_modified=NOW, tags=("new-tag",)),
            [],
            id="popularity, dates and tags are no change",
        ),
        pytest.param(
            facts(),
            facts(disabled=True),
            [("removed", "available", "disabled")],
            id="disabled by the Hub",
        ),
    ],
)
def test_compare(
    before: RepoFacts, after: RepoFacts, expected: list[tuple[str, str | None, str | None]]
) -> None:
    assert _kinds(before, after) == expected


def test_weights_replaced_under_the_same_name_are_named() -> None:
    old, new = details("a1", model_gguf="aa", README_md="1"), details("a2", model_gguf="bb", README_md="2")
    found = compare(known(facts(), details=old), observation(facts(), with_details=new), lineage())
    assert [(c.kind, c.evidence) for c in found] == [
        (ChangeKind.QUANT_REPLACED, ("same name, other content: model.gguf",))
    ]


def test_a_readme_that_changed_is_no_replacement() -> None:
    old, new = details("a1", model_gguf="aa", README_md="1"), details("a2", model_gguf="aa", README_md="2")
    assert compare(known(facts(), details=old), observation(facts(), with_details=new), lineage()) == []


def test_more_weight_files_are_growth_and_not_a_replacement() -> None:
    old, new = details("a1", one_gguf="aa"), details("a2", one_gguf="aa", two_gguf="bb")
    assert compare(known(facts(), details=old), observation(facts(), with_details=new), lineage()) == []


def test_a_repo_that_was_gone_and_is_there_again_is_restored() -> None:
    gone = known(facts(), removed_at=NOW - timedelta(days=3))
    assert [c.kind for c in compare(gone, observation(facts()), lineage())] == [ChangeKind.RESTORED]


def test_removed_says_since_when() -> None:
    change = removed(known(facts(), missing_since=NOW - timedelta(hours=7)), NOW, lineage())
    assert change.evidence == ("its page has been missing since 2026-04-20 01:00 UTC",)


@pytest.mark.parametrize(
    ("line", "family", "expected"),
    [
        pytest.param(
            lineage(version="4.1"),
            [member("mistralai/Mistral-Small-4-119B-2603")],
            [("new-version", "4", "minor")],
            id="a minor version",
        ),
        pytest.param(
            lineage(version="5"),
            [member("mistralai/Mistral-Small-4-119B-2603")],
            [("new-version", "4", "major")],
            id="a major version",
        ),
        pytest.param(
            lineage(size="24B"),
            [member("mistralai/Mistral-Small-4-119B-2603")],
            [("new-size", "119B", None)],
            id="another size of a release that we know",
        ),
        pytest.param(
            lineage(variant="reasoning"),
            [member("mistralai/Mistral-Small-4-119B-2603")],
            [("new-variant", None, None)],
            id="another variant of a release that we know",
        ),
        pytest.param(
            lineage(version="3.2"),
            [member("mistralai/Mistral-Small-4-119B-2603")],
            [("new-variant", None, None)],
            id="a late upload of an older version",
        ),
        pytest.param(lineage(), [], [("new-version", None, "major")], id="first of its family that we see"),
        pytest.param(
            lineage(
                quant=True,
                base_repo="mistralai/Mistral-Small-4-119B-2603",
                publisher="unsloth",
                official=False,
            ),
            [],
            [("new-quant", None, None)],
            id="a quant",
        ),
        pytest.param(
            lineage(derived=True, official=False, publisher="somebody"),
            [],
            [("new-variant", None, None)],
            id="a third party's fine-tune makes no family",
        ),
        pytest.param(
            lineage(impersonates="mistralai", official=False, publisher="Mistral-AI-official"),
            [],
            [("new-variant", None, None)],
            id="an imitation makes no family",
        ),
        pytest.param(
            lineage(family=None, series="Apollo", official=False, publisher="newlab"),
            [],
            [("new-family", None, None)],
            id="a player never seen",
        ),
        pytest.param(
            lineage(family=None, series="Apollo", official=False, publisher="newlab"),
            [member("newlab/Apollo-1", family=None, publisher="newlab")],
            [("new-variant", None, None)],
            id="the second model of a new player",
        ),
    ],
)
def test_newcomers(
    line: object, family: list[object], expected: list[tuple[str, str | None, str | None]]
) -> None:
    found = newcomer(observation(facts("a/b", created_at=NOW)), line, family)  # type: ignore[arg-type]  # tables hold objects
    assert [(c.kind.value, c.before, c.degree) for c in found] == expected


def test_an_old_repo_of_an_unknown_account_is_no_new_family() -> None:
    stranger = lineage(family=None, official=False, publisher="newlab")
    found = newcomer(observation(facts("newlab/Apollo")), stranger, [])
    assert [(c.kind, c.evidence) for c in found] == [
        (ChangeKind.NEW_VARIANT, ("not new: created 2026-01-20",))
    ]


def test_a_model_type_the_family_never_had_is_a_new_architecture_too() -> None:
    family = [member("mistralai/Mistral-Small-4-119B-2603", model_type="mistral3")]
    found = newcomer(observation(facts("a/b", model_type="mistral5")), lineage(version="5"), family)
    assert [c.kind for c in found] == [ChangeKind.NEW_VERSION, ChangeKind.NEW_ARCHITECTURE]


def test_merging_a_slim_row_erases_nothing() -> None:
    full = facts(pipeline_tag="text-generation", model_type="mistral3", total=119)
    slim = RepoFacts(repo_id=full.repo_id, gated=Gate.AUTO)
    merged = merge(full, slim)
    assert (merged.pipeline_tag, merged.model_type, merged.gated) == (
        "text-generation",
        "mistral3",
        Gate.AUTO,
    )
    assert (merged.licence, merged.parameters, merged.files) == (full.licence, full.parameters, full.files)


def test_merging_keeps_the_name_of_a_custom_licence() -> None:
    named = facts(licence=Licence(id="other", name="mnpl", link="https://mistral.ai/licences/MNPL-0.1.md"))
    merged = merge(named, facts(licence=Licence(id="other", name="mnpl")))
    assert merged.licence == named.licence


def test_same_looks_at_lasting_facts_only() -> None:
    assert same(facts(), facts(popularity=Popularity(likes=3), tags=("x",)))
    assert not same(facts(), facts(pipeline_tag="text-generation"))
