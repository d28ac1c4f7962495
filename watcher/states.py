"""What a source's state becomes after a look at it. Each step replaces only the fields that it owns.

The state that goes in is the one that the catalog holds at the time of writing: another process may
have read the same source since the step began.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from watcher.types import SourceError, SourceState

SHORTEST_WAIT = timedelta(minutes=1)  # when a limit is reached, and nobody said for how long
LONGEST_WAIT = timedelta(hours=1)  # a Hub's window is five minutes long


def read(state: SourceState, now: datetime) -> SourceState:
    """After an answer that could be used."""
    return replace(
        state,
        last_attempt_at=now,
        last_success_at=now,
        last_error=None,
        failing_since=None,
        not_before=None,
    )


def listed(
    state: SourceState,
    now: datetime,
    *,
    newest: datetime | None,
    complete: bool,
    baseline: datetime | None,
) -> SourceState:
    """After a listing with everything down to the watermark. complete: it, or a sweep, had every repo.

    baseline is what baseline_at becomes where there is none yet. Only a complete listing that shows
    repos is one: after an empty answer the first full one would be told as news, repo by repo. No
    watermark lies in the future.
    """
    moments = [moment for moment in (state.watermark, newest) if moment is not None]
    return replace(
        read(state, now),
        watermark=min(max(moments), now) if moments else None,
        baseline_at=state.baseline_at or (baseline if complete else None),
        swept_at=now if complete else state.swept_at,
    )


def sweep_is_due(state: SourceState, now: datetime, every: timedelta) -> bool:
    """A sweep in the future was dated by a clock that was wrong. The first listing shows everything."""
    if state.baseline_at is None:
        return False
    return state.swept_at is None or not timedelta(0) <= now - state.swept_at < every


def waits_until(state: SourceState, now: datetime) -> datetime | None:
    """Until when the source is not to be asked; a moment further off than any wait is a wrong clock's."""
    until = state.not_before
    return until if until and now < until <= now + LONGEST_WAIT else None


def failed(state: SourceState, now: datetime, error: SourceError, *, at: datetime) -> SourceState:
    """After no answer, or one of no use: the cursor stays. now is the round's time, at the failure's own."""
    wait = timedelta(seconds=error.retry_after_s) if error.retry_after_s else None
    if wait is None and error.limited:
        wait = SHORTEST_WAIT
    return replace(
        state,
        last_attempt_at=now,
        last_error=str(error),
        failing_since=state.failing_since or now,
        not_before=at + min(wait, LONGEST_WAIT) if wait else None,
    )


def skipped(state: SourceState, until: datetime) -> SourceState:
    """Not asked, because another was refused for reasons that hold for all."""
    return replace(state, not_before=until)
