"""A long log as a team has one: a first sight, then half-hourly rounds that each find a few rows moved.

Of the rows that move, three in four have new cards or counters only, as with the real Hub; the rest are
newcomers (most of them quants), licences and gates that change, and weights that are uploaded again.
"""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from store.log import LogRow
from tests.rows import START, api_row

MAKERS = (
    ("mistralai", "Mistral-Small-{version}-{size}B-Instruct"),
    ("Qwen", "Qwen{version}-{size}B"),
    ("google", "gemma-{version}-{size}b-it"),
    ("meta-llama", "Llama-{version}-{size}B-Instruct"),
    ("microsoft", "Phi-{version}-{size}B"),
    ("deepseek-ai", "DeepSeek-V{version}-{size}B"),
    ("zai-org", "GLM-{version}-{size}B"),
    ("ibm-granite", "granite-{version}-{size}b-instruct"),
)
SIZES = (1, 3, 7, 8, 14, 24, 32, 70)
QUANTISERS = ("bartowski", "unsloth")
REPOS = 15_000
EVERY = timedelta(minutes=30)


def history(lines: int, *, rounds: int) -> Iterator[LogRow]:
    """So many lines, oldest first: REPOS of the first moment, the rest spread over rounds."""
    chance = random.Random(7)
    rows = [_repo(number) for number in range(min(REPOS, lines // 2))]
    for row in rows:
        yield LogRow(source="hub", key=row["id"], seen_at=START, row=row)
    left = lines - len(rows)
    for number in range(left):
        moment = START + EVERY * (1 + number * rounds // left)
        chosen = chance.randrange(len(rows))
        dice = chance.random()
        if dice < 0.08:
            rows.append(_repo(len(rows), created=moment, modified=moment))
            row = rows[-1]
        else:
            row = rows[chosen] = rows[chosen] | {"sha": f"{number:040x}", "downloads": number}
            if dice < 0.09:
                row |= {"cardData": {"license": chance.choice(("mit", "apache-2.0", "other"))}}
            elif dice < 0.10:
                row |= {"gated": chance.choice((False, "manual"))}
        yield LogRow(source="hub", key=row["id"], seen_at=moment, row=row)


def _repo(number: int, **dates: Any) -> dict[str, Any]:
    """Every third repo a maker's own, the others GGUF quants of it."""
    of = number - number % 3
    organisation, pattern = MAKERS[of // 3 % len(MAKERS)]
    size = SIZES[of // 24 % len(SIZES)]
    name = f"{organisation}/{pattern.format(version=f'{1 + of // 1920}.{of // 192 % 10}', size=size)}"
    count = {"parameters": {"BF16": size * 10**9}, "total": size * 10**9}
    if number == of:
        return api_row(name, safetensors=count, **dates)
    quantiser = QUANTISERS[number % 3 - 1]
    files = {f"Model-Q{bits}_K_M.gguf": (size * bits * 10**8, f"{bits}") for bits in (3, 4, 5, 6)}
    gguf = {"total": size * 10**9, "architecture": "llama"}
    return api_row(f"{quantiser}/{name.partition('/')[2]}-GGUF", base=name, files=files, gguf=gguf, **dates)
