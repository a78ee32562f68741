"""The circuit breaker between TigerBeetle and the stand-in: pure, one for all institutions.

Only missed deadlines and lost sessions count as failures; a refusal is an answer. Times are seconds
on any one clock that never goes back. It says when the backend may change; each institution's
writer changes it, with its own epoch, and says when it is back.

    closed -> suspect -> open -> half_open -> recovering -> closed
"""

from enum import StrEnum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace


class BreakerState(StrEnum):
    CLOSED = "closed"  # TigerBeetle answers
    SUSPECT = "suspect"  # a deadline was missed: nothing new is submitted, callers wait, we probe
    OPEN = "open"  # the stand-in answers
    HALF_OPEN = "half_open"  # it still does; TigerBeetle is probed
    RECOVERING = "recovering"  # what the stand-ins did is replayed; who is back, is back
    FORCED_OPEN = "forced_open"  # by an operator, until another word
    FORCED_CLOSED = "forced_closed"  # by an operator: no failure opens it
    UNCONFIGURED = "unconfigured"  # there is no TigerBeetle


# `ledger_circuit_breaker_state`: 0 closed, 1 open, 2 half-open.
GAUGE: Final = {
    BreakerState.CLOSED: 0,
    BreakerState.SUSPECT: 0,
    BreakerState.FORCED_CLOSED: 0,
    BreakerState.OPEN: 1,
    BreakerState.FORCED_OPEN: 1,
    BreakerState.UNCONFIGURED: 1,
    BreakerState.HALF_OPEN: 2,
    BreakerState.RECOVERING: 2,
}
# Every institution returns to TigerBeetle, and submits to it once it is there.
RETURNS: Final = frozenset(
    {BreakerState.CLOSED, BreakerState.FORCED_CLOSED, BreakerState.RECOVERING}
)
# Every institution leaves TigerBeetle, or stays away. In SUSPECT nobody moves.
STANDS_IN: Final = frozenset(
    {
        BreakerState.OPEN,
        BreakerState.HALF_OPEN,
        BreakerState.FORCED_OPEN,
        BreakerState.UNCONFIGURED,
    }
)
_PROBES: Final = frozenset({BreakerState.SUSPECT, BreakerState.HALF_OPEN})
_DOUBLINGS_MAX: Final = 30


class BreakerLimits(Struct, frozen=True, kw_only=True):
    """When it changes. Seconds; the open time doubles from one failed return to the next."""

    failures: int = 3
    suspect_seconds_max: float = 6.0  # below PIX's 10 s
    open_seconds: float = 30.0
    open_seconds_max: float = 300.0
    probes: int = 3
    probe_seconds: float = 0.5  # between two probes


class Event(StrEnum):
    """What can happen to it."""

    SUCCEEDED = "succeeded"  # a batch was answered in time
    FAILED = "failed"  # the deadline of a batch passed, or a session was lost
    PROBE_ANSWERED = "probe_answered"
    PROBE_MISSED = "probe_missed"
    TICKED = "ticked"  # time went by
    RECOVERED = "recovered"  # no institution keeps it from closing any more
    OPENED = "opened"  # by an operator, as the next two
    CLOSED = "closed"
    RELEASED = "released"


class Breaker(Struct, frozen=True, kw_only=True):
    """Where it stands, and since when. `due` is when the next TICKED is wanted."""

    state: BreakerState
    since: float
    due: float = float("inf")
    failures: int = 0  # in a row
    probes: int = 0  # answered in a row
    returns: int = 0  # that failed, since it was last closed
    pinned: bool = False  # closed by an operator: forced_closed once it is recovered
    reason: str = ""

    @property
    def probing(self) -> bool:
        return self.state in _PROBES


class OperatorRefused(ValueError):
    """What an operator asked makes no sense in this state."""


def advance(  # noqa: PLR0911 - a table
    breaker: Breaker,
    event: Event,
    now: float,
    limits: BreakerLimits,
    *,
    reason: str = "",
    jitter: float = 0.0,
) -> Breaker:
    """Return the breaker after `event`. `jitter` is 0 to 1; it lengthens an open time by a quarter
    of itself at most. Raises OperatorRefused.
    """
    assert 0.0 <= jitter <= 1.0, f"jitter is a share, not {jitter}"
    match event:
        case Event.OPENED | Event.CLOSED | Event.RELEASED:
            return _operated(breaker, event, now, reason)
        case Event.TICKED:
            return _ticked(breaker, now, limits, jitter)
        case Event.PROBE_ANSWERED:
            return _probe_answered(breaker, now, limits)
        case Event.PROBE_MISSED:
            return _probe_missed(breaker, now, limits, reason, jitter)

    match breaker.state, event:
        case BreakerState.CLOSED, Event.FAILED:
            return _to(breaker, BreakerState.SUSPECT, now, reason, failures=1, due=now)
        case BreakerState.SUSPECT, Event.SUCCEEDED:
            return _to(breaker, BreakerState.CLOSED, now, "it answered again")
        # Not in SUSPECT: nothing new is submitted there, so what else fails was under way in the
        # same stall. Several sessions must not make three failures of one.
        case BreakerState.RECOVERING, Event.FAILED:
            return _opened_again(breaker, now, limits, reason, jitter)
        case BreakerState.RECOVERING, Event.RECOVERED:
            state = BreakerState.FORCED_CLOSED if breaker.pinned else BreakerState.CLOSED
            return _to(replace(breaker, returns=0), state, now, "recovered and verified")
        case _:
            return breaker


