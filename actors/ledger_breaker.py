"""The circuit breaker of this process: a state machine around the pure table of its moves.

`fluxiq.ledgers.breaker.advance` decides; this actor has the clock, asks TigerBeetle, and posts on
the board (ledger_board.py), which every writer reads without waiting.

A restart goes on in the state on the board: what is open stays open until it is due. Only "closed"
is not taken on trust, since what writers said meanwhile is lost: it becomes "suspect" until a probe
comes back, which takes as long as one answer. A return that was half proven is proven from zero.
"""

import random
from collections.abc import Awaitable, Callable
from typing import ClassVar

import trio
from msgspec import Struct
from msgspec.structs import replace

from actors.ledger_board import Board, Heard, LookWhoIsBack
from fluxiq.errors import Unavailable
from fluxiq.ledgers.breaker import (
    Breaker,
    BreakerLimits,
    BreakerState,
    Event,
    OperatorRefused,
)
from fluxiq.ledgers.breaker import advance as decide
from fluxiq.settings import Ledger
from supervisors import (
    Call,
    Caller,
    Cast,
    Context,
    Enter,
    Info,
    Internal,
    Mailbox,
    Overflow,
    StateMachine,
    StateTimeout,
)
from supervisors.state_machine import StateEvent

LOOK_WHO_IS_BACK_SECONDS = 1.0


def breaker_limits(settings: Ledger) -> BreakerLimits:
    """What `[ledger]` says about the breaker."""
    return BreakerLimits(
        failures=settings.failures,
        suspect_seconds_max=settings.suspect_seconds_max,
        open_seconds=settings.open_seconds,
        open_seconds_max=settings.open_seconds_max,
        probes=settings.probes,
        probe_seconds=settings.probe_seconds,
    )


class Operate(Struct, frozen=True):
    """Call: an operator opens, closes or releases the breaker. Fails with OperatorRefused."""

    event: Event
    reason: str


class _GoOn(Struct, frozen=True):
    """To itself, before all mail: take up what is on the board."""


class _Happened(Struct, frozen=True):
    """To itself: a probe came back, or did not; or everybody is back."""

    event: Event
    reason: str


class LedgerBreaker(StateMachine):
    """`look_up` asks TigerBeetle under the deadline, and raises Unavailable."""

    # Equal casts are one: what a thousand writers see is the same thing.
    mailbox = Mailbox(capacity=64, overflow=Overflow.COALESCE)

    # A new incarnation knows nothing, and goes on from there to what is on the board.
    INITIAL = BreakerState.UNCONFIGURED
    TRANSITIONS: ClassVar = {
        BreakerState.UNCONFIGURED: set(BreakerState) - {BreakerState.UNCONFIGURED},
        BreakerState.CLOSED: {
            BreakerState.SUSPECT,
            BreakerState.FORCED_OPEN,
            BreakerState.FORCED_CLOSED,
        },
        BreakerState.SUSPECT: {
            BreakerState.CLOSED,
            BreakerState.OPEN,
            BreakerState.FORCED_OPEN,
            BreakerState.FORCED_CLOSED,
        },
        BreakerState.OPEN: {BreakerState.HALF_OPEN, BreakerState.FORCED_OPEN},
        BreakerState.HALF_OPEN: {
            BreakerState.RECOVERING,
            BreakerState.OPEN,
            BreakerState.FORCED_OPEN,
        },
        BreakerState.RECOVERING: {
            BreakerState.CLOSED,
            BreakerState.FORCED_CLOSED,
            BreakerState.OPEN,
            BreakerState.FORCED_OPEN,
        },
        BreakerState.FORCED_OPEN: {BreakerState.HALF_OPEN},
        BreakerState.FORCED_CLOSED: {BreakerState.CLOSED, BreakerState.FORCED_OPEN},
    }

    def __init__(
        self,
        board: Board,
        look_up: Callable[[], Awaitable[None]],
        limits: BreakerLimits,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._board = board
        self._look_up = look_up
        self._limits = limits
        self._jitter = jitter
        self._is_probing = False

    async def init(self, context: Context) -> None:
        """Take up what is on the board, before all mail."""
        self._board.send = context.ref(context.name).cast_nowait
        self.continue_with(_GoOn())
        await super().init(context)

    def _hear(self, event: StateEvent) -> None:
        """Every state hears the same; what it makes of it is in the table."""
        match event:
            case Internal(_GoOn()):
                self._go_on()
            case Cast(Heard(happened, reason)) | Info(_Happened(happened, reason)):
                self._move(happened, reason)
            case StateTimeout() if self.state is not BreakerState.RECOVERING:
                self._move(Event.TICKED)
            case Cast(LookWhoIsBack()) | StateTimeout():
                self._look_who_is_back()
            case Call(Operate(wanted, reason), caller):
                self._operate(wanted, reason, caller)
            case Enter():
                self._look_who_is_back()
            case _:
                self.in_any_state(event)

    in_closed = in_suspect = in_open = in_half_open = in_recovering = _hear
    in_forced_open = in_forced_closed = in_unconfigured = _hear

    def inspect(self) -> dict[str, object]:
        posted = self._board.breaker
        return {
            **super().inspect(),
            "reason": posted.reason,
            "failures": posted.failures,
            "probes": posted.probes,
            "returns": posted.returns,
            "pinned": posted.pinned,
        }

    def _go_on(self) -> None:
        before, now = self._board.breaker, trio.current_time()
        if before.state is BreakerState.CLOSED:
            after = replace(
                before,
                state=BreakerState.SUSPECT,
                since=now,
                due=now,
                reason="the breaker was restarted, and may have missed something",
            )
        elif before.state is BreakerState.SUSPECT:
            after = replace(before, since=now, due=now)
        else:
            after = replace(before, probes=0)
        self._take_up(after)

    def _move(self, event: Event, reason: str = "") -> None:
        after = decide(
            self._board.breaker,
            event,
            trio.current_time(),
            self._limits,
            reason=reason,
            jitter=self._jitter(),
        )
        if event is Event.TICKED and after.probing:
            self._probe()
        self._take_up(after)

    def _take_up(self, breaker: Breaker) -> None:
        """Be in this state, have it posted, and be woken when it is due."""
        if breaker.state is not self.state:
            self.advance(breaker.state)
        self._board.post(breaker)
        if breaker.state is BreakerState.RECOVERING:
            self.set_state_timeout(LOOK_WHO_IS_BACK_SECONDS)
        elif breaker.state is not BreakerState.UNCONFIGURED:
            self.set_state_timeout(max(0.0, breaker.due - trio.current_time()))

    def _look_who_is_back(self) -> None:
        if self.state is not BreakerState.RECOVERING:
            return
        if self._board.still_out():
            self.set_state_timeout(LOOK_WHO_IS_BACK_SECONDS)
        else:
            self.call_after(0.0, _Happened(Event.RECOVERED, ""))

    def _operate(self, wanted: Event, reason: str, caller: Caller) -> None:
        try:
            self._move(wanted, reason)
        except OperatorRefused as error:
            caller.fail(error)
        else:
            caller.reply(self._board.breaker.state)

    # Probes

    def _probe(self) -> None:
        """Ask once more, unless the last question is still out: it has a deadline of its own."""
        if not self._is_probing:
            self._is_probing = True
            self.start_soon(self._ask)

    async def _ask(self) -> None:
        try:
            await self._look_up()
        except Unavailable as error:
            answer = _Happened(Event.PROBE_MISSED, str(error))
        else:
            answer = _Happened(Event.PROBE_ANSWERED, "")
        self._is_probing = False
        self.call_after(0.0, answer)
