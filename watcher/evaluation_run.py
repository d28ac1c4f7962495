"""A run over the team's prompts: asking side by side, and what the answers add up to."""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from watcher.evaluation_guard import CheckFailed, Grader
from watcher.evaluation_prompts import Prompt, tasks_of
from watcher.types import Evaluation, Graded, Question, Reply

# A run with fewer answers than this share of its prompts is no result: what fails is rarely a fair sample.
ENOUGH = 0.9
_LEAST_GIVE_UP = 5


class GaveUp(Exception):  # noqa: N818 - says what happened, as its callers name it
    """The endpoint fails, whatever it is asked: the message is its last error."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What a model said to a prompt; text None: no answer, error says why."""

    prompt_id: str
    asked: str
    text: str | None = None
    error: str | None = None
    cut_off: bool = False
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Grade:
    """right None: no answer, or no verdict; why says what was missing."""

    prompt: Prompt
    right: bool | None
    cut_off: bool = False
    why: str | None = None


def ask_all(
    prompts: Sequence[Prompt], ask: Callable[[Question], Reply], *, concurrency: int
) -> Iterator[tuple[Prompt, Reply]]:
    """Answers as they come, so many questions at a time. Raises GaveUp once the endpoint is beyond hope.

    The threads are daemons: whoever stops listening, at Ctrl-C for one, need not wait for them.
    """
    waiting: queue.SimpleQueue[Prompt] = queue.SimpleQueue()
    answers: queue.SimpleQueue[tuple[Prompt, Reply | BaseException]] = queue.SimpleQueue()
    enough = threading.Event()
    for prompt in prompts:
        waiting.put(prompt)

    def work() -> None:
        while not enough.is_set():
            try:
                prompt = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                answers.put((prompt, ask(prompt.question)))
            except BaseException as error:  # a bug is loud where the answers are read
                answers.put((prompt, error))

    for _ in range(min(concurrency, len(prompts))):
        threading.Thread(target=work, daemon=True).start()
    troubles = 0
    try:
        for _ in prompts:
            prompt, reply = answers.get()
            if isinstance(reply, BaseException):
                raise reply
            yield prompt, reply
            troubles = troubles + 1 if reply.troubled else 0
            if reply.final or troubles >= max(_LEAST_GIVE_UP, 2 * concurrency):
                raise GaveUp(reply.error or "no answer")
    finally:
        enough.set()


def grade(prompts: Sequence[Prompt], answers: Mapping[str, Answer], grader: Grader) -> list[Grade]:
    """Every prompt with what became of it. answers: by prompt id, those to the questions of today."""
    return [_grade(prompt, answers.get(prompt.id), grader) for prompt in prompts]


def _grade(prompt: Prompt, answer: Answer | None, grader: Grader) -> Grade:
    if answer is None or answer.text is None:
        return Grade(prompt=prompt, right=None, why=answer.error if answer else "not asked yet")
    try:
        right = grader.passes(prompt.check, answer.text)
    except CheckFailed as error:
        return Grade(prompt=prompt, right=None, cut_off=answer.cut_off, why=str(error))
    return Grade(prompt=prompt, right=right, cut_off=answer.cut_off)


def evaluations_of(grades: Sequence[Grade], model: str, source: str) -> list[Evaluation]:
    """One result per task with enough answers; prompts without one do not count, neither right nor wrong."""
    results = []
    for task in tasks_of([g.prompt for g in grades]):
        own = [g for g in grades if g.prompt.task == task]
        known = [g for g in own if g.right is not None]
        if not known or len(known) < ENOUGH * len(own):
            continue
        results.append(
            Evaluation(
                model=model,
                task=task,
                score=sum(g.right is True for g in known) / len(known),
                samples=len(known),
                source=source,
                items=tuple(Graded(prompt=g.prompt.key, right=g.right is True) for g in known),
            )
        )
    return results
