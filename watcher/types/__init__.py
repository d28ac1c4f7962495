"""The nouns that every part of modelwatch shares: frozen, keyword-only, free of I/O.

The edges (sources, store, alerts) import this module and nothing else of ours, so this is the
whole vocabulary in which they meet. "Model" always means an LLM; sizes are bytes, durations are
seconds unless a name says otherwise, and every datetime is timezone-aware UTC.
"""

from watcher.types.action import Action, Alert, Check, Delivery, DeliveryState, Section, Verdict
from watcher.types.catalog import Change, ChangeKind, Known, Lineage
from watcher.types.evaluations import Evaluation, Graded, Question, Reply
from watcher.types.findings import Comparison, Consequences
from watcher.types.fit import Correction, Fit, FitRecord, FitVerdict, Settings, Speed, Term, Variant
from watcher.types.local import LocalModel, WeightFile
from watcher.types.observed import (
    BaseModel,
    Details,
    Gate,
    Json,
    Key,
    Licence,
    Listing,
    Look,
    Observation,
    Parameters,
    Popularity,
    Presence,
    Problem,
    Quantisation,
    RepoFacts,
    RepoFile,
    Sight,
    SourceError,
)
from watcher.types.records import Entry, Member, SourceState
from watcher.types.stack import Deployment, Device, Hardware, LicenceRules, Load, Stack

__all__ = [
    "Action",
    "Alert",
    "BaseModel",
    "Change",
    "ChangeKind",
    "Check",
    "Comparison",
    "Consequences",
    "Correction",
    "Delivery",
    "DeliveryState",
    "Deployment",
    "Details",
    "Device",
    "Entry",
    "Evaluation",
    "Fit",
    "FitRecord",
    "FitVerdict",
    "Gate",
    "Graded",
    "Hardware",
    "Json",
    "Key",
    "Known",
    "Licence",
    "LicenceRules",
    "Lineage",
    "Listing",
    "Load",
    "LocalModel",
    "Look",
    "Member",
    "Observation",
    "Parameters",
    "Popularity",
    "Presence",
    "Problem",
    "Quantisation",
    "Question",
    "Reply",
    "RepoFacts",
    "RepoFile",
    "Section",
    "Settings",
    "Sight",
    "SourceError",
    "SourceState",
    "Speed",
    "Stack",
    "Term",
    "Variant",
    "Verdict",
    "WeightFile",
]
