"""What would break a fit first: how far users, context and memory are from their ends."""

from dataclasses import dataclass

from watcher.types import Fit, FitVerdict

_GIB = 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class Break:
    """One end. headroom: how many times today's load, context or memory reach it, 1 being now."""

    headroom: float
    what: str


def breaks(fit: Fit, longest: int | None) -> tuple[Break, ...]:
    """The ends of a fit, the nearest first; empty where it does not fit. longest: the model's own context."""
    if fit.verdict is FitVerdict.NO or fit.required_bytes <= 0:
        return ()
    users, tokens = fit.load.users, fit.load.context_tokens
    spare = fit.budget_bytes - fit.required_bytes
    own = longest is not None and fit.max_context >= longest
    each = f" for each of {users:,} users" if users > 1 else ""
    found = (
        Break(
            headroom=fit.max_users / users,
            what=f"more than {_counted(fit.max_users, 'user')} at {tokens:,} tokens",
        ),
        Break(
            headroom=fit.max_context / tokens,
            what=f"a context beyond {fit.max_context:,} tokens" + (" (the model's own end)" if own else each),
        ),
        Break(
            headroom=fit.budget_bytes / fit.required_bytes,
            what=f"{max(0, spare) / _GIB:.1f} GiB taken by anything else on the device",
        ),
    )
    return tuple(sorted(found, key=lambda end: end.headroom))


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
