"""What the scores have to reach: one row per bar, printed with whether it is met."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.accuracy.scores import Score


@dataclass(frozen=True, slots=True)
class Bar:
    """measure: key of scores. most and least are shares, or counts where count is set."""

    words: str
    measure: str
    most: float | None = None
    least: float | None = None
    count: bool = False

    def met(self, score: Score) -> bool | None:
        """None where nothing was measured."""
        if score.value is None:
            return None
        low = self.least is None or score.value >= self.least
        return low and (self.most is None or score.value <= self.most)

    @property
    def wanted(self) -> str:
        if self.count:
            return f"{self.most:g}"
        if self.least is not None:
            return "exact" if self.least == 1 else f">= {self.least:.0%}"
        return f"<= {self.most:.0%}" if self.most is not None else "told"


BARS = (
    Bar("cache and state bytes of the vectors", "kv_vectors_exact", least=1.0),
    Bar("vLLM's planner, worst cell", "vllm_table_error", most=0.01),
    Bar("bytes of weights from headers", "weights_from_headers_exact", least=1.0),
    Bar("weights from the name alone", "weights_from_name_error", most=0.10),
    Bar("cache tokens, bytes given", "dense_kv_tokens_given_error", most=0.01),
    Bar("cache tokens, end to end, each boot once", "dense_kv_tokens_end_to_end_error_rows", most=0.05),
    Bar("concurrency of hybrids and windows, bytes given", "hybrid_concurrency_error", most=0.15),
    Bar("did not fit, and we say it fits", "false_fits", most=0, count=True),
    Bar("the same in the LLaMA 3 grid", "false_fits_llama_grid", most=0, count=True),
    Bar("decode, one user, dense, cross-validated", "decode_dense_error_cross_validated", most=0.10),
    Bar("decode, one user, MoE, cross-validated", "decode_moe_error_cross_validated", most=0.18),
    Bar("decode, one user, dense, as shipped", "decode_dense_error", most=0.10),
    Bar("decode, one user, MoE, as shipped", "decode_moe_error", most=0.18),
    Bar("the booklet's verdicts, cells not disputed below", "booklet_verdicts_agree", least=1.0),
    Bar("measured inside our range", "inside_range", least=0.80),
    Bar("seconds for what fits, 15,000 models x 5 devices", "what_fits_seconds", most=2, count=True),
)


def judged(scores: Mapping[str, Score]) -> Iterator[tuple[Bar, Score, str]]:
    """Every bar with its score and "met", "missed" or "not measured"."""
    for bar in BARS:
        score = scores.get(bar.measure, Score(value=None, n=0))
        yield bar, score, {True: "met", False: "missed", None: "not measured"}[bar.met(score)]
