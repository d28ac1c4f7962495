"""Text from outside, made harmless for a terminal: no escapes, no control or direction characters."""

import re
import unicodedata

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


def plain(text: str) -> str:
    """One line without escape sequences, control, format (bidi, zero-width) or private characters."""
    bare = _ESCAPE.sub("", text)
    return "".join(c for c in bare.replace("\n", " ").replace("\t", " ") if unicodedata.category(c)[0] != "C")
