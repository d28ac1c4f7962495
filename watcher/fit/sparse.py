"""Caches that hold less than a row per token and layer, or of which attention reads only a part.

DeepSeek V4's compressed rows, the index of sparse attention, layers that take another's cache, and
searched architectures that leave attention out. Sources: docs/fit.md.
"""

from collections.abc import Mapping
from dataclasses import replace

from watcher.fit.heads import attention_parameters, heads_of
from watcher.fit.layers import Layer
from watcher.fit.patterns import INDEXED, RATIOS
from watcher.fit.reading import Reader, UnknownShape

# DeepSeek V4 (vllm 0.33 models/deepseek_v4): FP8 rows of 584 bytes, and index keys where one row is 4 tokens.
_V4_ROW, _V4_INDEX, _V4_INDEXED_RATIO = 584, 132, 4


def thinned(read: Reader, hidden: int, layers: list[Layer]) -> list[Layer]:
    """The layers as they keep and read their caches."""
    layers = _compressed(read, hidden, layers)
    layers = _indexed(read, hidden, layers)
    layers = _blockwise(read, hidden, layers)
    layers = _pruned(read, hidden, layers)
    return _shared(read, layers)


def _compressed(read: Reader, hidden: int, layers: list[Layer]) -> list[Layer]:
    """DeepSeek V4: a short window on every layer, and one row per ratio tokens (0: the window alone)."""
    ratios = [*read.items("compress_ratios")] or [RATIOS.get(word, 0) for word in read.texts("layer_types")]
    if not layers or layers[0].kind != "compressed":
        return layers
    window = read.size_or(128, "sliding_window")
    rows: dict[int, Layer] = {}
    for ratio in {_ratio(item) for item in ratios} | {1}:
        row = _V4_ROW + (_V4_INDEX if ratio == _V4_INDEXED_RATIO else 0)
        rows[ratio] = replace(
            layers[0],
            kind="compressed",
            cached=0,
            kv_heads=1,
            fixed=row if ratio else 0,
            stride=max(1, ratio),
            constant_bytes=window * _V4_ROW,
            in_flight_bytes=_V4_ROW + _compressor_bytes(read, ratio),
            reads=read.size_or(0, "index_topk") or None if ratio == _V4_INDEXED_RATIO else None,
            parameters=_compressing_parameters(read, hidden, ratio),
        )
    kept = [_ratio(item) for item in ratios[: len(layers)]]
    return [rows[ratio] for ratio in kept + [1] * (len(layers) - len(kept))]


def _compressor_bytes(read: Reader, ratio: int) -> int:
    """What a layer keeps of a token until it is compressed: key-value and score in FP32.

    Where four tokens become one row, rows overlap and each counts twice, and the index compresses as well
    (vllm 0.33 models/deepseek_v4: compressor states are sliding-window caches).
    """
    if ratio <= 1:
        return 0
    width, index = read.size_or(512, "head_dim"), read.size_or(128, "index_head_dim")
    return 2 * 4 * (2 * (width + index) if ratio == _V4_INDEXED_RATIO else width)


def _ratio(item: object) -> int:
    """What compresses by nothing that we know keeps a row per token, an upper bound."""
    if not isinstance(item, int) or isinstance(item, bool) or item < 0 or item >= 2**20:
        return 1
    return item


def _compressing_parameters(read: Reader, hidden: int, ratio: int) -> int:
    """Query through its rank, one key-value head, output in groups through its rank, compressor, index."""
    heads = heads_of(read, hidden)
    query, width = heads.heads * heads.key_dim, heads.key_dim
    rank = read.size_or(0, "q_lora_rank")
    out = read.size_or(1, "o_groups") * read.size_or(query, "o_lora_rank")
    weights = (rank * (hidden + query) if rank else hidden * query) + hidden * width
    weights += query // read.size_or(1, "o_groups") * out + out * hidden
    if not ratio:
        return weights
    overlap = 2 if ratio == _V4_INDEXED_RATIO else 1
    weights += 2 * hidden * overlap * width
    if ratio == _V4_INDEXED_RATIO:
        index = read.size_or(128, "index_head_dim")
        weights += _index_parameters(read, hidden) + 2 * hidden * overlap * index - hidden * index
    return weights


def _index_parameters(read: Reader, hidden: int) -> int:
    """Index queries (from the query's rank where there is one), one index key and the heads' weights."""
    heads, width = read.size_or(1, "index_n_heads"), read.size_or(128, "index_head_dim")
    return read.size_or(hidden, "q_lora_rank") * heads * width + hidden * (width + heads)


