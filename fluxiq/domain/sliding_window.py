"""At most so many uses in any window of time, from two counters: the rate limit's arithmetic.

The uses of the last window are estimated as those of the current one and the share of the one
before that has not slid out yet. Times are milliseconds of any clock.
"""

from collections.abc import Sequence

from msgspec import Struct


class Window(Struct, frozen=True):
    """The window of this number had `count` uses so far, the one before it `before`."""

    number: int
    count: int
    before: int


class Counted(Struct, frozen=True, kw_only=True):
    """Whether one more use fits, how many are left, and the window's end; for a refused use the
    first moment at which it would fit if nobody else comes.
    """

    allowed: bool
    remaining: int
    reset_at_ms: int


def count(
    windows: Sequence[Window | None], limits: Sequence[int], window_ms: int, now_ms: int
) -> tuple[list[Window], list[Counted]]:
    """One use of several limits at once: counted in all of them if it fits each, else in none.

    The script in `cache/rate.py` says the same to Redis; a test compares them.
    """
    number = now_ms // window_ms
    moved = [_at(window, number) for window in windows]
    used = [_used(window, window_ms, now_ms) for window in moved]
    if all(spent < limit for spent, limit in zip(used, limits, strict=True)):
        after = [Window(number, one.count + 1, one.before) for one in moved]
        end = (number + 1) * window_ms
        return after, [
            Counted(allowed=True, remaining=limit - spent - 1, reset_at_ms=end)
            for spent, limit in zip(used, limits, strict=True)
        ]

    return moved, [
        _not_counted(window, spent, limit, window_ms, now_ms)
        for window, spent, limit in zip(moved, used, limits, strict=True)
    ]


def _at(window: Window | None, number: int) -> Window:
    """As it is once time has moved on to the window of this number."""
    if window is None:
        return Window(number, 0, 0)
    if window.number == number:
        return window
    return Window(number, 0, window.count if window.number == number - 1 else 0)


def _used(window: Window, window_ms: int, now_ms: int) -> int:
    left_ms = (window.number + 1) * window_ms - now_ms
    return window.count + window.before * left_ms // window_ms


def _not_counted(window: Window, used: int, limit: int, window_ms: int, now_ms: int) -> Counted:
    """What this limit says of a use that one of them refused."""
    start = window.number * window_ms
    if used < limit:
        return Counted(allowed=True, remaining=limit - used, reset_at_ms=start + window_ms)

    if window.count < limit:
        reset = start + window_ms + -window_ms * (limit - window.count) // window.before + 1
    else:
        reset = start + 2 * window_ms + -window_ms * limit // window.count + 1
    return Counted(allowed=False, remaining=0, reset_at_ms=max(reset, now_ms + 1))
