"""Rate limits while Redis is away: the same windows, counted by this process alone.

Several processes together then allow as many times the limit. Of BUCKETS_MAX buckets the one that
was not asked for longest is forgotten: a stranger with many addresses costs no memory, and gains
what a fresh bucket allows.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from fluxiq.domain.sliding_window import Window, count
from fluxiq.ports import RateDecision

BUCKETS_MAX: Final = 50_000  # about 10 MB


class LocalLimits:
    """`unix_ms` is the wall clock: windows begin when Redis's do."""

    def __init__(self, unix_ms: Callable[[], int], buckets_max: int = BUCKETS_MAX) -> None:
        self._unix_ms = unix_ms
        self._buckets_max = buckets_max
        self._windows: OrderedDict[str, Window] = OrderedDict()

    def allow_all(self, uses: Sequence[tuple[str, int]], window_seconds: int) -> list[RateDecision]:
        """As `ports.Cache.allow_all`, at once."""
        before = [self._windows.get(bucket) for bucket, _ in uses]
        limits = [limit for _, limit in uses]
        after, counted = count(before, limits, window_seconds * 1000, self._unix_ms())
        for (bucket, _), window in zip(uses, after, strict=True):
            self._windows[bucket] = window
            self._windows.move_to_end(bucket)
        while len(self._windows) > self._buckets_max:
            self._windows.popitem(last=False)
        return [
            RateDecision(
                allowed=one.allowed,
                limit=limit,
                remaining=one.remaining,
                reset_at=-(-one.reset_at_ms // 1000),
                local=True,
            )
            for one, limit in zip(counted, limits, strict=True)
        ]

    def __len__(self) -> int:
        return len(self._windows)
