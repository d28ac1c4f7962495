"""Feed-forward blocks: how many parameters all of them have, and those that one token visits.

A gated block holds three matrices, a plain one two. Keys are those of
Transformers' classes and of the makers' own code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from watcher.fit.layers import overrides
from watcher.fit.reading import Reader, shown

_EXPERTS = ("num_experts", "moe_num_experts", "n_routed_experts", "num_local_experts", "num_moe_experts")
_PER_TOKEN = (
    "num_experts_per_tok",
    "num_experts_per_token",
    "experts_per_token",
    "top_k_experts",
    "moe_topk",
    "moe_top_k",
    "moe_k",
)
_WIDTHS = ("intermediate_size", "hidden_dim", "ffn_hidden_size", "ffn_dim", "n_inner", "ff_intermediate_size")
_MORE_WIDTHS = ("decoder_ffn_dim", "d_ff", "ffn_intermediate_size")
_EXPERT_WIDTHS = (
    "moe_intermediate_size",
    "expert_hidden_dim",
    "expert_ffn_hidden_size",
    "moe_ffn_hidden_size",
    "expert_intermediate_size",
)
_SHARED = ("n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts")
_SHARED_WIDTHS = (
    "shared_expert_intermediate_size",
    "shared_experts_intermediate_size",
    "shared_intermediate_size",
    "moe_shared_expert_intermediate_size",
    "share_expert_dim",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class FeedForward:
    """Parameters of feed-forward blocks. routed: those of experts that a router chooses from.

    draft: of one more block, such as a multi-token prediction layer has.
    """

    total: int = 0
    active: int = 0
    routed: int = 0
    count: int = 0
    per_token: int = 0
    draft: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Experts:
    """The experts of one layer: their number, parameters of one, of the shared ones and of the router."""

    count: int
    per_token: int
    one: int
    shared: int
    router: int


def feed_forward(read: Reader, kinds: list[str], hidden: int) -> FeedForward:
    """All blocks of a model. Hybrids with layers of feed-forward alone have none in their other layers."""
    if isinstance(moe := read.get("moe"), Mapping):  # Mistral's params.json
        read = read.overlaid(moe)
    matrices = 3 if gated(read) else 2
    if pruned := read.items("block_configs"):
        dense = sum(_pruned(block, hidden) for block in pruned[: len(kinds)]) * matrices * hidden
        return FeedForward(total=dense, active=dense, draft=dense // max(1, len(kinds)))
    if read.row.all_layers in ("mamba", "mamba2"):
        return FeedForward()
    experts, notes = _experts(read, hidden, matrices)
    sparse = _sparse(read, kinds) if experts.count else [False] * len(kinds)
    apart = "mlp" in kinds or "moe" in kinds
    plain = [not has and (not apart or kind == "mlp") for has, kind in zip(sparse, kinds, strict=True)]
    widths = _widths(read, hidden, len(kinds))
    if any(plain) and not _width_stated(read) and gated(read):
        notes.append(f"no intermediate_size: feed-forward blocks are taken as {widths[0]} wide")
    blocks = sum(width for width, has in zip(widths, plain, strict=True) if has) * matrices * hidden
    routed = sum(sparse) * experts.count * experts.one
    rest = blocks + sum(sparse) * (experts.shared + experts.router)
    last = experts.shared + experts.router + experts.count * experts.one
    found = FeedForward(
        total=rest + routed,
        active=rest + sum(sparse) * experts.per_token * experts.one,
        routed=routed,
        draft=last if any(sparse) else widths[-1] * matrices * hidden,
        notes=tuple(notes),
    )
    return replace(found, count=experts.count, per_token=experts.per_token) if any(sparse) else found


def gated(read: Reader) -> bool:
    """Whether a block has a gate; the class decides, or else the activation."""
    if read.row.gated is not None and not read.get("is_gated_act", "feed_forward_proj"):
        return read.row.gated
    if read.word("feed_forward_proj"):  # T5
        return read.word("feed_forward_proj").startswith("gated")
    return read.word("mlp_hidden_act", "hidden_act") not in ("relu2", "xielu")


def width_of(read: Reader, hidden: int) -> int:
    """Width of a dense block; where none is stated, four times the model's as in GPT-2."""
    if read.flag("block_auto_adjust_ff_dim", default=False):  # LFM2
        wide = 2 * read.size_or(4 * hidden, "block_ff_dim", "intermediate_size") // 3
        step = read.size_or(256, "block_multiple_of")
        return -(-wide // step) * step
    own = read.mapping("ffn_config").size_or(0, "ffn_hidden_size")
    ratio = read.size_or(4, "expansion_ratio")
    width = read.size_or(own or ratio * hidden, *_WIDTHS, "block_ff_dim", *_MORE_WIDTHS)
    return width // 2 if read.flag("halved_intermediate", default=False) else width


def _width_stated(read: Reader) -> bool:
    names = (*_WIDTHS, "block_ff_dim", *_MORE_WIDTHS, "ffn_config", "dense_intermediate_size")
    return read.get(*names, "intermediate_size_mlp", *_EXPERT_WIDTHS) is not None


def _widths(read: Reader, hidden: int, count: int) -> list[int]:
    """Widths of dense blocks, by layer."""
    usual = read.size_or(
        width_of(read, hidden),
        "dense_intermediate_size",
        "prefix_dense_intermediate_size",
        "intermediate_size_mlp",
    )
    widths = [usual] * count
    for index, keys in overrides(read, count).items():
        if index < count and "intermediate_size" in keys:
            widths[index] = Reader(keys).size_or(0, "intermediate_size")
    if read.flag("use_double_wide_mlp", default=False):  # Gemma 4 E2B, where layers share a cache
        first = max(0, count - read.size_or(0, "num_kv_shared_layers"))
        widths[first:] = [2 * width for width in widths[first:]]
    return widths


def _pruned(block: object, hidden: int) -> int:
    """Width of one feed-forward block of Nemotron's searched architectures: 2/3 x mult x hidden, in 256s."""
    ffn = Reader(block if isinstance(block, Mapping) else {}).mapping("ffn")
    mult = ffn.get("ffn_mult")
    if ffn.flag("replace_with_linear", default=False):
        return hidden // 3
    if stated := ffn.size_or(0, "intermediate_size"):
        return stated
    if ffn.flag("no_op", default=False) or not isinstance(mult, int | float) or not 0 < mult < 64:
        return 0
    return -(-int(2 * mult * hidden / 3) // 256) * 256


def _experts(read: Reader, hidden: int, matrices: int) -> tuple[_Experts, list[str]]:
    own = read.mapping("ffn_config")
    count = read.size_or(0, *_EXPERTS) or own.size_or(0, *_EXPERTS)
    if count <= 1:
        return _Experts(count=0, per_token=0, one=0, shared=0, router=0), []
    per_token, notes = _per_token(read, own, count)
    width = read.size_or(0, *_EXPERT_WIDTHS) or own.size_or(0, "ffn_hidden_size")
    width = width or width_of(read, hidden)
    latent = read.size_or(hidden, "routed_expert_hidden_size", "moe_latent_size", "moe_hidden_size")
    found = _Experts(
        count=count,
        per_token=per_token,
        one=matrices * latent * width,
        shared=matrices * hidden * _shared_width(read, hidden, width),
        router=hidden * count + (2 * hidden * latent if latent != hidden else 0),
    )
    return found, notes


def _per_token(read: Reader, own: Reader, count: int) -> tuple[int, list[str]]:
    """How many experts a token visits: all of them, noted, where the number says more than there are."""
    per_token = read.size_or(0, *_PER_TOKEN) or own.size_or(0, *_PER_TOKEN)
    if not per_token:
        fallback = read.size_or(0, "top_k")  # in older files that is a setting of generation
        per_token = fallback if 0 < fallback < count else 0
    if not per_token:
        return 1, ["no num_experts_per_tok: one expert per token is assumed"]
    if per_token > count:
        return count, [f"num_experts_per_tok is {shown(per_token)} of {count} experts: all are counted"]
    return per_token, []


def _shared_width(read: Reader, hidden: int, width: int) -> int:
    """Width of what every token visits beside its experts."""
    if read.word("model_type").startswith("llama4"):
        return width  # every sparse layer of Llama 4 has one shared expert, which no key states
    if read.flag("enable_moe_block", "residual_moe", default=False):
        return width_of(read, hidden)  # Gemma 4 and Grok 2 keep their dense block beside the experts
    if read.flag("parallel_attn_mlp_res", default=False):
        return hidden  # Arctic: a dense block as wide as the model
    return read.size_or(read.size_or(0, *_SHARED) * width, *_SHARED_WIDTHS)


def _sparse(read: Reader, kinds: list[str]) -> list[bool]:
    """Which layers hold experts; the rest are dense."""
    count = len(kinds)
    if "mlp" in kinds or "moe" in kinds:
        return [kind == "moe" for kind in kinds]
    if words := read.texts("mlp_layer_types"):
        return [index >= len(words) or words[index] != "dense" for index in range(count)]
    if listed := read.items("moe_layers"):
        return [index in listed for index in range(count)]
    if text := read.word("moe_layers_enum"):  # Step 3: "4,5,6"
        return [str(index) in text.replace(" ", "").split(",") for index in range(count)]
    if flags := read.items("moe_layer_freq"):
        return [index >= len(flags) or flags[index] == 1 for index in range(count)]
    if period := read.size_or(0, "expert_layer_period"):  # Jamba
        offset = read.size_or(0, "expert_layer_offset") % period
        return [index % period == offset for index in range(count)]
    first = read.size_or(0, "first_k_dense_replace", "num_dense_layers", "moe_layer_start_index")
    last = read.size_or(count, "moe_layer_end_index")
    step = read.size_or(
        1,
        "decoder_sparse_step",
        "interleave_moe_layer_step",
        "moe_layer_frequency",
        "moe_layer_interval",
        "moe_layer_freq",
    )
    dense = {item for item in read.items("mlp_only_layers") if isinstance(item, int)}
    return [first <= i <= last and (i + 1) % step == 0 and i not in dense for i in range(count)]
