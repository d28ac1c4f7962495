"""The catalog remembers repos under their folded id, through renames, removals and hostile values."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from store.db import Store
from tests.store.builders import NOW, entry, facts, fit_record, observation, quant, rows, variant
from watcher.types import (
    Details,
    Entry,
    FitVerdict,
    Gate,
    Known,
    Licence,
    Lineage,
    Parameters,
    Popularity,
    Problem,
    RepoFile,
    SourceState,
)

DETAILS = Details(
    repo_id="Qwen/Qwen3-8B",
    revision="r1",
    files=(RepoFile(path="model.safetensors", size_bytes=16, sha256="a" * 64),),
    config={"model_type": "qwen3", "rope": {"factor": None}},
)
RICH = entry(
    "Qwen/Qwen3-8B",
    hub_id="66",
    licence="apache-2.0",
    gated=Gate.AUTO,
    tags=("a", "b"),
    parameters=Parameters(total=8_190_735_360, per_dtype=(("BF16", 8_190_735_360),)),
    popularity=Popularity(downloads=5, likes=3, trending_score=1.5),
    details=DETAILS,
    variants=(variant("Qwen/Qwen3-8B", "BF16", 16, format="safetensors"),),
)


def _known(store: Store, repo_id: str) -> Known:
    with store.read() as tx:
        return tx.known([repo_id])[repo_id.casefold()]


def test_what_was_saved_comes_back_under_the_folded_id(store: Store) -> None:
    with store.write() as tx:
        tx.save_entries([RICH], NOW)
        assert tx.known(["QWEN/qwen3-8b", "nobody/nothing"]) == {"qwen/qwen3-8b": RICH.known}
        assert tx.known_by_hub_id(["66", "67"]) == {"66": RICH.known}
        assert tx.known_of_author("qwen") == [RICH.known]
        assert tx.entries(["Qwen/Qwen3-8b"]) == {"qwen/qwen3-8b": RICH}


def test_saving_again_overwrites_and_keeps_details_that_were_not_read_again(store: Store, path: Path) -> None:
    again = replace(RICH, known=replace(RICH.known, revision="r2", details=None), licence="mit", variants=())
    with store.write() as tx:
        tx.save_entries([RICH], NOW)
        tx.save_entries([again], NOW + timedelta(hours=1))
    known = _known(store, "Qwen/Qwen3-8B")
    assert (known.revision, known.details) == ("r2", DETAILS)
    assert rows(path, "SELECT licence, last_seen FROM repos") == [
        {"licence": "mit", "last_seen": "2026-08-22T11:00:00.000000Z"}
    ]
    assert rows(path, "SELECT * FROM variants") == []


def test_ids_that_differ_in_case_are_one_repo_and_the_last_one_counts(store: Store) -> None:
    with store.write() as tx:
        tx.save_entries([entry("Qwen/Qwen3-8B"), entry("qwen/QWEN3-8b", licence="mit")], NOW)
        assert [m.repo_id for m in tx.members(["qwen"])] == ["qwen/QWEN3-8b"]


def test_nothing_to_save_is_no_error(store: Store, path: Path) -> None:
    with store.write() as tx:
        tx.save_entries([], NOW)
        tx.touch([], NOW)
        tx.save_fits([], NOW)
        tx.log([])
        assert (tx.known([]), tx.entries([]), tx.members([]), tx.quants_of([])) == ({}, {}, [], [])
    assert rows(path, "SELECT count(*) AS n FROM repos") == [{"n": 0}]


def test_more_ids_than_one_statement_takes(store: Store) -> None:
    names = [f"org/m-{n}" for n in range(2500)]
    with store.write() as tx:
        tx.save_entries([entry(name) for name in names], NOW)
        assert len(tx.known(names)) == len(tx.entries(names)) == 2500


def test_touch_moves_counters_only(store: Store, path: Path) -> None:
    later = NOW + timedelta(hours=1)
    with store.write() as tx:
        tx.save_entries([RICH], NOW)
        tx.touch(
            [("qwen/qwen3-8b", Popularity(downloads=9)), ("nobody/nothing", Popularity(downloads=1))], later
        )
    known = _known(store, "Qwen/Qwen3-8B")
    assert known.facts.popularity == Popularity(downloads=9, likes=3, trending_score=1.5)
    assert replace(known.facts, popularity=RICH.known.facts.popularity) == RICH.known.facts
    assert rows(path, "SELECT last_seen FROM repos") == [{"last_seen": "2026-08-22T11:00:00.000000Z"}]


def test_missing_removed_and_back_again(store: Store) -> None:
    with store.write() as tx:
        tx.save_entries([RICH], NOW)
        tx.mark_missing("Qwen/Qwen3-8B", NOW)
        tx.mark_removed("Qwen/Qwen3-8B", NOW + timedelta(hours=6))
        assert tx.known_of_author("Qwen") == []
        gone = tx.known(["Qwen/Qwen3-8B"])["qwen/qwen3-8b"]
        assert (gone.missing_since, gone.removed_at) == (NOW, NOW + timedelta(hours=6))
        tx.mark_missing("qwen/qwen3-8b", None)
        tx.mark_removed("qwen/qwen3-8b", None)
        assert tx.known_of_author("QWEN") == [RICH.known]


def test_repos_whose_details_are_missing_or_of_another_revision(store: Store) -> None:
    stale = replace(RICH.known, revision="r2")
    with store.write() as tx:
        tx.save_entries([RICH, entry("Qwen/New"), entry("Qwen/Old", created_at=NOW - timedelta(days=9))], NOW)
        assert [k.key.id for k in tx.lacking_details("QWEN", NOW)] == ["Qwen/New"]
        tx.save_entries([replace(RICH, known=stale)], NOW)
        assert [k.key.id for k in tx.lacking_details("Qwen", NOW)] == ["Qwen/New", "Qwen/Qwen3-8B"]


def test_repos_in_use_and_their_quants_lack_details_at_any_age(store: Store) -> None:
    old = NOW - timedelta(days=900)
    with store.write() as tx:
        tx.save_entries(
            [
                entry("unsloth/Old", created_at=old),
                quant("unsloth/Old-GGUF", "Qwen/Qwen3-8B", {}, created_at=old),
                quant("unsloth/Other-GGUF", "Qwen/Other", {}, created_at=old),
                quant("unsloth/Exact-GGUF", None, {}, created_at=None),
            ],
            NOW,
        )
        found = tx.lacking_details("unsloth", NOW, {"qwen/qwen3-8b", "unsloth/exact-gguf"})
    assert [k.key.id for k in found] == ["unsloth/Exact-GGUF", "unsloth/Old-GGUF"]


@pytest.mark.parametrize(
    ("before", "after", "kept"),
    [
        pytest.param({"hub_id": "a"}, {"hub_id": "a"}, True, id="the same repo"),
        pytest.param({"hub_id": "a"}, {"hub_id": "b"}, False, id="another repo under the id"),
        pytest.param(
            {"hub_id": "a"},
            {"hub_id": "a", "created_at": NOW + timedelta(days=1)},
            True,
            id="a date corrected",
        ),
        pytest.param({"hub_id": "a"}, {}, True, id="a look that says little"),
        pytest.param({}, {"created_at": NOW + timedelta(days=1)}, False, id="created later"),
        pytest.param({}, {"created_at": None}, True, id="creation unknown"),
    ],
)
def test_details_of_a_repo_that_was_made_anew_are_not_kept(
    store: Store, before: dict[str, Any], after: dict[str, Any], kept: bool
) -> None:
    with store.write() as tx:
        tx.save_entries([entry("a/b", details=replace(DETAILS, repo_id="a/b"), **before)], NOW)
        tx.save_entries([entry("a/b", **after)], NOW)
        assert (tx.known(["a/b"])["a/b"].details is not None) is kept


def test_removed_repos_do_not_count(store: Store) -> None:
    with store.write() as tx:
        tx.save_entries([entry("a/b"), entry("a/c")], NOW)
        tx.mark_removed("a/b", NOW)
    assert store.count_repos() == 1


def test_a_rename_takes_everything_along(store: Store, path: Path) -> None:
    with store.write() as tx:
        tx.save_entries([RICH, quant("unsloth/Q-GGUF", "Qwen/Qwen3-8B", {"Q4_K_M": 4.8})], NOW)
        tx.save_fits([fit_record("Qwen/Qwen3-8B", "BF16", "h100", FitVerdict.FITS)], NOW)
        tx.rename("Qwen/Qwen3-8B", "QwenLM/Qwen3-8B-Base")
        assert tx.known(["Qwen/Qwen3-8B"]) == {}
        moved = tx.known(["qwenlm/qwen3-8b-base"])["qwenlm/qwen3-8b-base"]
        assert (moved.key.id, moved.facts.repo_id, moved.facts.author) == (
            "QwenLM/Qwen3-8B-Base",
            "QwenLM/Qwen3-8B-Base",
            "QwenLM",
        )
        assert moved.details == replace(DETAILS, repo_id="QwenLM/Qwen3-8B-Base")
        assert [k.key.id for k in tx.known_of_author("QwenLM")] == ["QwenLM/Qwen3-8B-Base"]
        assert [q.repo_id for q in tx.quants_of(["QwenLM/Qwen3-8B-Base"])] == ["unsloth/Q-GGUF"]
        former = tx.entries(["Qwen/Qwen3-8B"])["qwen/qwen3-8b"]
        assert former.known == moved
        assert [v.label for v in former.variants] == ["BF16"]
    assert rows(path, "SELECT repo FROM fits") == [{"repo": "qwenlm/qwen3-8b-base"}]


def test_a_quant_that_names_its_base_by_a_former_id_is_still_found(store: Store) -> None:
    late = quant("bartowski/Q-GGUF", "qwen/Qwen3-8B", {"Q4_K_M": 4.8})
    with store.write() as tx:
        tx.save_entries([RICH], NOW)
        tx.rename("Qwen/Qwen3-8B", "QwenLM/Middle")
        tx.rename("QwenLM/Middle", "QwenLM/Last")
        tx.save_entries([late], NOW)
        found = tx.quants_of(["qwenlm/last"])
    assert [(m.repo_id, m.lineage.base_repo) for m in found] == [("bartowski/Q-GGUF", "QwenLM/Last")]


def test_originals_are_no_quants_no_derivatives_and_still_there(store: Store) -> None:
    maker = Lineage(family="qwen", publisher="Qwen", official=True)
    tune = Lineage(family="qwen", publisher="someone", derived=True)
    with store.write() as tx:
        official = [entry(repo, lineage=maker) for repo in ("Qwen/Qwen3-8B", "Qwen/Gone-8B")]
        others = [entry("newlab/Own-8B"), entry("someone/Tune-8B", lineage=tune)]
        tx.save_entries([*official, *others, quant("b/Q-GGUF", "Qwen/Qwen3-8B", {"Q4_K_M": 1})], NOW)
        tx.mark_removed("Qwen/Gone-8B", NOW)
        assert [m.repo_id for m in tx.originals(official=False)] == ["newlab/Own-8B", "Qwen/Qwen3-8B"]
        assert [m.repo_id for m in tx.originals(official=True)] == ["Qwen/Qwen3-8B"]


def test_a_new_repo_under_a_former_name_is_itself(store: Store) -> None:
    with store.write() as tx:
        tx.save_entries([RICH], NOW)
        tx.rename("Qwen/Qwen3-8B", "Qwen/Qwen3-8B-Old")
        tx.save_entries([entry("Qwen/Qwen3-8B", hub_id="99")], NOW)
        assert tx.entries(["Qwen/Qwen3-8B"])["qwen/qwen3-8b"].known.facts.hub_id == "99"
        assert tx.entries(["Qwen/Qwen3-8B-Old"])["qwen/qwen3-8b-old"].known.facts.hub_id == "66"


@pytest.mark.parametrize(
    ("before", "old", "new", "ids"),
    [
        pytest.param(["a/new", "a/old"], "a/old", "a/new", ["a/new"], id="the new id was seen first"),
        pytest.param(["a/x"], "a/old", "a/new", ["a/x"], id="the old id is unknown"),
        pytest.param(["a/old"], "a/old", "A/Old", ["A/Old"], id="only the case changed"),
    ],
)
def test_renames_that_meet_something(
    store: Store, before: list[str], old: str, new: str, ids: list[str]
) -> None:
    with store.write() as tx:
        tx.save_entries([entry(name, hub_id=name) for name in before], NOW)
        tx.rename(old, new)
        members = tx.members(["qwen"])
        assert [m.repo_id for m in members] == ids
        found = tx.known(ids)[ids[0].casefold()]
    assert found.facts.hub_id == before[-1]


def test_members_carry_the_lineage(store: Store) -> None:
    lineage = Lineage(
        family="qwen",
        series="qwen3",
        version="3",
        size="8b",
        variant="instruct",
        base_repo="Qwen/Qwen3-8B-Base",
        publisher="Qwen",
        official=True,
        derived=True,
        quant=False,
        impersonates="mistralai",
    )
    saved = entry("Qwen/Qwen3-8B", lineage=lineage, model_type="qwen3", parameters=Parameters(total=8))
    with store.write() as tx:
        tx.save_entries([saved, entry("other/x", lineage=Lineage(family=None, publisher="other"))], NOW)
        [member] = tx.members(["qwen", "gemma"])
        assert tx.members_of_publisher("QWEN") == tx.members_of_threads([lineage.thread]) == [member]
    assert member.lineage == lineage
    assert (member.created_at, member.first_seen) == (NOW, NOW)
    assert (member.model_type, member.parameters_total) == ("qwen3", 8)


def test_quants_of_a_base_leave_out_the_removed(store: Store) -> None:
    with store.write() as tx:
        one, two = (quant(f"{who}/Q-GGUF", "Qwen/Qwen3-8B", {"Q4_K_M": 4.8}) for who in ("a", "b"))
        tx.save_entries(
            [one, two, entry("c/finetune", lineage=Lineage(family="qwen", base_repo="Qwen/Qwen3-8B"))], NOW
        )
        tx.mark_removed("b/Q-GGUF", NOW)
        assert [m.repo_id for m in tx.quants_of(["QWEN/qwen3-8b"])] == ["a/Q-GGUF"]


def test_unregistered_bases_and_who_quantised_them(store: Store) -> None:
    def seen(item: Entry, days_ago: int) -> Entry:
        return replace(item, known=replace(item.known, first_seen=NOW - timedelta(days=days_ago)))

    labels = {"Q4_K_M": 4.8}
    with store.write() as tx:
        tx.save_entries(
            [
                seen(quant("bartowski/New-GGUF", "newcomer/new-7b", labels, family=None), 2),
                seen(quant("unsloth/New-GGUF", "Newcomer/New-7B", labels, family=None), 1),
                seen(quant("unsloth/Old-GGUF", "older/old-7b", labels, family=None), 30),
                seen(quant("unsloth/Qwen-GGUF", "Qwen/Qwen3-8B", labels), 1),
                seen(quant("somebody/New-GGUF", "newcomer/new-7b", labels, family=None), 1),
                seen(quant("unsloth/Orphan-GGUF", None, labels, family=None), 1),
            ],
            NOW,
        )
        found = tx.unregistered_bases(["Bartowski", "unsloth"], NOW - timedelta(days=7))
    assert found == {"Newcomer/New-7B": {"bartowski", "unsloth"}}


def test_absurd_and_hostile_values_are_stored_as_far_as_they_go(store: Store, path: Path) -> None:
    hostile = entry(
        "org/\ud800x",
        licence="\x1b[31m<!channel>",
        parameters=Parameters(total=10**30),
        popularity=Popularity(downloads=2**63),
        library="\udfff",
        variants=(replace(variant("org/x", "Q4", 4.5), size_bytes=10**25),),
    )
    with store.write() as tx:
        tx.save_entries([hostile], NOW)
        tx.log([observation("org/\ud800x", {"id": "org/\ud800x", "size": 10**40})])
        assert list(tx.known(["org/\ud800x"])) == ["org/\ufffdx"]
    assert rows(path, "SELECT downloads, parameters_total, licence FROM repos") == [
        {"downloads": None, "parameters_total": None, "licence": "\x1b[31m<!channel>"}
    ]
    assert rows(path, "SELECT size_bytes FROM variants") == [{"size_bytes": None}]


def test_the_observation_log_can_only_grow(store: Store, path: Path) -> None:
    with store.write() as tx:
        tx.log([observation("a/b", {"id": "a/b"}), observation("a/b", {"id": "a/b", "likes": 1})])
    for statement in ("UPDATE observations SET row = '{}'", "DELETE FROM observations"):
        with pytest.raises(Exception, match="append-only"):
            rows(path, statement)
    assert len(rows(path, "SELECT * FROM observations")) == 2


def test_a_source_never_asked_has_an_empty_state(store: Store) -> None:
    state = SourceState(source="hub:Qwen", watermark=NOW, failing_since=NOW, last_error="HTTP 502")
    with store.write() as tx:
        assert tx.source_state("hub:Qwen") == SourceState(source="hub:Qwen")
        tx.save_source_state(state)
        assert tx.source_state("hub:Qwen") == state
        tx.save_source_state(SourceState(source="hub:Qwen", watermark=NOW))
        assert tx.source_state("hub:Qwen").failing_since is None


def test_a_problem_is_an_episode(store: Store, path: Path) -> None:
    page = Problem(source="hub:Qwen", key=None, message="page 2 is not JSON")
    row = Problem(source="hub:Qwen", key="Qwen/x", message="a row without id \ud800")
    with store.write() as tx:
        assert [tx.note_problem(p, NOW) for p in (page, row, page, row)] == [True, True, False, False]
        tx.close_problems("hub:Qwen", {(row.key, row.message)}, NOW)
        tx.close_problems("hub:other", set(), NOW)
        assert [tx.note_problem(p, NOW) for p in (page, row)] == [True, False]
    episodes = rows(path, "SELECT key, count, closed_at IS NULL AS open FROM problems ORDER BY id")
    assert [tuple(e.values()) for e in episodes] == [(None, 2, 0), ("Qwen/x", 3, 1), (None, 1, 1)]


def test_licence_of_the_facts_is_kept_beside_the_canonical_one(store: Store) -> None:
    stated = Licence(id="other", name="tongyi-qianwen", link="LICENSE")
    assert facts("a/b", licence=stated).licence == stated
    with store.write() as tx:
        item = replace(entry("a/b"), known=replace(entry("a/b").known, facts=facts("a/b", licence=stated)))
        tx.save_entries([replace(item, licence="tongyi-qianwen")], NOW)
        back = tx.entries(["a/b"])["a/b"]
    assert (back.licence, back.known.facts.licence) == ("tongyi-qianwen", stated)
