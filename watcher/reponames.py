"""What a repo name says: weights format, version, size and kind, token by token.

Names have no grammar, only habits: "Qwen3-Coder-30B-A3B-Instruct-2507-FP8", "gemma-3n-E4B-it",
"Mixtral-8x7B-v0.1", "MiniCPM-V-4_5-int4". Formats are taken off the end first, then each token is
read for what it looks like; what remains are words.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from watcher.families import Word
from watcher.namemarks import altered
from watcher.versions import SUFFIXES, is_stamp

# Hub ids have at most 96 characters per part; anything longer is not a name.
_LONGEST = 200
# A shorter word keeps its v: "TV2".
_SHORTEST = 3

# Tokens that say "these weights are quantised" wherever they stand.
_QUANT = re.compile(
    r"ggufs?|ggml|awq|gptq(?:v2|model)?|u?int[2348]|w\d+a\d+\w*|[2-8]bits?|bnb|nf4|hqq|aqlm|exl[23]|mlx|dwq"
    r"|(?:nv|mx)?fp[468](?:a16)?(?:x(?:nv|mx)?fp[468])?|autoround"
    r"|[ido]?q\d\w*|tq\d|quantized|optiq|marlin|smoothquant|quark"
    r"|onnx|openvino|ov|litert|executorch|\d*bpw|llmcompressor|qad|jang",
    re.ASCII,
)
# Parts of a format's name that mean nothing alone: Q4_K_M, FP8-dynamic, NVFP4-v2, gs128.
_INNER = re.compile(
    r"[01kmsl]|xl|xs|xxs|nl|dynamic|block|tensor|token|channel|group|kv|bit|lm|pte|pc|fast|static|v[2-9]"
    r"|g\d+|gs\d+|hf|ct|calibrated|fixed|mixed|mtplx|\d[klms]|\d",
    re.ASCII,
)
# Precisions and habits around formats: taken off, but no quant by themselves.
_PLAIN = re.compile(
    r"bf16|b?fp?(?:16|32)|hf|ud|i1|unsloth|imatrix|imat|mtp|qat|safetensors|unquantized|original"
)

# A letter may stand before the size: q1.7b, m7b.
_SIZE = re.compile(r"(?:(\d{1,4})x|[b-df-z])?((?!0\d)\d{1,5}(?:\.\d{1,3})?)([bmt])", re.ASCII)
# "base-30T" counts training tokens; no model has ten trillion parameters.
_TOKENS_FROM = 10
_ACTIVE = re.compile(r"([ae])(\d{1,4}(?:\.\d{1,3})?)([bm])", re.ASCII)
_EXPERTS = re.compile(r"\d{1,4}e", re.ASCII)
# BLOOM's way to write 1.1B: 1b1.
_TENTHS = re.compile(r"(\d{1,3})b(\d)", re.ASCII)
# Layers, rates, steps, and l6, n25 or b1.58, which count layers, samples and bits.
_MEASURE = re.compile(
    r"\d{1,5}(?:k|l|hz|khz|fps|spk|steps?|ep|epochs?|layers?|mb)|[bln]\d{1,5}(?:\.\d{1,3})?"
    r"|(?:seed|epochs?|ckpt|checkpoint|fold|iter)\d{1,7}|steps?\d{2,7}",
    re.ASCII,
)
_VERSION = re.compile(r"v?\.?(\d{1,2}(?:\.\d{1,4}){0,2})([a-z]?)", re.ASCII)
_LETTERED = re.compile(r"([a-df-z])(\d{1,2}(?:\.\d{1,4}){0,2})", re.ASCII)
# What begins with a figure, or is one behind a letter (s123), is no word of a name.
_LABEL = re.compile(r"\d.*|[a-z]\d+", re.ASCII | re.DOTALL)
_GLUED = re.compile(r"([a-z][a-z.]*[a-z])(\d{1,3}(?:\.\d{1,3}){0,2})([a-z]*)", re.ASCII)
SIZE_WORDS = frozenset(
    {
        *(
            "nano",
            "micro",
            "tiny",
            "mini",
            "small",
            "medium",
            "large",
            "ultra",
            "super",
            "max",
            "plus",
            "pro",
        ),
        *("lite", "air", "flash", "turbo", "edge", "lightning", "xs", "s", "m", "l", "xl", "xxl"),
    }
)
# Cohere's "03-2025" is the stamp 2503; "3_5" in a name is 3.5.
_MONTH_YEAR = re.compile(r"(?<!\d)(0[1-9]|1[0-2])-20(2\d)(?!\d)")
_UNDERSCORED = re.compile(r"(?<![\d.])(\d{1,2})_(?=\d)")
# "MiniCPM-Llama3-V", "R1-Distill-Qwen2": families that others build on, named inside their names.
_FOREIGN = frozenset({"llama", "qwen", "gemma", "mistral", "phi", "glm"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Stem:
    """A name without its weights format. quant: the format is a quantised one.

    before: what stands before the first word of a format, wherever that is: "X-27B" of "X-27B-exl3-archive".
    """

    text: str
    quant: bool
    trimmed: bool
    before: str


@dataclass(slots=True)
class Reading:
    """What the tokens of a name say. extra holds the words that mean nothing to us, in order.

    glued: the word that the version follows without a gap, as in qwen36. late: the version stands behind
    the size. preface: how many words of head come before the version. altered: a word said that somebody
    changed the weights; what follows it is a recipe and no version.
    """

    letter: str = ""
    number: str = ""
    stamp: str = ""
    suffixes: list[str] = field(default_factory=list)
    sizes: list[str] = field(default_factory=list)
    size_words: list[str] = field(default_factory=list)
    kinds: list[Word] = field(default_factory=list)
    head: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    glued: str = ""
    altered: bool = False
    late: bool = False
    preface: int = 0

    @property
    def begun(self) -> bool:
        """Whether something was read that ends the words of the name proper."""
        return bool(self.altered or self.number or self.sizes or self.kinds or self.stamp)

    @property
    def version(self) -> str | None:
        return "-".join(part for part in (self.number, *self.suffixes, self.stamp) if part) or None

    def size(self, series: str = "") -> str | None:
        """27B, 30B-A3B; without figures a word such as flash, unless the series' name has it already."""
        taken = series.casefold().split()
        return "-".join(self.sizes) or next((word for word in self.size_words if word not in taken), None)

    @property
    def variant(self) -> str | None:
        stated = [kind for kind in self.kinds if kind.variant]
        return min(stated, key=lambda kind: kind.rank).variant if stated else None

    def line(self, habit: str | None = None) -> str | None:
        """The line inside the family, such as Coder; the letter of K2 or R1 comes before the word.

        habit: a kind that makes no line of its own, since all of the family are of it.
        """
        lines = (kind for kind in self.kinds if kind.line and kind.variant != habit)
        words = sorted(lines, key=lambda kind: kind.rank)
        parts = [self.letter.upper(), words[0].line or "" if words else ""]
        return " ".join(part for part in parts if part) or None


