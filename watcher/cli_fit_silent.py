"""Models that generate nothing: encoders, and others that embed or rank text. They have no speed."""

import re
from dataclasses import replace

from watcher.fit.encoders import NO_CACHE
from watcher.types import Fit

ENCODES = "it keeps no cache and generates no text"
EMBEDS = "it embeds or ranks text and generates none"
_NAMED = re.compile(r"(?<![a-z])(embed(ding)?s?|rerank(er)?)(?![a-z])", re.IGNORECASE)


def unspoken(fit: Fit, name: str) -> Fit:
    """The same without speeds where nothing is generated; the first note says so. name: the model's."""
    why = ENCODES if NO_CACHE in fit.notes else EMBEDS if _NAMED.search(name) else None
    if why is None:
        return fit
    return replace(
        fit,
        decode_tokens_per_second=None,
        total_tokens_per_second=None,
        prefill_seconds=None,
        notes=(why, *(note for note in fit.notes if note != NO_CACHE)),
    )


def silence(fit: Fit) -> str | None:
    """Why nothing is generated; None for a model that does."""
    return next((note for note in fit.notes if note in (ENCODES, EMBEDS)), None)
