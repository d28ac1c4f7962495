"""How people spell weight formats, as rows of watcher/data/formats.yaml. First word that matches decides."""

import re

from watcher.formats import Format, format_of, formats, label_of

# Words of formats for serving engines, the more telling first; {n} bits in the same text choose among kin.
_WORDS: tuple[tuple[str, str], ...] = (
    (r"mlx\D*([2-8])(?:[ -]?bit)?", "mlx-{}bit"),
    (r"mlx", "mlx-4bit"),
    (r"nvfp4", "nvfp4"),
    (r"mxfp8", "mxfp8"),
    (r"mxfp4", "mxfp4"),
    (r"awq", "awq"),
    (r"gptq.*(?:int)?8", "gptq-8bit"),
    (r"gptq", "gptq"),
    (r"auto-?round", "autoround"),
    (r"(?:bnb|bitsandbytes).*8", "bnb-8bit"),
    (r"bnb|bitsandbytes|nf4", "bnb-4bit"),
    (r"exl3", "exl3"),
    (r"exl2", "exl2"),
    (r"fp8|float8|e4m3|e5m2", "fp8"),
    (r"w4a16|w4a8|marlin", "w4a16"),
    (r"w8a8|w8a16|int8", "int8"),
    (r"fp4", "nvfp4"),
    (r"bf16|bfloat16", "bf16"),
    (r"(?<!b)f(?:p|loat)?16|half|16[ -]?bit", "fp16"),
    (r"f(?:p|loat)?32", "fp32"),
)
_GGUF = re.compile(r"(?:i1-)?((?:ud-)?(?:i?q|tq)\d(?:_[a-z0-9]+)*)(?![a-z0-9])", re.IGNORECASE)
_FOUR = re.compile(r"\bint4|\b4[ -]?bit|\bq4\b", re.IGNORECASE)
_EIGHT = re.compile(r"\b8[ -]?bit|\bq8\b", re.IGNORECASE)
_IN_GGUF = {"bf16": "BF16", "fp16": "F16", "fp32": "F32", "mxfp4": "MXFP4", "nvfp4": "NVFP4"}
_WHOLE = {"q2": "Q2_K", "q3": "Q3_K_M", "q4": "Q4_K_M", "q5": "Q5_K_M", "q6": "Q6_K", "q8": "Q8_0"}


def spelled(text: str, *, serving: bool) -> Format | None:
    """The format that a cell means; None where it names none. serving: in an engine of safetensors."""
    words = re.sub(r"\s*\([^)]*\)", "", text).strip() or text.strip(" ()")
    if not words:
        return None
    plain = {label.casefold(): label for label in formats()}
    if not serving and words.casefold() in _IN_GGUF:
        return format_of(_IN_GGUF[words.casefold()])
    if words in formats() or words.casefold() in plain:
        return format_of(words if words in formats() and not serving else plain[words.casefold()])
    if found := _GGUF.search(words):
        label = found[1]
        if label.casefold() not in _WHOLE:
            return format_of(label)
        return format_of("w4a16" if serving and label.casefold() == "q4" else _WHOLE[label.casefold()])
    return _by_word(words.casefold(), serving=serving)


def _by_word(words: str, *, serving: bool) -> Format | None:
    for pattern, label in _WORDS:
        if found := re.search(pattern, words):
            named = label.format(*found.groups())
            return format_of(named if serving else _IN_GGUF.get(named, named))
    if _FOUR.search(words):
        return format_of("w4a16" if serving else "Q4_K_M")
    if _EIGHT.search(words):
        return format_of("int8" if serving else "Q8_0")
    return None


def in_name(name: str, *, serving: bool) -> Format | None:
    """The format that a file, tag or repo name carries."""
    label = label_of(f"{name}.gguf")
    if label != "gguf":
        return spelled(label, serving=serving)
    folded = name.casefold()
    for word in ("nvfp4", "mxfp4", "awq", "gptq", "autoround", "w4a16", "w8a8", "int4", "int8", "fp8", "bnb"):
        if re.search(rf"(?<![a-z]){word}(?![a-z])", folded):
            eight = word in ("gptq", "bnb") and re.search(r"int8|8-?bit", folded)
            return spelled(f"{word} 8" if eight else word, serving=serving)
    return None