@lru_cache(maxsize=8192)
def strip_format(name: str) -> Stem:
    """Take precision and quantisation off the end: "X-27B-FP8-dynamic" is "X-27B", quantised."""
    text = re.sub(r"(?i)(?<=\d)-bits?(?![a-z])", "bit", name[:_LONGEST])
    pieces = [(m.group().casefold(), m.start()) for m in re.finditer(r"[^-_.\s]+", text)]
    # "q4_0-unquantized" are full weights: only formats behind that word count.
    full = max((at for at, (word, _) in enumerate(pieces) if word == "unquantized"), default=-1)
    formats = [at for at, (word, _) in enumerate(pieces) if at > full and _QUANT.fullmatch(word)]
    cut = len(text)
    for word, start in reversed(pieces[1:]):
        if _QUANT.fullmatch(word) or _PLAIN.fullmatch(word):
            cut = start
        elif not _INNER.fullmatch(word):
            break
    stem = text[:cut].rstrip("-_. ")
    return Stem(
        text=stem,
        quant=bool(formats) and len(pieces) > 1,
        trimmed=stem != text,
        before=text[: min([cut, *(pieces[at][1] for at in formats if at)])].rstrip("-_. "),
    )


def read_name(text: str, words: Mapping[str, Word]) -> Reading:
    """Read a name whose format is off. Never raises; unknown tokens become head or extra words."""
    name = _MONTH_YEAR.sub(r"\2\1", _UNDERSCORED.sub(r"\1.", text[:_LONGEST]))
    reading = Reading()
    tokens = [token for token in re.split(r"[-_\s/]+", name) if token]
    for at, token in enumerate(tokens, start=1):
        _read_token(reading, token, words, last=at == len(tokens))
    return reading


