"""What counts as a change, as tables that read like the product."""

from datetime import timedelta

import pytest

from tests.factories import NOW, details, facts, known, lineage, observation
from watcher.changes import TEXT, compare, merge, removed, same, settled
from watcher.types import ChangeKind, Details, Gate, Licence, Lineage, Popularity, RepoFacts, RepoFile


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


HOUR = timedelta(hours=1)
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            facts(created_at=NOW - 20 * HOUR, licence="apache-2.0"),
            facts(created_at=NOW - 20 * HOUR, licence="mit", gated=Gate.AUTO),
            [],
            id="of a repo younger than a day nothing is anybody's word yet",
        ),
        pytest.param(
            facts(created_at=NOW - 30 * HOUR, licence="apache-2.0"),
            facts(created_at=NOW - 30 * HOUR, licence="mit"),
            ["licence"],
            id="of one that is a day old it is",
        ),
        pytest.param(
            facts(created_at=NOW - 72 * HOUR, licence="apache-2.0", files=SHARDS[:1]),
            facts(created_at=NOW - 72 * HOUR, licence="mit", files=SHARDS),
            [],
            id="in its first week a repo that still lacked weights was not finished",
        ),
        pytest.param(
            facts(created_at=NOW - 72 * HOUR, gated=Gate.NONE, files=("a-Q4_K_M.gguf",)),
            facts(created_at=NOW - 72 * HOUR, gated=Gate.AUTO, files=("a-Q4_K_M.gguf", "a-Q8_0.gguf")),
            [],
            id="nor was one that adds weights in the same look",
        ),
        pytest.param(
            facts(licence="apache-2.0", files=("a-Q4_K_M.gguf",)),
            facts(licence="mit", files=("a-Q4_K_M.gguf", "a-Q8_0.gguf")),
            ["licence"],
            id="an old repo that adds weights may change its licence as well",
        ),
        pytest.param(
            facts(created_at=NOW - 20 * HOUR),
            facts(created_at=NOW - 20 * HOUR, disabled=True),
            ["removed"],
            id="what the Hub disables is told at any age",
        ),
    ],
)
def test_young_and_growing_repos_settle_first(
    before: RepoFacts, after: RepoFacts, expected: list[str]
) -> None:
    known_, seen = known(before), observation(after)
    told, _ = settled(compare(known_, seen, lineage()), known_, seen, settle=24 * HOUR, growing=168 * HOUR)
    assert [c.kind.value for c in told] == expected


def test_another_base_is_no_change_of_a_child() -> None:
    before, after = facts(base="0xSero/GLM-4.7-REAP-50"), facts(base="0xSero/GLM-4.7-185B")
    assert compare(known(before), observation(after), lineage(quant=True)) == []


def _text(blob: str | None, sha256: str | None = None) -> Details:
    return Details(repo_id="x/y", revision="a", files=(), licence_blob=blob, licence_sha256=sha256)


@pytest.mark.parametrize(
    ("before", "after", "moved"),
    [
        pytest.param(_text("aa" * 20), _text("bb" * 20), True, id="the licence file changed"),
        pytest.param(_text("aa" * 20), _text("aa" * 20), False, id="it is the same file"),
        pytest.param(_text(None), _text("bb" * 20), False, id="a licence file that was added is enrichment"),
        pytest.param(_text("aa" * 20), _text(None), False, id="one that was not listed this time"),
        pytest.param(_text("aa" * 20, "c" * 64), _text("bb" * 20, "c" * 64), False, id="the text decides"),
        pytest.param(None, _text("bb" * 20), False, id="no details before"),
    ],
)
def test_another_licence_text_under_the_same_tag(before: Details | None, after: Details, moved: bool) -> None:
    found = compare(known(facts(), details=before), observation(facts(), with_details=after), lineage())
    expected = (
        [("licence", "apache-2.0 (text aaaaaaaa)", "apache-2.0 (text bbbbbbbb)", TEXT)] if moved else []
    )
    assert [(c.kind.value, c.before, c.after, c.degree) for c in found] == expected


