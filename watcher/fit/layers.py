"""The layers of a model, one by one: what each caches per token, for which window, and what state it keeps.

Sources of every rule: docs/fit.md. Where `layer_types` is absent, the patterns are those of the
makers' own modelling code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from watcher.fit.reading import Reader
from watcher.fit.state import State, short_conv, state_of, state_parameters


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One layer. cached elements per token (K and V together), within window tokens where there is one.

    kv_heads: how many heads share the cached row out; tensor parallel divides it no further than that,
    and the one latent row of MLA not at all.
    fixed: bytes per token besides, in a format of their own (sparse attention's index keys).
    stride: of how many tokens one row is kept (DeepSeek V4 compresses 4 or 128 into one).
    conv_elements, recurrent_elements: what the layer keeps per sequence whatever its length, the latter
    recurrent_width bytes wide where the engine does not choose. constant_bytes: such in a format of its own.
    heads, head_width: query heads, and key plus value width of one, for the FLOPs of attention.
    reads: how many rows sparse attention reads at most. parameters: attention weights.
    """

    kind: str
    cached: int = 0
    fixed: int = 0
    stride: int = 1
    window: int | None = None
    kv_heads: int = 1
    conv_elements: int = 0
    recurrent_elements: int = 0
    recurrent_width: int = 4
    constant_bytes: int = 0
    heads: int = 0
    head_width: int = 0
    reads: int | None = None
    parameters: int = 0

    @property
    def state_bytes(self) -> int:
        """Bytes per sequence of any length, convolution state in 16 bit."""
        return self.conv_elements * 2 + self.recurrent_elements * self.recurrent_width + self.constant_bytes


# Words of `layer_types` and its elders for what a layer does.
_SLIDING = frozenset({"sliding_attention", "window_attention", "local", "local_attention"})
_CHUNKED = frozenset({"chunked_attention"})
_STATE = frozenset({"linear_attention", "mamba", "mamba2", "recurrent", "kda", "gated_deltanet"})
_NONE = frozenset({"mlp", "moe", "conv"})
_BOTH = frozenset({"hybrid"})  # attention and a state side by side, in one layer
_FULL = frozenset(
    {"full_attention", "attention", "global", "full", "indexed_attention", "minimax_m3_sparse"}
    | {"deepseek_sparse_attention", "qwen_sparse_attention"}
)
_COMPRESSED = frozenset({"compressed"})
# DeepSeek V4 (vllm 0.33 models/deepseek_v4): FP8 rows of 584 bytes, and index keys where one row is 4 tokens.
_V4_ROW, _V4_INDEX, _V4_INDEXED_RATIO = 584, 132, 4
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
    known = _SLIDING | _CHUNKED | _STATE | _NONE | _BOTH | _FULL | _COMPRESSED
    unknown = sorted(set(kinds) - known)
    notes += [f"layers of unknown kind {kind!r} are counted as full attention" for kind in unknown]
    layers = [heads.layer(read, kind, hidden) for kind in kinds]
    _compress(read, kinds, layers)
    _index(read, layers)
    _prune(read, heads, hidden, layers)
    _share(read, layers)
    return layers, notes


def _compress(read: Reader, kinds: list[str], layers: list[Layer]) -> None:
    """DeepSeek V4: a short window on every layer, and one row per ratio tokens (0: the window alone)."""
    window = read.size_or(128, "sliding_window")
    for index, (kind, ratio) in enumerate(zip(kinds, read.items("compress_ratios"), strict=False)):
        if kind not in _COMPRESSED:
            continue
        ratio = ratio if isinstance(ratio, int) and ratio > 0 else 0
        row = _V4_ROW + (_V4_INDEX if ratio == _V4_INDEXED_RATIO else 0)
        layers[index] = replace(
            layers[index],
            kind="compressed",
            cached=0,
            fixed=row if ratio else 0,
            stride=max(1, ratio),
            constant_bytes=window * _V4_ROW,
        )


def _index(read: Reader, layers: list[Layer]) -> None:
    """Sparse attention keeps an FP8 key and a scale per token where a layer has an index of its own."""
    width = read.size_or(0, "index_head_dim")
    types = read.texts("indexer_types")
    for index, layer in enumerate(layers):
        if width and layer.kind == "mla" and (index >= len(types) or types[index] == "full"):
            layers[index] = replace(layer, fixed=width + 4)


