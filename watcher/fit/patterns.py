"""What each layer of a model is: one word per layer, from lists, letters, intervals or the maker's pattern.

Keys are those of Transformers' classes and of the makers' own code. The words: full, indexed, sliding,
chunked, compressed, linear, mamba, recurrent, rwkv, conv, mlp, moe, none, hybrid, hybrid_sliding, cross.
Whatever else a configuration says is full attention, which is an upper bound, and is noted.
"""

from collections.abc import Callable, Sequence
from typing import Any

from watcher.fit.reading import Reader, shown

_WORDS = {
    "full": ("full_attention", "attention", "global", "global_attention", "full", "dense", "attn"),
    "indexed": (
        "indexed_attention",
        "minimax_m3_sparse",
        "deepseek_sparse_attention",
        "qwen_sparse_attention",
    ),
    "sliding": (
        "sliding_attention",
        "sliding",
        "window_attention",
        "reference_sliding_attention",
        "local",
        "local_attention",
        "swa",
    ),
    "chunked": ("chunked_attention", "chunked"),
    "compressed": ("compressed_sparse_attention", "heavily_compressed_attention", "compressed"),
    "linear": ("linear_attention", "kda", "gated_deltanet", "lightning_attention", "linear"),
    "mamba": ("mamba", "mamba2", "ssm"),
    "recurrent": ("recurrent",),
    "rwkv": ("rwkv",),
    "conv": ("conv", "short_conv"),
    "mlp": ("mlp",),
    "moe": ("moe",),
    "none": ("none",),
    "hybrid": ("hybrid",),
    "hybrid_sliding": ("hybrid_sliding",),
}
_WORD = {word: kind for kind, words in _WORDS.items() for word in words}
_LETTERS = {"M": "mamba", "*": "full", "-": "mlp", "E": "moe", "L": "sliding", "G": "full"}
_WINDOWS = (
    "sliding_window",
    "sliding_window_size",
    "attention_window_size",
    "window_size",
    "local_attention",
)
_STATES = (
    *("mamba_d_state", "ssm_state_size", "mamba_num_heads", "mamba_n_heads", "n_mamba_heads"),
    *("linear_num_value_heads", "linear_num_heads"),
)
INDEXED = frozenset(_WORDS["indexed"])
RATIOS = {"compressed_sparse_attention": 4, "heavily_compressed_attention": 128}


def layer_kinds(read: Reader, count: int, drafts: int) -> tuple[list[str], list[str]]:
    """One word for each of count layers, and notes on what had to be assumed."""
    kinds, notes = _stated(read, count, drafts)
    for index in read.items("cross_attention_layers"):  # Mllama
        if isinstance(index, int) and 0 <= index < count:
            kinds[index] = "cross"
    return kinds, notes


def window_of(read: Reader) -> int | None:
    """Tokens that a sliding layer sees; None where the window is off or as long as the context."""
    window = read.size_or(0, *_WINDOWS)
    context = read.size_or(0, "max_position_embeddings", "n_positions")
    return None if not window or (context and window >= context) else window


