"""The head counts and sizes of one layer's attention: what it caches per token, and its weights."""

from dataclasses import dataclass

from watcher.fit.reading import Reader, UnknownShape

HEADS = (
    "num_attention_heads",
    "n_head",
    "num_heads",
    "n_heads",
    "decoder_attention_heads",
    "num_query_heads",
    "attention_heads",
)
KV_HEADS = (
    "num_key_value_heads",
    "n_head_kv",
    "num_kv_heads",
    "n_kv_heads",
    "multi_query_group_num",
    "num_attention_groups",
)
_HEAD_DIMS = ("head_dim", "hidden_size_per_head", "kv_channels", "attention_head_dim", "d_kv")


@dataclass(frozen=True, kw_only=True, slots=True)
class Heads:
    """Heads of one layer. latent: the rank of MLA's row, rope_dim what is kept beside it; else zero.

    key_dim, value_dim: widths of one head, of what is compared and of what is returned.
    latent_cache: whether the row is what is kept, or every head's keys and values (old GGUF conversions).
    """

    heads: int
    kv_heads: int
    key_dim: int
    value_dim: int
    latent: int = 0
    rope_dim: int = 0
    latent_cache: bool = True

    @property
    def cached(self) -> int:
        """Elements per token."""
        if self.latent and self.latent_cache:
            return self.latent + self.rope_dim
        return self.kv_heads * (self.key_dim + self.value_dim)

    @property
    def head_width(self) -> int:
        return self.key_dim + self.value_dim


def heads_of(read: Reader, hidden: int, *, sliding: bool = False) -> Heads:
    """Heads of a full layer, or of a sliding one where they differ (MiMo, Step, Inkling, Gemma 4)."""
    if sliding:
        read = read.overlaid(_sliding_keys(read))
    heads = read.size(*HEADS)
    if read.size_or(0, "kv_lora_rank") and read.flag("use_mla", default=True):
        return _latent_heads(read, heads, hidden)
    kv_heads = _kv_heads(read, heads, full=not sliding)
    key_dim = _head_dim(read, heads, hidden)
    wide = 0 if sliding else read.size_or(0, "global_head_dim")
    value_dim = wide or read.size_or(key_dim, "v_head_dim")
    return Heads(heads=heads, kv_heads=kv_heads, key_dim=wide or key_dim, value_dim=value_dim)


def _sliding_keys(read: Reader) -> dict[str, int]:
    """The keys of sliding layers under the names of all layers."""
    other = read.mapping("attention_other_setting")  # Step 3.5
    dim = read.size_or(0, "swa_head_dim")
    value = read.size_or(0, "swa_v_head_dim") or dim
    kv = read.size_or(0, "swa_num_key_value_heads") or other.size_or(0, *KV_HEADS)
    heads = read.size_or(0, "swa_num_attention_heads", "num_sliding_attention_heads")
    heads = heads or other.size_or(0, *HEADS)
    found = {"num_attention_heads": heads, "num_key_value_heads": kv, "head_dim": dim, "v_head_dim": value}
    return {name: size for name, size in found.items() if size}


def _head_dim(read: Reader, heads: int, hidden: int) -> int:
    if stated := read.size_or(0, *_HEAD_DIMS):
        return stated
    if hidden < heads:
        raise UnknownShape(f"no head_dim, and hidden_size {hidden} is less than {heads} heads")
    return hidden // heads


def _kv_heads(read: Reader, heads: int, *, full: bool) -> int:
    shared = full and read.flag("attention_k_eq_v", default=True)
    if shared and (stated := read.size_or(0, "num_global_key_value_heads")):
        return _at_most(stated, heads, "num_global_key_value_heads")
    if stated := read.mapping("attn_config").size_or(0, "kv_n_heads"):  # DBRX
        return _at_most(stated, heads, "kv_n_heads")
    one = read.get("multi_query") is True and read.get("num_key_value_heads") is None
    if one and not read.flag("new_decoder_architecture", default=False):
        return 1
    return _at_most(read.size_or(heads, *KV_HEADS), heads, "num_key_value_heads")


def _at_most(kv_heads: int, heads: int, name: str) -> int:
    if kv_heads > heads:
        raise UnknownShape(f"{name} is {kv_heads}, more than the {heads} attention heads")
    return kv_heads


def _latent_heads(read: Reader, heads: int, hidden: int) -> Heads:
    rope = read.size_or(64, "qk_rope_head_dim")
    nope = read.size_or(0, "qk_nope_head_dim") or read.size_or(hidden // heads or 1, "head_dim")
    return Heads(
        heads=heads,
        kv_heads=1 if read.flag("latent_cache", default=True) else heads,
        key_dim=nope + rope,
        value_dim=read.size_or(nope, "v_head_dim"),
        latent=read.size("kv_lora_rank"),
        rope_dim=rope,
        latent_cache=read.flag("latent_cache", default=True),
    )


def attention_parameters(read: Reader, heads: Heads, hidden: int, *, full: bool = True) -> int:
    """Query, key, value and output matrices, and the output gate where there is one."""
    query, out = heads.heads * heads.key_dim, heads.heads * heads.value_dim
    gate = out if read.flag("attn_output_gate", "mla_use_output_gate", "use_attn_gate", default=False) else 0
    if heads.latent:
        return _latent_parameters(read, heads, hidden) + hidden * gate
    keys = heads.kv_heads * heads.key_dim
    values = heads.kv_heads * heads.value_dim
    if full and read.flag("attention_k_eq_v", default=False):
        values = 0
    rank = read.size_or(0, "share_q_dim")  # Step 3
    through = rank * (hidden + query) if rank else hidden * query
    return through + hidden * (keys + values + out + gate)


def _latent_parameters(read: Reader, heads: Heads, hidden: int) -> int:
    """DeepSeek's projections: query (through its own rank), latent down and up, output."""
    rank = read.size_or(0, "q_lora_rank")
    query, out = heads.heads * heads.key_dim, heads.heads * heads.value_dim
    through = rank * (hidden + query) if rank else hidden * query
    down = hidden * (heads.latent + heads.rope_dim)
    up = heads.latent * heads.heads * (heads.key_dim - heads.rope_dim + heads.value_dim)
    return through + down + up + out * hidden
