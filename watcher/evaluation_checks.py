"""Is an answer right? Four checks on the text that a model gave, and how reasoning is taken off it first.

Run as a program (python -m watcher.evaluation_checks) it answers on standard output what it is asked on
standard input, a JSON line for each: so a pattern that never ends can be ended from outside.
"""

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["exact", "contains", "regex", "json_schema"]
KINDS: tuple[Kind, ...] = ("exact", "contains", "regex", "json_schema")

# How models mark what they think aloud: Qwen, DeepSeek and most others; Magistral; Seed-OSS; Kimi.
_THINKING = (
    ("<think>", "</think>"),
    ("<thinking>", "</thinking>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("◁think▷", "◁/think▷"),
)
_FENCE = re.compile(r"\A```[a-zA-Z]*[ \t]*\n(.*)\n?```\Z", re.DOTALL)


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """What makes an answer right. wanted: a text, a list of texts (contains), or a JSON schema."""

    kind: Kind
    wanted: Any


def passes(check: Check, answer: str) -> bool:
    """Whether the answer, without its reasoning, is right.

    exact: equal but for white space around it. contains: every text is in it, in any case. regex: found
    anywhere. json_schema: all of it is JSON (a code fence around it is taken off) of that schema.
    """
    text = without_thinking(answer).strip()
    if check.kind == "exact":
        return text == str(check.wanted).strip()
    if check.kind == "contains":
        return all(str(part).casefold() in text.casefold() for part in check.wanted)
    if check.kind == "regex":
        return re.search(check.wanted, text) is not None
    return _conforms(text, check.wanted)


def without_thinking(text: str) -> str:
    """The answer proper: what comes after the reasoning; nothing where the reasoning never ended.

    Chat templates may open the reasoning themselves, so that an answer has only its end.
    """
    for opening, closing in _THINKING:
        before, found, after = text.rpartition(closing)
        if found:
            start = before.find(opening)
            text = (before[:start].rpartition(closing)[2] if start >= 0 else "") + after
        start = text.find(opening)
        if start >= 0:
            text = text[:start]
    return text


def _conforms(text: str, schema: Mapping[str, Any]) -> bool:
    fenced = _FENCE.match(text)
    try:
        document = json.loads(fenced[1] if fenced else text)
    except (ValueError, RecursionError):
        return False
    return bool(_validator(schema).is_valid(document))


def _validator(schema: Mapping[str, Any]) -> Any:
    """A schema never loads another one from the network: the registry is ours, and empty."""
    import referencing
    from jsonschema.validators import validator_for

    return validator_for(schema)(schema, registry=referencing.Registry())


def problem_with(check: Check) -> str | None:
    """Why a check could never be applied, or None."""
    if check.kind == "regex":
        try:
            re.compile(check.wanted)
        except (re.error, OverflowError, RecursionError) as error:
            return f"no regular expression: {error}"
    if check.kind == "json_schema":
        import jsonschema
        import referencing.exceptions

        try:
            _validator(check.wanted).check_schema(check.wanted)
            list(_validator(check.wanted).iter_errors(None))
        except jsonschema.SchemaError as error:
            return f"no JSON schema: {error.message[:200]}"
        except referencing.exceptions.Unresolvable as error:
            return f"the schema refers to what is not in it: {error.ref}"
        except (re.error, RecursionError) as error:
            return f"no JSON schema: {error}"
    return None


def main() -> None:
    """Says {} when ready, then answers each {"kind", "wanted", "answer"} with {"passes"} or {"error"}."""
    import jsonschema  # noqa: F401 - before the first answer is timed

    print("{}", flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            said: dict[str, Any] = {
                "passes": passes(Check(kind=asked["kind"], wanted=asked["wanted"]), asked["answer"])
            }
        except Exception as error:  # whatever it is, the next answer is still to be checked
            said = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
