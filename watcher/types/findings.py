"""What was found out for a deployment besides the catalog: by evaluations, and by a new configuration."""

from dataclasses import dataclass

from watcher.types.action import Check


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """A model against the one in use on one of the deployment's own evaluation sets.

    Scores are shares of 1; gain is relative (0.2: 20 % better), low and high bound it with 95 % confidence,
    and None is not known (high None beside a low: without bound). samples and incumbent_samples: how many
    answers each score rests on. paired: both answered the same prompts, and the scores are of those.
    more_samples: how many more it would take for the interval to leave 0, would the scores stay. doubt: why
    there is no gain, or no interval. told: the alert that said so of late, if one did.
    """

    task: str
    metric: str = "score"
    model: str
    score: float
    samples: int | None = None
    incumbent: str
    incumbent_score: float | None = None
    incumbent_samples: int | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    paired: bool = False
    more_samples: int | None = None
    doubt: str | None = None
    told: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Consequences:
    """What a changed configuration means for one deployment, each as sentences with figures.

    holds: whether the model in use meets every requirement now (None: not known); current says how, and
    checks are its requirements one by one. lost: what it met before the change and misses now; gained: the
    other way round, or in finer weights. possible: other models that qualify now and did not before.
    candidates: other models that no requirement rules out now. The best come first. remarks: what else is
    worth a line. switched: the team changed the model itself. elsewhere: the machines that it is about, where
    they are not the deployment's own. planned: they are not there yet.
    """

    deployment: str
    holds: bool | None
    possible: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    gained: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    current: str = ""
    remarks: tuple[str, ...] = ()
    checks: tuple[Check, ...] = ()
    switched: bool = False
    elsewhere: str | None = None
    planned: bool = False
