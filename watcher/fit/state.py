"""Layers that keep a state instead of a cache: its bytes for one sequence, and their weights.

Gated DeltaNet (Qwen3-Next and later), KDA (Kimi Linear), Mamba 2 (Nemotron-H, Granite 4, Falcon-H1) and
Mamba 1 (Jamba); formulas in docs/fit.md. Convolution state is BF16; recurrent state is FP32 unless the
configuration says otherwise, which is right or an upper bound.
"""

from dataclasses import dataclass

from watcher.fit.reading import Reader


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What one layer keeps for one sequence: elements, and the bytes of a recurrent one."""

    conv: int = 0
    recurrent: int = 0
    width: int = 4


def state_of(read: Reader, hidden: int) -> State:
    """Recurrent and convolution state of one layer and one sequence."""
    if read.size_or(0, "linear_num_value_heads"):
        keys, values, head = _delta_net(read)
        kernel = read.size_or(4, "linear_conv_kernel_dim")
        return State(conv=(2 * keys + values) * (kernel - 1), recurrent=values * head, width=_width(read))
    if read.size_or(0, "linear_num_heads") or read.mapping("linear_attn_config").size_or(0, "num_heads"):
        heads, dim, kernel = _delta_attention(read)
        return State(conv=3 * heads * dim * (kernel - 1), recurrent=heads * dim * dim)
    if read.size_or(0, "mamba_num_heads", "mamba_n_heads", "n_mamba_heads"):
        inner, groups, state, kernel = _mamba2(read, hidden)
        return State(
            conv=(inner + 2 * groups * state) * (kernel - 1), recurrent=inner * state, width=_width(read)
        )
    if _lightning(read):
        heads, dim = read.size_or(1, "num_attention_heads"), read.size_or(128, "head_dim")
        return State(recurrent=heads * dim * dim)
    inner = read.size_or(2, "mamba_expand", "expand") * hidden
    state, kernel = (
        read.size_or(16, "mamba_d_state", "state_size"),
        read.size_or(4, "mamba_d_conv", "conv_kernel"),
    )
    return State(conv=inner * (kernel - 1), recurrent=inner * state)


def state_parameters(read: Reader, hidden: int) -> int:
    """The projections of such a layer; small vectors and kernels are left out."""
    if read.size_or(0, "linear_num_value_heads"):
        keys, values, _ = _delta_net(read)
        return hidden * (2 * keys + 3 * values + 2 * read.size_or(1, "linear_num_value_heads"))
    if read.size_or(0, "linear_num_heads") or read.mapping("linear_attn_config").size_or(0, "num_heads"):
        heads, dim, _ = _delta_attention(read)
        return 5 * hidden * heads * dim
    if heads := read.size_or(0, "mamba_num_heads", "mamba_n_heads", "n_mamba_heads"):
        inner, groups, state, _ = _mamba2(read, hidden)
        return hidden * (3 * inner + 2 * groups * state + heads)
    if _lightning(read):
        return 5 * hidden * hidden
    return 3 * hidden * read.size_or(2, "mamba_expand", "expand") * hidden


def short_conv(read: Reader, hidden: int) -> State:
    """The short convolutions of LFM2."""
    return State(conv=hidden * max(0, read.size_or(3, "conv_L_cache") - 1))


def _delta_net(read: Reader) -> tuple[int, int, int]:
    """Widths of all keys, of all values, and of one key head."""
    head = read.size_or(128, "linear_key_head_dim")
    values = read.size_or(1, "linear_num_value_heads") * read.size_or(128, "linear_value_head_dim")
    return read.size_or(16, "linear_num_key_heads") * head, values, head


def _delta_attention(read: Reader) -> tuple[int, int, int]:
    """KDA's heads, their width and its convolution kernel."""
    own = read.mapping("linear_attn_config")
    return (
        own.size_or(0, "num_heads") or read.size_or(1, "linear_num_heads"),
        own.size_or(0, "head_dim") or read.size_or(128, "linear_head_dim"),
        own.size_or(4, "short_conv_kernel_size"),
    )


def _mamba2(read: Reader, hidden: int) -> tuple[int, int, int, int]:
    """Inner width, groups, state size and convolution kernel."""
    heads = read.size_or(1, "mamba_num_heads", "mamba_n_heads", "n_mamba_heads")
    expanded = read.size_or(2, "mamba_expand", "expand") * hidden
    dim = read.size_or(max(1, expanded // heads), "mamba_head_dim", "mamba_d_head")
    return (
        heads * dim,
        read.size_or(1, "n_groups", "mamba_n_groups", "mamba_ngroups"),
        read.size_or(128, "ssm_state_size", "mamba_d_state"),
        read.size_or(4, "conv_kernel", "mamba_d_conv"),
    )


def _lightning(read: Reader) -> bool:
    return bool(read.items("attn_type_list")) or read.word("model_type").startswith("minimax_text")


def _width(read: Reader) -> int:
    """Bytes per element of the recurrent state."""
    word = read.word("mamba_ssm_cache_dtype") or read.word("mamba_ssm_dtype")
    return 2 if word in ("bfloat16", "float16") else 4
