"""How sure a score is, and how sure it is that one score beats another: closed forms, no chance involved.

A score is a share of right answers. Its interval is Wilson's (E. B. Wilson, "Probable inference, the law of
succession, and statistical inference", JASA 22, 1927), which stays inside 0 to 1 and holds for small sets;
where a standard error is stated instead (or the metric is a mean of shares), the normal interval around it.

A gain is relative: candidate over incumbent, less 1.
- Both answered the same prompts: Bonett and Price, "Confidence intervals for a ratio of binomial proportions
  based on paired data", Statistics in Medicine 25 (2006): two Wilson intervals, narrowed as far as the
  answers agree.
- Otherwise: the two scores' own intervals joined on the log scale by the sum of squares (Zou and Donner,
  "Construction of confidence limits about effect measures", Statistics in Medicine 27, 2008). Katz's interval
  for a ratio of proportions is the same with plainer limits; near 0 and 1, where good models score, its lower
  end is too high up to four times as often as it should be (tests/test_evaluation.py has both).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

Z = 1.959963984540054  # 95 % of a normal distribution lies within so many standard deviations
_DIGITS = 12  # of a score
_MOST_MORE = 1000.0  # times the samples: beyond it nobody will ask so often


@dataclass(frozen=True, kw_only=True, slots=True)
class Interval:
    """Low to high, 95 %. high None: without bound."""

    low: float
    high: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A score with what is known of its certainty. samples may be fractional inside a what-if."""

    score: float
    samples: float | None = None
    stderr: float | None = None

    @property
    def interval(self) -> Interval | None:
        """None where neither samples nor a standard error are known."""
        if self.stderr and self.stderr > 0:  # a log from elsewhere may say anything
            reach = Z * self.stderr
            return Interval(low=max(0.0, self.score - reach), high=min(1.0, self.score + reach))
        return wilson(self.score * self.samples, self.samples) if self.samples else None

    def times(self, factor: float) -> "Measured":
        """The same score from so many times the samples."""
        return replace(
            self,
            samples=self.samples * factor if self.samples else None,
            stderr=self.stderr / math.sqrt(factor) if self.stderr else None,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Pairs:
    """Prompts that both models answered: how many both, only one, or neither of them got right."""

    both: float
    candidate_only: float
    incumbent_only: float
    neither: float = 0.0

    @property
    def count(self) -> float:
        return self.both + self.candidate_only + self.incumbent_only + self.neither

    def times(self, factor: float) -> "Pairs":
        return Pairs(
            both=self.both * factor,
            candidate_only=self.candidate_only * factor,
            incumbent_only=self.incumbent_only * factor,
            neither=self.neither * factor,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Gain:
    """A relative gain; low and high None where nothing bounds it."""

    gain: float
    low: float | None
    high: float | None


def wilson(right: float, samples: float, z: float = Z) -> Interval:
    """Wilson's score interval for right out of samples (> 0)."""
    share = right / samples
    middle = (right + z * z / 2) / (samples + z * z)
    reach = z / (samples + z * z) * math.sqrt(max(0.0, right * (1 - share)) + z * z / 4)
    low = max(0.0, middle - reach) if right > 0 else 0.0  # exactly: rounding must not leave a hair
    return Interval(low=low, high=min(1.0, middle + reach) if right < samples else 1.0)


def unpaired_gain(candidate: Measured, incumbent: Measured) -> Gain | None:
    """None where the incumbent scored 0 from an unknown number of answers: nothing is relative to that.

    An incumbent at 0 of n counts as half an answer right, so that a gain can be named at all.
    """
    candidate, incumbent = _sensible(candidate), _sensible(incumbent)
    ours, theirs = candidate.interval, incumbent.interval
    base = incumbent.score or (0.5 / (incumbent.samples + 1) if incumbent.samples else 0.0)
    if not base:
        return None
    ratio = candidate.score / base
    if ours is None or theirs is None:
        return Gain(gain=ratio - 1, low=None, high=None)
    return Gain(
        gain=ratio - 1,
        low=_low(candidate.score, incumbent.score, ours, theirs) - 1,
        high=_high(candidate.score, incumbent.score, ours, theirs),
    )


def _sensible(measured: Measured) -> Measured:
    """A score that no number of answers can tell from 0 is 0: nothing is relative to it."""
    return replace(measured, score=round(measured.score, _DIGITS))


def _low(p1: float, p0: float, ours: Interval, theirs: Interval) -> float:
    """The lower limit of the ratio p1 / p0."""
    top = theirs.high or 1.0
    if not p1 or not ours.low:
        return 0.0
    if not p0:
        return ours.low / top
    return p1 / p0 * math.exp(-math.hypot(math.log(p1 / ours.low), math.log(top / p0)))


def _high(p1: float, p0: float, ours: Interval, theirs: Interval) -> float | None:
    """The upper limit of the gain; None where the incumbent may as well score 0."""
    top = ours.high or 1.0
    if not p0 or not theirs.low:
        return None
    if not p1:
        return top / theirs.low - 1
    return p1 / p0 * math.exp(math.hypot(math.log(top / p1), math.log(p0 / theirs.low))) - 1


# Above this many answers that differ, the normal distribution is as good.
_COUNTED_EXACTLY = 500


def paired_gain(pairs: Pairs) -> Gain:
    """Over the prompts that both answered; prompts that neither got right tell nothing of a ratio."""
    ours, theirs = pairs.both + pairs.candidate_only, pairs.both + pairs.incumbent_only
    union = pairs.both + pairs.candidate_only + pairs.incumbent_only
    gain = ours / theirs - 1 if theirs else ours / 0.5 - 1 if ours else 0.0
    if not union:
        return Gain(gain=gain, low=None, high=None)
    spread = math.sqrt((pairs.candidate_only + pairs.incumbent_only + 2) / ((ours + 1) * (theirs + 1)))
    of_ours = math.sqrt((1 - (ours + 1) / (union + 2)) / (ours + 1))
    of_theirs = math.sqrt((1 - (theirs + 1) / (union + 2)) / (theirs + 1))
    z = Z * spread / (of_ours + of_theirs)
    mine, other = wilson(ours, union, z), wilson(theirs, union, z)
    bound = (mine.high or 1.0) / other.low - 1 if other.low else None
    low = mine.low / (other.high or 1.0) - 1
    # The interval is too narrow where few answers differ: four better ones and no worse are still chance.
    return Gain(gain=gain, low=low if _signs_differ(pairs) else min(low, 0.0), high=bound)


def _signs_differ(pairs: Pairs) -> bool:
    """McNemar's exact test at 5 %: whether those that differ lean to one side beyond chance."""
    few = min(pairs.candidate_only, pairs.incumbent_only)
    count = pairs.candidate_only + pairs.incumbent_only
    if count > _COUNTED_EXACTLY:
        return bool((count - 2 * few - 1) / math.sqrt(count) > Z)
    whole = round(count)
    tail = sum(math.comb(whole, k) for k in range(round(few) + 1))
    return bool(2 * tail / 2**whole < 0.05)


def more_pairs(pairs: Pairs) -> int | None:
    """How many more common prompts would settle a positive gain, would the shares stay; None: none would."""
    return _more(lambda factor: paired_gain(pairs.times(factor)), pairs.count)


def more_samples(candidate: Measured, incumbent: Measured) -> int | None:
    """How many more answers of each would settle it. None also where no sample size is known."""
    return _more(
        lambda factor: unpaired_gain(candidate.times(factor), incumbent.times(factor)),
        max(candidate.samples or 0, incumbent.samples or 0),
    )


def _more(gain_at: Callable[[float], Gain | None], samples: float) -> int | None:
    """The smallest number of further samples at which the lower end leaves 0."""

    def settled(factor: float) -> bool:
        found = gain_at(factor)
        return found is not None and found.low is not None and found.low > 0

    steps = [1.0]
    while not settled(steps[-1]):
        if steps[-1] >= _MOST_MORE:
            return None
        steps.append(steps[-1] * 2)
    if len(steps) == 1 or not samples:
        return None
    low, high = list(pairwise(steps))[-1]
    while (high - low) * samples > 0.5:
        middle = (low + high) / 2
        if not low < middle < high:
            break  # floating point has nothing in between
        low, high = (low, middle) if settled(middle) else (middle, high)
    return max(1, math.ceil((high - 1) * samples))
