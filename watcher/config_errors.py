"""What is wrong with a configuration: every mistake at once, each with its place.

Nothing here repeats a value that may be a secret: whoever writes a message passes only words that
are safe to print, and keys that look like an address are hidden.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]

MAX_SHOWN = 50


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Mistake:
    """One thing to put right. line and column count from 1; key is dotted, and empty for the whole file."""

    line: int
    column: int
    key: str
    message: str


class ConfigError(ValueError):
    """The configuration can not be used. str() is one line per mistake: file:line:column: key: message."""

    def __init__(self, file: str, mistakes: Sequence[Mistake]) -> None:
        self.file = file
        self.mistakes = tuple(sorted(set(mistakes)))
        super().__init__("\n".join(self._lines()))

    def _lines(self) -> list[str]:
        lines = [
            f"{self.file}:{found.line}:{found.column}: {found.key and found.key + ': '}{found.message}"
            for found in self.mistakes[:MAX_SHOWN]
        ]
        if len(self.mistakes) > MAX_SHOWN:
            lines.append(f"{self.file}: and {len(self.mistakes) - MAX_SHOWN} more mistakes")
        return lines


def dotted(path: KeyPath) -> str:
    """The path as people write it: deployments.helpdesk.languages[0]."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + printable(part)
    return text


def printable(text: str, limit: int = 60) -> str:
    """text without control characters, cut at limit; hidden when it may be an address with a token."""
    if "://" in text:
        return "(hidden)"
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: limit + 1])
    return shown if len(text) <= limit else shown[:limit] + "..."


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The question to end a message with, or nothing when no known word is near."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=1, cutoff=0.6)
    if near:
        return f" (did you mean '{by_folded[near[0]]}'?)"
    begun = [known for folded, known in by_folded.items() if folded.startswith(word.casefold())]
    if not begun or len(word) < 2:
        return ""
    return f" (did you mean {' or '.join(repr(known) for known in begun[:4])}?)"


def listed(words: Iterable[str], limit: int = 12) -> str:
    """words as a sentence shows them: at most limit, then how many more."""
    shown = [printable(word) for word in words]
    rest = len(shown) - limit
    return ", ".join(shown[:limit]) + (f" and {rest} more" if rest > 0 else "")
