"""From pydantic's findings to sentences with a place in the file.

A value is repeated only where the key can hold no secret, and then as the file spells it, so that
what came out of an environment variable or a secret file is never shown.
"""

import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from watcher.config_errors import KeyPath, did_you_mean, listed, printable
from watcher.yamllines import Document

_SPELLINGS = {
    "license": "licence",
    "quantizers": "quantisers",
    "organizations": "organisations",
    "gpu": "device",
    "gpus": "hardware",
    "summarize": "summarise",
}
_WANTED = {
    "int_parsing": "needs a whole number",
    "int_type": "needs a whole number",
    "int_from_float": "needs a whole number",
    "int_parsing_size": "needs a smaller number",
    "float_parsing": "needs a number",
    "float_type": "needs a number",
    "finite_number": "needs a finite number",
    "string_type": "needs text",
    "tuple_type": "needs a list, such as [first, second]",
    "dict_type": "needs a mapping of names to entries",
    "mapping_type": "needs a mapping of names to entries",
    "model_type": "needs a mapping of keys to values",
    "model_attributes_type": "needs a mapping of keys to values",
}
_BOUNDS = {
    "greater_than_equal": ("must be at least", "ge"),
    "greater_than": ("must be more than", "gt"),
    "less_than_equal": ("must be at most", "le"),
    "less_than": ("must be less than", "lt"),
}
_MISSING_HINTS = {
    "url": "is missing: give url, or url_file with a file that holds it",
    "device": "is missing: name the accelerator, such as h100-sxm-80gb",
    "model": "is missing: name the model as on the Hub, organisation/name",
    "engine": "is missing: vllm, sglang, tensorrt-llm, llama.cpp or ollama",
    "hardware": "is missing: name an entry of hardware",
}


def explain(error: ErrorDetails, document: Document, root: type[BaseModel]) -> None:
    """Note one of pydantic's findings in the document, unless its place was complained of before."""
    path, at_key = _path(error)
    if any(path[:n] in document.unreadable for n in range(len(path) + 1)):
        return
    kind = error["type"]
    if kind == "extra_forbidden":
        document.complain(path, _unknown_key(str(path[-1]), _keys_beside(root, path)), at_key=True)
    elif kind == "missing":
        hint = _MISSING_HINTS.get(str(path[-1]), "is missing")
        document.complain(path, hint)
    else:
        document.complain(path, _sentence(error, _raw(document, path)), at_key=at_key)


def _path(error: ErrorDetails) -> tuple[KeyPath, bool]:
    """Where the finding is; pydantic marks a finding about a key itself with a last part of [key]."""
    loc = error["loc"]
    return (loc[:-1], True) if loc and loc[-1] == "[key]" else (loc, False)


def _raw(document: Document, path: KeyPath) -> str | None:
    place = document.places.get(path)
    return place.raw if place and place.raw and "${" not in place.raw else None


def _sentence(error: ErrorDetails, raw: str | None) -> str:
    kind, context = error["type"], error.get("ctx", {})
    if kind == "value_error":
        return str(context["error"])
    if kind == "unknown_name":
        return _unknown_name(context["noun"], context["known"], raw)
    if kind == "literal_error":
        return _not_among(context["expected"], raw)
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"{words} {context[name]}"
    return _WANTED.get(kind, error["msg"])


def _unknown_key(key: str, known: Iterable[str]) -> str:
    known = list(known)
    ours = _SPELLINGS.get(key.casefold())
    if ours in known:
        return f"unknown key (did you mean '{ours}'?)"
    return "unknown key" + (did_you_mean(key, known) or f"; known here: {listed(known)}")


def _unknown_name(noun: str, known: list[str], raw: str | None) -> str:
    said = f"no {noun} is called '{printable(raw)}'" if raw else f"no {noun} has this name"
    if not known:
        return f"{said}: the file names none"
    return said + ((raw and did_you_mean(raw, known)) or f"; known: {listed(known)}")


def _not_among(expected: str, raw: str | None) -> str:
    choices = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    ours = _SPELLINGS.get((raw or "").casefold())
    near = f" (did you mean '{ours}'?)" if ours in choices else did_you_mean(raw or "", choices)
    return f"must be one of {listed(choices)}{near}"


def _keys_beside(root: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that the settings at the parent of path have."""
    here: Any = root
    for part in path[:-1]:
        here = _inside(here, part)
    return sorted(here.model_fields) if _is_settings(here) else []


def _is_settings(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _inside(annotation: Any, part: str | int) -> Any:
    """The type one step down: of a field, of a mapping's values or of a list's items."""
    if _is_settings(annotation):
        known = annotation.model_fields.get(str(part))
        return _bare(known.annotation) if known else None
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) in {Mapping, dict} and len(arguments) == 2:
        return _bare(arguments[1])
    return _bare(arguments[0]) if arguments else None


def _bare(annotation: Any) -> Any:
    """annotation without Annotated and without `| None`."""
    if typing.get_origin(annotation) is typing.Annotated:
        return _bare(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in {types.UnionType, typing.Union}:
        return _bare(next(a for a in typing.get_args(annotation) if a is not type(None)))
    return annotation
