"""A circuit breaker, pure: who does not answer is left alone for a while, then looked at once.

`closed -> open` after so many failures in a row; when the pause is over `half_open`: one call goes
out as a probe. A success closes it from anywhere, a probe that fails doubles the pause. Times are
seconds of any clock that never goes back. The ledger's breaker is another one
(`ledgers/breaker.py`): it moves between two ledgers, and has states for that.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

_DOUBLINGS_MAX: Final = 32


class CircuitState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitEvent(StrEnum):
    SUCCEEDED = "succeeded"
    TOO_MANY_FAILED = "too_many_failed"
    PROBE_FAILED = "probe_failed"
    PAUSE_ENDED = "pause_ended"


_S, _E = CircuitState, CircuitEvent

TRANSITIONS: Mapping[tuple[CircuitState, CircuitEvent], CircuitState] = MappingProxyType(
    {
        (_S.CLOSED, _E.TOO_MANY_FAILED): _S.OPEN,
        (_S.OPEN, _E.PAUSE_ENDED): _S.HALF_OPEN,
        # One that was under way when the others failed: somebody is there after all.
        (_S.OPEN, _E.SUCCEEDED): _S.CLOSED,
        (_S.HALF_OPEN, _E.SUCCEEDED): _S.CLOSED,
        (_S.HALF_OPEN, _E.PROBE_FAILED): _S.OPEN,
    }
)

# What metrics show: as the ledger's breaker, 0 closed, 1 open, 2 half-open.
GAUGE: Final[Mapping[CircuitState, int]] = MappingProxyType(
    {_S.CLOSED: 0, _S.OPEN: 1, _S.HALF_OPEN: 2}
)


def advance(state: CircuitState, event: CircuitEvent) -> CircuitState:
    """The state after `event`; what the table does not have changes nothing."""
    return TRANSITIONS.get((state, event), state)


class CircuitPolicy(Struct, frozen=True, kw_only=True):
    """When to pause, and for how long: seconds, doubling up to the last."""

    failures: int
    pause_seconds: float
    pause_seconds_max: float


class Circuit(Struct, frozen=True, kw_only=True):
    """`failures` in a row; `pauses` since the last success; `until` when the pause is over."""

    state: CircuitState = CircuitState.CLOSED
    failures: int = 0
    pauses: int = 0
    until: float = 0.0

    def looked_at(self, now: float) -> "Circuit":
        """The circuit at `now`: half open once its pause is over."""
        if self.state is CircuitState.OPEN and now >= self.until:
            return self._advance(CircuitEvent.PAUSE_ENDED)
        return self

    def succeeded(self) -> "Circuit":
        return replace(self._advance(CircuitEvent.SUCCEEDED), failures=0, pauses=0, until=0.0)

    def failed(
        self, now: float, policy: CircuitPolicy, retry_after: float | None = None
    ) -> "Circuit":
        """`retry_after` is what the other side asked for, in seconds: the pause lasts as long."""
        failures = self.failures + 1
        after = self
        if self.state is CircuitState.HALF_OPEN:
            after = self._paused(CircuitEvent.PROBE_FAILED, now, policy, retry_after)
        elif self.state is CircuitState.CLOSED and failures >= policy.failures:
            after = self._paused(CircuitEvent.TOO_MANY_FAILED, now, policy, retry_after)
        return replace(after, failures=failures)

    def room(self, under_way: int, concurrency: int) -> int:
        """How many more calls may go out now, when so many are `under_way`."""
        match self.state:
            case CircuitState.CLOSED:
                return max(concurrency - under_way, 0)
            case CircuitState.HALF_OPEN:
                return 0 if under_way else 1
            case CircuitState.OPEN:
                return 0

    def _paused(
        self, event: CircuitEvent, now: float, policy: CircuitPolicy, retry_after: float | None
    ) -> "Circuit":
        pause = policy.pause_seconds * 2 ** min(self.pauses, _DOUBLINGS_MAX)
        pause = min(max(pause, retry_after or 0.0), policy.pause_seconds_max)
        return replace(self._advance(event), pauses=self.pauses + 1, until=now + pause)

    def _advance(self, event: CircuitEvent) -> "Circuit":
        return replace(self, state=advance(self.state, event))
