"""The shape of a model from the metadata of its GGUF file, in the words of a config.json.

Keys: llama.cpp src/llama-arch.cpp. A value may be one number or one per layer; zero key-value heads
mean a layer without attention. block_count includes layers that only draft.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from watcher.fit.architectures import architecture, gguf_name
from watcher.fit.reading import MOST_LAYERS, UnknownShape
from watcher.fit.shape import Experts, Shape, shape_of
from watcher.fit.tensors import Tensor
from watcher.types import Parameters

PLAIN_KEYS = {
    "embedding_length": "hidden_size",
    "context_length": "max_position_embeddings",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.value_length": "v_head_dim",
    "attention.key_length_swa": "swa_head_dim",
    "attention.value_length_swa": "swa_v_head_dim",
    "attention.sliding_window": "sliding_window",
    "attention.sliding_window_pattern": "sliding_window_pattern",
    "attention.shared_kv_layers": "num_kv_shared_layers",
    "attention.recurrent_layers": "recurrent_layers",
    "attention.compress_ratios": "compress_ratios",
    "attention.output_group_count": "o_groups",
    "attention.output_lora_rank": "o_lora_rank",
    "attention.q_lora_rank": "q_lora_rank",
    "attention.indexer.head_count": "index_n_heads",
    "attention.indexer.key_length": "index_head_dim",
    "attention.indexer.top_k": "index_topk",
    "attention.indexer.types": "indexer_types",
    "attention.causal": "is_causal",
    "full_attention_interval": "full_attention_interval",
    "embedding_length_per_layer_input": "hidden_size_per_layer_input",
    "decoder_block_count": "num_decoder_layers",
    "expert_count": "num_experts",
    "expert_used_count": "num_experts_per_tok",
    "expert_shared_count": "n_shared_experts",
    "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_feed_forward_length": "shared_expert_intermediate_size",
    "leading_dense_block_count": "first_k_dense_replace",
    "interleave_moe_layer_step": "interleave_moe_layer_step",
    "moe_every_n_layers": "decoder_sparse_step",
    "moe_latent_size": "moe_latent_size",
    "nextn_predict_layers": "num_nextn_predict_layers",
    "shortconv.l_cache": "conv_L_cache",
    "wkv.head_size": "head_size",
}
_NO_TEXT = {
    "clip": "a projector has no layers of text",
    "adapter": "an adapter does not state the layers of its base model",
    "mmproj": "a projector has no layers of text",
    "imatrix": "an importance matrix is no model",
}
_DIFFUSION = frozenset(
    {"flux", "sd1", "sd3", "sdxl", "aura", "ltxv", "hyvid", "hidream", "wan", "cosmos", "lumina2"}
    | {"qwen_image", "pixart", "z_image", "chroma"}
)
# What a layer without attention is, where the architecture has one kind of them; Mamba elsewhere.
_WITHOUT = {"lfm2": "conv", "lfm2moe": "conv", "kimi-linear": "linear_attention", "deci": "none"}
_MAMBA1 = frozenset({"mamba", "jamba"})
_DELTA_NET = ("qwen3next", "qwen35", "qwen3_5")
_IGNORED = "the file states a window that llama.cpp does not use for this architecture: all layers are full"
_BLOCK = re.compile(r"blk\.(\d{1,5})\.")


def shape_of_gguf(metadata: Mapping[str, object], tensors: Iterable[Tensor] | None = None) -> Shape:
    """The shape that a GGUF file's metadata state; with the tensors of all its parts, exact parameters.

    UnknownShape names the key that is missing, or says what the file is instead of a language model.
    The cache is in 16 bit, as llama.cpp keeps it unless told otherwise.
    """
    arch = _architecture(metadata)
    own = {
        key.removeprefix(f"{arch}."): value for key, value in metadata.items() if key.startswith(f"{arch}.")
    }
    count = _layer_count(own, arch)
    config = _plain(own, count)
    config["model_type"] = gguf_name(arch)
    config["vocab_size"] = _vocabulary(metadata, own)
    for part in (_latent(own), _state(own, arch), _kinds(own, arch, count), _named_rules(own, arch)):
        config.update(part)
    listed = list(tensors) if tensors is not None else []
    if listed:
        config["tie_word_embeddings"] = all(tensor.name != "output.weight" for tensor in listed)
    shape = shape_of({key: value for key, value in config.items() if value is not None})
    if config.get("use_sliding_window") is False:
        shape = replace(shape, notes=(*shape.notes, _IGNORED))
    return _counted(shape, listed, count) if listed else shape


def _architecture(metadata: Mapping[str, object]) -> str:
    arch, kind = metadata.get("general.architecture"), metadata.get("general.type")
    for word in (kind, arch):
        if isinstance(word, str) and word in _NO_TEXT:
            raise UnknownShape(_NO_TEXT[word])
    if not isinstance(arch, str) or not arch:
        raise UnknownShape("the file has no general.architecture")
    if arch in _DIFFUSION:
        raise UnknownShape("a diffusion model has no layers of text")
    return arch


def _layer_count(own: Mapping[str, object], arch: str) -> int:
    """Layers without those that only draft; the keys that every model has must be there."""
    for key in ("block_count", "embedding_length"):
        if _number(own.get(key)) <= 0:
            raise UnknownShape(f"the file has no {arch}.{key}")
    recurrent = any(key.startswith(("ssm.", "wkv.")) for key in own)
    if not recurrent and not _largest(own.get("attention.head_count")):
        raise UnknownShape(f"the file has no {arch}.attention.head_count")
    count = _number(own["block_count"])
    if count > MOST_LAYERS:
        raise UnknownShape(f"{count} layers is more than any model has")
    drafts = _number(own.get("nextn_predict_layers"))
    return count - drafts if 0 < drafts < count else count


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


def _largest(value: object) -> int:
    return max(map(_number, value), default=0) if isinstance(value, list | tuple) else _number(value)


def _plain(own: Mapping[str, object], count: int) -> dict[str, Any]:
    """Keys that mean the same; lists have a number for every layer."""
    config: dict[str, Any] = {"num_hidden_layers": count}
    for key, name in PLAIN_KEYS.items():
        value = own.get(key)
        if isinstance(value, list | tuple):
            config[name] = list(value[:count])
        elif isinstance(value, int | float | bool):
            config[name] = value
    heads = _largest(own.get("attention.head_count"))
    if heads and "head_dim" not in config:
        config["head_dim"] = _number(own["embedding_length"]) // heads or None
    return config


def _vocabulary(metadata: Mapping[str, object], own: Mapping[str, object]) -> int | None:
    if stated := _number(own.get("vocab_size")):
        return stated
    tokens = metadata.get("tokenizer.ggml.tokens")
    length = len(tokens) if isinstance(tokens, list | tuple) else getattr(tokens, "length", None)
    return length if isinstance(length, int) and length > 0 else None


def _latent(own: Mapping[str, object]) -> dict[str, Any]:
    """MLA: files with key_length_mla keep the latent row, older ones every head's keys and values."""
    rank, rope = _number(own.get("attention.kv_lora_rank")), _number(own.get("rope.dimension_count"))
    if not rank:
        return {}
    width, value = own.get("attention.key_length_mla"), own.get("attention.value_length_mla")
    new = _number(width) > 0
    key = _number(width) or _largest(own.get("attention.key_length"))
    value = _number(value) or _largest(own.get("attention.value_length"))
    return {
        "kv_lora_rank": rank,
        "qk_rope_head_dim": rope or 64,
        "qk_nope_head_dim": max(1, key - (rope or 64)),
        "v_head_dim": value or None,
        "head_dim": None,
        "latent_cache": new,
        "num_key_value_heads": None,
    }


