"""docs/accuracy.md, which several commands write a part of: each replaces its own and leaves the others."""

import re
import sys
from pathlib import Path

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "accuracy.md"


def write_part(name: str, text: str, document: Path = DOCUMENT) -> None:
    """Puts text between the marks of a part, at the end where the document has none yet.

    A document that can not be written is said on stderr: what was measured is printed all the same.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    part = f"{begin}\n{text.strip()}\n{end}\n"
    try:
        before = document.read_text(encoding="utf-8") if document.is_file() else ""
        old = re.search(rf"{re.escape(begin)}\n.*?{re.escape(end)}\n", before, re.DOTALL)
        if old:
            after = before[: old.start()] + part + before[old.end() :]
        else:
            after = f"{before.rstrip()}\n\n{part}" if before else part
        document.write_text(after, encoding="utf-8")
    except OSError as why:
        print(f"{document.name} was not written: {why}", file=sys.stderr)