def _ticked(breaker: Breaker, now: float, limits: BreakerLimits, jitter: float) -> Breaker:
    if now < breaker.due:
        return breaker
    match breaker.state:
        case BreakerState.SUSPECT if now >= breaker.since + limits.suspect_seconds_max:
            return _opened(breaker, now, limits, "nothing was answered in time", jitter)
        case BreakerState.OPEN:
            return _to(breaker, BreakerState.HALF_OPEN, now, "time to look", due=now)
        case _ if breaker.probing:
            return _probing_on(breaker, now, limits)
        case _:
            return breaker


def _probe_answered(breaker: Breaker, now: float, limits: BreakerLimits) -> Breaker:
    match breaker.state:
        case BreakerState.SUSPECT:
            return _to(breaker, BreakerState.CLOSED, now, "it answered again")
        case BreakerState.HALF_OPEN if breaker.probes + 1 >= limits.probes:
            return _to(breaker, BreakerState.RECOVERING, now, f"{limits.probes} probes answered")
        case BreakerState.HALF_OPEN:
            return _probing_on(replace(breaker, probes=breaker.probes + 1), now, limits)
        case _:
            return breaker


def _probe_missed(
    breaker: Breaker, now: float, limits: BreakerLimits, reason: str, jitter: float
) -> Breaker:
    match breaker.state:
        case BreakerState.SUSPECT if breaker.failures + 1 >= limits.failures:
            return _opened(breaker, now, limits, f"{limits.failures} failures: {reason}", jitter)
        case BreakerState.SUSPECT:
            return _probing_on(replace(breaker, failures=breaker.failures + 1), now, limits)
        case BreakerState.HALF_OPEN:
            return _opened_again(breaker, now, limits, reason, jitter)
        case _:
            return breaker


def _operated(breaker: Breaker, event: Event, now: float, reason: str) -> Breaker:  # noqa: PLR0911 - a table
    state = breaker.state
    if state is BreakerState.UNCONFIGURED:
        raise OperatorRefused("there is no TigerBeetle to open or close the breaker to")
    if event is Event.OPENED:
        return _to(replace(breaker, pinned=False), BreakerState.FORCED_OPEN, now, reason)
    if event is Event.CLOSED:
        pinned = replace(breaker, pinned=True)
        if state in (BreakerState.CLOSED, BreakerState.SUSPECT, BreakerState.FORCED_CLOSED):
            return _to(pinned, BreakerState.FORCED_CLOSED, now, reason)
        if state in (BreakerState.HALF_OPEN, BreakerState.RECOVERING):
            return pinned  # on its way already
        # What the stand-in did has to be replayed first: nobody may skip that.
        return _to(pinned, BreakerState.HALF_OPEN, now, reason, due=now)

    loose = replace(breaker, pinned=False)
    if state is BreakerState.FORCED_CLOSED:
        return _to(loose, BreakerState.CLOSED, now, reason)
    if state is BreakerState.FORCED_OPEN:
        return _to(loose, BreakerState.HALF_OPEN, now, reason, due=now)
    return loose


def _opened_again(
    breaker: Breaker, now: float, limits: BreakerLimits, reason: str, jitter: float
) -> Breaker:
    again = replace(breaker, returns=breaker.returns + 1)
    return _opened(again, now, limits, f"not back yet: {reason}", jitter)


def _opened(
    breaker: Breaker, now: float, limits: BreakerLimits, reason: str, jitter: float
) -> Breaker:
    doubled = limits.open_seconds * 2 ** min(breaker.returns, _DOUBLINGS_MAX)
    seconds = min(doubled * (1 + jitter / 4), limits.open_seconds_max)
    return _to(breaker, BreakerState.OPEN, now, reason, due=now + seconds)


def _probing_on(breaker: Breaker, now: float, limits: BreakerLimits) -> Breaker:
    due = now + limits.probe_seconds
    if breaker.state is BreakerState.SUSPECT:
        due = min(due, breaker.since + limits.suspect_seconds_max)
    return replace(breaker, due=due)


def _to(
    breaker: Breaker,
    state: BreakerState,
    now: float,
    reason: str,
    *,
    failures: int = 0,
    due: float = float("inf"),
) -> Breaker:
    return Breaker(
        state=state,
        since=now,
        due=due,
        failures=failures,
        returns=breaker.returns,
        pinned=breaker.pinned,
        reason=reason,
    )
