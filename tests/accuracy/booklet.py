"""The founding booklet's single-user speeds (April 2026) beside our estimate and what others measured."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tests.accuracy.answer import Case, NoAnswerError, speed_case
from tests.accuracy.rows import SpeedRow
from tests.accuracy.scores import Compared
from watcher.types import Load

# model, format, device, engine, printed low and high in tokens per second; H200 figures are estimates there.
SAID: tuple[tuple[str, str, str, str, float, float], ...] = (
    ("meta-llama/Llama-3.1-8B-Instruct", "fp8", "H100", "vLLM", 250, 300),
    ("meta-llama/Llama-3.1-8B-Instruct", "fp8", "H200", "vLLM", 360, 430),
    ("meta-llama/Llama-3.1-8B-Instruct", "fp8", "DGX Spark", "SGLang", 20, 34),
    ("meta-llama/Llama-3.1-8B-Instruct", "nvfp4", "DGX Spark", "vLLM", 38, 40),
    ("Qwen/Qwen3-14B", "nvfp4", "H100", "vLLM", 180, 180),
    ("Qwen/Qwen3-14B", "nvfp4", "H200", "vLLM", 260, 260),
    ("Qwen/Qwen3-14B", "nvfp4", "DGX Spark", "vLLM", 22, 22),
    ("google/gemma-3-27b-it", "Q4_K_M", "H100", "llama.cpp", 80, 110),
    ("google/gemma-3-27b-it", "Q4_K_M", "H200", "llama.cpp", 120, 160),
    ("google/gemma-3-27b-it", "Q4_K_M", "DGX Spark", "llama.cpp", 9, 11),
    ("meta-llama/Llama-3.3-70B-Instruct", "awq", "H100", "vLLM", 60, 96),
    ("meta-llama/Llama-3.3-70B-Instruct", "awq", "H200", "vLLM", 90, 137),
    ("meta-llama/Llama-3.3-70B-Instruct", "Q4_K_M", "DGX Spark", "llama.cpp", 4, 8),
    ("meta-llama/Llama-3.3-70B-Instruct", "fp8", "H100", "vLLM", 35, 48),
    ("meta-llama/Llama-3.3-70B-Instruct", "fp8", "H200", "vLLM", 48, 69),
    ("meta-llama/Llama-3.3-70B-Instruct", "fp8", "DGX Spark", "SGLang", 2.7, 4),
    ("openai/gpt-oss-120b", "mxfp4", "DGX Spark", "llama.cpp", 41, 55),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Said:
    """A cell of the booklet. agrees: our range meets the printed one."""

    model: str
    format: str
    device: str
    low: float
    high: float
    ours: tuple[float, float, float] | None
    measured: tuple[float, ...]
    sources: tuple[str, ...]

    @property
    def agrees(self) -> bool | None:
        return None if self.ours is None else self.ours[0] <= self.high and self.ours[2] >= self.low

    @property
    def contradicted(self) -> bool:
        """What others measured lies outside the printed range by more than a tenth."""
        return bool(self.measured) and not 0.9 * self.low <= median(self.measured) <= 1.1 * self.high


def beside_booklet(rows: Sequence[SpeedRow], compared: Sequence[Compared]) -> list[Said]:
    """Every cell; measured values are those of the same shape, format and device in other sources."""
    by_id = {row.row_id: row for row in rows}
    others = [
        c for c in compared if c.row_id in by_id and not c.source.startswith("booklet") and not c.guessed
    ]
    told: list[Said] = []
    for model, label, device, engine, low, high in SAID:
        case = _case(model, label, device, engine)
        same = [c for c in others if case is not None and _same(case, by_id[c.row_id], c)]
        told.append(
            Said(
                model=model,
                format=label,
                device=device,
                low=low,
                high=high,
                ours=_ours(case),
                measured=tuple(sorted(c.measured for c in same)),
                sources=tuple(sorted({c.source for c in same})),
            )
        )
    return told


def _case(model: str, label: str, device: str, engine: str) -> Case | None:
    row = SpeedRow(
        row_id="",
        model_id=model,
        named="",
        format=label,
        weights_bytes=None,
        gpu=device,
        gpu_count=1,
        tensor_parallel=None,
        layer_split=False,
        nominal_gb=None,
        engine=engine,
        cache_dtype="",
        utilisation=None,
        max_model_len=None,
        prompt_tokens=None,
        output_tokens=None,
        depth_tokens=512,
        concurrency=1,
        speculative=False,
        quantity="decode_tok_s_per_user",
        value=None,
        estimated_by_others=False,
        confidence="",
        source="",
        source_date="",
        notes="",
    )
    try:
        return speed_case(row)
    except NoAnswerError:
        return None


def _ours(case: Case | None) -> tuple[float, float, float] | None:
    speed = case.ask(Load(users=1, context_tokens=512)).decode_tokens_per_second if case else None
    return (speed.low, speed.expected, speed.high) if speed else None


def _same(case: Case, row: SpeedRow, compared: Compared) -> bool:
    """The same shape in the same class of format on one such device, with a short context."""
    if compared.device != case.device or row.gpu_count > 1 or row.context_tokens > 4096:
        return False
    if compared.measure not in ("decode_dense", "decode_moe"):
        return False
    try:
        other = speed_case(row)
    except NoAnswerError:
        return False
    return other.model.shape == case.model.shape and other.format.family == case.format.family
