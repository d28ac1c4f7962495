"""The tables as SQLModel classes. Rows never leave store/: what comes out are the types of watcher.types.

store/migrations.py creates them (with indexes, foreign keys and triggers); a test holds the two together.
Classes with table=True do not validate, so they only describe: writing goes through SQLAlchemy core.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import MetaData, Table, Text
from sqlmodel import Field, SQLModel

from store.columns import Count, Moment, SafeText


class Base(SQLModel):
    metadata = MetaData()


def _text(**options: Any) -> Any:
    return Field(sa_type=SafeText, **options)


def _moment(**options: Any) -> Any:
    return Field(sa_type=Moment, **options)


def _count(**options: Any) -> Any:
    return Field(sa_type=Count, **options)


def _json() -> Any:
    """Text that store.codec wrote: valid UTF-8 already, so the cheap type will do."""
    return Field(sa_type=Text)


class SourceStateRow(Base, table=True):
    """unwatched_since is outside SourceState: saving a state makes the source a watched one."""

    __tablename__ = "source_states"

    source: str = _text(primary_key=True)
    watermark: datetime | None = _moment()
    baseline_at: datetime | None = _moment()
    swept_at: datetime | None = _moment()
    last_attempt_at: datetime | None = _moment()
    last_success_at: datetime | None = _moment()
    last_error: str | None = _text()
    failing_since: datetime | None = _moment()
    not_before: datetime | None = _moment()
    unwatched_since: datetime | None = _moment()


class ProblemRow(Base, table=True):
    """One episode: open until closed_at; count is how often it was seen."""

    __tablename__ = "problems"

    id: int | None = Field(default=None, primary_key=True)
    source: str = _text()
    key: str | None = _text()
    message: str = _text()
    first_seen: datetime = _moment()
    last_seen: datetime = _moment()
    count: int = _count()
    closed_at: datetime | None = _moment()


class RepoRow(Base, table=True):
    """A repo under its case-folded id; facts is RepoFacts without the popularity, which has columns."""

    __tablename__ = "repos"

    folded: str = _text(primary_key=True)
    source: str = _text()
    repo_id: str = _text()
    hub_id: str | None = _text()
    author: str = _text()
    family: str | None = _text()
    series: str | None = _text()
    version: str | None = _text()
    size: str | None = _text()
    variant: str | None = _text()
    thread: str = _text()
    base_repo: str | None = _text()
    base_folded: str | None = _text()
    publisher: str = _text()
    official: bool
    derived: bool
    quant: bool
    impersonates: str | None = _text()
    licence: str | None = _text()
    gated: str | None = _text()
    created_at: datetime | None = _moment()
    last_modified: datetime | None = _moment()
    revision: str = _text()
    downloads: int | None = _count()
    likes: int | None = _count()
    trending_score: float | None
    model_type: str | None = _text()
    parameters_total: int | None = _count()
    first_seen: datetime = _moment()
    last_seen: datetime = _moment()
    removed_at: datetime | None = _moment()
    missing_since: datetime | None = _moment()
    facts: str = _json()
    stamp: str | None = _text()
    quant_label: str | None = _text()


class TrendingRow(Base, table=True):
    """When a repo was last on the trending list."""

    __tablename__ = "trending"

    folded: str = _text(primary_key=True)
    seen_at: datetime = _moment()


class AliasRow(Base, table=True):
    """A former name of a repo, and the repo of today that it leads to (both folded)."""

    __tablename__ = "aliases"

    folded: str = _text(primary_key=True)
    target: str = _text()


class DetailsRow(Base, table=True):
    __tablename__ = "details"

    repo: str = _text(primary_key=True)
    revision: str = _text()
    document: str = _json()
    saved_at: datetime = _moment()


class VariantRow(Base, table=True):
    __tablename__ = "variants"

    repo: str = _text(primary_key=True)
    position: int = Field(primary_key=True)
    format: str = _text()
    label: str = _text()
    bits: float | None
    size_bytes: int | None = _count()
    size_source: str = _text()
    files: str = _json()


class ObservationRow(Base, table=True):
    """Append-only: triggers refuse UPDATE and DELETE. row is the outside's own JSON."""

    __tablename__ = "observations"

    id: int | None = Field(default=None, primary_key=True)
    source: str = _text()
    key: str = _text()
    folded: str = _text()
    seen_at: datetime = _moment()
    row: str = _json()


class ChangeRow(Base, table=True):
    __tablename__ = "changes"

    id: str = _text(primary_key=True)
    kind: str = _text()
    source: str = _text()
    repo_id: str = _text()
    folded: str = _text()
    family: str | None = _text()
    thread: str = _text()
    lineage: str = _json()
    before: str | None = _text()
    after: str | None = _text()
    degree: str | None = _text()
    evidence: str = _json()
    detected_at: datetime = _moment()


