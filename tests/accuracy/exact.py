"""Bars that take no measured row: bytes read from headers, and the founding booklet's verdicts."""

import json
from collections.abc import Iterator

from tests.accuracy.scores import Score
from tests.fit.asking import SPARK, ask
from tests.fit.test_verdicts import TABLE
from watcher.fit.safetensors import tensors_of
from watcher.fit.weights import weights_from_tensors

# layers, hidden, width of queries, of keys, of the feed-forward, vocabulary, width of the head norms; and the
# bytes of the published 16-bit weights (metadata.total_size of their model.safetensors.index.json).
PUBLISHED = {
    "meta-llama/Llama-3.1-8B": (32, 4096, 4096, 1024, 14336, 128256, 0, 16_060_522_496),
    "meta-llama/Llama-3.1-70B": (80, 8192, 8192, 1024, 28672, 128256, 0, 141_107_412_992),
    "Qwen/Qwen3-32B": (64, 5120, 8192, 1024, 25600, 151936, 128, 65_524_246_528),
}


def exact_scores() -> dict[str, Score]:
    """Shares of headers whose bytes are the published ones, and of the booklet's cells decided alike."""
    read = [_read(row) == row[-1] for row in PUBLISHED.values()]
    alike = [_decided(cell) for cell in TABLE]
    return {
        "weights_from_headers_exact": Score(value=sum(read) / len(read), n=len(read)),
        "booklet_verdicts_agree": Score(value=sum(alike) / len(alike), n=len(alike)),
    }


def _decided(cell: tuple[dict[str, object], str, str, object, str]) -> bool:
    config, quant, device, verdict, _ = cell
    return ask(config, quant, device, engine="sglang" if device == SPARK else "vllm").verdict is verdict


def _read(row: tuple[int, ...]) -> int:
    """The bytes that the product's own reader finds in a header of such a model."""
    at, entries = 0, {}
    for name, shape in _tensors(row):
        size = 2
        for length in shape:
            size *= length
        entries[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + size]}
        at += size
    return weights_from_tensors(tensors_of(json.dumps(entries).encode())).total_bytes


def _tensors(row: tuple[int, ...]) -> Iterator[tuple[str, list[int]]]:
    layers, hidden, queries, keys, wide, vocabulary, norm, _ = row
    yield "model.embed_tokens.weight", [vocabulary, hidden]
    yield "lm_head.weight", [vocabulary, hidden]
    yield "model.norm.weight", [hidden]
    for layer in range(layers):
        own = f"model.layers.{layer}."
        for name, width in (("q", queries), ("k", keys), ("v", keys)):
            yield f"{own}self_attn.{name}_proj.weight", [width, hidden]
        yield f"{own}self_attn.o_proj.weight", [hidden, queries]
        for name in ("gate", "up"):
            yield f"{own}mlp.{name}_proj.weight", [wide, hidden]
        yield f"{own}mlp.down_proj.weight", [hidden, wide]
        for name in ("input_layernorm", "post_attention_layernorm"):
            yield f"{own}{name}.weight", [hidden]
        for name in ("q_norm", "k_norm") if norm else ():
            yield f"{own}self_attn.{name}.weight", [norm]
