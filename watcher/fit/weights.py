"""The bytes of a model's weights, by what reads them: from headers, or from a shape and a format.

total is all that lies in memory once loaded with everything; draft layers are loaded for speculative
decoding only. From a shape: parameters times bits, tensor by tensor, with what the quantisation leaves
at 16 bit. Sources and how far off: docs/weights.md.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from watcher.fit.exclusions import by_layer, left_alone, stated, usual_bits
from watcher.fit.mixtures import fp4_experts, mixture_of
from watcher.fit.modules import Module, Role, modules_of
from watcher.fit.shape import Shape
from watcher.fit.tensors import Tensor
from watcher.formats import Format, format_of
from watcher.types import Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Weights:
    """Bytes of one set of weights. Parts do not overlap; what is in none of them is read for every token.

    embedding_bytes: tables that are only looked up; one table that serves as head too counts as head_bytes.
    routed_bytes: experts that a router picks. draft_bytes: layers for speculative decoding (MTP).
    tower_bytes: vision and audio. copied_bytes: of all of these, what every rank of tensor parallel keeps
    whole. source: header, files, config, table or guess.
    """

    total_bytes: int
    embedding_bytes: int = 0
    head_bytes: int = 0
    routed_bytes: int = 0
    draft_bytes: int = 0
    tower_bytes: int = 0
    copied_bytes: int = 0
    source: str = "guess"

    @property
    def rest_bytes(self) -> int:
        """Attention, dense feed-forward, shared experts, routers and norms."""
        return (
            self.total_bytes
            - self.embedding_bytes
            - self.head_bytes
            - self.routed_bytes
            - self.draft_bytes
            - self.tower_bytes
        )

    @property
    def loaded_bytes(self) -> int:
        """What an engine loads that does not decode speculatively."""
        return self.total_bytes - self.draft_bytes


def per_rank_bytes(weights: Weights, tensor_parallel: int) -> int:
    """Bytes on each of so many devices: what is copied whole, and an equal share of the others.

    Norms, routers and the way down to the latent are copied: 0.1 to 1 % of a model. Measured, vLLM 0.11:
    Llama 3.3 70B FP8 67.72 GiB on one and 33.88 on each of two devices, Qwen3 32B 61.03 and 30.59.
    """
    ranks = max(1, tensor_parallel)
    copied = min(weights.copied_bytes, weights.loaded_bytes)
    return copied + -(-(weights.loaded_bytes - copied) // ranks)


_PADDED_TO = 256


def padding_bytes(weights: Weights, shape: Shape, label: str, engine: str) -> int:
    """What an engine adds when it loads: vLLM pads the rows of MXFP4 experts to whole 256s.

    Measured, vLLM 0.11 on H100: gpt-oss 20B 13.47 GiB of 12.8, 120B 64.38 of 60.8; both have rows of 2880.
    """
    if engine != "vllm" or label.casefold() != "mxfp4" or shape.hidden <= 0:
        return 0
    return weights.routed_bytes * (-shape.hidden % _PADDED_TO) // shape.hidden


# Names of tensors: Hugging Face, Mistral's consolidated files, and GGUF.
_LAYER = re.compile(r"(?:^|\.)(?:layers|blk|h|blocks)\.(\d+)\.")
_TOWER = re.compile(
    r"(?:^|\.)(?:visual|vision\w*|vit|audio\w*|image\w*|img\w*|multi_modal\w*|multimodal\w*|mm\w*|mm_projector|"
    r"embed_vision|embed_audio|patch_merger|pre_mm_projector_norm|resampler|sam_model|projector|talker|code2wav|"
    r"v|a)\."
)
_DRAFT = re.compile(r"(?:^|\.)(?:mtp\w*|nextn\w*|eagle\w*|medusa\w*)\.")
_DRAFT_PART = re.compile(r"\.(?:nextn\.|eh_proj|enorm|hnorm|shared_head)")
_EMBEDDING = re.compile(
    r"(?:^|\.)(?:embed_tokens(?:_per_layer)?|tok_embeddings|token_embd|per_layer_token_embd|wte|word_embeddings|"
    r"embed_in|embeddings?|embed)\.(?:weight|qweight|scales|biases|weight_scale\w*|word_embeddings\.weight)$"
)
_PER_LAYER = re.compile(r"per_layer|embed_tokens_per_layer")
_HEAD = re.compile(
    r"(?:^|\.)(?:lm_head|output|embed_out|head|output_layer)\.(?:weight\w*|qweight|scales|biases)$"
)
_ROUTED = re.compile(r"\.experts\.|_exps\.|\.experts_|\.mlp\.experts\b|\.experts$")
_COPIED = re.compile(
    r"norm|(?:mlp|block_sparse_moe|ffn|feed_forward|moe|mixer)\.(?:gate|router)\.|ffn_gate_inp|router|"
    r"(?:q_a_proj|kv_a_proj\w*|attn_q_a|attn_kv_a\w*|wq_a|wkv_a|indexer)|\.(?:A_log|dt_bias|D)$"
)


def weights_from_tensors(
    tensors: Iterable[Tensor], *, layers: int | None = None, tied: bool | None = None, source: str = "header"
) -> Weights:
    """The bytes of tensors by what they are, told by their names.

    layers: how many the model has without drafts; those beyond are drafts, as are layers with parts that
    only drafts have. tied: what the configuration says; a head that is stored all the same is not loaded.
    """
    listed = list(tensors)
    drafts = {_layer(t.name) for t in listed if _DRAFT_PART.search(t.name)} - {None}
    bytes_of: dict[str, int] = defaultdict(int)
    for tensor in listed:
        index = _layer(tensor.name)
        beyond = index is not None and (index in drafts or (layers is not None and index >= layers))
        part = "draft" if beyond and not _TOWER.search(tensor.name) else _part(tensor.name)
        bytes_of[part] += tensor.bytes
        if part in ("rest", "routed") and (_COPIED.search(tensor.name) or len(tensor.shape) < 2):
            bytes_of["copied"] += tensor.bytes if part == "rest" else 0
    if not bytes_of["head"] or tied:
        bytes_of["head"], bytes_of["embedding"] = bytes_of["embedding"], 0
    parts = ("embedding", "per layer", "head", "routed", "draft", "tower", "rest")
    return Weights(
        total_bytes=sum(bytes_of[part] for part in parts),
        embedding_bytes=bytes_of["embedding"] + bytes_of["per layer"],
        head_bytes=bytes_of["head"],
        routed_bytes=bytes_of["routed"],
        draft_bytes=bytes_of["draft"],
        tower_bytes=bytes_of["tower"],
        copied_bytes=bytes_of["copied"],
        source=source,
    )


def _layer(name: str) -> int | None:
    found = _LAYER.search(name)
    return int(found[1][:6]) if found else None


def _part(name: str) -> str:
    if _DRAFT.search(name):
        return "draft"
    if _TOWER.search(name):
        return "tower"
    if _EMBEDDING.search(name) and _layer(name) is None:
        return "per layer" if _PER_LAYER.search(name) else "embedding"
    if _HEAD.search(name) and _layer(name) is None:
        return "head"
    return "routed" if _ROUTED.search(name) else "rest"


def weights_from_shape(shape: Shape, label: str | Format, quantisation: Json | None = None) -> Weights | None:
    """Parameters times bits, matrix by matrix; None for a format nobody knows.

    label: a row of formats.yaml or its name. quantisation: what config.json or hf_quant_config.json say of
    precision, either file or its part; of a GGUF label, those of the model that was converted.
    """
    row = format_of(label) if isinstance(label, str) else label
    if row is None:
        return None
    modules = modules_of(shape)
    said = stated(quantisation)
    if row.container == "gguf":
        mixture = mixture_of(label if isinstance(label, str) else row.label, experts=shape.is_moe)
        fp4 = fp4_experts(shape.model_type, str(said.get("quant_method") or ""))
        bits = [mixture.bits(module, fp4_experts=fp4) if mixture else row.bits for module in modules]
    else:
        bits = _precisions(modules, row, said)
    return _summed(modules, bits, "config" if said else "table")


def _summed(modules: Sequence[Module], bits: Sequence[float], source: str) -> Weights:
    size: dict[str, float] = defaultdict(float)
    for module, width in zip(modules, bits, strict=True):
        part = "routed" if module.routed else _PARTS.get(module.role, "rest")
        stored = module.parameters * width / 8
        size[part] += stored
        size["copied"] += stored if module.role in (Role.ROUTER, Role.LATENT) else 0
    return Weights(
        total_bytes=int(sum(stored for part, stored in size.items() if part != "copied")),
        embedding_bytes=int(size["embedding"]),
        head_bytes=int(size["head"]),
        routed_bytes=int(size["routed"]),
        draft_bytes=int(size["draft"]),
        tower_bytes=int(size["tower"]),
        copied_bytes=int(size["copied"]),
        source=source,
    )


_PARTS = {
    Role.EMBEDDING: "embedding",
    Role.HEAD: "head",
    Role.DRAFT: "draft",
    Role.TOWER: "tower",
}
_PLAIN = 16.0
_WIDE = (Role.EMBEDDING, Role.HEAD, Role.TOWER, Role.ROUTER)  # at 16 bit in nearly every quantised repo


def _precisions(modules: Sequence[Module], row: Format, said: Json) -> list[float]:
    """Bits per weight of each module of safetensors weights: by list, by its own entry, or as is usual."""
    if row.family in ("16bit", "32bit"):
        return [row.bits] * len(modules)
    usual = usual_bits(said) or row.weight_bits
    own, left = by_layer(said), left_alone(said)
    only_listed = bool(own) and usual_bits(said) is None
    narrow_experts = said.get("expert_dtype") == "fp4"
    sparse = any(module.routed for module in modules)

    def width(module: Module) -> float:
        for patterns, bits in own:
            if module.name in patterns:
                return bits
        if only_listed or (left is not None and module.name in left):
            return _PLAIN
        if row.container == "mlx":
            return _PLAIN if module.role is Role.TOWER else usual
        if module.role in _WIDE or (module.role is Role.DRAFT and row.family != "fp8"):
            return _PLAIN
        if module.routed and narrow_experts:
            return 4.25
        return max(usual, _usually(module, sparse=sparse)) if left is None and row.compute == "fp4" else usual

    return [width(module) for module in modules]


def _usually(module: Module, *, sparse: bool) -> float:
    """FP4 repos that list nothing: with experts, attention and states stay; else states have 8 bit."""
    if module.role in (Role.GATE_UP, Role.DOWN):
        return 0.0
    return _PLAIN if sparse else 8.0 if module.role is Role.STATE else 0.0
