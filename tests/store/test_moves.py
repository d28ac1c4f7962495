"""What moved of late, the decisions that stand, and the methods that trusted publishers use."""

from datetime import timedelta

from store.db import Store
from tests.store.builders import NOW, change, entry, variant, verdict
from watcher.types import Action, ChangeKind, Key, Lineage, Quantisation

HOUR = timedelta(hours=1)
TRUSTED = Lineage(family=None, publisher="unsloth", quant=True)


def test_moves_are_those_of_known_repos_by_account_and_time(store: Store) -> None:
    with store.write() as tx:
        for moved in (
            change(detected_at=NOW),
            change("qwen/Qwen3-4B", kind=ChangeKind.GATED, detected_at=NOW - HOUR),
            change(kind=ChangeKind.NEW_VERSION, detected_at=NOW),
            change(kind=ChangeKind.REMOVED, detected_at=NOW - 30 * HOUR),
            change("google/gemma-3-27b-it", detected_at=NOW),
            change("gpt2", detected_at=NOW),
        ):
            tx.save_change(moved)
        found = [(c.kind, c.key.id) for _, c in tx.moves(["QWEN"], NOW - 24 * HOUR)]
        assert found == [(ChangeKind.GATED, "qwen/Qwen3-4B"), (ChangeKind.LICENCE, "Qwen/Qwen3-8B")]
        assert [c.key.id for _, c in tx.moves([""], NOW - 24 * HOUR)] == ["gpt2"]


def test_the_current_verdict_is_the_last_one_per_deployment(store: Store) -> None:
    moved = change()
    with store.write() as tx:
        change_id = tx.save_change(moved)
        held, other = verdict(moved, Action.HOLD), verdict(moved, Action.IGNORE, deployment="other")
        told = verdict(moved, Action.ALERT)
        tx.save_verdicts(change_id, [held, other], NOW)
        tx.save_verdicts(change_id, [told], NOW + HOUR)
        assert tx.current_verdicts([change_id, "nothing"]) == [other, told]


def test_methods_are_those_of_makers_and_trusted_publishers_and_those_told(store: Store) -> None:
    stranger = Lineage(family=None, publisher="somebody", quant=True)
    maker = Lineage(family="qwen", publisher="Qwen", official=True)
    with store.write() as tx:
        tx.save_entries(
            [
                entry("Unsloth/a", lineage=TRUSTED, quantisation=Quantisation(method="AQLM")),
                entry("Qwen/b", lineage=maker, variants=(variant("Qwen/b", "IQ2_KT", 2.0),)),
                entry("somebody/c", lineage=stranger, quantisation=Quantisation(method="vptq")),
            ],
            NOW,
        )
        told = change(kind=ChangeKind.QUANT_METHOD, before=None, after="quip")
        tx.save_change(told)
        assert tx.quant_methods(["unsloth"]) == {"aqlm", "iq2_kt", "quip"}


def test_a_licence_that_counts_anew_changes_nothing_else(store: Store) -> None:
    with store.write() as tx:
        tx.save_entries([entry("unsloth/a", lineage=TRUSTED, licence="mit")], NOW)
        tx.save_licences([("Unsloth/A", "mrl"), ("unsloth/none", "mit")])
        (found,) = tx.entries(["unsloth/a"]).values()
    assert found.licence == "mrl"
    assert found.known.key == Key(source="hub", id="unsloth/a")