class VerdictRow(Base, table=True):
    """Appended only; the latest per change and deployment is the current one."""

    __tablename__ = "verdicts"

    id: int | None = Field(default=None, primary_key=True)
    change_id: str = _text()
    deployment: str | None = _text()
    action: str = _text()
    trigger: str = _text()
    reason: str = _text()
    until: datetime | None = _moment()
    fit: str | None = _json()
    at: datetime = _moment()
    checks: str | None = _json()


class FitRow(Base, table=True):
    """deployment is '' for the team as a whole, so that it can be part of the key."""

    __tablename__ = "fits"

    repo: str = _text(primary_key=True)
    label: str = _text(primary_key=True)
    hardware: str = _text(primary_key=True)
    deployment: str = _text(primary_key=True)
    engine: str = _text()
    verdict: str = _text()
    users: int = _count()
    context_tokens: int = _count()
    required_bytes: int | None = _count()
    budget_bytes: int | None = _count()
    decode_tokens_per_second: float | None
    fit: str = _json()
    at: datetime = _moment()


class AlertRow(Base, table=True):
    __tablename__ = "alerts"

    id: str = _text(primary_key=True)
    thread: str = _text()
    trigger: str = _text()
    title: str = _text()
    created_at: datetime = _moment()
    saved_at: datetime = _moment()
    document: str = _json()


class AlertChangeRow(Base, table=True):
    __tablename__ = "alert_changes"

    alert_id: str = _text(primary_key=True)
    change_id: str = _text(primary_key=True)


class DeliveryRow(Base, table=True):
    """An alert on its way to one channel, the target. An attempt is under way while begun_at is set."""

    __tablename__ = "deliveries"

    id: int | None = Field(default=None, primary_key=True)
    alert_id: str = _text()
    channel: str = _text()
    state: str = _text()
    attempts: int = _count()
    begun_at: datetime | None = _moment()
    settled_at: datetime | None = _moment()
    next_attempt_at: datetime | None = _moment()
    last_error: str | None = _text()


class AttemptRow(Base, table=True):
    """One attempt, written before sending; without an outcome the process died in between."""

    __tablename__ = "attempts"

    delivery_id: int = _count(primary_key=True)
    number: int = _count(primary_key=True)
    begun_at: datetime = _moment()
    settled_at: datetime | None = _moment()
    outcome: str | None = _text()
    error: str | None = _text()


class DecisionRow(Base, table=True):
    """What the team decided about a release: evaluate, adopt or reject, until then if given."""

    __tablename__ = "decisions"

    id: int | None = Field(default=None, primary_key=True)
    thread: str = _text()
    choice: str = _text()
    reason: str = _text()
    by: str = _text()
    until: datetime | None = _moment()
    at: datetime = _moment()


class CorrectionRow(Base, table=True):
    """What the team measured on a device with an engine: one factor per term, the latest."""

    __tablename__ = "corrections"

    device: str = _text(primary_key=True)
    engine: str = _text(primary_key=True)
    term: str = _text(primary_key=True)
    factor: float
    measured_on: str = _text()
    source: str = _text()


class AcceptedRow(Base, table=True):
    """A configuration whose changes were judged; the last one is what the next is compared with."""

    __tablename__ = "accepted"

    id: int | None = Field(default=None, primary_key=True)
    document: str = _json()
    at: datetime = _moment()


class EvaluationRow(Base, table=True):
    """What a model scored on a task; items is answer by answer, where they are known."""

    __tablename__ = "evaluations"

    model_folded: str = _text(primary_key=True)
    task_folded: str = _text(primary_key=True)
    metric: str = _text(primary_key=True)
    at: datetime = _moment(primary_key=True)
    model: str = _text()
    task: str = _text()
    score: float
    samples: int | None = _count()
    stderr: float | None
    source: str = _text()
    items: str | None = _json()
    position: int = _count()
    saved_at: datetime = _moment()


def table_of(row: type[Base]) -> Table:
    """The SQLAlchemy table behind a row class."""
    return Base.metadata.tables[str(row.__tablename__)]


source_states = table_of(SourceStateRow)
problems = table_of(ProblemRow)
repos = table_of(RepoRow)
trending = table_of(TrendingRow)
aliases = table_of(AliasRow)
details = table_of(DetailsRow)
variants = table_of(VariantRow)
observations = table_of(ObservationRow)
changes = table_of(ChangeRow)
verdicts = table_of(VerdictRow)
fits = table_of(FitRow)
alerts = table_of(AlertRow)
alert_changes = table_of(AlertChangeRow)
deliveries = table_of(DeliveryRow)
attempts = table_of(AttemptRow)
decisions = table_of(DecisionRow)
corrections = table_of(CorrectionRow)
accepted = table_of(AcceptedRow)
evaluations = table_of(EvaluationRow)