def _prune(read: Reader, heads: "_Heads", hidden: int, layers: list[Layer]) -> None:
    """Nemotron's searched architectures: block_configs give each layer's groups, or no attention at all."""
    for index, block in enumerate(read.items("block_configs")[: len(layers)]):
        attention = Reader(block if isinstance(block, Mapping) else {}).mapping("attention")
        if attention.flag("no_op", default=False) or attention.flag("replace_with_linear", default=False):
            layers[index] = Layer(kind="none")
        elif per_group := attention.size_or(0, "n_heads_in_group"):
            kv = max(1, heads.heads // per_group)
            layers[index] = replace(heads, kv_heads=kv).layer(read, "full_attention", hidden)


def _share(read: Reader, layers: list[Layer]) -> None:
    """Layers that reuse another's cache keep none: the last ones, or those whose source is not themselves."""
    sources = read.items("kv_source_layers")
    shared = read.size_or(0, "num_kv_shared_layers")
    for index, layer in enumerate(layers):
        elsewhere = index < len(sources) and isinstance(sources[index], int) and sources[index] != index
        if elsewhere or index >= len(layers) - shared:
            layers[index] = Layer(kind="shared", parameters=layer.parameters)


def _kinds(read: Reader, count: int) -> list[str]:
    """One word per layer."""
    for name in ("layer_types", "layers_block_type"):
        if len(kinds := read.texts(name)) >= count:
            return kinds[:count]
    if len(letters := read.word("hybrid_override_pattern")) >= count:
        return [_PATTERN_LETTERS.get(letter, letter) for letter in letters[:count]]
    if read.items("compress_ratios"):
        return ["compressed"] * count
    if len(listed := read.items("hybrid_layer_pattern")) >= count:  # MiMo: 0 is full, 1 slides
        return ["sliding_attention" if item == 1 else "full_attention" for item in listed[:count]]
    if full := read.mapping("linear_attn_config").items("full_attn_layers"):  # Kimi Linear counts from one
        return ["full_attention" if index + 1 in full else "kda" for index in range(count)]
    if full := read.items("full_attn_idxs"):  # LFM2
        return ["full_attention" if index in full else "conv" for index in range(count)]
    if full := read.items("attn_layer_indices"):  # Bamba, Granite 4
        return ["full_attention" if index in full else "mamba" for index in range(count)]
    if len(listed := read.items("attn_type_list")) >= count:  # MiniMax-01: 1 is softmax, 0 linear
        return ["full_attention" if item == 1 else "linear_attention" for item in listed[:count]]
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
    slides = read.flag("use_sliding_window", default=not model_type.startswith("qwen"))
    if model_type.startswith("falcon_h1"):
        return ["hybrid"] * count
    if not window or not slides:
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
        kv_heads = read.mapping("attn_config").size_or(kv_heads, "kv_n_heads")  # DBRX
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
            kept = short_conv(read, hidden) if kind == "conv" else State()
            return Layer(kind=kind, conv_elements=kept.conv)
        state, weights = state_of(read, hidden), state_parameters(read, hidden)
        if kind in _STATE:
            return _with_state(Layer(kind="state", parameters=weights), state)
        if kind in _BOTH:
            full = self._grouped(read, hidden, "hybrid", None)
            return _with_state(replace(full, parameters=full.parameters + weights), state)
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
        queries = 3 if read.flag("attn_output_gate", default=False) else 2
        parameters = hidden * (queries * self.heads * dim + cached)
        return Layer(kind=kind, cached=cached, window=window, kv_heads=kv, parameters=parameters)

    def _windowed(self, read: Reader, hidden: int) -> Layer:
        """MiMo, Step and others give sliding layers heads of their own."""
        window = read.size_or(0, "sliding_window", "sliding_window_size", "attention_window_size") or None
        if window and window >= read.size_or(window + 1, "max_position_embeddings"):
            window = None
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


def _with_state(layer: Layer, state: State) -> Layer:
    return replace(
        layer, conv_elements=state.conv, recurrent_elements=state.recurrent, recurrent_width=state.width
    )
