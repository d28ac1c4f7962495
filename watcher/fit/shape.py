"""The shape of a model: what its config.json says of layers, attention, experts and parameters.

Key spellings differ by maker; each is looked up in the text part of the configuration first, then at
top level, and a null counts as absent. A layer of a kind we do not know is read as full attention,
which is an upper bound, and noted. Formulas: docs/fit.md.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from watcher.fit.layers import Layer, attention_layers
from watcher.fit.reading import Reader, UnknownShape
from watcher.types import Json, Parameters

__all__ = ["Layer", "Shape", "UnknownShape", "shape_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Experts:
    """A mixture of experts: how many there are and how many a token visits; shares of all weights."""

    count: int
    per_token: int
    routed_share: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """A model without its weights. hidden and vocab in elements; layers in order.

    groups: equal layers once, with their number; a model has two or three kinds, and searches ask often.
    """

    layers: tuple[Layer, ...]
    hidden: int
    intermediate: int
    vocab: int
    experts: Experts | None
    parameters: Parameters
    embedding_parameters: int
    context_tokens: int | None
    cache_bytes: float
    attention_parameters: int
    notes: tuple[str, ...] = ()
    groups: tuple[tuple[Layer, int], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "groups", tuple(Counter(self.layers).items()))

    @property
    def is_moe(self) -> bool:
        return self.experts is not None

    @property
    def attention(self) -> str:
        """The kinds of layers, in words: "full", "sliding+full", "mla", ..."""
        return "+".join(dict.fromkeys(layer.kind for layer in self.layers))


def shape_of(config: Json) -> Shape:
    """The shape that a config.json states; UnknownShape when it does not even name layers and heads."""
    read = Reader(config)
    hidden, count = read.size("hidden_size", "dim", "n_embd", "d_model"), read.layer_count()
    layers, notes = attention_layers(read, count, hidden)
    intermediate = read.size_or(
        4 * hidden, "intermediate_size", "hidden_dim", "ffn_hidden_size", "ffn_dim", "n_inner"
    )
    vocab = read.size_or(0, "vocab_size", "padded_vocab_size")
    embedding = vocab * hidden
    attention = sum(layer.parameters for layer in layers)
    ffn = _feed_forward(read, [layer.kind for layer in layers], hidden, intermediate)
    tied = read.flag("tie_word_embeddings", default=read.word("model_type").startswith(_TIED))
    total = embedding * (1 if tied else 2) + attention + ffn.total
    return Shape(
        layers=tuple(layers),
        hidden=hidden,
        intermediate=intermediate,
        vocab=vocab,
        experts=ffn.experts(total),
        parameters=Parameters(total=total, active=total - ffn.total + ffn.active),
        embedding_parameters=embedding,
        context_tokens=_context(read),
        cache_bytes=_cache_bytes(read),
        attention_parameters=attention,
        notes=tuple(notes),
    )


# Model types that tie their embeddings where the configuration is silent (transformers' class defaults).
_TIED = ("gemma", "cohere")


@dataclass(frozen=True, kw_only=True, slots=True)
class _FeedForward:
    """Parameters of all feed-forward blocks: all of them, and those that one token visits."""

    total: int
    active: int
    routed: int
    count: int
    per_token: int

    def experts(self, total: int) -> Experts | None:
        if self.count <= 1 or total <= 0:
            return None
        return Experts(count=self.count, per_token=self.per_token, routed_share=self.routed / total)


_EXPERTS = ("num_experts", "moe_num_experts", "n_routed_experts", "num_local_experts")
_PER_TOKEN = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "top_k_experts",
    "moe_topk",
    "moe_top_k",
    "moe_k",
    "top_k",
)


def _feed_forward(read: Reader, kinds: list[str], hidden: int, intermediate: int) -> _FeedForward:
    """Gated blocks hold three matrices, those of squared ReLU two. Keys: docs/fit.md.

    Hybrids with layers of feed-forward alone ("mlp", "moe") have none in their other layers.
    """
    count, per_token = _experts(read)
    matrices = 2 if read.word("mlp_hidden_act") == "relu2" else 3
    dense_width = read.size_or(intermediate, "dense_intermediate_size", "intermediate_size_mlp")
    dense_block = matrices * hidden * dense_width
    apart = "mlp" in kinds or "moe" in kinds
    if pruned := read.items("block_configs"):
        dense = sum(_pruned_width(block, hidden) for block in pruned[: len(kinds)]) * matrices * hidden
        return _FeedForward(total=dense, active=dense, routed=0, count=0, per_token=0)
    if count <= 1:
        dense = (kinds.count("mlp") if apart else len(kinds)) * dense_block
        return _FeedForward(total=dense, active=dense, routed=0, count=0, per_token=0)
    width = read.size_or(
        read.mapping("ffn_config").size_or(intermediate, "ffn_hidden_size"),
        "moe_intermediate_size",
        "expert_hidden_dim",
    )
    shared_width = read.size_or(
        read.size_or(0, "n_shared_experts", "num_shared_experts") * width,
        "shared_expert_intermediate_size",
        "shared_intermediate_size",
        "moe_shared_expert_intermediate_size",
        "share_expert_dim",
    )
    if read.word("model_type").startswith("llama4"):
        shared_width = width  # every sparse layer of Llama 4 has one shared expert, which no key states
    if read.flag("enable_moe_block", default=False):
        shared_width = intermediate  # Gemma 4 keeps its dense block beside the experts
    sparse = kinds.count("moe") if apart else _sparse_layers(read, len(kinds))
    latent = read.size_or(hidden, "routed_expert_hidden_size", "moe_latent_size")
    expert, shared = matrices * latent * width, matrices * hidden * shared_width
    router = hidden * count + (2 * hidden * latent if latent != hidden else 0)
    dense = (kinds.count("mlp") if apart else len(kinds) - sparse) * dense_block
    routed = sparse * count * expert
    rest = dense + sparse * (shared + router)
    return _FeedForward(
        total=rest + routed,
        active=rest + sparse * per_token * expert,
        routed=routed,
        count=count,
        per_token=per_token,
    )


def _pruned_width(block: object, hidden: int) -> int:
    """Width of one feed-forward block of Nemotron's searched architectures: 2/3 x mult x hidden, in 256s."""
    ffn = Reader(block if isinstance(block, Mapping) else {}).mapping("ffn")
    mult = ffn.get("ffn_mult")
    if ffn.flag("no_op", default=False) or not isinstance(mult, int | float) or not 0 < mult < 64:
        return 0
    return -(-int(2 * mult * hidden / 3) // 256) * 256


def _experts(read: Reader) -> tuple[int, int]:
    moe = read.mapping("moe", "ffn_config")
    count = read.size_or(0, *_EXPERTS) or moe.size_or(0, *_EXPERTS)
    per_token = read.size_or(0, *_PER_TOKEN) or moe.size_or(1, *_PER_TOKEN)
    return count, min(per_token, count) if count else 0


def _sparse_layers(read: Reader, layers: int) -> int:
    """How many layers hold experts; the rest are dense."""
    kinds = read.texts("mlp_layer_types")
    if kinds:
        return sum(kind == "sparse" for kind in kinds[:layers])
    dense = read.size_or(0, "first_k_dense_replace", "num_dense_layers")
    step = max(1, read.size_or(1, "decoder_sparse_step", "interleave_moe_layer_step"))
    only = read.items("mlp_only_layers")
    if listed := read.items("moe_layers"):
        return min(layers, len(listed))
    if listed := read.items("moe_layer_freq"):
        return sum(item == 1 for item in listed[:layers])
    return max(0, (layers - dense) // step - len(only))


def _context(read: Reader) -> int | None:
    """The least of the stated maxima; model_max_length wins, as in Cohere's configurations."""
    if stated := read.size_or(0, "model_max_length"):
        return stated
    names = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length")
    stated_all = [size for name in (*names, "max_seq_length", "seq_len") if (size := read.size_or(0, name))]
    return min(stated_all, default=None)


def _cache_bytes(read: Reader) -> float:
    """Bytes per cached element: one where the checkpoint asks for an FP8 cache, else two (BF16)."""
    quantisation = read.mapping("quantization_config", "compression_config")
    scheme = quantisation.mapping("kv_cache_scheme")
    return 1.0 if scheme.size_or(0, "num_bits") == 8 else 2.0