def _read_token(reading: Reading, raw: str, words: Mapping[str, Word], *, last: bool) -> None:
    token = raw.casefold()
    if _QUANT.fullmatch(token) or _MEASURE.fullmatch(token) or _read_size(reading, token):
        return
    if not reading.altered and _read_version(reading, raw, words):
        return
    known = next((words[part] for part in (token, *token.split(".")) if part in words), None)
    if known and (last or not known.last) and (not reading.altered or known.variant == "draft"):
        reading.kinds.append(known)
    elif token in SUFFIXES and (reading.number or token in ("preview", "exp")):
        reading.suffixes.append(token)
    elif token in SIZE_WORDS and (reading.head or reading.number):
        reading.size_words.append(token)
    elif _PLAIN.fullmatch(token):
        return
    elif altered(token):
        reading.altered = True
        reading.extra.append(raw)
    elif reading.begun or _LABEL.fullmatch(token):
        reading.extra.append(raw)
    else:
        reading.head.append(raw)


def _read_size(reading: Reading, token: str) -> bool:
    """27B, 8x7B, A3B, E4B, 16E; a second size counts only as the total of a pair such as 1B-7B."""
    if match := _SIZE.fullmatch(token):
        if match[3] == "t" and float(match[2]) >= _TOKENS_FROM:
            return True
        pair = len(reading.sizes) == 1 and match[3] == "b" and reading.sizes[0].endswith("B")
        if not reading.sizes or (pair and not reading.extra):
            times = f"{match[1]}x" if match[1] else ""
            reading.sizes.append(f"{times}{match[2]}{match[3].upper()}")
        return True
    if match := _ACTIVE.fullmatch(token):
        reading.sizes.append(f"{match[1].upper()}{match[2]}{match[3].upper()}")
        return True
    if (match := _TENTHS.fullmatch(token)) and not reading.sizes:
        reading.sizes.append(f"{match[1]}.{match[2]}B")
        return True
    if _EXPERTS.fullmatch(token) and reading.sizes:
        reading.sizes.append(token.upper())
        return True
    return False


def _read_version(reading: Reading, raw: str, words: Mapping[str, Word]) -> bool:
    """3.5, v0.3, 2507, 3n, 4.5V, K2.6, Qwen3.5 and Qwen3Guard; only the first version counts."""
    token = raw.casefold()
    if is_stamp(token):
        reading.stamp = reading.stamp or token
        return True
    if match := _VERSION.fullmatch(token):
        _take(reading, "", match[1], match[2], words)
        return True
    if (match := _LETTERED.fullmatch(token)) and not reading.number:
        _take(reading, match[1], match[2], "", words)
        return True
    match = _GLUED.fullmatch(token)
    if match is None or reading.number or reading.sizes:
        return False
    return _read_glued(reading, raw, match, words)


def _read_glued(reading: Reading, raw: str, match: re.Match[str], words: Mapping[str, Word]) -> bool:
    """Qwen3 and Qwen3Guard; "Llama2Vec" is a word of its own."""
    before, number, after = match[1].rstrip("."), match[2], match[3]
    if (len(after) > 1 and after not in words) or ("." not in number and len(number) > 2):
        return False
    if before in _FOREIGN and reading.head:
        reading.extra.append(raw)
        return True
    if before in words:
        reading.kinds.append(words[before])
    else:
        # MobileNetV1 is version 1 of MobileNet.
        reading.head.append(raw[: len(before.removesuffix("v")) if len(before) > _SHORTEST else len(before)])
    if after in ("b", "m"):
        return _read_size(reading, f"{number}{after}")
    reading.glued = before
    _take(reading, "", number, after if len(after) == 1 else "", words)
    if len(after) > 1:
        reading.kinds.append(words[after])
    return True


def _take(reading: Reading, letter: str, number: str, tail: str, words: Mapping[str, Word]) -> None:
    if reading.number:
        reading.extra.append(f"{letter}{number}{tail}")
        return
    if tail and tail in words:
        reading.kinds.append(words[tail])
        tail = ""
    reading.late, reading.preface = bool(reading.sizes), len(reading.head)
    reading.letter = "" if letter == "v" else letter
    reading.number = f"{number}{tail}"
