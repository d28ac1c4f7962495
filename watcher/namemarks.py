"""Marks that speak beside a family's own words: altered weights in names, kinds in pipeline tags."""

import re
from collections.abc import Mapping
from functools import cache

from watcher.tables import table
from watcher.types import RepoFacts

# Kinds that any LLM may be; whatever is more special than these is believed first.
GENERIC = frozenset({"base", "instruct", "reasoning"})
_LONGEST = 200


@cache
def _altered() -> re.Pattern[str]:
    words = [word for row in table("names")["altered"] for word in row["words"]]
    parts = (f"{word[:-1]}[a-z]*" if word.endswith("*") else word for word in words)
    return re.compile(rf"(?<![a-z])(?:{'|'.join(parts)})(?![a-z])", re.IGNORECASE)


def altered(name: str) -> bool:
    """Whether a name says that somebody changed the maker's weights: abliterated, LoRA, merged ..."""
    return _altered().search(name[:_LONGEST]) is not None


@cache
def _pipelines() -> Mapping[str, tuple[str, frozenset[str]]]:
    return {
        tag: (row["variant"], frozenset(row.get("libraries", ())))
        for row in table("names")["pipelines"]
        for tag in row["tags"]
    }


def kind_by_pipeline(facts: RepoFacts) -> str | None:
    """The kind of model that the pipeline tag tells; None for tags that any LLM may bear."""
    kind, libraries = _pipelines().get(facts.pipeline_tag or "", (None, frozenset()))
    return kind if not libraries or facts.library in libraries else None


def is_adapter(facts: RepoFacts) -> bool:
    """Whether the repo holds an adapter to somebody's weights, by its library and tags."""
    return facts.library == "peft" or bool({"lora", "peft"} & set(facts.tags))


def is_mlx(facts: RepoFacts) -> bool:
    """Whether the weights are MLX's, by library and tags."""
    return (facts.library or "").startswith("mlx") or "mlx" in facts.tags