def test_a_tag_that_moved_with_its_text_is_one_change() -> None:
    found = compare(
        known(facts(), details=_text("aa" * 20)),
        observation(facts(licence="mit"), with_details=_text("bb" * 20)),
        lineage(),
    )
    assert [(c.kind.value, c.after, c.degree) for c in found] == [("licence", "mit", None)]


DENSE = {"model_type": "qwen3", "num_hidden_layers": 4, "hidden_size": 64, "num_attention_heads": 4,
         "num_key_value_heads": 2, "intermediate_size": 128, "vocab_size": 1000}  # fmt: skip
MIXTURE = DENSE | {"model_type": "qwen3_moe", "num_experts": 8, "num_experts_per_tok": 2,
                   "moe_intermediate_size": 32}  # fmt: skip


def _built(config: dict[str, object], sha256: str = "aa") -> Details:
    files = (RepoFile(path="model.safetensors", size_bytes=1, sha256=sha256),)
    return Details(repo_id="x/y", revision=sha256, files=files, config=config)


def test_another_architecture_under_the_same_name_is_told_with_what_moved() -> None:
    (change,) = compare(
        known(facts(), details=_built(DENSE)), observation(facts(), with_details=_built(MIXTURE)), lineage()
    )
    assert (change.kind, change.before, change.after) == (
        ChangeKind.NEW_ARCHITECTURE,
        "qwen3",
        "qwen3_moe",
    )
    assert change.evidence == (
        "its model type was qwen3 and is qwen3_moe",
        "it was dense and is a mixture of experts",
    )


def test_weights_of_another_architecture_are_one_change() -> None:
    (change,) = compare(
        known(facts(), details=_built(DENSE)),
        observation(facts(), with_details=_built(MIXTURE, "bb")),
        lineage(),
    )
    assert change.kind is ChangeKind.QUANT_REPLACED
    assert change.evidence[1:] == (
        "its model type was qwen3 and is qwen3_moe",
        "it was dense and is a mixture of experts",
    )


def test_attention_of_another_kind_is_another_architecture() -> None:
    linear = DENSE | {"layer_types": ["linear_attention", "full_attention"] * 2}
    linear |= {"linear_num_value_heads": 4, "linear_num_key_heads": 4, "linear_key_head_dim": 16,
               "linear_value_head_dim": 16, "linear_conv_kernel_dim": 4}  # fmt: skip
    (change,) = compare(
        known(facts(), details=_built(DENSE)), observation(facts(), with_details=_built(linear)), lineage()
    )
    assert change.evidence == (
        "it attended by full attention and does by full attention and linear attention or state space",
    )


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        pytest.param(facts(), facts(model_type="qwen3"), lineage(), id="a model type that was not stated"),
        pytest.param(
            facts(model_type="gemma3_text"), facts(model_type="gemma3"), lineage(), id="a part's name"
        ),
        pytest.param(
            facts(model_type="qwen35"),
            facts(model_type="qwen3_5"),
            lineage(quant=True),
            id="a quant has its base's architecture",
        ),
    ],
)
def test_no_other_architecture(before: RepoFacts, after: RepoFacts, line: Lineage) -> None:
    assert compare(known(before), observation(after), line) == []


def test_a_repo_that_was_gone_and_is_there_again_is_restored() -> None:
    gone = known(facts(), removed_at=NOW - timedelta(days=3))
    assert [c.kind for c in compare(gone, observation(facts()), lineage())] == [ChangeKind.RESTORED]


def test_removed_says_since_when() -> None:
    change = removed(known(facts(), missing_since=NOW - timedelta(hours=7)), NOW, lineage())
    assert change.evidence == ("its page has been missing since 2026-04-20 01:00 UTC",)


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
