"""All scores of one run. The headline of a measure counts each source once; "_rows" is the plain median."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.accuracy.memory_scores import Memory, Verdict
from tests.accuracy.peers import Beside
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
CROSS = "_cross_validated"


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """answered: of all rows those with an estimate beside them. held_out: predicted by other sources."""

    files: tuple[str, ...]
    rows: int
    answered: int
    compared: list[Compared]
    verdicts: list[Verdict]
    unanswered: list[Unanswered]
    unscored: list[Unanswered]
    held_out: list[Compared]
    beside: Beside | None
    scores: dict[str, Score] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "rows": self.rows,
            "answered": self.answered,
            "scores": {name: score.as_json() for name, score in self.scores.items()},
            "by_family": self._by("family"),
            "by_device": self._by("device"),
            "by_engine": self._by("engine"),
        }

    def _by(self, attribute: str) -> dict[str, dict[str, Any]]:
        def key(row: Compared) -> str:
            return str(getattr(row, attribute))

        told: dict[str, dict[str, Any]] = {
            name: {measure: score.as_json() for measure, score in measures(rows).items()}
            for name, rows in grouped([*self.compared, *self.held_out], key).items()
        }
        for name, (n, ours, theirs) in self.beside.ratios(attribute).items() if self.beside else ():
            told[name]["decode_error_on_llmfits_rows"] = Score(value=ours, n=n).as_json()
            told[name]["llmfit_decode_error"] = Score(value=theirs, n=n).as_json()
            told[name]["decode_error_over_llmfits"] = Score(
                value=ours / theirs if theirs else None, n=n
            ).as_json()
        return told

    @property
    def decode(self) -> list[Compared]:
        """One user's decode of known shapes: what the bars are about."""
        return [row for row in self.compared if row.measure in DECODE]

    @property
    def held_out_decode(self) -> list[Compared]:
        return [row for row in self.held_out if row.measure.removesuffix(CROSS) in DECODE]

    def worst(self, count: int) -> list[Compared]:
        """The rows that are furthest off, one of each source, model and device."""
        own = [row for row in self.compared if not row.measure.startswith("hf_mem")]
        found: dict[tuple[str, str, str], Compared] = {}
        for row in sorted(own, key=lambda row: -abs(row.log_error)):
            found.setdefault((row.source, row.model, row.device), row)
        return list(found.values())[:count]

    @property
    def contradicted(self) -> list[Verdict]:
        return [verdict for verdict in self.verdicts if verdict.false_fit or verdict.false_no]


def scored(
    boots: Sequence[Boot],
    rows: Sequence[SpeedRow],
    memory: Memory,
    speeds: Speeds,
    *,
    files: Sequence[str] = (),
    held_out: Sequence[Compared] = (),
    beside: Beside | None = None,
    further: Mapping[str, Score] | None = None,
) -> Result:
    """further: scores that need no rows, such as the vectors."""
    compared = [*memory.compared, *speeds.compared]
    return Result(
        files=tuple(files),
        rows=sum(len(boot.row_ids) for boot in boots) + len(rows),
        answered=sum(len(boot.row_ids) for boot in memory.answered) + len(speeds.compared),
        compared=compared,
        verdicts=memory.verdicts,
        unanswered=[*memory.unanswered, *speeds.unanswered],
        unscored=speeds.unscored,
        held_out=list(held_out),
        beside=beside,
        scores={
            **(further or {}),
            **measures(compared),
            **measures(held_out),
            **_verdicts(memory.verdicts),
            **_ranges(speeds.compared),
            **_against(beside),
        },
    )


def measures(rows: Sequence[Compared]) -> dict[str, Score]:
    found: dict[str, Score] = {}
    for measure, group in grouped(rows, lambda row: row.measure).items():
        found[named(measure)] = Score(value=source_median(group), n=len(group))
        found[f"{named(measure)}_rows"] = Score(value=row_median(group), n=len(group))
    return found


def named(measure: str) -> str:
    """decode_dense and its held-out kin as decode_dense_error and decode_dense_error_cross_validated."""
    stem = measure.removesuffix(CROSS)
    return f"{stem}_error{CROSS if stem != measure else ''}"


def _verdicts(verdicts: Sequence[Verdict]) -> dict[str, Score]:
    found: dict[str, Score] = {}
    for grid, suffix in ((False, ""), (True, "_llama_grid")):
        rows = [verdict for verdict in verdicts if verdict.grid is grid]
        failed, loaded = [v for v in rows if not v.loaded], [v for v in rows if v.loaded]
        found[f"false_fits{suffix}"] = Score(value=sum(v.false_fit for v in rows), n=len(failed))
        found[f"false_noes{suffix}"] = Score(value=sum(v.false_no for v in rows), n=len(loaded))
    return found


def _ranges(rows: Sequence[Compared]) -> dict[str, Score]:
    refused = sum(row.refused for row in rows)
    ran = Score(value=refused, n=len(rows))
    rows = [row for row in rows if row.measure in DECODE]
    return {
        "ran_though_we_say_no": ran,
        "inside_range": Score(value=inside(rows), n=len(rows)),
        "range_width": Score(value=range_width(rows), n=len(rows)),
        "within_25_percent": Score(value=within(rows), n=len(rows)),
        "estimated_over_measured": Score(value=bias(rows), n=len(rows)),
    }


def _against(beside: Beside | None) -> dict[str, Score]:
    if beside is None or not beside.ours:
        return {}
    ours, theirs = source_median(beside.ours) or 0.0, source_median(beside.theirs) or 0.0
    n = len(beside.ours)
    return {
        "decode_error_on_llmfits_rows": Score(value=ours, n=n),
        "llmfit_decode_error": Score(value=theirs, n=n),
        "decode_error_over_llmfits": Score(value=ours / theirs if theirs else None, n=n),
    }
