"""How sure is a score, how sure is a gain: published figures, properties, and how often it is wrong."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watcher.evaluation import (
    Measured,
    Pairs,
    Z,
    more_pairs,
    more_samples,
    paired_gain,
    unpaired_gain,
    wilson,
)

counts = st.integers(0, 400)
SCORES = st.tuples(st.integers(1, 400), st.floats(0, 1)).map(
    lambda drawn: Measured(score=round(drawn[0] * drawn[1]) / drawn[0], samples=drawn[0])
)
PAIRS = st.builds(Pairs, both=counts, candidate_only=counts, incumbent_only=counts, neither=counts).filter(
    lambda p: p.count > 0
)


@pytest.mark.parametrize(
    ("right", "samples", "low", "high"),
    [
        pytest.param(81, 263, 0.2553, 0.3662, id="81 of 263"),  # Newcombe, Statistics in Medicine 17 (1998)
        pytest.param(15, 148, 0.0624, 0.1605, id="15 of 148"),
        pytest.param(0, 20, 0.0, 0.1611, id="none of 20"),
        pytest.param(1, 29, 0.0061, 0.1718, id="1 of 29"),
    ],
)
def test_wilson_is_as_published(right: int, samples: int, low: float, high: float) -> None:
    found = wilson(right, samples)
    assert (round(found.low, 4), round(found.high or 0, 4)) == (low, high)


def test_pairs_are_as_published() -> None:
    """Cavo et al. 2012, in chapter 8 of Fagerland et al., Statistical Analysis of Contingency Tables."""
    found = paired_gain(Pairs(both=59, candidate_only=6, incumbent_only=16, neither=80))
    assert found.low is not None
    assert found.high is not None
    assert [round(x + 1, 4) for x in (found.gain, found.low, found.high)] == [0.8667, 0.7579, 0.9910]


@given(SCORES)
def test_a_score_lies_in_its_interval_and_that_between_0_and_1(one: Measured) -> None:
    found = one.interval
    assert found is not None
    assert found.high is not None
    assert 0 <= found.low <= one.score + 1e-12
    assert one.score - 1e-12 <= found.high <= 1


@given(SCORES, SCORES)
def test_a_gain_lies_in_its_interval(one: Measured, other: Measured) -> None:
    found = unpaired_gain(one, other)
    assert found is not None
    assert found.low is not None
    assert -1 <= found.low <= found.gain + 1e-9
    assert found.high is None or other.score == 0 or found.gain <= found.high + 1e-9


@given(SCORES, SCORES)
def test_a_gain_turned_round_is_a_loss(one: Measured, other: Measured) -> None:
    """What the one certainly gains, the other certainly loses: 1 + low is 1 / (1 + high)."""
    there, back = unpaired_gain(one, other), unpaired_gain(other, one)
    assert there is not None
    assert back is not None
    if one.score and other.score and there.low is not None and back.high is not None:
        assert (1 + there.low) * (1 + back.high) == pytest.approx(1)


@given(SCORES, st.floats(1.01, 50))
def test_more_answers_make_it_surer(one: Measured, factor: float) -> None:
    before, after = one.interval, one.times(factor).interval
    assert before is not None
    assert after is not None
    assert (after.high or 1) - after.low < (before.high or 1) - before.low


@given(PAIRS)
def test_pairs_bound_the_gain_and_swap(pairs: Pairs) -> None:
    found = paired_gain(pairs)
    ours, theirs = pairs.both + pairs.candidate_only, pairs.both + pairs.incumbent_only
    if found.low is None:
        assert not ours
        assert not theirs
        return
    assert found.low <= found.gain + 1e-9
    if theirs:
        assert found.high is None or found.gain <= found.high + 1e-9
    swapped = paired_gain(
        Pairs(both=pairs.both, candidate_only=pairs.incumbent_only, incumbent_only=pairs.candidate_only)
    )
    if found.high is not None and swapped.low is not None:
        assert (1 + found.high) * (1 + swapped.low) == pytest.approx(1)


@given(PAIRS, counts)
def test_prompts_that_neither_got_right_tell_nothing_of_a_ratio(pairs: Pairs, more: int) -> None:
    wider = Pairs(
        both=pairs.both,
        candidate_only=pairs.candidate_only,
        incumbent_only=pairs.incumbent_only,
        neither=pairs.neither + more,
    )
    assert paired_gain(wider) == paired_gain(pairs)


def test_agreement_makes_pairs_surer_than_whole_scores() -> None:
    pairs = paired_gain(Pairs(both=50, candidate_only=20, incumbent_only=8, neither=22))
    apart = unpaired_gain(Measured(score=0.7, samples=100), Measured(score=0.58, samples=100))
    assert apart is not None
    assert pairs.gain == pytest.approx(apart.gain)
    assert pairs.low is not None
    assert apart.low is not None
    assert pairs.low > 0 > apart.low


@given(SCORES, SCORES)
def test_so_many_more_answers_settle_it_and_fewer_do_not(one: Measured, other: Measured) -> None:
    more = more_samples(one, other)
    if more is None:
        return
    most = max(one.samples or 0, other.samples or 0)

    def low(extra: float) -> float:
        factor = (most + extra) / most
        found = unpaired_gain(one.times(factor), other.times(factor))
        assert found is not None
        return found.low or 0.0

    assert low(0) <= 0 < low(more)
    assert more < 3 or low(more - 2) <= 0


def test_more_answers_than_floating_point_can_count_still_come_to_an_end() -> None:
    more = more_samples(Measured(score=0.5001, samples=2**52), Measured(score=0.5, stderr=0.0005))
    assert more is not None
    assert more > 2**52


def test_more_prompts_for_pairs() -> None:
    pairs = Pairs(both=4, candidate_only=4, incumbent_only=2)
    more = more_pairs(pairs)
    assert more is not None
    settled = paired_gain(pairs.times((10 + more) / 10)).low
    assert settled is not None
    assert settled > 0
    assert more_pairs(Pairs(both=4, candidate_only=2, incumbent_only=2)) is None
    assert more_pairs(Pairs(both=40, candidate_only=40, incumbent_only=2)) is None


@pytest.mark.parametrize(
    ("one", "other", "gain", "low"),
    [
        pytest.param(Measured(score=0.9), Measured(score=0.6), 0.5, None, id="nothing says how sure"),
        pytest.param(
            Measured(score=0.9, samples=50), Measured(score=0.6), 0.5, None, id="of one nothing says it"
        ),
        pytest.param(
            Measured(score=0.6, stderr=0.03),
            Measured(score=0.5, stderr=0.03),
            0.2,
            0.0297,
            id="standard errors, as the delta method",
        ),
        pytest.param(
            Measured(score=0.2, samples=50),
            Measured(score=0.0, samples=50),
            19.4,
            0.576,
            id="over nothing at all",
        ),
        pytest.param(
            Measured(score=0.2, samples=50),
            Measured(score=5e-324, samples=50, stderr=0.01),
            19.4,
            4.737,
            id="over what is as good as nothing",
        ),
        pytest.param(
            Measured(score=0.0, samples=50), Measured(score=0.2, samples=50), -1, -1, id="nothing right"
        ),
    ],
)
def test_gains(one: Measured, other: Measured, gain: float, low: float | None) -> None:
    found = unpaired_gain(one, other)
    assert found is not None
    assert found.gain == pytest.approx(gain, abs=1e-6)
    assert found.low == (None if low is None else pytest.approx(low, abs=2e-3))


def test_over_a_score_of_nothing_of_unknown_size_no_gain_can_be_named() -> None:
    assert unpaired_gain(Measured(score=0.5, samples=9), Measured(score=0.0)) is None


def test_a_stated_standard_error_is_taken_at_its_word() -> None:
    found = Measured(score=0.5, samples=10, stderr=0.01).interval
    assert found is not None
    assert found.low == pytest.approx(0.5 - Z * 0.01)
    assert found.high == pytest.approx(0.5 + Z * 0.01)
    assert Measured(score=1.0, samples=10, stderr=0.0).interval == wilson(10, 10)
    assert Measured(score=1.0, samples=10, stderr=-1.0).interval == wilson(10, 10)


def _katz_low(one: Measured, other: Measured) -> float:
    """D. Katz et al., "Obtaining confidence intervals for the risk ratio", Biometrics 34, 1978."""
    assert one.samples
    assert other.samples
    a, b = one.score * one.samples, other.score * other.samples
    if not a or not b:
        return 0.0
    spread = math.sqrt(1 / a - 1 / one.samples + 1 / b - 1 / other.samples)
    return one.score / other.score * math.exp(-Z * spread)


@pytest.mark.parametrize(
    ("n", "m", "p"),
    [
        pytest.param(50, 50, 0.5, id="50 prompts, half right"),
        pytest.param(100, 100, 0.9, id="100 prompts, good models"),
        pytest.param(50, 200, 0.9, id="few new prompts against many old ones"),
        pytest.param(50, 200, 0.95, id="the same with very good models"),
        pytest.param(20, 20, 0.8, id="a very small set"),
    ],
)
def test_equal_models_are_seldom_told_apart(n: int, m: int, p: float) -> None:
    """At most 1 in 40 may look better beyond chance; 4,000 tries know that to half a percent."""
    chance = random.Random(2026)
    wrong = katz = 0
    for _ in range(4000):
        one = Measured(score=sum(chance.random() < p for _ in range(n)) / n, samples=n)
        other = Measured(score=sum(chance.random() < p for _ in range(m)) / m, samples=m)
        found = unpaired_gain(one, other)
        wrong += found is not None and (found.low or 0) > 0
        katz += _katz_low(one, other) > 1
    assert wrong / 4000 <= 0.032
    assert wrong <= katz or katz / 4000 <= 0.032


@pytest.mark.parametrize("agree", [0.2, 0.6])
def test_equal_models_on_the_same_prompts_are_seldom_told_apart(agree: float) -> None:
    chance = random.Random(7)
    wrong = 0
    for _ in range(4000):
        cells = [0, 0, 0, 0]
        for _ in range(60):
            ours = chance.random() < 0.7
            theirs = ours if chance.random() < agree else chance.random() < 0.7
            cells[(0 if theirs else 1) if ours else (2 if theirs else 3)] += 1
        both, mine, other, none = cells
        found = paired_gain(Pairs(both=both, candidate_only=mine, incumbent_only=other, neither=none))
        wrong += (found.low or 0) > 0
    assert wrong / 4000 <= 0.032


@pytest.mark.parametrize(
    ("better", "worse", "sure"),
    [
        pytest.param(4, 0, False, id="four better and none worse may be chance"),
        pytest.param(6, 0, True, id="six better and none worse is not"),
        pytest.param(8, 3, False, id="eight to three may be chance"),
        pytest.param(800, 600, True, id="many to fewer is not"),
    ],
)
def test_a_gain_over_pairs_is_sure_only_where_those_that_differ_lean_to_one_side(
    better: int, worse: int, sure: bool
) -> None:
    found = paired_gain(Pairs(both=0, candidate_only=better, incumbent_only=worse, neither=37))
    assert (found.low is not None and found.low > 0) is sure
