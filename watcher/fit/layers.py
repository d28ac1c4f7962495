"""The layers of a model, one by one: what each caches per token, for which window, and what state it keeps.

Sources of every rule: docs/fit.md. Where `layer_types` is absent, the patterns are those of the
makers' own modelling code.
"""

from dataclasses import dataclass

from watcher.fit.reading import Reader


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One layer. cached elements per token (K and V together), within window tokens where there is one.

    kv_heads: how many heads share the cached row out; tensor parallel divides it no further than that,
    and the one latent row of MLA not at all.
    state_bytes: what the layer keeps per sequence whatever its length. parameters: attention weights.
    """

    kind: str
    cached: int = 0
    window: int | None = None
    kv_heads: int = 1
    state_bytes: int = 0
    parameters: int = 0


# Words of `layer_types` and its elders for what a layer does.
_SLIDING = frozenset({"sliding_attention", "window_attention", "local", "local_attention"})
_CHUNKED = frozenset({"chunked_attention"})
_STATE = frozenset({"linear_attention", "mamba", "mamba2", "recurrent", "kda", "gated_deltanet"})
_NONE = frozenset({"mlp", "moe", "conv"})
_FULL = frozenset({"full_attention", "attention", "global", "hybrid", "full"})
_PATTERN_LETTERS = {"M": "mamba", "*": "full_attention", "-": "mlp", "E": "moe"}
# Every how many layers one is full, where a model type slides without saying which (transformers).
_FULL_EVERY = {
    "gemma2": 2,
    "gemma3": 6,
    "gemma3_text": 6,
    "gemma3n": 5,
    "gemma3n_text": 5,
    "gemma4": 6,
    "gemma4_text": 6,
    "gpt_oss": 2,
    "cohere2": 4,
    "olmo3": 4,
    "llama4": 4,
    "llama4_text": 4,
    "qwen3_next": 4,
    "qwen3_5": 4,
    "qwen3_5_text": 4,
    "qwen3_5_moe": 4,
    "qwen3_5_moe_text": 4,
}


def attention_layers(read: Reader, count: int, hidden: int) -> tuple[list[Layer], list[str]]:
    """All layers in order, and notes on what had to be assumed."""
    heads = _Heads.of(read, hidden)
    notes: list[str] = []
    kinds = _kinds(read, count)
    unknown = sorted({k for k in kinds if k not in _SLIDING | _CHUNKED | _STATE | _NONE | _FULL})
    notes += [f"layers of unknown kind {kind!r} are counted as full attention" for kind in unknown]
    layers = [heads.layer(read, kind, hidden) for kind in kinds]
    shared = read.size_or(0, "num_kv_shared_layers")
    for index in range(max(0, count - shared), count):
        layers[index] = Layer(kind="shared", parameters=layers[index].parameters)
    return layers, notes


def _kinds(read: Reader, count: int) -> list[str]:
    """One word per layer."""
    for name in ("layer_types", "layers_block_type"):
        if len(kinds := read.texts(name)) >= count:
            return kinds[:count]
    if letters := read.word("hybrid_override_pattern"):
        return [_PATTERN_LETTERS.get(letter, letter) for letter in letters[:count]] or [
            "full_attention"
        ] * count
    if len(listed := read.items("hybrid_layer_pattern")) >= count:  # MiMo: 0 is full, 1 slides
        return ["sliding_attention" if item == 1 else "full_attention" for item in listed[:count]]
    if full := read.mapping("linear_attn_config").items("full_attn_layers"):  # Kimi Linear counts from one
        return ["full_attention" if index + 1 in full else "kda" for index in range(count)]
    return _by_pattern(read, count)


def _by_pattern(read: Reader, count: int) -> list[str]:
    model_type = read.word("model_type")
    window = read.size_or(0, "sliding_window", "sliding_window_size", "attention_window_size")
    if model_type.startswith(("qwen3_next", "qwen3_5")):
        every = read.size_or(_FULL_EVERY.get(model_type, 4), "full_attention_interval")
        return _every(count, every, "linear_attention")
    if read.size_or(0, "attn_layer_period"):  # Jamba
        period, offset = read.size("attn_layer_period"), read.size_or(0, "attn_layer_offset")
        return ["full_attention" if i % period == offset else "mamba" for i in range(count)]
    if model_type.startswith("llama4") and read.size_or(0, "attention_chunk_size"):
        return _every(count, read.size_or(4, "no_rope_layer_interval"), "chunked_attention")
    pattern = read.size_or(
        _FULL_EVERY.get(model_type, 0),
        "sliding_window_pattern",
        "_sliding_window_pattern",
        "global_attn_every_n_layers",
    )
    if not window or read.get("use_sliding_window") is False:
        return ["full_attention"] * count
    if pattern:
        return _every(count, pattern, "sliding_attention")
    from_layer = read.size_or(0, "max_window_layers")
    return ["sliding_attention" if i >= from_layer else "full_attention" for i in range(count)]


def _every(count: int, period: int, between: str) -> list[str]:
    return ["full_attention" if (i + 1) % max(1, period) == 0 else between for i in range(count)]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Heads:
    """The head counts and sizes of a model's attention, by kind of layer."""

    heads: int
    kv_heads: int
    head_dim: int
    v_dim: int
    latent: int
    rope_dim: int

    @classmethod
    def of(cls, read: Reader, hidden: int) -> "_Heads":
        heads = read.size("num_attention_heads", "n_head", "num_heads", "n_heads")
        latent = read.size_or(0, "kv_lora_rank")
        kv_heads = read.size_or(
            heads,
            "num_key_value_heads",
            "n_head_kv",
            "num_kv_heads",
            "n_kv_heads",
            "multi_query_group_num",
            "num_attention_groups",
        )
        if read.get("multi_query") is True and read.get("num_key_value_heads") is None:
            kv_heads = 1
        head_dim = read.size_or(
            max(1, hidden // heads), "head_dim", "hidden_size_per_head", "kv_channels", "attention_head_dim"
        )
        return cls(
            heads=heads,
            kv_heads=min(kv_heads, heads) if latent else kv_heads,
            head_dim=head_dim,
            v_dim=read.size_or(head_dim, "v_head_dim"),
            latent=latent,
            rope_dim=read.size_or(64, "qk_rope_head_dim") if latent else 0,
        )

    def layer(self, read: Reader, kind: str, hidden: int) -> Layer:
        if kind in _NONE:
            return Layer(kind=kind, state_bytes=_conv_state(read, hidden) if kind == "conv" else 0)
        if kind in _STATE:
            return Layer(kind="state", state_bytes=_state_bytes(read, hidden), parameters=4 * hidden * hidden)
        if self.latent:
            return Layer(
                kind="mla",
                cached=self.latent + self.rope_dim,
                parameters=self._latent_parameters(read, hidden),
            )
        if kind in _SLIDING:
            return self._windowed(read, hidden)
        if kind in _CHUNKED:
            return self._grouped(read, hidden, "chunked", read.size_or(0, "attention_chunk_size") or None)
        return self._grouped(read, hidden, "full", None)

    def _grouped(self, read: Reader, hidden: int, kind: str, window: int | None) -> Layer:
        """Gemma 4's full layers have heads of their own size and number."""
        dim = read.size_or(self.head_dim, "global_head_dim")
        v_dim = dim if dim != self.head_dim else self.v_dim
        kv = read.size_or(self.kv_heads, "num_global_key_value_heads")
        cached = kv * (dim + v_dim)
        parameters = hidden * (2 * self.heads * dim + cached)
        return Layer(kind=kind, cached=cached, window=window, kv_heads=kv, parameters=parameters)

    def _windowed(self, read: Reader, hidden: int) -> Layer:
        """MiMo, Step and others give sliding layers heads of their own."""
        window = read.size_or(0, "sliding_window", "sliding_window_size", "attention_window_size") or None
        kv = read.size_or(self.kv_heads, "swa_num_key_value_heads")
        dim = read.size_or(self.head_dim, "swa_head_dim")
        v_dim = read.size_or(self.v_dim if dim == self.head_dim else dim, "swa_v_head_dim")
        cached = kv * (dim + v_dim)
        heads = read.size_or(self.heads, "num_sliding_attention_heads")
        parameters = hidden * (2 * heads * dim + cached)
        return Layer(kind="sliding", cached=cached, window=window, kv_heads=kv, parameters=parameters)

    def _latent_parameters(self, read: Reader, hidden: int) -> int:
        """DeepSeek's projections: query (through its own rank), latent down and up, output."""
        nope = read.size_or(self.head_dim, "qk_nope_head_dim")
        v_dim = read.size_or(nope, "v_head_dim")
        rank = read.size_or(0, "q_lora_rank")
        query = self.heads * (nope + self.rope_dim)
        through = rank * (hidden + query) if rank else hidden * query
        down = hidden * (self.latent + self.rope_dim)
        up = self.latent * self.heads * (nope + v_dim)
        return through + down + up + self.heads * v_dim * hidden


def _state_bytes(read: Reader, hidden: int) -> int:
    """Recurrent and convolution state of one sequence: gated DeltaNet, KDA, Mamba 2, else Mamba 1."""
    if read.size_or(0, "linear_num_value_heads"):
        return _delta_net(read)
    kda = read.mapping("linear_attn_config")
    if heads := kda.size_or(0, "num_heads"):
        dim, kernel = kda.size_or(128, "head_dim"), kda.size_or(4, "short_conv_kernel_size")
        return 3 * heads * dim * (kernel - 1) * 2 + heads * dim * dim * 4
    if heads := read.size_or(0, "mamba_num_heads", "mamba_n_heads", "n_mamba_heads"):
        dim = read.size_or(max(1, 2 * hidden // heads), "mamba_head_dim", "mamba_d_head")
        state = read.size_or(128, "ssm_state_size", "mamba_d_state")
        groups = read.size_or(1, "n_groups", "mamba_n_groups", "mamba_ngroups")
        kernel = read.size_or(4, "conv_kernel", "mamba_d_conv")
        inner = heads * dim
        return (inner + 2 * groups * state) * (kernel - 1) * 2 + inner * state * _state_width(read)
    inner = read.size_or(2, "mamba_expand", "expand") * hidden
    state, kernel = (
        read.size_or(16, "mamba_d_state", "state_size"),
        read.size_or(4, "mamba_d_conv", "conv_kernel"),
    )
    return inner * (kernel - 1) * 2 + inner * state * 4


def _delta_net(read: Reader) -> int:
    keys = read.size_or(16, "linear_num_key_heads") * read.size_or(128, "linear_key_head_dim")
    values = read.size("linear_num_value_heads") * read.size_or(128, "linear_value_head_dim")
    kernel = read.size_or(4, "linear_conv_kernel_dim")
    recurrent = values * read.size_or(128, "linear_key_head_dim") * _state_width(read)
    return (2 * keys + values) * (kernel - 1) * 2 + recurrent


def _state_width(read: Reader) -> int:
    """Bytes per element of the recurrent state: float32 unless the configuration says otherwise."""
    word = read.word("mamba_ssm_cache_dtype") or read.word("mamba_ssm_dtype")
    return 2 if word in ("bfloat16", "float16") else 4


def _conv_state(read: Reader, hidden: int) -> int:
    return hidden * max(0, read.size_or(3, "conv_L_cache") - 1) * 2
