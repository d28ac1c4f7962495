"""Shapes that are known without asking the Hub: watcher/data/shapes.yaml, found under any of a model's names.

Many makers gate their configurations, and people name models freely: by repo, by quantiser's repo, by
file, by tag, in words. All of these are read as the same words ("llama", "3.1", "8b"), formats and habits
of naming left out, and looked up as a whole; then as the part of a longer name, which is what a fine-tune
has. Versions and sizes must agree: a name that states another size or an unknown version has no shape here.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

from watcher.reponames import strip_format
from watcher.tables import table
from watcher.types import Json, Parameters

SAME_REPO = "same repo"
QUANT_OF = "quant of"
SAME_NAME = "same name"
SAME_SIZE = "same size of the series"
NAME_SAYS = "name says"

Words = tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class KnownShape:
    """A model's shape as a fact. name: the repo it is a fact of; how: why it is taken for the one asked for.

    config: keys of config.json that watcher.fit.shape.shape_of reads, of the text model alone.
    parameters: as published, towers included; None where nothing was. how: one of the words above.
    """

    name: str
    config: Json
    parameters: Parameters
    how: str


def known_shape(name: str) -> KnownShape | None:
    """The shape of a model by repo id, file name, tag or free name; None when no row has it. Never raises."""
    index = _index()
    text = _BESIDE.sub("", name[:_LONGEST]).strip()
    if found := index.repos.get(text.casefold()):
        return _answer(*found, SAME_REPO)
    words = _words(text, index.makers)
    if not words:
        return None
    for tried in _spellings(words):
        if place := index.exact.get(tried) or _unmixed(tried, index):
            row, how = place
            how = QUANT_OF if how == SAME_NAME and _quantised(text) else how
            return _answer(row, _spelt(row, text), how)
    if _OTHER.intersection(words):
        return None
    for tried in _spellings(words):
        if place := _inside(tried, index):
            return _answer(place[0], _spelt(place[0], text), NAME_SAYS)
    return None


def known_names() -> tuple[str, ...]:
    """The repo that each row is named after, in the table's order."""
    return tuple(row["names"][0] for row in table("shapes")["shapes"])


def _spelt(row: Mapping[str, Any], text: str) -> str:
    """Of a row's repos the one most like a name: the instruct rather than the base, where it says so."""
    asked = set(_SPLIT.split(text.casefold()))

    def likeness(repo: str) -> tuple[int, int]:
        own = set(_SPLIT.split(repo.rpartition("/")[2].casefold()))
        return len(own & asked), -len(own - asked)

    names: list[str] = row["names"]
    return max(names, key=likeness)


def _answer(row: Mapping[str, Any], repo: str, how: str) -> KnownShape:
    stated = row.get("parameters") or {}
    total = stated.get("total")
    return KnownShape(
        name=repo,
        config=MappingProxyType(row["config"]),
        parameters=Parameters(total=total, active=stated.get("active") or total),
        how=how,
    )


# --- the words of a name -------------------------------------------------------------------------

