"""What the team measured: the latest per device, engine and term, and no fit outlives it."""

from datetime import date
from pathlib import Path

import pytest

from store.db import Store
from tests.store.builders import NOW, fit_record, rows
from watcher.types import Correction, FitVerdict

H100, SPARK = "h100-sxm-80gb", "dgx-spark"
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)


def _measured(
    device: str = H100, engine: str = "vllm", on: date = MONDAY, source: str = "boot.log", **factors: float
) -> Correction:
    return Correction(device=device, engine=engine, measured_on=on, source=source, factors=factors)


def test_a_correction_is_read_as_it_was_written(store: Store) -> None:
    said = _measured(activations=1.23, decode=0.9)
    with store.write() as tx:
        assert tx.save_correction(said)
    with store.read() as tx:
        assert tx.corrections() == [said]


def test_terms_of_several_logs_stand_beside_each_other(store: Store) -> None:
    boot = _measured(activations=1.23, weights=1.0)
    speed = _measured(source="bench.log", on=TUESDAY, decode=0.8)
    elsewhere = _measured(device=SPARK, engine="llama.cpp", decode=1.1)
    with store.write() as tx:
        for correction in (boot, speed, elsewhere):
            assert tx.save_correction(correction)
        assert tx.corrections() == [elsewhere, speed, boot]


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        pytest.param(MONDAY, TUESDAY, 2.0, id="a newer log replaces the term"),
        pytest.param(MONDAY, MONDAY, 2.0, id="of one day the later word counts"),
        pytest.param(TUESDAY, MONDAY, 1.5, id="an older log changes nothing"),
    ],
)
def test_the_newest_measurement_of_a_term_counts(
    store: Store, first: date, second: date, wins: float
) -> None:
    with store.write() as tx:
        tx.save_correction(_measured(on=first, activations=1.5))
        assert tx.save_correction(_measured(on=second, activations=2.0)) is (wins == 2.0)
        [kept] = tx.corrections()
    assert kept.factors == {"activations": wins}


def test_a_replaced_log_leaves_no_empty_correction(store: Store) -> None:
    with store.write() as tx:
        tx.save_correction(_measured(source="old.log", activations=1.5))
        tx.save_correction(_measured(source="new.log", on=TUESDAY, activations=1.4, decode=0.9))
        [kept] = tx.corrections()
    assert (kept.source, kept.factors) == ("new.log", {"activations": 1.4, "decode": 0.9})


def test_fits_made_without_a_correction_are_dropped_with_it(store: Store, path: Path) -> None:
    record = fit_record("Qwen/Qwen3-8B", "bf16", "h100", FitVerdict.FITS)
    said = _measured(activations=1.2)
    with store.write() as tx:
        tx.save_fits([record], NOW)
        tx.save_correction(said)
        assert tx.fitted() == set()
        tx.save_fits([record], NOW)
        assert not tx.save_correction(said)
        assert len(tx.fitted()) == 1, "the same words again change nothing"
        assert tx.forget_corrections(H100, "vllm") == 1
        assert tx.fitted() == set()
    assert rows(path, "SELECT * FROM corrections") == []


def test_forgetting_takes_one_engine_or_all_of_a_device(store: Store) -> None:
    with store.write() as tx:
        for engine in ("vllm", "sglang"):
            tx.save_correction(_measured(engine=engine, activations=1.2, overhead=1.1))
        tx.save_correction(_measured(device=SPARK, decode=0.8))
        assert tx.forget_corrections(H100, "vllm") == 2
        assert {(c.device, c.engine) for c in tx.corrections()} == {(H100, "sglang"), (SPARK, "vllm")}
        assert tx.forget_corrections(H100) == 2
        assert tx.forget_corrections("no-such-device") == 0
        assert [c.device for c in tx.corrections()] == [SPARK]


def test_a_hostile_name_of_a_log_is_stored(store: Store) -> None:
    with store.write() as tx:
        tx.save_correction(_measured(source="a\ud800'; DROP TABLE fits; --.log", decode=0.9))
        [kept] = tx.corrections()
    assert kept.source == "a\ufffd'; DROP TABLE fits; --.log"
