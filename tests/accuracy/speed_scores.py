"""Measured tokens per second beside the estimate."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.accuracy.answer import Case, NoAnswerError, speed_case
from tests.accuracy.rows import GIB, SpeedRow, source_key
from tests.accuracy.scores import Compared, Unanswered
from watcher.types import Fit, FitVerdict, Load, Speed

ONE_USER, TOTAL = "decode_tok_s_per_user", "output_tok_s_total"


@dataclass(frozen=True, kw_only=True, slots=True)
class Speeds:
    """Every speed row, answered or not."""

    compared: list[Compared]
    unanswered: list[Unanswered]
    unscored: list[Unanswered]


def compare_speeds(rows: Iterable[SpeedRow]) -> Speeds:
    speeds = Speeds(compared=[], unanswered=[], unscored=[])
    for row in rows:
        what = f"{row.model_id or row.named} {row.format} on {row.gpu}, {row.engine}"
        if why := not_scored(row):
            speeds.unscored.append(Unanswered(row_id=row.row_id, reason=why, what=what))
            continue
        try:
            speeds.compared.append(compare(row, speed_case(row)))
        except NoAnswerError as why_not:
            speeds.unanswered.append(Unanswered(row_id=row.row_id, reason=str(why_not), what=what))
    return speeds


def not_scored(row: SpeedRow) -> str | None:
    """Rows that are no plain measurement."""
    if row.estimated_by_others:
        return "somebody's estimate, not a measurement"
    if row.speculative:
        return "speculative decoding"
    if not row.value or row.value <= 0:
        return "no value"
    if row.quantity not in (ONE_USER, TOTAL):
        return f"quantity not compared: {row.quantity or 'blank'}"
    return None


def compare(row: SpeedRow, case: Case) -> Compared:
    """Raises NoAnswerError where the product gives no speed."""
    load = Load(users=row.concurrency, context_tokens=row.context_tokens)
    fit = case.ask(load)
    speed = fit.decode_tokens_per_second if row.quantity == ONE_USER else fit.total_tokens_per_second
    if speed is None or not row.value:
        raise NoAnswerError("no speed estimated")
    return Compared(
        measure=_measure(row, case),
        row_id=row.row_id,
        source=source_key(row.source),
        model=case.model.name,
        family=case.model.family,
        device=case.device,
        engine=case.engine,
        estimated=speed.expected,
        measured=row.value,
        low=speed.low,
        high=speed.high,
        guessed=case.model.guessed,
        refused=fit.verdict is FitVerdict.NO,
        working=_working(row, case, fit, speed),
    )


def _measure(row: SpeedRow, case: Case) -> str:
    if case.model.guessed:
        return "decode_guessed"
    if row.quantity == TOTAL:
        return "total_throughput"
    if row.concurrency > 1:
        return "decode_shared"
    return "decode_moe" if case.model.shape.is_moe else "decode_dense"


def _working(row: SpeedRow, case: Case, fit: Fit, speed: Speed) -> str:
    """The estimate's arithmetic beside what the measured figure would ask of the memory."""
    shape, device = case.model.shape, case.hardware.device
    total = shape.parameters.total or 1
    active = min(shape.parameters.active or total, total)
    read = case.weights_bytes * active / total + fit.kv_bytes_per_token * row.context_tokens
    split = case.hardware.count if row.tensor_parallel and row.tensor_parallel > 1 else 1
    asked = read / split * (row.value or 0) / (row.concurrency if row.quantity == TOTAL else 1)
    share = asked / device.bandwidth_bytes_per_s
    how = f"{case.hardware.count} x {device.key}" if case.hardware.count > 1 else device.key
    size = f"{case.weights_bytes / GIB:.1f} GiB{'' if case.weights_given else ' by formula'}"
    return (
        f"{case.format.label}, {size}, "
        f"{case.engine} on {how}, {row.concurrency} user(s), {row.context_tokens} tokens; "
        f"range {speed.low:.1f}-{speed.high:.1f}; a token touches about {read / 1e9:.2f} GB, "
        f"which at the measured speed is {share:.0%} of the bandwidth. {_guess(row, share)}"
    )


def _guess(row: SpeedRow, share: float) -> str:
    """What such a share usually means: by rule, not row by row."""
    if row.concurrency > 1 or row.quantity == TOTAL:
        return "Several users share a step, so the share of bandwidth says less; batch and waiting count."
    if share > 1.0:
        return (
            "More than the memory can deliver: the file is smaller, a drafter ran, or the figure is a burst."
        )
    if share > 0.85:
        return "Near the limit of the memory: the file or the context is probably smaller than assumed."
    if share < 0.2:
        return "Far below what the memory gives: slow kernels, a part on the CPU, or a busy machine."
    return "Within what such machines do; the constants of the device or engine are off for it."
