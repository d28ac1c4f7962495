"""The shape of a model: what its config.json says of layers, attention, experts and parameters.

Key spellings differ by maker; each is looked up in the text part of the configuration first, then at
top level, then among the class's defaults, and a null counts as absent. A layer of a kind we do not know
is read as full attention, which is an upper bound, and noted. Formulas: docs/fit.md.
"""

from collections import Counter
from dataclasses import dataclass, field

from watcher.fit.drafts import draft_layers, draft_parameters
from watcher.fit.embeddings import Embeddings, embeddings_of
from watcher.fit.encoders import NO_CACHE, crossing, decoder_keys, encoder_parameters, without_cache
from watcher.fit.feed_forward import FeedForward, feed_forward, width_of
from watcher.fit.heads import HEADS
from watcher.fit.layers import Layer, attention_layers
from watcher.fit.precision import cache_bytes, dtype_bytes
from watcher.fit.reading import Reader, UnknownShape
from watcher.fit.refusals import refuse_absurd, refuse_other_models, refuse_other_things, refuse_too_large
from watcher.fit.sparse import thinned
from watcher.fit.towers import towers
from watcher.types import Json, Parameters

__all__ = ["Experts", "Layer", "Shape", "UnknownShape", "shape_of"]

_HIDDEN = ("hidden_size", "dim", "n_embd", "d_model", "model_dim")


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
    parameters: of the language model, its encoder included, towers and draft layers left out; active counts
    the input embedding and leaves out tables of which a token reads a row per layer (Gemma's E models).
    tied: the embedding is the output matrix as well, and so read in every step.
    gathered_parameters: tables of which a step reads single rows; zero where the embedding is the output too.
    heads: query heads of the widest layer, which tensor parallel has to divide; kv_heads likewise.
    draft_parameters, tower_parameters: what a checkpoint may hold besides; estimates (drafts.py, towers.py).
    dtype_bytes: per weight as published, where nothing is quantised. cache_bytes: per cached element.
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
    gathered_parameters: int = 0
    tied: bool = False
    heads: int = 0
    kv_heads: int = 0
    draft_layers: int = 0
    draft_parameters: int = 0
    tower_parameters: int = 0
    model_type: str = ""
    dtype_bytes: float = 2.0
    notes: tuple[str, ...] = ()
    groups: tuple[tuple[Layer, int], ...] = field(init=False, repr=False, compare=False)
    number: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        groups = tuple(Counter(self.layers).items())
        object.__setattr__(self, "groups", groups)
        object.__setattr__(self, "number", hash((groups, self.hidden, self.vocab, self.parameters)))

    def __hash__(self) -> int:
        """Shapes are looked up often and have a hundred layers, so this is counted once."""
        return self.number

    @property
    def is_moe(self) -> bool:
        return self.experts is not None

    @property
    def attention(self) -> str:
        """The kinds of layers, in words: "full", "sliding+full", "mla", ..."""
        return "+".join(dict.fromkeys(layer.kind for layer in self.layers))


def shape_of(config: Json, quantisation: Json | None = None) -> Shape:
    """The shape that a config.json (or Mistral's params.json) states.

    quantisation: the parsed hf_quant_config.json where the repo has one; it may ask for a smaller cache.
    UnknownShape where it does not even name layers and heads, contradicts itself, or is no language
    model's; the message names the key.
    """
    refuse_other_things(config)
    read = Reader(config)
    refuse_other_models(read)
    refuse_absurd(read)
    if read.row.part == "seq2seq":
        read = read.overlaid(decoder_keys(read))
    hidden, drafts = read.size(*_HIDDEN), draft_layers(read)
    count = read.layer_count() * read.row.sublayers
    layers, notes = attention_layers(read, count, hidden, drafts)
    kinds = [layer.kind for layer in layers]
    layers = thinned(read, hidden, layers)
    ffn = feed_forward(read, kinds, hidden)
    embeddings = embeddings_of(read, hidden, count)
    layers, more = _with_encoder(read, hidden, layers)
    extra = encoder_parameters(read, hidden) if read.row.part == "seq2seq" else 0
    return _assembled(
        read,
        hidden,
        layers,
        ffn,
        embeddings,
        extra=extra,
        drafts=drafts,
        cache=cache_bytes(read, quantisation),
        notes=(*_assumed(read), *notes, *ffn.notes, *more),
    )


def _assembled(
    read: Reader,
    hidden: int,
    layers: list[Layer],
    ffn: FeedForward,
    embeddings: Embeddings,
    *,
    extra: int,
    drafts: int,
    cache: float,
    notes: tuple[str, ...],
) -> Shape:
    attention = sum(layer.parameters for layer in layers)
    total = embeddings.total + attention + ffn.total + extra
    refuse_too_large("parameters", total)
    experts = None
    if ffn.count > 1 and total > 0:
        share = ffn.routed / total
        experts = Experts(count=ffn.count, per_token=ffn.per_token, routed_share=share)
    return Shape(
        layers=tuple(layers),
        hidden=hidden,
        intermediate=width_of(read, hidden),
        vocab=embeddings.vocab,
        experts=experts,
        parameters=Parameters(total=total, active=total - ffn.total + ffn.active - embeddings.per_layer),
        embedding_parameters=embeddings.input,
        gathered_parameters=embeddings.gathered,
        tied=embeddings.tied,
        context_tokens=_context(read),
        cache_bytes=cache,
        attention_parameters=attention,
        heads=max((layer.heads for layer in layers), default=0) or read.size_or(0, *HEADS),
        kv_heads=max((layer.kv_heads for layer in layers if layer.cached or layer.fixed), default=0),
        draft_layers=drafts,
        draft_parameters=draft_parameters(drafts, layers, ffn.draft, hidden),
        tower_parameters=towers(read),
        model_type=read.word("model_type"),
        dtype_bytes=dtype_bytes(read),
        notes=notes,
    )


def _assumed(read: Reader) -> list[str]:
    keys = ", ".join(read.assumed())
    notes = [f"the text part leaves {keys} to its class"] if keys else []
    if read.get("ngram_vocab_size_base", "ngram_vocab_size_ratio") is not None:
        notes.append("tables of n-grams are not counted")
    if read.get("num_mem_blocks") is not None:  # Zamba
        notes.append("blocks that layers share are counted in every layer")
    return notes


def _with_encoder(read: Reader, hidden: int, layers: list[Layer]) -> tuple[list[Layer], list[str]]:
    """Encoders keep nothing; decoders beside one keep its output besides their own cache."""
    if read.row.part == "seq2seq":
        return crossing(read, hidden, layers)
    sees_all = read.get("use_bidirectional_attention") in (True, "all") or read.get("is_causal") is False
    if read.row.part == "encoder" or sees_all:
        return without_cache(layers), [NO_CACHE]
    return layers, []


def _context(read: Reader) -> int | None:
    """The least of the stated maxima, or what YaRN makes of it; model_max_length wins, as in Cohere's."""
    if stated := read.size_or(0, "model_max_length"):
        return stated
    names = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length")
    more = ("max_seq_length", "seq_len", "max_target_positions")
    least = min((size for name in (*names, *more) if (size := read.size_or(0, name))), default=None)
    scaling = read.mapping("rope_scaling", "rope_parameters")
    factor, original = scaling.get("factor"), scaling.size_or(0, "original_max_position_embeddings")
    yarn = scaling.word("rope_type", "type") == "yarn" and least is not None
    if yarn and isinstance(factor, int | float) and 1 < factor <= 1024:
        return max(least or 0, int(original * factor))
    return least
