"""Short ways to ask `modelwatch fit`, and tiny models to ask about."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.commands import Answer
from tests.fit.files import TEXT, U32

LLAMA = "llama-3.1-8b"
H100, H200, SPARK = "h100-sxm-80gb", "h200-sxm-141gb", "dgx-spark"
CONFIG = {
    "model_type": "llama",
    "hidden_size": 256,
    "num_hidden_layers": 2,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "intermediate_size": 512,
    "vocab_size": 1000,
    "max_position_embeddings": 32768,
    "torch_dtype": "bfloat16",
}
METADATA = {
    "general.architecture": (TEXT, "llama"),
    "general.name": (TEXT, "Tiny"),
    "llama.block_count": (U32, 2),
    "llama.embedding_length": (U32, 256),
    "llama.context_length": (U32, 32768),
    "llama.feed_forward_length": (U32, 512),
    "llama.attention.head_count": (U32, 4),
    "llama.attention.head_count_kv": (U32, 2),
    "llama.vocab_size": (U32, 1000),
}
TENSORS = [("token_embd.weight", (256, 1000), 12, 144_000), ("blk.0.attn_q.weight", (256, 256), 12, 36_864)]
EMBEDDING = {"model.embed_tokens.weight": ("BF16", (1000, 256), 512_000)}
LAYER = {"model.layers.0.mlp.up_proj.weight": ("BF16", (512, 256), 262_144)}

Ask = Callable[..., Answer]


def put(path: Path, content: bytes | dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path
