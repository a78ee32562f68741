"""Restart admission: one Postgres blip must not restart ten thousand branches in one tick."""

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import trio

from supervisors.errors import InvalidSpec
from supervisors.spec import is_count, is_finite_above_zero

CallAt = Callable[[float, Callable[[], None]], Callable[[], bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartAdmission:
    """At most `burst` restarts at once, and `per_second` after that, over the whole tree.

    A group that restarts together counts as one. Operators are not held up.
    """

    burst: int = 100
    per_second: float = 200.0

    def __post_init__(self) -> None:
        if not is_count(self.burst, 1):
            raise InvalidSpec("admission", "burst", f"{self.burst!r} must be a whole number >= 1")
        if not is_finite_above_zero(self.per_second):
            raise InvalidSpec("admission", "per_second", f"{self.per_second!r} must be > 0")


class AdmissionStatistics(NamedTuple):
    """How many restarts wait for their turn now, and how many had it; the limits beside them."""

    waiting: int
    admitted: int
    burst: int
    per_second: float


class Admission:
    """A token bucket on trio's clock; who finds it empty waits in order of arrival."""

    def __init__(self, limits: RestartAdmission, call_at: CallAt) -> None:
        self._limits = limits
        self._call_at = call_at
        self._tokens = float(limits.burst)
        self._counted_at = -math.inf
        self._waiting: deque[tuple[Callable[[], None], Callable[[], bool]]] = deque()
        self._admitted = 0

    def statistics(self) -> AdmissionStatistics:
        limits = self._limits
        return AdmissionStatistics(
            len(self._waiting), self._admitted, limits.burst, limits.per_second
        )

    def ask(self, restart: Callable[[], None], waits_still: Callable[[], bool]) -> None:
        """Call `restart` now or when its turn comes; who no longer waits then takes no turn."""
        self._waiting.append((restart, waits_still))
        if len(self._waiting) == 1:
            self._admit()

    def _admit(self) -> None:
        now = trio.current_time()
        earned = (now - self._counted_at) * self._limits.per_second
        self._tokens = min(float(self._limits.burst), self._tokens + earned)
        self._counted_at = now
        while self._waiting:
            restart, waits_still = self._waiting[0]
            if waits_still():
                if self._tokens < 1 - _ROUNDING:
                    break
                self._tokens = max(0.0, self._tokens - 1)
                self._admitted += 1
                restart()
            self._waiting.popleft()
        if self._waiting:
            self._call_at(now + (1 - self._tokens) / self._limits.per_second, self._admit)


# A timer set for the moment of the next token must find it there.
_ROUNDING = 1e-6
