"""The breaker of a process: told of failures, probing when it is due, heard by all writers."""

from collections.abc import Awaitable, Callable
from typing import Final

import trio

from fluxiq.errors import Unavailable
from fluxiq.ledgers.breaker import Breaker, BreakerLimits, BreakerState, Event, advance
from fluxiq.ledgers.writer.changes import Changes

INSTITUTIONS_MAX: Final = 10_000


class BreakerKeeper:
    """`writer.BreakerView` for every writer of the process, and what an operator turns.

    `probe` looks up a sentinel under a deadline of its own and raises Unavailable; None where there
    is no TigerBeetle. `draw` returns a random number from 0 to 1. `on_change` hears of each change
    of state, before and after.
    """

    def __init__(
        self,
        probe: Callable[[], Awaitable[None]] | None,
        *,
        draw: Callable[[], float],
        limits: BreakerLimits | None = None,
        on_change: Callable[[Breaker, Breaker], None] | None = None,
    ) -> None:
        self.limits = limits or BreakerLimits()
        state = BreakerState.CLOSED if probe is not None else BreakerState.UNCONFIGURED
        self.breaker = Breaker(state=state, since=trio.current_time())
        self._probe = probe
        self._draw = draw
        self._on_change = on_change
        self._listeners: dict[str, Callable[[], None]] = {}
        self._back: set[str] = set()
        self._changed = Changes()

    # For writers

    @property
    def state(self) -> BreakerState:
        return self.breaker.state

    def join(self, institution: str, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` at each change of state; return how to leave again."""
        assert len(self._listeners) < INSTITUTIONS_MAX, "who joins must leave, too"
        self._listeners[institution] = listener

        def leave() -> None:
            # A successor may have joined in this place meanwhile.
            if self._listeners.get(institution) is listener:
                del self._listeners[institution]
                self._close_when_all_are_back()

        return leave

    def succeeded(self) -> None:
        self._step(Event.SUCCEEDED)

    def failed(self, reason: str) -> None:
        self._step(Event.FAILED, reason)

    def back(self, institution: str) -> None:
        self._back.add(institution)
        self._close_when_all_are_back()

    # For operators. Each raises OperatorRefused where there is no TigerBeetle.

    def open(self, reason: str) -> None:
        self._step(Event.OPENED, reason)

    def close(self, reason: str) -> None:
        self._step(Event.CLOSED, reason)

    def release(self, reason: str) -> None:
        self._step(Event.RELEASED, reason)

    # The life of it

    async def run(self) -> None:
        """Tick and probe when it is due, until cancelled."""
        while True:
            await self._changed.wait(self.breaker.due - trio.current_time())
            if trio.current_time() >= self.breaker.due:
                self._step(Event.TICKED)
                if self.breaker.probing:
                    await self._look()

    async def _look(self) -> None:
        assert self._probe is not None, "only what is there is probed"
        asked = self.breaker
        # A probe must not keep SUSPECT from ending in time.
        seconds_max = (
            asked.since + self.limits.suspect_seconds_max - trio.current_time()
            if asked.state is BreakerState.SUSPECT
            else float("inf")
        )
        event, reason = Event.PROBE_MISSED, "a probe was not answered"
        with trio.move_on_after(max(seconds_max, 0.0)):
            try:
                await self._probe()
            except Unavailable as error:
                reason = str(error)
            else:
                event = Event.PROBE_ANSWERED
        # What was asked in another state says nothing about this one.
        if (self.breaker.state, self.breaker.since) == (asked.state, asked.since):
            self._step(event, reason)

    def _step(self, event: Event, reason: str = "") -> None:
        before = self.breaker
        self.breaker = advance(
            before,
            event,
            trio.current_time(),
            self.limits,
            reason=reason,
            jitter=self._draw(),
        )
        if self.breaker == before:
            return
        self._changed.set()
        if self.breaker.state is not before.state:
            self._back.clear()
            if self._on_change is not None:
                self._on_change(before, self.breaker)
            for listener in list(self._listeners.values()):
                listener()
            self._close_when_all_are_back()

    def _close_when_all_are_back(self) -> None:
        if self.state is BreakerState.RECOVERING and self._back >= self._listeners.keys():
            self._step(Event.RECOVERED)
