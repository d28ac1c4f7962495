"""All scores of one run, as an object for machines and as text for people."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.accuracy.memory_scores import Memory, Verdict
from tests.accuracy.rows import Boot, SpeedRow
from tests.accuracy.scores import (
    Compared,
    Score,
    Unanswered,
    bias,
    grouped,
    inside,
    range_width,
    row_median,
    source_median,
    within,
)
from tests.accuracy.speed_scores import Speeds

DECODE = ("decode_dense", "decode_moe")
SPEED = (*DECODE, "decode_shared", "total_throughput", "decode_guessed")


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """rows: of all files; answered: those with an estimate beside them."""

    rows: int
    answered: int
    compared: list[Compared]
    verdicts: list[Verdict]
    unanswered: list[Unanswered]
    unscored: list[Unanswered]
    scores: dict[str, Score] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "answered": self.answered,
            "scores": {name: score.as_json() for name, score in self.scores.items()},
            "by_family": self._by(lambda row: row.family),
            "by_device": self._by(lambda row: row.device),
            "by_engine": self._by(lambda row: row.engine),
        }

    def _by(self, key: Callable[[Compared], str]) -> dict[str, dict[str, Any]]:
        return {
            name: {measure: score.as_json() for measure, score in _measures(rows).items()}
            for name, rows in grouped(self.compared, key).items()
        }

    def text(self, worst: int) -> str:
        lines = [f"{self.rows} rows, {self.answered} answered", "", "not answered:"]
        lines += [f"  {n:4} {why}" for why, n in Counter(u.reason for u in self.unanswered).most_common()]
        lines += ["not scored:"]
        lines += [f"  {n:4} {why}" for why, n in Counter(u.reason for u in self.unscored).most_common()]
        lines += ["", "scores:"]
        lines += [
            f"  {name:44} {_number(name, score):>10}  n={score.n}" for name, score in self.scores.items()
        ]
        for title, key in (
            ("family", lambda row: row.family),
            ("device", lambda row: row.device),
            ("engine", lambda row: row.engine),
            ("source", lambda row: row.source),
        ):
            lines += ["", f"decode, one user, by {title}:"]
            lines += _lines(self._decode(), key)
        lines += ["", f"worst {worst} rows:"]
        for row in self.worst(worst):
            lines.append(
                f"  {row.row_id} {row.measure} {row.model}: estimated {row.estimated:.4g}, "
                f"measured {row.measured:.4g} ({row.estimated / row.measured:.2f}) | {row.working}"
            )
        wrong = [v for v in self.verdicts if v.false_fit or v.false_no]
        lines += ["", "verdicts that a boot contradicts:"]
        lines += [
            f"  {v.boot} {v.model} on {v.device}: {'loaded' if v.loaded else 'did not load'}, we say {v.said} | {v.working}"
            for v in wrong
        ]
        return "\n".join(lines)

    def _decode(self) -> list[Compared]:
        return [row for row in self.compared if row.measure in DECODE]

    def worst(self, count: int) -> list[Compared]:
        return sorted(self.compared, key=lambda row: -abs(row.log_error))[:count]


def scored(boots: Sequence[Boot], rows: Sequence[SpeedRow], memory: Memory, speeds: Speeds) -> Result:
    compared = [*memory.compared, *speeds.compared]
    return Result(
        rows=sum(len(boot.row_ids) for boot in boots) + len(rows),
        answered=sum(len(boot.row_ids) for boot in memory.answered) + len(speeds.compared),
        compared=compared,
        verdicts=memory.verdicts,
        unanswered=[*memory.unanswered, *speeds.unanswered],
        unscored=speeds.unscored,
        scores={**_measures(compared), **_verdicts(memory.verdicts), **_ranges(speeds.compared)},
    )


def _measures(rows: Sequence[Compared]) -> dict[str, Score]:
    found: dict[str, Score] = {}
    for measure, group in grouped(rows, lambda row: row.measure).items():
        found[f"{measure}_error"] = Score(value=row_median(group), n=len(group))
        sources = len({row.source for row in group})
        if measure in SPEED or sources > 1:
            found[f"{measure}_error_by_source"] = Score(value=source_median(group), n=sources)
    return found


def _verdicts(verdicts: Sequence[Verdict]) -> dict[str, Score]:
    found: dict[str, Score] = {}
    for grid, suffix in ((False, ""), (True, "_llama_grid")):
        rows = [verdict for verdict in verdicts if verdict.grid is grid]
        failed, loaded = [v for v in rows if not v.loaded], [v for v in rows if v.loaded]
        found[f"false_fits{suffix}"] = Score(value=sum(v.false_fit for v in rows), n=len(failed))
        found[f"false_noes{suffix}"] = Score(value=sum(v.false_no for v in rows), n=len(loaded))
    return found


def _ranges(rows: Sequence[Compared]) -> dict[str, Score]:
    rows = [row for row in rows if row.measure in DECODE]
    return {
        "inside_range": Score(value=inside(rows), n=len(rows)),
        "range_width": Score(value=range_width(rows), n=len(rows)),
        "within_25_percent": Score(value=within(rows), n=len(rows)),
        "estimated_over_measured": Score(value=bias(rows), n=len(rows)),
    }


def _number(name: str, score: Score) -> str:
    if score.value is None:
        return "-"
    plain = name.startswith(("false_", "estimated_over"))
    return f"{score.value:.3g}" if plain else f"{score.value:.1%}"


def _lines(rows: Sequence[Compared], key: Callable[[Compared], str]) -> list[str]:
    return [
        f"  {name:50} n={len(group):4} median {row_median(group) or 0:6.1%}, estimated/measured "
        f"{bias(group) or 0:.2f}, within 25 % {within(group) or 0:4.0%}, in range {inside(group) or 0:4.0%}"
        for name, group in grouped(rows, key).items()
    ]