def _state(own: Mapping[str, object], arch: str) -> dict[str, Any]:
    """Recurrent layers: ssm.* is Mamba's, and gated DeltaNet's by other names."""
    inner, state = _number(own.get("ssm.inner_size")), _number(own.get("ssm.state_size"))
    rank, groups = _number(own.get("ssm.time_step_rank")), _number(own.get("ssm.group_count"))
    kernel = _number(own.get("ssm.conv_kernel")) or None
    if width := _number(own.get("kda.head_dim")):
        heads = _largest(own.get("attention.head_count"))
        sizes = {"num_heads": heads, "head_dim": width, "short_conv_kernel_size": kernel}
        return {"linear_attn_config": {name: size for name, size in sizes.items() if size}}
    if not inner:
        return {}
    if arch.startswith(_DELTA_NET):
        return {
            "linear_num_value_heads": rank or None,
            "linear_value_head_dim": inner // rank if rank else None,
            "linear_num_key_heads": groups or None,
            "linear_key_head_dim": state or None,
            "linear_conv_kernel_dim": kernel,
        }
    if arch in _MAMBA1:
        return {
            "mamba_inner_size": inner,
            "intermediate_size": own.get("feed_forward_length") or inner,
            "mamba_d_state": state or None,
            "mamba_d_conv": kernel,
            "mamba_dt_rank": rank or None,
        }
    return {
        "mamba_num_heads": rank or None,
        "mamba_head_dim": max(1, inner // rank) if rank else None,
        "ssm_state_size": state or None,
        "n_groups": groups or None,
        "conv_kernel": kernel,
    }


def _kinds(own: Mapping[str, object], arch: str, count: int) -> dict[str, Any]:
    """Layers without key-value heads keep a state, or are feed-forward alone (Nemotron-H)."""
    kv, blocks = own.get("attention.head_count_kv"), own.get("feed_forward_length")
    if arch == "deci":
        kv = own.get("attention.head_count")
    if not isinstance(kv, list | tuple) or all(_number(item) > 0 for item in kv) or arch in ("falcon-h1",):
        return {}
    wide = blocks if isinstance(blocks, list | tuple) else ()
    words = [
        "full_attention" if _number(heads) > 0 else _idle(arch, wide, index)
        for index, heads in enumerate(kv[:count])
    ]
    return {"layer_types": words}


def _idle(arch: str, wide: Sequence[object], index: int) -> str:
    if arch.startswith("nemotron_h") and index < len(wide) and _number(wide[index]) > 0:
        return "moe" if arch == "nemotron_h_moe" else "mlp"
    return _WITHOUT.get(arch, "mamba")


def _named_rules(own: Mapping[str, object], arch: str) -> dict[str, Any]:
    """What a GGUF file leaves to the architecture's name."""
    rules: dict[str, Any] = {}
    row = architecture(gguf_name(arch))
    patterned = "attention.sliding_window_pattern" in own or bool(row.full_every)
    if _number(own.get("attention.sliding_window")) and not patterned:
        rules["use_sliding_window"] = False
    if arch == "gemma4" and _number(own.get("expert_count")):
        rules["enable_moe_block"] = True
    return rules


def _counted(shape: Shape, tensors: list[Tensor], count: int) -> Shape:
    """The same with the parameters that the tensors have, if all layers are among them."""
    sizes = {tensor.name: math.prod(tensor.shape) for tensor in tensors}
    blocks = {name: int(found[1]) for name in sizes if (found := _BLOCK.match(name))}
    if "token_embd.weight" not in sizes or not set(range(count)) <= set(blocks.values()):
        return shape
    drafts = sum(size for name, size in sizes.items() if blocks.get(name, 0) >= count)
    total = sum(sizes.values()) - drafts
    routed = sum(size for name, size in sizes.items() if "_exps." in name and blocks.get(name, count) < count)
    looked_up = sizes.get("per_layer_token_embd.weight", 0)
    experts, active = shape.experts, total - looked_up
    if experts is not None and total > 0:
        active -= routed - routed * experts.per_token // experts.count
        experts = Experts(count=experts.count, per_token=experts.per_token, routed_share=routed / total)
    embedding = sizes["token_embd.weight"]
    return replace(
        shape,
        experts=experts,
        parameters=Parameters(total=total, active=active),
        embedding_parameters=embedding,
        gathered_parameters=looked_up + (0 if shape.tied else embedding),
        draft_parameters=drafts or shape.draft_parameters,
    )
