"""Results of evaluations, and the questions and answers that they are made of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Graded:
    """One prompt, as a fingerprint of its question and its check, and whether the answer passed."""

    prompt: str
    right: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Evaluation:
    """What a model scored on a task. score and stderr (one standard error) are shares of 1; higher is better.

    samples: how many answers it rests on; None where the source does not say. source: where it came from, in
    words. at None: the source does not say when. items: answer by answer, where we asked ourselves.
    position: the metric's place among those that its source gave; the first is the main one.
    """

    model: str
    task: str
    metric: str = "score"
    score: float
    samples: int | None = None
    stderr: float | None = None
    source: str = ""
    at: datetime | None = None
    items: tuple[Graded, ...] = ()
    position: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """What a chat endpoint is asked. max_tokens None: as many as the server allows."""

    messages: tuple[Mapping[str, object], ...]
    max_tokens: int | None = None
    temperature: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What came back: a text, or an error in one line. cut_off: the text ended at max_tokens.

    final: no other question would fare better (a refused key, no such model). troubled: the endpoint
    failed, rather than refused this one question.
    """

    text: str | None = None
    error: str | None = None
    cut_off: bool = False
    final: bool = False
    troubled: bool = False
    seconds: float = 0.0
