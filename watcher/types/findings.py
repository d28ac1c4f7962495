"""What was found out for a deployment besides the catalog: evaluation results, a new configuration's meaning."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A model against the one in use on the team's own task: scores are shares of 1, gain is relative.

    low and high bound the gain with 95 % confidence; samples is the smaller of the two sample sizes.
    """

    task: str
    model: str
    score: float
    incumbent: str
    incumbent_score: float
    samples: int
    gain: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Consequences:
    """What a changed configuration means for one deployment, each as sentences with figures.

    holds: whether the model in use still meets every requirement (None: not known).
    """

    deployment: str
    holds: bool | None
    possible: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
