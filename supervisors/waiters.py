"""Whoever waits for a child to be up, or down, after asking for it."""

from typing import Literal

import trio

from supervisors.errors import StartFailed, SupervisionError
from supervisors.slot import Slot
from supervisors.state import Child, ChildState, ExitKind

_DOWN = (ChildState.BACKING_OFF, ChildState.DONE, ChildState.QUARANTINED)
_AT_REST = (ChildState.DONE, ChildState.QUARANTINED)


class Waiter:
    """Waits for one child to be up (a newer incarnation than now) or down."""

    __slots__ = ("child_id", "done", "error", "incarnation", "value", "wants")

    def __init__(self, child_id: str, wants: Literal["up", "down"]) -> None:
        self.child_id = child_id
        self.wants = wants
        self.done = trio.Event()
        self.incarnation = 0
        self.value: object = None
        self.error: SupervisionError | None = None

    async def wait(self) -> object:
        """Return what the child was ready with; None for a child that went down."""
        await self.done.wait()
        if self.error is not None:
            raise self.error
        return self.value

    def settle(self, value: object = None, error: SupervisionError | None = None) -> None:
        self.value, self.error = value, error
        self.done.set()

    def look(self, path: str, child: Child | None, slot: Slot | None, *, active: bool) -> bool:
        """Settle if the wait is over; `active` says whether the supervisor may start children."""
        if self.wants == "down":
            # Down by now, or for a moment: somebody else may have had it started again.
            newer = child is not None and child.incarnation > self.incarnation
            if child is None or newer or (not child.live and child.state in _DOWN):
                self.settle()
        else:
            self._look_up(path, child, slot, active=active)
        return self.done.is_set()

    def _look_up(self, path: str, child: Child | None, slot: Slot | None, *, active: bool) -> None:
        newer = child is not None and child.incarnation > self.incarnation
        if child is not None and slot is not None and newer and child.state is ChildState.RUNNING:
            self.settle(slot.value)
            return

        ended = child is None or child.state in (_DOWN if newer else _AT_REST)
        if not ended and active:
            return

        end = None if slot is None else slot.end
        if end is not None and end.kind is ExitKind.IGNORED:
            self.settle()
        elif end is not None and isinstance(end.exception, StartFailed):
            self.settle(error=end.exception)
        else:
            reason = "it was stopped" if end is None else end.reason
            self.settle(error=StartFailed(path, reason, None if end is None else end.exception))
