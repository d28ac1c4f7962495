"""The tensor types that a GGUF file type mixes: rows of watcher/data/gguf.yaml, matrix by matrix.

llama.cpp gives values, the way down and the head more bits than the rest, and another type to a matrix
whose rows are no whole blocks; so a file's bits per weight depend on the model, small ones being wider.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from watcher.fit.gguf import TensorType, tensor_types
from watcher.fit.modules import Module, Role
from watcher.tables import table

_BLOCK = 256
_FP4 = 4.25


@dataclass(frozen=True, kw_only=True, slots=True)
class Mixture:
    """Tensor types by what a matrix does, each with the share of layers that have it; the others have base.

    layers: bits of everything in the layers, in place of types.
    """

    base: str
    head: str
    embedding: str
    experts: str | None = None
    roles: tuple[tuple[Role, str, float], ...] = ()
    layers: float | None = None

    def bits(self, module: Module, *, fp4_experts: str = "") -> float:
        """Bits per weight of one matrix. Drafts and towers are files of their own: 0.

        fp4_experts: "always" or "more" where the maker's own weights have experts in MXFP4 alone.
        """
        if module.role in (Role.DRAFT, Role.TOWER):
            return 0.0
        if module.routed and fp4_experts:
            return _FP4 if fp4_experts == "always" else min(_FP4, self.bits(module))
        if module.role is Role.HEAD or (module.like_head and self.layers is None):
            return _stored(self.head, module)
        if module.role is Role.EMBEDDING:
            return _stored(self.embedding, module)
        if module.role is Role.ROUTER:
            return 32.0
        if self.layers is not None:
            broken = module.row % _BLOCK != 0
            return max(self.layers, _fallback_bits(self.layers)) if broken else self.layers
        if module.routed and self.experts:
            return _stored(self.experts, module)
        stands_for = Role.VALUE if module.role is Role.STATE else module.role  # llama.cpp calls it attn_qkv
        for role, kind, share in self.roles:
            if role is stands_for:
                return _stored(kind, module) * share + _stored(self.base, module) * (1 - share)
        return _stored(self.base, module)


def fp4_experts(model_type: str, method: str = "") -> str:
    """How conversions treat experts that their maker publishes in MXFP4: "always", "more" or not at all."""
    kept: str = table("gguf")["fp4_experts"].get(model_type, "")
    return "always" if method.casefold() == "mxfp4" else kept


def mixture_of(label: str, *, experts: bool) -> Mixture | None:
    """The mixture of a file type, unsloth's and bartowski's among them; None where there is no such row."""
    rows = table("gguf")
    label = rows["kin"].get(label, label)
    if dynamic := rows["dynamic"].get(label):
        bits = dynamic["experts" if experts else "dense"]
        return Mixture(base="Q4_K", head="Q6_K", embedding="Q4_K", layers=bits)
    plain = rows["larger"].get(label, label.removeprefix("UD-"))
    row = rows["mixtures"].get(plain)
    if row is None:
        return None
    wide = "Q8_0" if label in rows["larger"] else None
    base = row["base"]
    return Mixture(
        base=base,
        head=wide or row.get("tied", "Q6_K"),
        embedding=wide or row.get("embedding", base),
        experts=row.get("experts"),
        roles=tuple(
            (role, *row[role.value]) for role in Role if role.value in row and role is not Role.EMBEDDING
        ),
    )


def _fallback_bits(bits: float) -> float:
    """Of the types that stand in for those of so many bits: IQ4_NL, Q5_0, Q5_1 and Q8_0."""
    return next(wide for most, wide in ((4.4, 4.5), (5.2, 5.5), (6.2, 6.0), (99.0, 8.5)) if bits <= most)


@cache
def _by_name() -> Mapping[str, TensorType]:
    return {kind.name: kind for kind in tensor_types().values()}


def _stored(kind: str, module: Module) -> float:
    """Bits of a type, or of its fallback where the rows of a matrix are no whole blocks of it."""
    if module.row % _BLOCK:
        kind = table("gguf")["fallback"].get(kind, kind)
    return _by_name()[kind].bits
