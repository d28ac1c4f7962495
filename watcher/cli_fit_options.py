"""The words of `modelwatch fit` as values: contexts, sizes, cache types, formats and hardware.

Every mistake is typer.BadParameter in one line that says what was expected.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby

import typer

from watcher.config_errors import did_you_mean, printable
from watcher.types import Hardware, Settings

_TOKENS = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([km]?)", re.ASCII | re.IGNORECASE)
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,6})?)\s*([kmgt]i?)?b?", re.ASCII | re.IGNORECASE)
_SIZED = re.compile(r"_(xl|l|m|s|xs|xxs|moe)$")
MOST_TOKENS = 100_000_000
_LEAST_BYTES, _MOST_BYTES = 10_000, 2**50
_USUAL_MACHINES = ("h100-sxm-80gb", "h200-sxm-141gb", "dgx-spark")
# What --quant takes beside the labels of watcher/data/formats.yaml: classes of them.
_FAMILIES = ("q2", "q3", "q4", "q5", "q6", "q8", "int4", "int8", "4bit", "8bit", "16bit", "bf16", "fp16")
# Words of others for a class, or for a label.
_GENERIC = {"int4": "q4", "4bit": "q4", "4-bit": "q4", "int8": "q8", "8bit": "q8", "8-bit": "q8"}
_GENERIC |= {"awq-int4": "awq", "gptq-int4": "gptq", "gptq-int8": "gptq-8bit"}
_CONTAINERS = ("gguf", "safetensors", "mlx")


def context_tokens(text: str) -> int:
    """32768, 32,768, 32k or 128K: a k is 1,024 tokens, an m 1,024 of them."""
    match = _TOKENS.fullmatch(text.strip().replace(",", "").replace("_", ""))
    if match is None:
        raise typer.BadParameter(f"--context {printable(text)!r} is no number of tokens such as 32768 or 32k")
    tokens = round(float(match[1]) * {"": 1, "k": 1024, "m": 1024**2}[match[2].casefold()])
    if not 1 <= tokens <= MOST_TOKENS:
        raise typer.BadParameter(f"--context {printable(text)} is not between 1 and {MOST_TOKENS:,} tokens")
    return tokens


def size_bytes(text: str) -> int:
    """40GB (10**9), 37.5GiB (2**30) or plain bytes."""
    match = _SIZE.fullmatch(text.strip().replace(",", "").replace("_", ""))
    if match is None:
        raise typer.BadParameter(f"--weights-bytes {printable(text)!r} is no size such as 40GB or 37.5GiB")
    unit = (match[2] or "").casefold()
    power: int = "kmgt".index(unit[0]) + 1 if unit else 0
    size = round(float(match[1]) * float(1024 if unit.endswith("i") else 1000) ** power)
    if not unit and size < _LEAST_BYTES:
        raise typer.BadParameter(f"--weights-bytes: {size:,} bytes: did you mean {match[1]}GB?")
    if not 1 <= size <= _MOST_BYTES:
        raise typer.BadParameter(f"--weights-bytes {printable(text)} is not between 1 byte and 1,024 TiB")
    return size


def checked_settings(settings: Settings) -> Settings:
    """Settings whose cache type is one that we know and whose share is one."""
    from watcher.fit.engines import cache_types

    word = settings.cache_dtype
    if word is not None and word.casefold() not in cache_types():
        raise typer.BadParameter(
            f"--kv-dtype {printable(word)!r} is no cache type{did_you_mean(word, cache_types())}; "
            f"there are: {', '.join(cache_types())}"
        )
    share = settings.utilisation
    if share is not None and not 0 < share <= 1:
        raise typer.BadParameter(f"--utilisation {share:g} is no share of memory between 0 and 1")
    return settings


def checked_quant(text: str | None, offered: Iterable[str]) -> str | None:
    """A format by a label or a class; a repo or file (owner/name:file) and what is offered as they stand."""
    from watcher.formats import formats

    known = [*_FAMILIES, *formats(), *_CONTAINERS]
    if text is None or "/" in text:
        return text
    text = _GENERIC.get(text.casefold(), text)
    plain = _SIZED.sub("", text.casefold().removeprefix("ud-"))
    folded = {word.casefold() for word in (*known, *offered)}
    kin = len(plain) > 3 and any(word.startswith(plain) for word in folded)
    if text.casefold() not in folded and not kin:
        raise typer.BadParameter(
            f"--quant {printable(text)!r} is no format that we know{did_you_mean(text, known)}; "
            "take a class such as q4 or 16bit, or a label such as Q4_K_M, fp8, nvfp4, awq"
        )
    return text


def pools_named(texts: Iterable[str], own: Sequence[Hardware]) -> list[Hardware]:
    """The pools that --on names, the team's own before devices; without it the team's, or three usual."""
    from watcher.fit.pools import UnknownHardware, pools_of

    asked = list(texts)
    if not asked:
        return list(own) or [pool for key in _USUAL_MACHINES for pool in pools_of(key)]
    named = {pool.name.casefold(): pool for pool in own}
    found: list[Hardware] = []
    for text in asked:
        pieces = [piece.strip() for piece in text.split(",")]
        for is_own, run in groupby(pieces, key=lambda piece: piece.casefold() in named):
            if is_own:
                found += [named[piece.casefold()] for piece in run]
                continue
            try:
                found += pools_of(",".join(run))
            except UnknownHardware as error:
                raise typer.BadParameter(f"--on: {error}{_yours(text, own)}") from None
    if not found:
        raise typer.BadParameter("--on names no hardware")
    return list({pool.name: pool for pool in found}.values())


def _yours(text: str, own: Sequence[Hardware]) -> str:
    names = [pool.name for pool in own]
    return f"; yours: {', '.join(names)}{did_you_mean(text, names)}" if names else ""
