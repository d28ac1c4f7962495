"""The greatest number that still holds, where needs grow in a few straight lines."""

from collections.abc import Callable


def most(limit: int, need: Callable[[int], int], room: int) -> int:
    """The greatest number up to limit whose need is within room; 0 when not even one's is.

    The point where a chord crosses room is close, and every other step halves, so that a kink costs
    no more than it must.
    """
    low, high = 1, limit
    at_low, at_high = need(low), need(high)
    if at_low > room:
        return 0
    if at_high <= room:
        return limit
    halve = False
    while high - low > 1:
        along = (high - low) // 2 if halve else (room - at_low) * (high - low) // (at_high - at_low)
        middle = low + min(max(along, 1), high - low - 1)
        at_middle = need(middle)
        if at_middle <= room:
            low, at_low = middle, at_middle
        else:
            high, at_high = middle, at_middle
        halve = not halve
    return low
