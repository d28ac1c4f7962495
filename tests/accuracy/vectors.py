"""Figures that are exact by arithmetic: bytes per token and state, and what vLLM's planner reserves.

VECTORS were computed from the published config.json files, PLANNED by running the planner of vLLM 0.33
on them, with one state per request (docs/fit.md, "Sources"). The one must be met to the byte, the other
within 1 %.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.accuracy.hf_mem import hf_mem_cache_bytes
from tests.accuracy.lookup import known_shape
from tests.accuracy.scores import Score
from watcher.fit.devices import devices
from watcher.fit.estimate import estimate
from watcher.fit.shape import Shape
from watcher.types import Hardware, Load, Parameters, Settings, Variant

GIB = 1024**3

# Repo; bytes per token of growing layers (index keys included), of window layers, and state per sequence.
VECTORS: tuple[tuple[str, int, int, int], ...] = (
    ("meta-llama/Llama-3.1-8B", 131072, 0, 0),
    ("meta-llama/Llama-3.3-70B-Instruct", 327680, 0, 0),
    ("meta-llama/Llama-3.1-405B", 516096, 0, 0),
    ("meta-llama/Llama-4-Scout-17B-16E-Instruct", 49152, 147456, 0),
    ("Qwen/Qwen3-32B", 262144, 0, 0),
    ("Qwen/Qwen3-30B-A3B", 98304, 0, 0),
    ("Qwen/Qwen3-235B-A22B", 192512, 0, 0),
    ("Qwen/Qwen3.5-27B", 65536, 0, 153944064),
    ("Qwen/Qwen3.6-27B", 65536, 0, 153944064),
    ("Qwen/Qwen3.5-35B-A3B", 20480, 0, 64389120),
    ("Qwen/Qwen3.5-122B-A10B", 24576, 0, 153649152),
    ("Qwen/Qwen3.5-397B-A17B", 30720, 0, 192061440),
    ("google/gemma-3-27b-it", 81920, 425984, 0),
    ("google/gemma-4-31B-it", 81920, 819200, 0),
    ("google/gemma-4-26B-A4B", 20480, 204800, 0),
    ("openai/gpt-oss-20b", 24576, 24576, 0),
    ("openai/gpt-oss-120b", 36864, 36864, 0),
    ("deepseek-ai/DeepSeek-R1", 70272, 0, 0),
    ("moonshotai/Kimi-K2-Instruct", 70272, 0, 0),
    ("deepseek-ai/DeepSeek-V3.2", 78324, 0, 0),
    ("zai-org/GLM-5", 89856 + 10296, 0, 0),
    ("mistralai/Mistral-Small-4-119B-2603", 23040, 0, 0),
    ("moonshotai/Kimi-K3", 27648, 0, 449372160),
    ("nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-BF16", 6144, 0, 49082368),
    ("nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16", 8192, 0, 170229760),
    ("nvidia/Nemotron-H-56B-Base-8K", 40960, 0, 912605184),
    ("XiaomiMiMo/MiMo-V2-Flash", 23040, 199680, 0),
    ("MiniMaxAI/MiniMax-M2.5", 253952, 0, 0),
    ("MiniMaxAI/MiniMax-M3", 122880, 0, 0),
    ("stepfun-ai/Step-3.7-Flash", 49152, 135168, 0),
    ("mistralai/Mixtral-8x7B-v0.1", 131072, 0, 0),
)
# Bytes of compressed rows of DeepSeek-V4-Flash by context, in GiB to three digits.
COMPRESSED = (
    ("deepseek-ai/DeepSeek-V4-Flash", 32768, 0.120),
    ("deepseek-ai/DeepSeek-V4-Flash", 131072, 0.473),
    ("deepseek-ai/DeepSeek-V4-Flash", 1048576, 3.76),
)
# Repo; GiB that one request reserves: 32K on an H100, 32K on a Spark, 128K on an H100; ideal at 32K, 128K.
PLANNED: tuple[tuple[str, float, float, float, float, float], ...] = (
    ("Qwen/Qwen3-32B", 8.00, 8.00, 32.00, 8.00, 32.00),
    ("deepseek-ai/DeepSeek-V3", 2.145, 2.145, 8.578, 2.145, 8.578),
    ("Qwen/Qwen3.5-27B", 2.153, 2.153, 8.183, 2.143, 8.143),
    ("openai/gpt-oss-20b", 1.128, 0.847, 3.378, 0.753, 3.003),
    ("openai/gpt-oss-120b", 1.692, 1.271, 5.067, 1.129, 4.504),
    ("google/gemma-3-27b-it", 10.48, 4.851, 17.98, 2.906, 10.41),
    ("google/gemma-4-31B-it", 15.79, 6.418, 23.29, 3.281, 10.78),
    ("google/gemma-4-26B-A4B", 3.95, 1.605, 5.82, 0.820, 2.695),
    ("meta-llama/Llama-4-Scout-17B-16E-Instruct", 6.00, 6.00, 24.0, 2.625, 7.125),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """One figure: what it should be and what we say; ours None where the shape is not known."""

    model: str
    what: str
    expected: float
    ours: float | None

    @property
    def error(self) -> float | None:
        return None if self.ours is None else abs(self.ours / self.expected - 1)


def figures(shape: Shape) -> tuple[int, int, int]:
    """Bytes per token of growing layers and of window layers at BF16, and bytes of state per sequence."""
    growing = sum(layer.cached * 2 + layer.fixed for layer in shape.layers if layer.window is None)
    window = sum(layer.cached * 2 for layer in shape.layers if layer.window is not None)
    return growing, window, sum(layer.state_bytes for layer in shape.layers)


def check_vectors() -> list[Checked]:
    """Every figure that is not zero, to the byte."""
    checked: list[Checked] = []
    for name, *expected in VECTORS:
        shape = known_shape(name)
        ours: tuple[int, ...] | tuple[None, None, None] = figures(shape) if shape else (None, None, None)
        for what, should, said in zip(("growing", "window", "state"), expected, ours, strict=True):
            if should or said:
                checked.append(Checked(model=name, what=what, expected=should or 1, ours=said))
    return checked


def check_planned() -> list[Checked]:
    """What vLLM reserves for one request, and the ideal, in GiB."""
    return [*_planned(), *_compressed()]


def _planned() -> Iterator[Checked]:
    for name, h100, spark, h100_long, ideal, ideal_long in PLANNED:
        shape = known_shape(name)
        for device, tokens, expected in (
            ("h100-sxm-80gb", 32768, h100),
            ("dgx-spark", 32768, spark),
            ("h100-sxm-80gb", 131072, h100_long),
        ):
            said = _reserved(shape, device, tokens) if shape else None
            yield Checked(model=name, what=f"reserved on {device} at {tokens}", expected=expected, ours=said)
        for tokens, expected in ((32768, ideal), (131072, ideal_long)):
            said = ideal_bytes(shape, tokens) / GIB if shape else None
            yield Checked(model=name, what=f"ideal at {tokens}", expected=expected, ours=said)


def _compressed() -> Iterator[Checked]:
    for name, tokens, expected in COMPRESSED:
        shape = known_shape(name)
        said = ideal_bytes(shape, tokens) / GIB if shape else None
        yield Checked(model=name, what=f"ideal at {tokens}", expected=expected, ours=said)


def _reserved(shape: Shape, device: str, tokens: int) -> float:
    fit = estimate(
        shape=shape,
        variant=Variant(
            repo_id="", format="safetensors", label="bf16", bits=16.0, size_bytes=10**9, size_source="files"
        ),
        parameters=Parameters(),
        hardware=Hardware(name=device, device=devices()[device]),
        load=Load(users=1, context_tokens=tokens),
        engine="vllm",
        settings=Settings(cache_dtype="bf16", prefix_caching=False),
    )
    return (fit.kv_cache.bytes + fit.state.bytes) / GIB


def ideal_bytes(shape: Shape, tokens: int) -> float:
    """On paper: window layers keep their window, compressed ones a row per stride, and all their state."""
    total = 0.0
    for layer in shape.layers:
        rows = -(-tokens // layer.stride) if layer.window is None else min(tokens, layer.window)
        total += rows * (layer.cached * 2 + layer.fixed) + layer.state_bytes
    return total


def _hf_mem_error(row: tuple[str, float, float, float, float, float]) -> float | None:
    """hf-mem's formula for 32K on an H100 beside the planner."""
    shape = known_shape(row[0])
    return abs(hf_mem_cache_bytes(shape, 32768, 2.0) / GIB / row[1] - 1) if shape else None


def vector_scores() -> dict[str, Score]:
    """Share of exact vectors, and the worst cell of the planner's table."""
    vectors = [c for c in check_vectors() if c.error is not None]
    planned = [c.error for c in check_planned() if c.error is not None]
    exact = sum(c.error == 0 for c in vectors)
    theirs = [error for error in map(_hf_mem_error, PLANNED) if error is not None]
    return {
        "hf_mem_vllm_table_error": Score(value=max(theirs, default=None), n=len(theirs)),
        "kv_vectors_exact": Score(value=exact / len(vectors) if vectors else None, n=len(vectors)),
        "vllm_table_error": Score(value=max(planned, default=None), n=len(planned)),
    }
