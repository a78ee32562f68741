"""One request for the sessions: its caller's until one of them takes it, that session's after."""

import math

import outcome
import structlog
import trio

from fluxiq.errors import Unknown
from fluxiq.ledgers.tigerbeetle.packets import SYSTEM, Operation

_log = structlog.get_logger("tigerbeetle")


class Job:
    """A request and its caller, until a session takes it; then a request and its result."""

    __slots__ = (
        *("deadline", "events", "is_abandoned", "is_taken", "operation", "reference"),
        *("result", "scope", "settled"),
    )

    def __init__(
        self, operation: Operation, events: bytes, deadline: float, reference: str
    ) -> None:
        self.operation = operation
        self.events = events
        self.deadline = deadline
        self.reference = reference
        self.is_taken = self.is_abandoned = False
        self.result: outcome.Value[bytes] | outcome.Error | None = None
        self.settled = trio.Event()
        # Bounds the waiting for a session; a session keeps the deadline itself.
        self.scope = trio.CancelScope(deadline=deadline)

    def take(self) -> bool:
        """Make it a session's; False when its caller is about to be told that it expired."""
        if self.scope.cancel_called:
            return False

        self.scope.deadline = math.inf
        self.is_taken = True
        return True

    def settle(self) -> None:
        """Wake the caller. Without a result the session was stopped in the middle."""
        if self.result is None:
            stopped = Unknown(SYSTEM, self.reference, "the sessions were closed meanwhile")
            self.result = outcome.Error(stopped)

        if self.is_abandoned:
            _log.info("tigerbeetle_answer_dropped", reference=self.reference, answer=self._kind())

        self.settled.set()

    def _kind(self) -> str:
        return "reply" if isinstance(self.result, outcome.Value) else repr(self.result)