def _indexed(read: Reader, hidden: int, layers: list[Layer]) -> list[Layer]:
    """Sparse attention keeps an FP8 key and a scale per token where a layer has an index of its own."""
    width = read.size_or(0, "index_head_dim")
    most = read.size_or(0, "index_topk_blocks") * read.size_or(128, "index_block_size")
    most = read.size_or(most, "index_topk")
    if not width:
        return layers
    weights, own = _index_parameters(read, hidden), _own_index(read, len(layers))
    words = read.texts("layer_types")
    made = []
    for index, layer in enumerate(layers):
        word = words[index] if index < len(words) else ""
        chosen = layer.kind == "mla" or (layer.kind == "full" and word in INDEXED)
        if chosen and own[index]:
            layer = replace(layer, fixed=width + 4, parameters=layer.parameters + weights)
        made.append(replace(layer, reads=most or None) if chosen else layer)
    return made


def _own_index(read: Reader, count: int) -> list[bool]:
    """Which layers choose rows themselves; the others take the choice of the one before."""
    if types := read.texts("indexer_types"):
        return [index >= len(types) or types[index] == "full" for index in range(count)]
    if letters := read.word("index_topk_pattern"):
        return [index >= len(letters) or letters[index] == "F" for index in range(count)]
    every, offset = read.size_or(1, "index_topk_freq"), read.size_or(0, "index_skip_topk_offset")
    if every > 1 and offset:
        return [max(index - offset + 1, 0) % every == 0 for index in range(count)]
    return [True] * count


def _blockwise(read: Reader, hidden: int, layers: list[Layer]) -> list[Layer]:
    """MiniMax M3 reads the best blocks of an ordinary cache."""
    own = read.mapping("sparse_attention_config")
    block, most = own.size_or(0, "sparse_block_size"), own.size_or(0, "sparse_topk_blocks")
    if not block or not most or not own.flag("use_sparse_attention", default=True):
        return layers
    local = own.size_or(0, "sparse_local_block") + own.size_or(0, "sparse_init_block")
    index = hidden * own.size_or(0, "sparse_index_dim") * (own.size_or(1, "sparse_num_index_heads") + 1)
    every = own.items("sparse_attention_freq")
    return [
        replace(layer, reads=(most + local) * block, parameters=layer.parameters + index)
        if layer.kind == "full" and (at >= len(every) or every[at] == 1)
        else layer
        for at, layer in enumerate(layers)
    ]


def _pruned(read: Reader, hidden: int, layers: list[Layer]) -> list[Layer]:
    """Nemotron's searched architectures: block_configs give each layer's groups, or no attention at all."""
    layers = list(layers)
    for index, block in enumerate(read.items("block_configs")[: len(layers)]):
        attention = Reader(block if isinstance(block, Mapping) else {}).mapping("attention")
        if attention.flag("replace_with_linear", default=False):
            layers[index] = Layer(kind="none", parameters=hidden * hidden)
        elif attention.flag("no_op", default=False):
            layers[index] = Layer(kind="none")
        elif per_group := attention.size_or(0, "n_heads_in_group"):
            layers[index] = _grouped(read, hidden, per_group, attention.size_or(0, "window_length"))
    return layers


def _grouped(read: Reader, hidden: int, per_group: int, window: int) -> Layer:
    heads = heads_of(read, hidden).heads
    if per_group > heads:
        raise UnknownShape(f"n_heads_in_group is {per_group}, more than the {heads} attention heads")
    own = heads_of(read.overlaid({"num_key_value_heads": heads // per_group}), hidden)
    return Layer(
        kind="sliding" if window else "full",
        window=window or None,
        cached=own.cached,
        kv_heads=own.kv_heads,
        heads=own.heads,
        head_width=own.head_width,
        parameters=attention_parameters(read, own, hidden),
    )


def _shared(read: Reader, layers: list[Layer]) -> list[Layer]:
    """Layers that reuse another's cache keep none: the last ones, or those whose source is not themselves."""
    sources = read.items("kv_source_layers")
    last = len(layers) - read.size_or(0, "num_kv_shared_layers")
    group = read.size_or(1, "cla_share_factor") if read.flag("use_cla", default=False) else 1
    made = []
    for index, layer in enumerate(layers):
        elsewhere = index < len(sources) and isinstance(sources[index], int) and sources[index] != index
        if layer.cached and (elsewhere or index >= last or index % group):
            made.append(replace(layer, kind="shared", cached=0, fixed=0))
        else:
            made.append(layer)
    return made