_LONGEST = 200
# "Llama-3.1-8B + EAGLE", "Qwen3.6-27B (dflash)": the model, with a draft beside it.
_BESIDE = re.compile(r"(?i) \+ .*| \([^()]*(?:eagle|dflash|draft|mtp)[^()]*\)")
# Families that are written together with their version or size: qwen2.5, gemma3n, llama70b.
_FAMILIES = (
    "llama|qwen|gemma|phi|glm|granite|falcon|olmo|internlm|baichuan|exaone|starcoder|smollm|mistral|yi|gpt|"
    "stablelm|chatglm|nemotron|ministral|devstral|magistral|lfm|ernie|mimo|apertus|hunyuan|grok|jamba|zamba|"
    "deepseek|minimax|kimi|codegemma|codestral|small|hermes"
)
_GLUED = re.compile(rf"({_FAMILIES})(\d{{1,3}}(?:\.\d{{1,2}})?)([a-z]*)", re.ASCII)
# The same without the point, as served names have it: llama33-70b, qwen25-7b, glm47.
_POINTLESS = frozenset({"llama", "qwen", "glm", "phi", "granite", "exaone"})
_LABEL = re.compile(
    r"(?i)(?<![a-z0-9])(?:ud-)?i?q\d(?:_[a-z0-9]+)*(?: - (?:small|medium|large))?(?![a-z0-9.])"
)
_FILE = re.compile(r"(?i)(?:[-.]\d{5}-of-\d{5})?\.(?:gguf|safetensors|bin)$")
_UNDERSCORED = re.compile(r"(?<![\d.])(\d{1,2})_(?=\d)")
_MONTH_YEAR = re.compile(r"(?<!\d)(0[1-9]|1[0-2])-20(2\d)(?!\d)")
_SPLIT = re.compile(r"[^a-z0-9.]+")
_FORMATS = re.compile(
    r"gguf|ggml|awq|gptq|autoround|u?int[2348]|w\d+a\d+|[2-8]bits?|bnb|nf4|hqq|aqlm|exl[23]|mlx|dwq|"
    r"(?:nv|mx)?fp\d+|bf16|f16|f32|\d+(?:\.\d+)?bpw|g128|gs\d+|onnx|modelopt|quantized(?:\.w\d+a\d+)?|torchao",
    re.ASCII,
)
# Words that change nothing of a model's layers.
_HABITS = frozenset(
    {
        *(
            "instruct",
            "it",
            "pt",
            "chat",
            "base",
            "hf",
            "meta",
            "nvidia",
            "c4ai",
            "ai",
            "original",
            "optimized",
        ),
        *("dynamic", "static", "unsloth", "i1", "ud", "imatrix", "qat", "mtp", "bit", "type", "dual"),
    }
)
# Words of a model that is another one beside the named: a draft for it, a part of it, something else.
_OTHER = frozenset(
    {
        *("eagle", "eagle2", "eagle3", "dflash", "draft", "drafter", "assistant", "medusa", "speculator"),
        *(
            "lora",
            "adapter",
            "mmproj",
            "reap",
            "pruned",
            "prune",
            "merge",
            "test",
            "tiny",
            "random",
            "encoder",
        ),
        *("embed", "embedding", "embeddings", "reranker", "rerank", "tts", "asr", "vae", "clip", "diffusion"),
    }
)
# Words of a model with a tower or experts beside its layers; and those that tell one of a line from another.
_TOWERS = frozenset({"vl", "vision", "omni", "audio", "multimodal", "moe", "ocr", "v", "llava"})
_LINES = _TOWERS | frozenset(
    {
        *("nano", "micro", "mini", "small", "medium", "large", "xl", "ultra", "super", "max", "plus", "pro"),
        *("lite", "air", "flash", "turbo", "edge", "lightning", "next", "coder", "code", "math", "linear"),
        *("distill", "distilled", "image", "dev", "family", "scout", "maverick", "class"),
    }
)
# Families and words with which a name in a longer name is not the first version: R1-Distill-Qwen-32B.
_REBORN = frozenset({"qwen", "gemma"})
_BORROWED = frozenset({"distill", "distilled", "r1"})
_EXPERTS = frozenset(
    {"num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts", "ffn_config", "moe_topk"}
)
_VERSION = re.compile(r"v?\d{1,2}(?:\.\d{1,2})?[a-z]?", re.ASCII)
_SIZE = re.compile(r"(?:\d{1,3}x)?\d{1,4}(?:\.\d{1,3})?b|e\d{1,2}b|\d{2,3}m|\d{1,2}(?:\.\d)?t", re.ASCII)
_ACTIVE = re.compile(r"a\d{1,3}(?:\.\d)?[bm]", re.ASCII)
_DATE = re.compile(r"(?:0[1-9]|1[0-2]|2\d)(?:0[1-9]|[12]\d|3[01])|20\d{6}", re.ASCII)
_REVISION = re.compile(r"v\d{1,2}(?:\.\d{1,2})?", re.ASCII)
_RENAMED = (
    (re.compile(r"code-?llama"), "code-llama"),
    (re.compile(r"gpt-?oss"), "gpt-oss"),
    (re.compile(r"gpt-?j(?![a-z])"), "gpt-j"),
    (re.compile(r"command-?r\+"), "command-r-plus"),
    (re.compile(r"command r\+"), "command-r-plus"),
    (re.compile(r"(?<=\db)\.(?=a\d)"), "-"),  # llama-bench writes 30B.A3B
    (re.compile(r"v(\d)p(\d)"), r"\1.\2"),
    (re.compile(r"(?<=llama-)v(?=\d)"), ""),
    (re.compile(r"(?<=\d) (?=b(?![a-z]))"), ""),
)


def _words(text: str, makers: frozenset[str]) -> Words:
    """The words of a name, formats left out; dates and revisions kept."""
    name = _FILE.sub("", text.rpartition("/")[2])
    maker, joined, rest = name.partition("_")
    if joined and maker.casefold() in makers:  # bartowski/mistralai_Mistral-Small-...
        name = rest
    name = strip_format(_LABEL.sub(" ", name).strip()).text.casefold()
    name = _MONTH_YEAR.sub(r"\2\1", _UNDERSCORED.sub(r"\1.", name))
    for pattern, written in _RENAMED:
        name = pattern.sub(written, name)
    found = [word for token in _SPLIT.split(name) if token for word in _parts(token.strip("."))]
    return tuple(word for word in found if word and word not in _HABITS and not _FORMATS.fullmatch(word))


