"""What kind of network a repo holds: what its configuration calls it, dense or a mixture, how it attends.

A repo that changes any of these under its old name holds another model: what was measured on it no
longer holds, and an engine may need another version to load it. (How a newcomer differs from its
family is watcher.designs' question.)
"""

from dataclasses import dataclass

from watcher.fit.shape import UnknownShape, shape_of
from watcher.types import Details, RepoFacts

_ATTENDING = {
    "full": "full attention",
    "mla": "latent attention",
    "sliding": "sliding windows",
    "chunked": "chunked attention",
    "compressed": "compressed attention",
    "state": "linear attention or state space",
    "hybrid": "attention and state in one layer",
}
_TEXT_PART = "_text"  # some makers name the text part of a model apart from the whole


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """experts: whether it is a mixture. attention: kinds of layers that attend. None: not known."""

    model_type: str | None
    experts: bool | None = None
    attention: frozenset[str] | None = None


def architecture_of(facts: RepoFacts, details: Details | None) -> Architecture:
    """By config.json where it was read, else by the name that the listing gives."""
    config = details.config if details else None
    stated = str(config.get("model_type") or "") if config else ""
    model_type = stated or facts.model_type
    if config is None:
        return Architecture(model_type=model_type)
    try:
        shape = shape_of(config)
    except UnknownShape:
        return Architecture(model_type=model_type)
    kinds = frozenset(_ATTENDING[layer.kind] for layer, _ in shape.groups if layer.kind in _ATTENDING)
    return Architecture(model_type=model_type, experts=shape.experts is not None, attention=kinds or None)


def moved(before: Architecture, after: Architecture) -> tuple[str, ...]:
    """What is built otherwise, in words; what either side does not say is no difference."""
    notes = []
    old, new = _name(before.model_type), _name(after.model_type)
    if old and new and old != new:
        notes.append(f"its model type was {before.model_type} and is {after.model_type}")
    if before.experts is not None and after.experts is not None and before.experts is not after.experts:
        words = {True: "a mixture of experts", False: "dense"}
        notes.append(f"it was {words[before.experts]} and is {words[after.experts]}")
    if before.attention and after.attention and before.attention != after.attention:
        notes.append(f"it attended by {_list(before.attention)} and does by {_list(after.attention)}")
    return tuple(notes)


def _name(model_type: str | None) -> str:
    return (model_type or "").casefold().removesuffix(_TEXT_PART)


def _list(kinds: frozenset[str]) -> str:
    return " and ".join(sorted(kinds))
