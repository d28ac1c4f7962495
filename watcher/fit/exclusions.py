"""Which modules a quantisation leaves as they are, and the width of those that it does not.

Read from quantization_config of config.json (fp8, compressed-tensors, awq, gptq, mxfp4, bitsandbytes,
fbgemm_fp8, modelopt), from ModelOpt's hf_quant_config.json, and from MLX's "quantization". Lists name modules
exactly, by prefix, with "*", or as "re:" and a regular expression; spellings differ by maker and are
folded onto those of modules.py.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from watcher.types import Json

_BEFORE = re.compile(
    r"^(?:(?:\*\.)?(?:model|language_model|backbone|transformer|text_model|module)\.)+"
    r"|^\*\.?(?=layers|lm_head|embed)"
)
_FOLDS = (
    (re.compile(r"\b(?:attn|attention|self_attention|cross_attn)\b"), "self_attn"),
    (re.compile(r"\b(?:ffn|feed_forward|block_sparse_moe|moe)\b"), "mlp"),
    (re.compile(r"\bshared_expert\b"), "shared_experts"),
    (re.compile(r"\bexperts\.[\d*]+\b\.?"), "experts."),
    (re.compile(r"\b(?:gate_proj|up_proj|w1|w3|gate_up_proj|linear_fc1)\b"), "gate_up_proj"),
    (re.compile(r"\b(?:w2|linear_fc2)\b"), "down_proj"),
    (re.compile(r"\b(?:in_proj_\w+|in_projs?)\b"), "in_proj"),
    (re.compile(r"\bmlp\.router\b"), "mlp.gate"),
    (re.compile(r"\b(?:q_a_proj|q_b_proj|wq_a|wq_b)\b"), "q_b_proj"),
    (re.compile(r"^(?:head|output|language_head)$"), "lm_head"),
    (re.compile(r"^(?:embeddings?|tok_embeddings|wte|embed)$"), "embed_tokens"),
)
_MIXERS = ("self_attn", "linear_attn", "mlp")
MOST_PATTERNS, MOST_EXPRESSIONS = 200_000, 16


class Patterns:
    """A list of modules, as configurations spell it."""

    def __init__(self, listed: Iterable[object]) -> None:
        self._exact: set[str] = set()
        self._begins: set[str] = set()
        self._globs: list[re.Pattern[str]] = []
        self._words: set[str] = set()
        for _, entry in zip(range(MOST_PATTERNS), listed, strict=False):
            if isinstance(entry, str) and len(entry) <= 200:
                self._add(entry)

    def _add(self, entry: str) -> None:
        if entry.startswith("re:"):
            if (found := _expression(entry[3:])) and len(self._globs) < MOST_EXPRESSIONS:
                self._globs.append(found)
            return
        for name in _folded(entry):
            if "*" not in name.rstrip("*."):
                begin = name.rstrip("*")
                (self._exact if begin == name else self._begins).add(begin)
            elif len(self._globs) < MOST_EXPRESSIONS:
                parts = (re.escape(part) for part in re.split(r"\*+", name)[:6])
                self._globs.append(re.compile(".*?".join(parts)))
            if "." not in name and "*" not in name:
                self._words.add(name)

    def __contains__(self, name: str) -> bool:
        """Whether the list names a module, a part of the model that it lies in, or a word of its path."""
        ends = [at for at, letter in enumerate(name) if letter == "."] + [len(name)]
        return (
            any(name[:end] in self._exact for end in ends)
            or any(name[:end] in self._begins for end in range(1, len(name) + 1))
            or bool(self._words and self._words.intersection(name.split(".")))
            or any(glob.match(f"{before}{name}") for glob in self._globs for before in ("", "model."))
        )


def _folded(entry: str) -> Iterator[str]:
    """The names that an entry means. Nemotron calls every block of a layer its mixer."""
    name = _BEFORE.sub("", entry.removesuffix(".weight"))
    for kind in _MIXERS if "mixer" in name else ("",):
        spelt = name.replace("mixer", kind) if kind else name
        for found, instead in _FOLDS:
            spelt = found.sub(instead, spelt)
        yield spelt


_QUANTIFIERS = re.compile(r"(?<!\\)[*+?{]")


def _expression(text: str) -> re.Pattern[str] | None:
    """A regular expression from outside, unless it could take long: repeated groups, many repetitions."""
    if len(text) > 160 or re.search(r"\)[*+?{]", text) or len(_QUANTIFIERS.findall(text)) > 4:
        return None
    try:
        return re.compile(text)
    except (re.error, RecursionError, OverflowError):
        return None


def stated(*configurations: Json | None) -> Json:
    """The quantisation in config.json, its quantization_config or hf_quant_config.json; empty for none."""
    found: dict[str, Any] = {}
    for configuration in configurations:
        if not configuration:
            continue
        text = _mapping(configuration.get("text_config"))
        own = next(
            (
                part
                for key in ("quantization_config", "compression_config", "quantization")
                for part in (configuration.get(key), text.get(key))
                if isinstance(part, Mapping)
            ),
            configuration if _is_quantisation(configuration) else {},
        )
        found.update({key: value for key, value in own.items() if key not in found})
        for holder in (configuration, text):
            if isinstance(holder.get("expert_dtype"), str):
                found.setdefault("expert_dtype", holder["expert_dtype"])
    return found


_LISTS = ("ignore", "modules_to_not_convert", "exclude_modules", "ignored_layers", "llm_int8_skip_modules")
_MARKS = (*_LISTS, "quant_method", "quant_algo", "config_groups", "quantized_layers", "bits", "group_size")


def _is_quantisation(configuration: Json) -> bool:
    return any(key in configuration for key in _MARKS)


def left_alone(quantisation: Json) -> Patterns | None:
    """What the quantisation leaves at 16 bit; None where it does not say."""
    listed: list[object] = []
    said = False
    for key in _LISTS:
        if isinstance(quantisation.get(key), list):
            said = True
            listed += quantisation[key]
    dynamic = _mapping(quantisation.get("dynamic"))  # GPTQModel: "-:" and an expression
    listed += [f"re:{key[2:]}" for key in dynamic if key.startswith("-:")]
    return Patterns(listed) if said or dynamic else None


def by_layer(quantisation: Json) -> tuple[tuple[Patterns, float], ...]:
    """Modules that have a width of their own: quantized_layers, groups of targets, MLX's overrides."""
    kinds: dict[float, list[object]] = {}
    for name, entry in _mapping(quantisation.get("quantized_layers")).items():
        if bits := _bits_of_algorithm(_mapping(entry)):
            kinds.setdefault(bits, []).append(name)
    if not kinds:
        for group in _mapping(quantisation.get("config_groups")).values():
            targets = _mapping(group).get("targets")
            bits = group_bits(_mapping(_mapping(group).get("weights")))
            if bits and isinstance(targets, list) and "Linear" not in targets:
                kinds.setdefault(bits, []).extend(targets)
    for name, entry in quantisation.items():
        if "." in name and isinstance(entry, Mapping) and (bits := _mlx_bits(entry)):
            kinds.setdefault(bits, []).append(name)
    return tuple((Patterns(names), bits) for bits, names in kinds.items())


