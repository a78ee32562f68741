"""The bare counterpart: the least a trio server task can be, and still answer.

A deque, one task parked by `wait_task_rescheduled`, and callers parked the same way, whom the
server wakes with `reschedule`. It keeps trio's rule that a call is a checkpoint, and nothing else:
no deadline, no bound, no names, no crash boundary, no counts, no trace, no cycle check, no
priorities, no suspension; and once its message is queued a caller cannot be cancelled.
"""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import outcome
import trio


class BareServer:
    """Calls and casts of one server task."""

    def __init__(self) -> None:
        self.casts_seen = 0
        self._mail: deque[tuple[Any, trio.lowlevel.Task]] = deque()
        self._casts: deque[Any] = deque()
        self._parked: trio.lowlevel.Task | None = None

    async def serve_calls(self, handle: Callable[[Any], Awaitable[Any]]) -> None:
        mail = self._mail
        while True:
            while mail:
                message, caller = mail.popleft()
                trio.lowlevel.reschedule(caller, outcome.Value(await handle(message)))
            await self._park()

    async def serve_casts(self) -> None:
        """Take all that waits, as a batch does."""
        casts = self._casts
        while True:
            while casts:
                casts.popleft()
                self.casts_seen += 1
            await self._park()

    async def call(self, message: Any) -> Any:
        await trio.lowlevel.checkpoint_if_cancelled()
        self._mail.append((message, trio.lowlevel.current_task()))
        if self._parked is not None:
            self._wake()
        return await trio.lowlevel.wait_task_rescheduled(_answer_is_on_its_way)

    def cast(self, message: Any) -> None:
        self._casts.append(message)
        if self._parked is not None:
            self._wake()

    def _wake(self) -> None:
        assert self._parked is not None
        trio.lowlevel.reschedule(self._parked)
        self._parked = None

    async def _park(self) -> None:
        self._parked = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._leave)

    def _leave(self, _raise_cancel: Any) -> trio.lowlevel.Abort:
        self._parked = None
        return trio.lowlevel.Abort.SUCCEEDED


def _answer_is_on_its_way(_raise_cancel: Any) -> trio.lowlevel.Abort:
    return trio.lowlevel.Abort.FAILED
