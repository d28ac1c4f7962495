"""Shapes by the names that rows use: the product's own table of facts, read by its own rules."""

from dataclasses import dataclass
from functools import cache

from watcher.fit.shape import Shape, UnknownShape, shape_of
from watcher.shapes import known_shape as known_facts
from watcher.types import Json, Parameters


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """parameters: as published, towers included. config: the keys of config.json that are kept."""

    shape: Shape
    parameters: Parameters
    config: Json
    name: str
    how: str


@cache
def found_shape(name: str) -> Found | None:
    """None where no row of the table matches, or what it states is too little."""
    known = known_facts(name) if name.strip() else None
    if known is None:
        return None
    try:
        shape = shape_of(known.config)
    except UnknownShape:
        return None
    return Found(
        shape=shape, parameters=known.parameters, config=known.config, name=known.name, how=known.how
    )


def known_shape(name: str) -> Shape | None:
    found = found_shape(name)
    return found.shape if found else None
