"""What a new installation is told of its policy: how much the log that it brought would have led to. Pure."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from watcher.backtest import Replay
from watcher.backtest_report import window
from watcher.types import Sight

SPAN = timedelta(days=90)
LEAST = timedelta(days=7)  # a shorter log says nothing of a policy
MOST_LINES = 10_000  # about as many as can be played while somebody waits


def preview(sights: Sequence[Sight], play: Callable[[datetime, datetime | None], Replay]) -> str | None:
    """One sentence, or None for a log too short to judge by; play(since, baseline_until) plays it."""
    if not sights:
        return None
    first, last = min(s.seen_at for s in sights), max(s.seen_at for s in sights)
    if last - first < LEAST:
        return None
    since = max(first, last - SPAN)
    alerts = len(play(since, window(sights, since, None)["baseline_until"]).alerts)
    days = (last - since).days
    return (
        f"With this policy the last {days} days of the log (to {last:%Y-%m-%d}) would have sent "
        f"{alerts} {'alert' if alerts == 1 else 'alerts'}: modelwatch backtest shows them."
    )


def too_long(lines: int) -> str:
    """Instead of it where playing would take too long."""
    return f"The log has more than {lines:,} lines: modelwatch backtest --since 90d plays them."
