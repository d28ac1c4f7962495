"""The team's own prompts: JSON lines of a question and what makes an answer right."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from watcher.config_errors import did_you_mean
from watcher.evaluation_checks import KINDS, Check, problem_with
from watcher.evaluation_files import LONGEST_NAME, BadResults
from watcher.types import Question

_KEYS = ("id", "prompt", "messages", "check", "task", "max_tokens", "temperature", "note")
_HOTTEST = 100  # engines take 2 at most
_ROLES = ("system", "user", "assistant", "developer", "tool")


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """One line. asked is the fingerprint of the question: an answer serves as long as it stays the same."""

    id: str
    task: str
    question: Question
    check: Check

    @property
    def asked(self) -> str:
        q = self.question
        return _fingerprint([[dict(m) for m in q.messages], q.max_tokens, q.temperature])

    @property
    def key(self) -> str:
        """The fingerprint of question and check: what makes two models' results a pair."""
        return _fingerprint([self.asked, self.check.kind, self.check.wanted])


def _fingerprint(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def read_prompts(file: str, raw: bytes, task: str) -> tuple[tuple[Prompt, ...], tuple[str, ...]]:
    """The prompts of a file and warnings; task is that of prompts which name none. Raises BadResults."""
    lines = [(n, line.strip()) for n, line in enumerate(_text(file, raw).split("\n"), 1) if line.strip()]
    if not lines:
        raise BadResults(file, ["the file is empty"])
    mistakes: list[str] = []
    prompts: list[Prompt] = []
    seen: dict[str, int] = {}
    strange: dict[str, int] = {}
    for number, line in lines:
        try:
            row = _row(file, number, line)
            prompt = _prompt(row, task)
            if prompt.id in seen:
                raise ValueError(f"id {prompt.id!r} is that of line {seen[prompt.id]} already")
        except BadResults as error:
            mistakes.append(str(error).removeprefix(file))
        except ValueError as error:
            mistakes.append(f":{number}: {error}")
        else:
            seen[prompt.id] = number
            prompts.append(prompt)
            for key in row:
                if key not in _KEYS:
                    strange.setdefault(key, number)
    if mistakes:
        raise BadResults(file, mistakes)
    warnings = [f":{n}: {key!r} is not used{did_you_mean(key, _KEYS)}" for key, n in strange.items()]
    return tuple(prompts), tuple(f"{file}{warning}" for warning in warnings)


def _text(file: str, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise BadResults(file, [f":{line}: not UTF-8 text"]) from None


def _row(file: str, number: int, line: str) -> Mapping[str, Any]:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        hint = "; the file must hold one JSON object per line" if line in ("[", "{") else ""
        raise BadResults(file, [f":{number}:{error.colno}: not complete JSON: {error.msg}{hint}"]) from None
    except RecursionError:
        raise BadResults(file, [f":{number}: JSON nested too deeply"]) from None
    if not isinstance(row, Mapping):
        raise BadResults(file, [f":{number}: a JSON object is needed, with id, prompt and check"])
    try:
        json.dumps(row, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError):
        raise BadResults(
            file, [f":{number}: NaN or half a character (\\ud800), which cannot be sent"]
        ) from None
    return row


def _prompt(row: Mapping[str, Any], task: str) -> Prompt:
    name = row.get("id")
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME:
        raise ValueError("id: a name or number of its own is needed")
    own = row.get("task", task)
    if not isinstance(own, str) or not own.strip() or len(own) > LONGEST_NAME or not own.isprintable():
        raise ValueError("task: a name is needed")
    return Prompt(id=name.strip(), task=own.strip(), question=_question(row), check=_check(row))


def _question(row: Mapping[str, Any]) -> Question:
    prompt, messages = row.get("prompt"), row.get("messages")
    if (prompt is None) == (messages is None):
        raise ValueError("give either prompt (a text) or messages (a list)")
    if messages is None:
        if not isinstance(prompt, str) or not prompt.strip():
            raise ValueError("prompt: a text is needed")
        messages = [{"role": "user", "content": prompt}]
    return Question(
        messages=_messages(messages),
        max_tokens=_max_tokens(row.get("max_tokens")),
        temperature=_temperature(row),
    )


def _messages(messages: object) -> tuple[Mapping[str, object], ...]:
    if not isinstance(messages, list) or not messages:
        raise ValueError("messages: a list of {role, content} is needed")
    for message in messages:
        if not isinstance(message, Mapping) or message.get("role") not in _ROLES:
            raise ValueError(f"messages: each needs a role, one of {', '.join(_ROLES)}")
        if not isinstance(message.get("content"), str | list):
            raise ValueError("messages: each needs content")
    return tuple(messages)


def _max_tokens(value: object) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 10**7:
        raise ValueError("max_tokens: a number of tokens is needed")
    return value


def _temperature(row: Mapping[str, Any]) -> float:
    value = row.get("temperature", 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _HOTTEST:
        raise ValueError(f"temperature: a number from 0 to {_HOTTEST} is needed")
    return float(value)


def _check(row: Mapping[str, Any]) -> Check:
    stated = row.get("check")
    if not isinstance(stated, Mapping) or len(stated) != 1:
        raise ValueError(f"check: exactly one of {', '.join(KINDS)} is needed")
    [(kind, wanted)] = stated.items()
    if kind not in KINDS:
        raise ValueError(
            f"check: {kind!r} is none{did_you_mean(str(kind), KINDS)}; there are {', '.join(KINDS)}"
        )
    if kind == "contains":
        wanted = [wanted] if isinstance(wanted, str) else wanted
        if not isinstance(wanted, list) or not wanted or not all(isinstance(w, str) and w for w in wanted):
            raise ValueError("check.contains: a text or a list of texts is needed")
    elif kind == "json_schema":
        if not isinstance(wanted, Mapping):
            raise ValueError("check.json_schema: a schema (an object) is needed")
    elif not isinstance(wanted, str) or not wanted:
        raise ValueError(f"check.{kind}: a text is needed")
    check = Check(kind=kind, wanted=wanted)
    if problem := problem_with(check):
        raise ValueError(f"check.{kind}: {problem}")
    return check


def tasks_of(prompts: Sequence[Prompt]) -> tuple[str, ...]:
    """The tasks in the order in which they come."""
    return tuple(dict.fromkeys(prompt.task for prompt in prompts))