def _stated(read: Reader, count: int, drafts: int) -> tuple[list[str], list[str]]:
    if read.items("compress_ratios") or set(read.texts("layer_types")) & set(RATIOS):
        return ["compressed"] * count, []
    if read.get("o_lora_rank") is not None:  # DeepSeek V4 without its ratios
        return ["compressed"] * count, ["no compress_ratios: a row per token is counted"]
    for name in ("layer_types", "layers_block_type", "attention_layers"):
        if listed := read.items(name):
            return _listed(name, listed, count, drafts, _worded)
    letters = read.word("hybrid_override_pattern", "layers_pattern").replace("|", "")
    if letters:
        return _listed("hybrid_override_pattern", letters, count, drafts, _lettered)
    if listed := read.items("hybrid_layer_pattern"):  # MiMo: 0 is full, 1 slides
        return _listed("hybrid_layer_pattern", listed, count, drafts, _flagged("sliding"))
    if listed := read.items("attn_type_list"):  # MiniMax-01: 1 is softmax, 0 linear
        return _listed("attn_type_list", listed, count, drafts, lambda x: "full" if x == 1 else "linear")
    if listed := read.items("recurrent_layers"):  # llama.cpp: one flag per layer
        return _listed("recurrent_layers", listed, count, drafts, _flagged("linear"))
    if block := read.items("block_types"):  # RecurrentGemma repeats its block
        return _listed("block_types", [*block] * (count // len(block) + 1), count, count, _worded)
    return _indexed(read, count) or _by_pattern(read, count)


def _listed(
    name: str, listed: Sequence[Any], count: int, drafts: int, kind: Callable[[Any], str | None]
) -> tuple[list[str], list[str]]:
    """Kinds of a list that may be too short or too long, or speak of kinds that nobody knows."""
    notes = []
    if len(listed) < count:
        notes.append(
            f"{name} lists {len(listed)} of {count} layers: the others are counted as full attention"
        )
    elif not count <= len(listed) <= count + max(drafts, 1):
        notes.append(
            f"{name} lists {len(listed)} layers for a model of {count}: the first {count} are counted"
        )
    known = [kind(item) for item in listed[:count]]
    strange = {shown(item) for item, found in zip(listed, known, strict=False) if found is None}
    notes += [f"layers of unknown kind {word} are counted as full attention" for word in sorted(strange)]
    kinds = [found or "full" for found in known]
    return kinds + ["full"] * (count - len(kinds)), notes


def _worded(item: Any) -> str | None:
    return _WORD.get(item) if isinstance(item, str) else None


def _lettered(item: Any) -> str | None:
    return _LETTERS.get(item) if isinstance(item, str) else None


def _flagged(kind: str) -> Callable[[Any], str | None]:
    return lambda item: kind if item in (1, True) else "full"


def _indexed(read: Reader, count: int) -> tuple[list[str], list[str]] | None:
    """Lists that name some layers by their index."""
    own = read.mapping("linear_attn_config")
    if full := own.items("full_attn_layers"):  # Kimi Linear counts from one
        return _naming(full, count, "full", "linear", first=1)
    if other := own.items("kda_layers"):
        return _naming(other, count, "linear", "full", first=1)
    if full := read.items("full_attn_idxs"):  # LFM2
        return _naming(full, count, "full", "conv")
    if full := read.items("attn_layer_indices"):  # Bamba
        return _naming(full, count, "full", "mamba")
    if local := read.items("local_layer_ids"):
        return _naming(local, count, "sliding", "full")
    return None


def _naming(
    named: Sequence[Any], count: int, kind: str, others: str, *, first: int = 0
) -> tuple[list[str], list[str]]:
    chosen = {item for item in named if isinstance(item, int)}
    return [kind if index + first in chosen else others for index in range(count)], []


def _by_pattern(read: Reader, count: int) -> tuple[list[str], list[str]]:
    row = read.row
    if row.all_layers:
        return [_worded(row.all_layers) or "full"] * count, []
    if period := read.size_or(0, "attn_layer_period"):  # Jamba
        offset = read.size_or(0, "attn_layer_offset") % period
        return ["full" if index % period == offset else "mamba" for index in range(count)], []
    if group := read.size_or(0, "layer_group_size"):  # Ring-linear
        return _every(count, group, "linear")
    between = _worded(row.between) or "sliding"
    if between == "linear":
        return _every(count, read.size_or(row.full_every or 4, "full_attention_interval"), between)
    if read.size_or(0, *_STATES):
        note = "which layers keep a state is not stated: all count as attention and state"
        return ["hybrid"] * count, [note]
    if between == "chunked":
        return _chunks(read, count)
    return _windows(read, count)


def _chunks(read: Reader, count: int) -> tuple[list[str], list[str]]:
    """Llama 4: layers without rotary positions (zeros of the list) see everything, the others a chunk."""
    if not read.size_or(0, "attention_chunk_size"):
        return ["full"] * count, []
    if len(rotary := read.items("no_rope_layers")) == count:
        return ["full" if item == 0 else "chunked" for item in rotary], []
    return _every(count, read.size_or(read.row.full_every or 4, "no_rope_layer_interval"), "chunked")


def _windows(read: Reader, count: int) -> tuple[list[str], list[str]]:
    qwen = read.word("model_type").startswith("qwen")
    window, on = window_of(read), read.get("use_sliding_window")
    if window is None or on is False or (qwen and on is not True):
        return ["full"] * count, []
    for name in ("sliding_window_pattern", "_sliding_window_pattern"):
        if listed := read.items(name):  # llama.cpp: one flag per layer
            return _listed(name, listed, count, count, _flagged("sliding"))
        if letters := read.word(name):  # EXAONE 4: "LLLG", repeated
            return _listed(name, letters * (count // len(letters) + 1), count, count, _lettered)
    pattern = read.size_or(
        read.row.full_every or 0,
        "sliding_window_pattern",
        "_sliding_window_pattern",
        "global_attn_every_n_layers",
    )
    if pattern:
        kinds, notes = _every(count, pattern, "sliding")
        if read.row.name.startswith("gemma4"):
            kinds[-1] = "full"
        return kinds, notes
    if on is not True and not read.row.slides:
        return ["full"] * count, [f"which layers slide over {window} tokens is not stated: all count as full"]
    first = read.size_or(0, "max_window_layers") if qwen else 0
    return ["sliding" if index >= first else "full" for index in range(count)], []


def _every(count: int, period: int, between: str) -> tuple[list[str], list[str]]:
    return ["full" if (index + 1) % period == 0 else between for index in range(count)], []
