"""The weights format that a repo name states, spelled as people write it: Q4_K_M, FP8, AWQ, GPTQ-Int4.

What a repo really holds is another question: watcher/formats.py answers it from its files.
"""

import re
from dataclasses import dataclass
from functools import cache

from watcher.tables import table

_LONGEST = 200
# "q4_0-unquantized" are full weights that were trained to be quantised.
_NONE = re.compile(r".*(?<![a-z])unquantized", re.IGNORECASE | re.DOTALL)
_BITS = re.compile(r"[-\s]|s$")
_PAIR = re.compile(r"(?<=\d)X")


@dataclass(frozen=True, slots=True)
class _Format:
    kind: str
    spelling: str

    def spell(self, text: str) -> str:
        if self.spelling == "bit":
            return _BITS.sub("", text.casefold())
        if self.spelling == "pair":  # of formats in one repo: MXFP4xFP8
            return "x".join(_PAIR.split(text.upper()))
        ways = {"upper": text.upper(), "lower": text.casefold(), "title": text.title(), "written": text}
        return ways.get(self.spelling, self.spelling)


@cache
def _formats() -> tuple[re.Pattern[str], tuple[_Format, ...]]:
    rows = table("names")["formats"]
    groups = "|".join(f"(?P<f{at}>{row['pattern']})" for at, row in enumerate(rows))
    # A name may begin with its format, but "Q1.7B" is no 1-bit quant and "FP8_BLOCK" is FP8.
    pattern = re.compile(rf"(?<![a-z0-9])(?:{groups})(?![a-z0-9]|\.\d)", re.IGNORECASE | re.ASCII)
    return pattern, tuple(_Format(row["kind"], row["spelling"]) for row in rows)


def quant_label(name: str, *, mlx: bool = False) -> str | None:
    """The format in a repo's name (without its owner), None when it states none. Never raises.

    mlx: the weights are MLX's, whatever the name says of that, so "4bit" is MLX-4bit. GGUF is told
    only where no file type is; precisions only where nothing is quantised.
    """
    text = _NONE.sub("", name[:_LONGEST])
    pattern, formats = _formats()
    found: dict[str, list[str]] = {"container": [], "method": [], "precision": []}
    order: list[str] = []
    for match in pattern.finditer(text):
        row = formats[int((match.lastgroup or "f0")[1:])]
        spelled = row.spell(match.group())
        if spelled not in order:
            order.append(spelled)
            found[row.kind].append(spelled)
    said = found["method"] or found["precision"]
    if mlx and order:
        return "-".join(["MLX", *said])
    containers = [text for text in found["container"] if text not in ("GGUF", "GGML") or not said]
    if "MLX" in containers:
        return "-".join(["MLX", *said])
    return "-".join(text for text in order if text in said or text in containers) or None