def _parts(token: str) -> Iterator[str]:
    """A token as words: qwen2.5vl is qwen, 2.5 and vl; llama33 is llama and 3.3; gemma3n is gemma and 3n."""
    match = _GLUED.fullmatch(token)
    if match is None:
        yield token
        return
    family, number, tail = match.groups()
    yield family
    if family in _POINTLESS and len(number) == 2 and tail != "b":
        number = f"{number[0]}.{number[1]}"
    if len(tail) > 1:
        yield from (number, tail)
    else:
        yield number + tail


def _spellings(words: Words) -> Iterator[Words]:
    """A name as it stands, without its date, and with "3-1" read as 3.1."""
    yield words
    dateless = _without(words, _DATE)
    if dateless != words:
        yield dateless
    joined = _SPACED.sub(r"\1.\2", " ".join(dateless))
    if joined != " ".join(dateless):
        yield tuple(joined.split())


_SPACED = re.compile(r"(?<![\d.])(\d) (\d)(?![\d.a-z])", re.ASCII)


def _without(words: Words, pattern: re.Pattern[str]) -> Words:
    return tuple(word for word in words if not pattern.fullmatch(word))


def _sizes(words: Iterable[str]) -> frozenset[str]:
    return frozenset(word for word in words if _SIZE.fullmatch(word) or _ACTIVE.fullmatch(word))


def _quantised(text: str) -> bool:
    return bool(_LABEL.search(text) or _FILE.search(text)) or strip_format(text).quant


# --- the table by its names ----------------------------------------------------------------------

Place = tuple[Mapping[str, Any], str]


@dataclass(frozen=True, slots=True)
class _Index:
    """repos: row and spelling by case-folded id. exact: row and how by the words of a name."""

    repos: Mapping[str, tuple[Mapping[str, Any], str]]
    exact: Mapping[Words, Place]
    makers: frozenset[str]


@cache
def _index() -> _Index:
    rows = table("shapes")["shapes"]
    repos = {name.casefold(): (row, name) for row in rows for name in row["names"]}
    makers = frozenset(name.partition("/")[0] for name in repos if "/" in name)
    named = [(_words(name, makers), row) for row in rows for name in row["names"]]
    exact: dict[Words, Place] = {}
    for words, row in named:
        exact.setdefault(words, (row, SAME_NAME))
    for row in rows:
        for alias in row.get("aliases", ()):
            exact.setdefault(_words(alias, makers), (row, SAME_SIZE))
    # Shorter forms belong to whoever comes first, and only where a size is left to tell rows apart.
    for patterns in ((_DATE,), (_ACTIVE,), (_DATE, _ACTIVE), (_REVISION,), (_DATE, _ACTIVE, _REVISION)):
        for words, row in named:
            short = words
            for pattern in patterns:
                short = _without(short, pattern)
            if short != words and len(short) > 1 and any(_SIZE.fullmatch(word) for word in short):
                exact.setdefault(short, (row, SAME_SIZE))
    return _Index(repos=repos, exact=exact, makers=makers)


def _unmixed(words: Words, index: _Index) -> Place | None:
    """llama-bench says that a mixture is one: "qwen3moe 30B.A3B", "gpt-oss 20B MXFP4 MoE"."""
    place = index.exact.get(tuple(word for word in words if word != "moe")) if "moe" in words else None
    return place if place and _mixes(place[0]) else None


def _mixes(row: Mapping[str, Any]) -> bool:
    return not _EXPERTS.isdisjoint(row["config"])


def _inside(words: Words, index: _Index) -> Place | None:
    """The longest part of a name that is a model's name, where the rest contradicts it in nothing."""
    for length in range(len(words) - 1, 1, -1):
        for start in range(len(words) - length + 1):
            part = words[start : start + length]
            place = index.exact.get(part)
            rest = words[:start] + words[start + length :]
            if place and _harmless(part, rest, start, mixes=_mixes(place[0])):
                return place
    return None


def _harmless(part: Words, rest: Words, start: int, *, mixes: bool) -> bool:
    """Without a size of its own a name must stand first, and nothing that tells models apart may follow."""
    sizes = _sizes(part)
    if not sizes:
        telling = any(any(c.isdigit() for c in word) for word in rest)
        return start == 0 and not telling and not _LINES.intersection(rest)
    versioned = any(_VERSION.fullmatch(word) and word not in sizes for word in part)
    if not versioned and (part[0] in _REBORN or _BORROWED.intersection(rest)):
        return False
    towers = _TOWERS - {"moe"} if mixes else _TOWERS
    return _sizes(rest) <= sizes and not towers.intersection(rest)
