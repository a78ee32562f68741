"""How long to wait before a restart, and how many restarts are too many."""

import math
import random

from supervisors.spec import Backoff


def delay_seconds(backoff: Backoff, streak: int, seed: str) -> float:
    """Return the wait after `streak` earlier failures; the jitter follows from `seed` alone."""
    if backoff.initial == 0:
        return 0.0

    # The power is taken only below the cap: it would overflow for a child that fails for days.
    if backoff.factor > 1:
        steps_to_cap = math.log(backoff.cap / backoff.initial) / math.log(backoff.factor)
    else:
        steps_to_cap = math.inf
    capped = streak >= steps_to_cap
    base = backoff.cap if capped else backoff.initial * backoff.factor**streak

    share = random.Random(seed).uniform(-backoff.jitter, backoff.jitter)  # noqa: S311 -- not a secret
    return min(base * (1 + share), backoff.cap)


def charge(
    charges: tuple[float, ...], clock: float, restarts_max: int, window: float
) -> tuple[tuple[float, ...], bool]:
    """Add one restart at `clock` and say whether the budget is spent (window inclusive)."""
    recent = (*(at for at in charges if clock - at <= window), clock)
    return recent, len(recent) > restarts_max
