"""The matrices of a model, one by one, under the names that lists of exclusions call them by.

Names are those of Llama's modules without what makers put before "layers": layers.7.self_attn.v_proj.
What one name holds may be split further in a checkpoint; lists that name the parts are folded onto it
(exclusions.py). Where a shape does not tell how feed-forward weights lie, layers share them evenly.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from watcher.fit.architectures import architecture
from watcher.fit.layers import Layer
from watcher.fit.shape import Shape


class Role(StrEnum):
    """What a matrix does. EMBEDDING is looked up; HEAD is multiplied, also where it is the same table.

    STATE: projections of gated delta nets; SCAN: of Mamba and its kin. LATENT: down to MLA's row.
    """

    EMBEDDING = "embedding"
    HEAD = "head"
    QUERY_KEY = "qk"
    VALUE = "v"
    OUTPUT = "o"
    LATENT = "latent"
    STATE = "state"
    SCAN = "scan"
    GATE_UP = "gate_up"
    DOWN = "down"
    ROUTER = "router"
    DRAFT = "draft"
    TOWER = "tower"


@dataclass(frozen=True, kw_only=True, slots=True)
class Module:
    """parameters: weights in it. routed: experts that a router picks. layer: None outside of layers.

    row: how many weights one output is made of, 0 where unknown; blocks of weights do not cross rows.
    like_head: a table that llama.cpp stores as it does the head.
    """

    name: str
    role: Role
    parameters: int
    layer: int | None = None
    routed: bool = False
    row: int = 0
    like_head: bool = False


def modules_of(shape: Shape) -> tuple[Module, ...]:
    """Every matrix of a model; small vectors are left out, which are below 0.1 % of any."""
    found = [*_outside(shape)]
    delta = shape.model_type.startswith(_DELTA_NETS)
    for index, layer in enumerate(shape.layers):
        found += _attention(index, layer, shape.hidden, delta=delta)
    found += _feed_forward(shape)
    return tuple(module for module in found if module.parameters > 0)


def _outside(shape: Shape) -> Iterator[Module]:
    """Embeddings, and what is beside the layers. One table that serves as both is called the head."""
    if shape.tied:
        yield Module(
            name="embed_tokens", role=Role.HEAD, parameters=shape.embedding_parameters, row=shape.hidden
        )
    else:
        yield Module(
            name="embed_tokens", role=Role.EMBEDDING, parameters=shape.embedding_parameters, row=shape.hidden
        )
        yield Module(name="lm_head", role=Role.HEAD, parameters=shape.embedding_parameters, row=shape.hidden)
    tables = shape.gathered_parameters - (0 if shape.tied else shape.embedding_parameters)
    yield Module(
        name="embed_tokens_per_layer",
        role=Role.EMBEDDING,
        parameters=tables,
        row=shape.hidden,
        like_head=shape.model_type.startswith("gemma4"),
    )
    yield Module(name="mtp", role=Role.DRAFT, parameters=shape.draft_parameters)
    yield Module(name="visual", role=Role.TOWER, parameters=shape.tower_parameters)


def _attention(index: int, layer: Layer, hidden: int, *, delta: bool) -> Iterator[Module]:
    at = f"layers.{index}"
    if layer.kind in _STATES:
        role = Role.STATE if delta else Role.SCAN
        third = layer.parameters // 3
        for name, size in (("in_proj", layer.parameters - third), ("out_proj", third)):
            yield Module(name=f"{at}.linear_attn.{name}", role=role, parameters=size, layer=index)
        return
    if layer.kind in ("mla", "compressed"):
        yield from _latent(at, index, layer, hidden)
        return
    values = min(layer.parameters // 4, hidden * layer.cached // 2)
    if layer.kind == "shared":  # its keys and values are another layer's
        values = 0
    queries = (layer.parameters - 2 * values) // 2
    for name, role, parameters in (
        ("q_proj", Role.QUERY_KEY, queries),
        ("k_proj", Role.QUERY_KEY, values),
        ("v_proj", Role.VALUE, values),
        ("o_proj", Role.OUTPUT, layer.parameters - queries - 2 * values),
    ):
        row = 0 if role is Role.OUTPUT else hidden
        yield Module(name=f"{at}.self_attn.{name}", role=role, parameters=parameters, layer=index, row=row)


_STATES = ("linear", "mamba", "recurrent", "rwkv", "conv", "state")
_DELTA_NETS = ("qwen3_next", "qwen3_5", "qwen3next", "qwen35")
_LATENT_OUTPUT = 0.6  # of the attention weights of DeepSeek V3, Kimi K2 and GLM 5


def _latent(at: str, index: int, layer: Layer, hidden: int) -> Iterator[Module]:
    """Latent attention: what goes down to the latent and up from it, and the output."""
    output = int(layer.parameters * _LATENT_OUTPUT)
    down = min(layer.parameters // 8, hidden * layer.cached)
    up = layer.parameters - output - down
    for name, role, parameters in (
        ("q_b_proj", Role.QUERY_KEY, up - up // 4),
        ("kv_b_proj", Role.VALUE, up // 4),
        ("kv_a_proj_with_mqa", Role.LATENT, down),
        ("o_proj", Role.OUTPUT, output),
    ):
        yield Module(name=f"{at}.self_attn.{name}", role=role, parameters=parameters, layer=index)


def _feed_forward(shape: Shape) -> Iterator[Module]:
    """Dense blocks, or routed experts with their router and what every token visits beside them."""
    blocks = _Blocks.of(shape)
    for index in blocks.dense_layers:
        yield from blocks.matrices_of(f"layers.{index}.mlp.", index, blocks.dense, shape.intermediate)
    # Gemma 4 keeps experts beside its dense block, under names of their own.
    beside, experts = ("mlp.", "experts.") if shape.model_type.startswith("gemma4") else _USUAL
    for index in blocks.sparse_layers:
        at = f"layers.{index}."
        yield Module(name=f"{at}mlp.gate", role=Role.ROUTER, parameters=blocks.router, layer=index)
        yield from blocks.matrices_of(f"{at}{beside}", index, blocks.shared, 0)
        for module in blocks.matrices_of(f"{at}{experts}", index, blocks.routed, blocks.width):
            yield replace(module, routed=True)


_USUAL = ("mlp.shared_experts.", "mlp.experts.")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Blocks:
    """Feed-forward parameters of one layer of each kind, and which layers are of it.

    width: of one expert. matrices: three in a gated block, else two.
    """

    dense_layers: tuple[int, ...]
    sparse_layers: tuple[int, ...]
    dense: int
    router: int
    shared: int
    routed: int
    width: int
    matrices: int
    hidden: int

    @classmethod
    def of(cls, shape: Shape) -> "_Blocks":
        """Dense layers come first where they are few, as DeepSeek's, else in turns, as Llama 4's."""
        kinds = [layer.kind for layer in shape.layers]
        apart = "mlp" in kinds or "moe" in kinds
        blocks = [i for i, kind in enumerate(kinds) if kind in ("mlp", "moe") or not apart] or [0]
        total = shape.parameters.total or 0
        routed = round(shape.experts.routed_share * total) if shape.experts else 0
        rest = max(0, total - shape.attention_parameters - routed - _embeddings(shape))
        sparse, width = _sparse_layers(shape, routed, len(blocks))
        matrices = _matrices(shape)
        if shape.experts is None or routed <= 0:
            return cls(
                dense_layers=tuple(blocks),
                sparse_layers=(),
                dense=rest // len(blocks),
                router=0,
                shared=0,
                routed=0,
                width=0,
                matrices=matrices,
                hidden=shape.hidden,
            )
        few = len(blocks) - sparse
        first = [i for i in blocks if kinds[i] == "mlp"] or (
            blocks[:few] if few <= len(blocks) // 4 else blocks[:: len(blocks) // few][:few]
        )
        dense = min(rest // max(1, len(first)), matrices * shape.hidden * shape.intermediate) if first else 0
        experts = tuple(i for i in blocks if i not in first) or tuple(blocks)
        beside = (rest - dense * len(first)) // len(experts)
        router = min(beside, shape.hidden * shape.experts.count)
        return cls(
            dense_layers=tuple(first),
            sparse_layers=experts,
            dense=dense,
            router=router,
            shared=beside - router,
            routed=routed // len(experts),
            width=width,
            matrices=matrices,
            hidden=shape.hidden,
        )

    def matrices_of(self, name: str, index: int, parameters: int, width: int) -> Iterator[Module]:
        """The way up, gate included, and the way down of one block."""
        back = parameters // self.matrices
        up, down = f"{name}gate_up_proj", f"{name}down_proj"
        yield Module(name=up, role=Role.GATE_UP, parameters=parameters - back, layer=index, row=self.hidden)
        yield Module(name=down, role=Role.DOWN, parameters=back, layer=index, row=width)


def _sparse_layers(shape: Shape, routed: int, blocks: int) -> tuple[int, int]:
    """How many layers hold experts and how wide one is: the most with which the width comes out even."""
    one = _matrices(shape) * shape.hidden * (shape.experts.count if shape.experts else 1)
    for layers in range(blocks, 0, -1):
        width = routed / (one * layers)
        if width >= 1 and abs(width - round(width)) < 0.01 and round(width) % 16 == 0:
            return layers, round(width)
    return blocks, 0


def _matrices(shape: Shape) -> int:
    return 2 if architecture(shape.model_type).gated is False else 3


def _embeddings(shape: Shape) -> int:
    """Parameters of all tables and of the head."""
    return shape.embedding_parameters + shape.gathered_parameters