def usual_bits(quantisation: Json) -> float | None:
    """Bits per weight, scales included, of a module that nothing else is said of; None where unknown."""
    method = str(quantisation.get("quant_method") or "").casefold()
    groups = [
        _mapping(_mapping(g).get("weights")) for g in _mapping(quantisation.get("config_groups")).values()
    ]
    if found := _bits_of_algorithm(quantisation):
        return found
    if widths := [bits for group in groups if (bits := group_bits(group))]:
        return max(widths)
    if method in ("fp8", "fbgemm_fp8"):
        return 8.0
    if method == "mxfp4":
        return 4.25
    if method == "bitsandbytes":
        return _bitsandbytes(quantisation)
    width = _number(quantisation.get("bits") or quantisation.get("w_bit"))
    group = _number(quantisation.get("group_size") or quantisation.get("q_group_size")) or 128.0
    if not width:
        return 4.15625 if method in ("awq", "gptq", "auto-round") else None
    if not method or method == "mlx":
        return width + 32 / group
    return width + (16 + width) / group if group > 0 else width


_ALGORITHMS = (("nvfp4", 4.5), ("mxfp4", 4.25), ("mxfp8", 8.25), ("fp8", 8.0), ("w4a16", 4.125), ("w8a", 8.0))


def _bits_of_algorithm(entry: Json) -> float | None:
    """ModelOpt's quant_algo; None for mixtures."""
    algorithm = str(entry.get("quant_algo") or "").casefold()
    if "int4" in algorithm or "awq" in algorithm:
        return 4 + 16 / (_number(entry.get("group_size")) or 128)
    return next((bits for word, bits in _ALGORITHMS if word in algorithm), None)


def group_bits(weights: Json) -> float | None:
    """One group of compressed-tensors: width, and its scales and zeros where it has groups of weights."""
    width = _number(weights.get("num_bits"))
    if not width:
        return None
    size = _number(weights.get("group_size")) or 0.0
    if size <= 0:
        return width
    if weights.get("type") == "float":
        return width + (8 if width < 8 else 16) / size
    zeros = 0.0 if weights.get("symmetric", True) else width
    return width + (16 + zeros) / size


def _bitsandbytes(quantisation: Json) -> float:
    if quantisation.get("load_in_8bit") or quantisation.get("_load_in_8bit"):
        return 8.0
    return 4.127 if quantisation.get("bnb_4bit_use_double_quant") else 4.5


def _mlx_bits(entry: Json) -> float | None:
    width, group = _number(entry.get("bits")), _number(entry.get("group_size")) or 64
    return width + 32 / group if width else None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 < value <= 4096 else None


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
