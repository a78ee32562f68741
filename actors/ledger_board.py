"""Where everybody sees how the circuit breaker stands: it outlives the actor that moves it.

Writers read the board and speak to it in their own step, without waiting. What they say goes on to
the breaker (ledger_breaker.py) as mail; only the breaker posts.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
import trio
from msgspec import Struct

from fluxiq.ledgers.breaker import GAUGE, RETURNS, Breaker, BreakerState, Event
from fluxiq.ledgers.writer import WriterStatistics
from fluxiq.telemetry.metrics import Metrics

HISTORY_MAX = 50

_log = structlog.get_logger("ledger")


class Transition(Struct, frozen=True, kw_only=True):
    """One change of state; `at` is trio's clock in seconds."""

    at: float
    before: BreakerState
    after: BreakerState
    reason: str


class Heard(Struct, frozen=True):
    """Mail to the breaker: what a writer saw of TigerBeetle."""

    event: Event
    reason: str = ""


class LookWhoIsBack(Struct, frozen=True):
    """Mail to the breaker: an institution may be the last that it waited for."""


class Member:
    """`writer.BreakerView` of one institution, for as long as it is enlisted."""

    def __init__(self, board: "Board", institution: str) -> None:
        self.institution = institution
        self.statistics: Callable[[], WriterStatistics] | None = None  # once it has a writer
        self.fenced = False  # another process writes for it
        self.is_back = False  # since the last change of state
        self.listener: Callable[[], None] | None = None
        self._board = board

    @property
    def state(self) -> BreakerState:
        return self._board.breaker.state

    def join(self, institution: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` at each change of state; return how to leave again."""
        self._check(institution)
        assert self.listener is None, f"{institution} has two writers"
        self.listener = listener
        return self.leave

    def leave(self) -> None:
        """Nobody waits for who has gone."""
        self.listener = None
        self._board.look_who_is_back()

    def succeeded(self) -> None:
        self._board.hear(Heard(Event.SUCCEEDED))

    def failed(self, reason: str) -> None:
        self._board.hear(Heard(Event.FAILED, f"{self.institution}: {reason}"))

    def back(self, institution: str) -> None:
        """Heard again and again while nothing else happens, so only the first time counts."""
        self._check(institution)
        if not self.is_back:
            self.is_back = True
            self._board.look_who_is_back()

    def _check(self, institution: str) -> None:
        assert institution == self.institution, f"{institution} speaks for {self.institution}"


class Board:
    """The breaker of this process as it was posted last, its history, and who goes by it.

    `configured` says whether there is a TigerBeetle. Where there is one, nothing is known of it
    yet, so that it is suspected until the first probe has come back.
    """

    def __init__(self, metrics: Metrics, *, configured: bool) -> None:
        now = trio.current_time()
        state = BreakerState.SUSPECT if configured else BreakerState.UNCONFIGURED
        reason = "the process has just started" if configured else "there is no TigerBeetle"
        due = now if configured else float("inf")
        self.breaker = Breaker(state=state, since=now, due=due, reason=reason)
        self.history: deque[Transition] = deque(maxlen=HISTORY_MAX)
        self.members: dict[str, Member] = {}
        self.send: Callable[[object], bool] = _nobody_yet
        self._metrics = metrics
        self._told: set[Event] = set()  # in this state: hearing it a hundred times adds nothing
        metrics.ledger_breaker.set(GAUGE[state])

    @property
    def configured(self) -> bool:
        return self.breaker.state is not BreakerState.UNCONFIGURED

    @property
    def is_well(self) -> bool:
        """Say whether TigerBeetle answered when it was asked last."""
        return self.breaker.state in RETURNS

    @contextmanager
    def enlist(self, institution: str) -> Iterator[Member]:
        """Let a writer go by the breaker for the length of the block."""
        assert institution not in self.members, f"{institution} has two writers"
        member = self.members[institution] = Member(self, institution)
        try:
            yield member
        finally:
            del self.members[institution]

    def hear(self, heard: Heard) -> None:
        """Pass on what a writer saw where that can change something, once per state. Lost with a
        breaker that is just restarting, which is why that looks for itself when it is back.
        """
        wanted = RETURNS if heard.event is Event.FAILED else {BreakerState.SUSPECT}
        if self.breaker.state in wanted and heard.event not in self._told and self.send(heard):
            self._told.add(heard.event)

    def still_out(self) -> list[str]:
        """The institutions that keep a recovering breaker from closing."""
        return [
            name
            for name, member in self.members.items()
            if member.listener is not None and not member.is_back
        ]

    def look_who_is_back(self) -> None:
        """Let the breaker look whether that was the last one that it waited for."""
        if self.breaker.state is BreakerState.RECOVERING:
            self.send(LookWhoIsBack())

    def post(self, breaker: Breaker) -> None:
        """Show where the breaker stands. A change of state is written down, logged and told."""
        before, self.breaker = self.breaker.state, breaker
        if breaker.state is before:
            return

        self._told.clear()
        self._metrics.ledger_breaker.set(GAUGE[breaker.state])
        self.history.append(
            Transition(at=breaker.since, before=before, after=breaker.state, reason=breaker.reason)
        )
        _log.warning(
            "ledger_breaker_moved", before=before, after=breaker.state, reason=breaker.reason
        )
        members = tuple(self.members.values())
        for member in members:
            member.is_back = False
        for member in members:
            if member.listener is not None:
                member.listener()


def _nobody_yet(_mail: object) -> bool:
    return False
