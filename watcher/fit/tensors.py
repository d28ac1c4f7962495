"""What the headers of weight files say of each tensor, and how they can be wrong.

Nothing here reads a file: safetensors.py and gguf.py get bytes, and say when they need more of them.
"""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Tensor:
    """One tensor as stored. shape counts stored elements: a packed 4-bit one has fewer than weights.

    bytes: what it takes in the file, and in memory where the engine does not convert it.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int


class BadHeader(ValueError):  # noqa: N818 - reads as the fact that it states
    """A header that cannot be trusted, in one line: which file, which part of it, and what is wrong."""


class NeedMore(Exception):  # noqa: N818 - no error: the answer to a prefix that is too short
    """The header goes on. bytes: how long a prefix of the file is needed at the least to go on reading."""

    def __init__(self, needed: int) -> None:
        super().__init__(f"the header needs the first {needed} bytes of the file at least")
        self.bytes = needed


def shown(text: object) -> str:
    """Text from outside for an error message: printable, and at most 80 characters."""
    plain = str(text)[:81].encode("ascii", "backslashreplace").decode()
    return (plain if plain.isprintable() else ascii(plain)[1:-1])[:80]
