"""What a trigger may look at besides the change: gathered by the caller, so that judging stays pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from watcher.families import Registry
from watcher.types import Change, Comparison, Consequences, Deployment, Fit, RepoFacts, Stack


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """How patient and how strict: settle for any newcomer, quant_settle for quants of a new model.

    Newcomers without evidence are watched for waiting_limit, then let go. A family is a new player for so
    long after its first release, and what it does is followed. evaluation_gain: how much better
    than the model in use on the team's own evaluation set is worth an alert; 0.2 is 20 %. flap: a value
    that comes back within it only flaps.
    """

    settle: timedelta = timedelta(hours=24)
    quant_settle: timedelta = timedelta(days=7)
    waiting_limit: timedelta = timedelta(days=21)
    new_player: timedelta = timedelta(days=180)
    told_recently: timedelta = timedelta(days=14)
    evaluation_gain: float = 0.20
    flap: timedelta = timedelta(hours=72)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Independent signs that a newcomer matters: trusted quantisers' names, the trending list, transformers.

    supported: transformers itself has a class for its architecture, which is nobody else's.
    fresh: at least one sign came after the first sight of its source; a baseline is no news.
    """

    quantised_by: frozenset[str] = frozenset()
    trending: bool = False
    supported: bool = False
    fresh: bool = True

    @property
    def enough(self) -> bool:
        signs = len(self.quantised_by) + self.trending + self.supported
        return self.fresh and bool(self.quantised_by) and signs >= 2

    def sentence(self) -> str:
        signs = [f"quantised by {' and '.join(sorted(self.quantised_by))}"] if self.quantised_by else []
        signs += ["on the trending list"] if self.trending else []
        signs += ["transformers has a class for it"] if self.supported else []
        return ", ".join(signs) or "no independent evidence yet"


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """The best way to run a repo on one pool: which weights (perhaps hypothetical), and how they fit.

    native: they are the maker's own release, in whatever format that is.
    """

    label: str
    hypothetical: bool
    fit: Fit
    native: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Situation:
    """The world around one change, for one deployment (None: the team as a whole).

    facts state only the id where a change is not about a repo. complete: the weights are all there (None:
    not known). missing: its page said once that it is gone; gone: it said so twice.
    candidate: the best fit of the repo for the deployment; incumbent: that of the model in use, of
    incumbent_total parameters (a mixture counted as the dense model that it stands for). other_families:
    those that other deployments run.
    context_tokens: where the repo's own context ends. runs_already: whether the base of a quant fits a
    machine of the team without it (None: not known). loadable: the engine is made for one of its formats;
    offers_wanted: it has the format that the deployment asks for; wanted_elsewhere: an earlier trusted
    repo has. moves: what moved in this repo of late. told: what was alerted of late, by release and
    deployment. family_since: the day of the family's first release; family_largest:
    parameters of the largest model it had by the table. finding: what a change that is not
    about a repo brought to light here.
    """

    stack: Stack
    registry: Registry
    policy: Policy
    now: datetime
    facts: RepoFacts
    licence: str | None
    complete: bool | None
    missing: bool = False
    gone: bool = False
    deployment: Deployment | None
    first_seen: datetime
    candidate: Candidate | None = None
    incumbent: Candidate | None = None
    incumbent_family: str | None = None
    incumbent_total: float | None = None
    other_families: frozenset[str] = frozenset()
    context_tokens: int | None = None
    runs_already: bool | None = None
    loadable: bool = True
    offers_wanted: bool = False
    wanted_elsewhere: bool = False
    base_created_at: datetime | None = None
    family_since: date | None = None
    family_largest: float | None = None
    evidence: Evidence = Evidence()
    moves: tuple[Change, ...] = ()
    told: Mapping[tuple[str, str | None], str] = field(default_factory=dict)
    finding: Comparison | Consequences | None = None

    @property
    def families_in_use(self) -> frozenset[str]:
        return frozenset({self.incumbent_family} if self.incumbent_family else ())

    @property
    def families_of_the_team(self) -> frozenset[str]:
        """Families that any deployment runs, this one or another."""
        return self.families_in_use | self.other_families

    def watches(self, family: str | None) -> bool:
        """Whether the team asked to hear of a family, or runs one of its models here."""
        return family is not None and (family in self.stack.families or family in self.families_in_use)
