"""Layers that keep a state instead of a cache: its bytes for one sequence, and their weights.

Gated DeltaNet (Qwen3-Next and later), KDA (Kimi Linear), lightning attention (MiniMax-01), RG-LRU
(RecurrentGemma), RWKV, Mamba 2 (Nemotron-H, Granite 4, Falcon-H1) and Mamba 1 (Jamba); formulas in
docs/fit.md. Convolution state is BF16; recurrent state is FP32 unless the configuration says otherwise,
which is right or an upper bound.
"""

from dataclasses import dataclass

from watcher.fit.reading import Reader


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What one layer keeps for one sequence: elements, and the bytes of a recurrent one."""

    conv: int = 0
    recurrent: int = 0
    width: int = 4


def state_of(read: Reader, hidden: int, kind: str = "linear") -> State:
    """Recurrent and convolution state of one layer and one sequence. kind: the word of patterns.py."""
    if kind == "rwkv":
        return State(conv=2 * hidden, recurrent=hidden * read.size_or(64, "head_size", "head_dim"))
    if kind == "recurrent":
        width = read.size_or(hidden, "lru_width")
        return State(conv=width * (read.size_or(4, "conv1d_width") - 1), recurrent=width)
    if read.size_or(0, "linear_num_value_heads"):
        keys, values, head = _delta_net(read)
        kernel = read.size_or(4, "linear_conv_kernel_dim")
        return State(conv=(2 * keys + values) * (kernel - 1), recurrent=values * head, width=_width(read))
    if _keyed_delta(read):
        heads, dim, kernel = _delta_attention(read)
        return State(conv=3 * heads * dim * (kernel - 1), recurrent=heads * dim * dim)
    if _mamba2_heads(read):
        inner, groups, state, kernel = _mamba2(read, hidden)
        return State(
            conv=(inner + 2 * groups * state) * (kernel - 1), recurrent=inner * state, width=_width(read)
        )
    if kind == "linear" and not _selective(read):
        heads, dim = _lightning(read, hidden)
        return State(recurrent=heads * dim * dim)
    inner = _inner(read, hidden)
    return State(
        conv=inner * (_kernel(read) - 1), recurrent=inner * read.size_or(16, "mamba_d_state", "state_size")
    )


def state_parameters(read: Reader, hidden: int, kind: str = "linear") -> int:
    """The projections of such a layer; small vectors and kernels are left out."""
    if kind == "rwkv":
        return 5 * hidden * hidden
    if kind == "recurrent":
        width = read.size_or(hidden, "lru_width")
        return 3 * hidden * width + 2 * width * width // read.size_or(10, "num_attention_heads")
    if read.size_or(0, "linear_num_value_heads"):
        keys, values, _ = _delta_net(read)
        return hidden * (2 * keys + 3 * values + 2 * read.size_or(1, "linear_num_value_heads"))
    if _keyed_delta(read):
        return _delta_attention_parameters(read, hidden)
    if heads := _mamba2_heads(read):
        inner, groups, state, _ = _mamba2(read, hidden)
        return hidden * (3 * inner + 2 * groups * state + heads)
    if kind == "linear" and not _selective(read):
        heads, dim = _lightning(read, hidden)
        return 5 * hidden * heads * dim
    inner, rank = _inner(read, hidden), read.size_or(-(-hidden // 16), "mamba_dt_rank", "time_step_rank")
    return 3 * hidden * inner + inner * (2 * rank + 2 * read.size_or(16, "mamba_d_state", "state_size"))


def short_conv(read: Reader, hidden: int) -> State:
    """The short convolutions of LFM2."""
    return State(conv=hidden * max(0, read.size_or(3, "conv_L_cache") - 1))


def _delta_net(read: Reader) -> tuple[int, int, int]:
    """Widths of all keys, of all values, and of one key head."""
    head = read.size_or(128, "linear_key_head_dim")
    values = read.size_or(1, "linear_num_value_heads") * read.size_or(128, "linear_value_head_dim")
    return read.size_or(16, "linear_num_key_heads") * head, values, head


def _keyed_delta(read: Reader) -> bool:
    """Whether linear layers are KDA's: its own keys, or a short convolution (Ling 3)."""
    own = read.mapping("linear_attn_config").size_or(0, "num_heads")
    return bool(own or read.size_or(0, "linear_num_heads", "short_conv_kernel_size"))


def _delta_attention(read: Reader) -> tuple[int, int, int]:
    """KDA's heads, their width and its convolution kernel."""
    own = read.mapping("linear_attn_config")
    kernel = read.size_or(4, "linear_conv_kernel_dim", "short_conv_kernel_size")
    return (
        own.size_or(0, "num_heads") or read.size_or(1, "linear_num_heads", "num_attention_heads"),
        own.size_or(0, "head_dim") or read.size_or(128, "linear_head_dim", "head_dim"),
        own.size_or(kernel, "short_conv_kernel_size"),
    )


def _delta_attention_parameters(read: Reader, hidden: int) -> int:
    """Query, key, value and output; decay and output gate through one head's width, or the gate in full."""
    heads, dim, _ = _delta_attention(read)
    whole, narrow = hidden * heads * dim, dim * (hidden + heads * dim)
    full_gate = read.mapping("linear_attn_config").flag("use_full_rank_gate", default=False)
    return 4 * whole + (whole if full_gate else narrow) + narrow + hidden * heads


def _mamba2_heads(read: Reader) -> int:
    """Heads of Mamba 2; Mamba 1 has none."""
    heads = read.size_or(0, "mamba_num_heads", "mamba_n_heads", "n_mamba_heads")
    return heads or (read.size_or(0, "num_heads") if read.row.all_layers == "mamba2" else 0)


def _mamba2(read: Reader, hidden: int) -> tuple[int, int, int, int]:
    """Inner width, groups, state size and convolution kernel."""
    heads = _mamba2_heads(read)
    own = ("head_dim",) if read.row.all_layers == "mamba2" else ()
    dim = read.size_or(max(1, _inner(read, hidden) // heads), "mamba_head_dim", "mamba_d_head", *own)
    return (
        read.size_or(heads * dim, "mamba_d_ssm"),
        read.size_or(1, "n_groups", "mamba_n_groups", "mamba_ngroups"),
        read.size_or(128, "ssm_state_size", "mamba_d_state", "state_size"),
        _kernel(read),
    )


def _inner(read: Reader, hidden: int) -> int:
    own = ("intermediate_size",) if read.row.all_layers == "mamba" else ()
    stated = read.size_or(0, "mamba_d_ssm", "mamba_inner_size", *own)
    return stated or read.size_or(2, "mamba_expand", "expand") * hidden


def _kernel(read: Reader) -> int:
    return read.size_or(4, "conv_kernel", "mamba_d_conv")


def _selective(read: Reader) -> bool:
    """Whether layers called linear are Mamba, as Transformers 5 calls them."""
    return bool(read.size_or(0, "mamba_d_state", "state_size", "mamba_d_conv"))


def _lightning(read: Reader, hidden: int) -> tuple[int, int]:
    """Heads of linear attention and their width."""
    heads = read.size_or(1, "linear_num_attention_heads", "num_attention_heads")
    return heads, read.size_or(max(1, hidden // heads), "head_dim")


def _width(read: Reader) -> int:
    """Bytes per element of the recurrent state."""
    word = read.word("mamba_ssm_cache_dtype") or read.word("mamba_ssm_dtype")
    return 2 if word in ("bfloat16", "float16") else 4
