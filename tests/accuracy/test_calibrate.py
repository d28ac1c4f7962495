"""The fit of speeds: its formula is the product's, and no source grades itself."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("scipy", reason="fitting the constants takes SciPy")

from tests.accuracy.answer import speed_case
from tests.accuracy.calibrate import Constants, fit_measured, held_out, predicted_seconds
from tests.accuracy.measured import Measured, measured_of
from tests.accuracy.rows import SpeedRow, read_speed
from tests.accuracy.speed_scores import not_scored
from watcher.fit.layout import Layout
from watcher.fit.pace import pace_of
from watcher.fit.speed import step_seconds
from watcher.fit.traffic import traffic_of
from watcher.types import Variant

EVIDENCE = Path(__file__).parent / "evidence" / "speed.csv"


def row(row_id: str) -> SpeedRow:
    return next(row for row in read_speed([EVIDENCE]) if row.row_id == row_id)


def measured(source: str, seconds: float) -> Measured:
    """A dense model that takes 10 ms at peak bandwidth."""
    return Measured(
        source=source,
        group="graphs",
        device_class="hbm",
        device="h100-sxm",
        engine="vllm",
        format="16 bit",
        link="nvlink",
        per_user=True,
        old=False,
        seconds=seconds,
        batch=1,
        always_s=0.010,
        routed_s=0.0,
        missed=0.0,
        cache_s=0.0,
        state_s=0.0,
        layers=32,
        expert_layers=0,
        talks=0.0,
        least_s=0.0,
        prefill_s=0.0,
    )


def test_what_is_measured_moves_what_is_believed() -> None:
    slow, fast = (fit_measured([measured(s, seconds) for s in "abcdef"]) for seconds in (0.030, 0.013))
    assert predicted_seconds(slow, [measured("x", 1.0)]) > predicted_seconds(fast, [measured("x", 1.0)])


def test_a_source_is_predicted_without_itself() -> None:
    rows = [measured(source, 0.015) for source in "abcd"]
    honest = held_out(rows)
    odd = held_out([*rows, measured("odd", 0.150)])
    assert odd[-1] == pytest.approx(honest[0], rel=0.1)


def test_one_source_can_not_be_held_out() -> None:
    assert all(math.isnan(seconds) for seconds in held_out([measured("a", 0.015), measured("a", 0.016)]))


def test_constants_that_nothing_measured_are_as_believed() -> None:
    assert Constants({}).of(("efficiency", "graphs", "")) == pytest.approx(math.log(0.72))


@pytest.mark.parametrize("row_id", ["E0001", "E0100", "E0300", "E0500"])
def test_the_formula_is_the_products(row_id: str) -> None:
    """With the product's own constants put in, a row's seconds are those of watcher/fit/speed.py."""
    told = row(row_id)
    if not_scored(told):
        pytest.skip("not a row that is fitted")
    case = speed_case(told)
    m = measured_of(told, case)
    assert m is not None
    m = replace(m, least_s=0.0, prefill_s=0.0)
    ranks = 1 if not m.talks else (case.settings.tensor_parallel or case.hardware.count)
    variant = Variant(
        repo_id="a/b",
        format=case.format.container,
        label=case.format.label,
        bits=None,
        size_bytes=case.weights_bytes,
        size_source="files",
    )
    layout = Layout(shape=case.model.shape, split=ranks, element_bytes=case.model.shape.cache_bytes)
    moved = traffic_of(case.model.shape, variant, case.weights_bytes, layout, told.context_tokens)
    device, experts = case.hardware.device, case.model.shape.is_moe
    pace = pace_of(device, case.engine, variant, experts=experts)
    logs = {
        "efficiency": pace.efficiency,
        "experts": pace.experts,
        "cache": pace.cache,
        "layer_us": pace.layer_s * 1e6,
        "expert_layer_us": pace.expert_layer_s * 1e6,
        "sequence_us": pace.sequence_s * 1e6,
        "allreduce_us": pace.allreduce_s * 1e6,
        "routing": pace.routing,
    }
    constants = Constants({key: math.log(logs[key[0]]) if key[0] in logs else 0.0 for key in m.keys})
    expected = step_seconds(moved, pace, device, batch=m.batch, ranks=ranks)
    assert predicted_seconds(constants, [m]) == pytest.approx([expected], rel=1e-6)
