"""Deeds that may outlast the request by which they were asked.

A request has an end, whatever comes of it. A deed that was cancelled with it would be told as not
done, though the tree finishes a restart that it has begun, which takes as long as the child needs
to stop. So a deed is done in a task of its own, and whoever asked waits for it as long as they can.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeVar

import structlog
import trio

from fluxiq.errors import Refused, Unavailable

DEEDS_MAX: Final = 64  # under way at once

T = TypeVar("T")
_log = structlog.get_logger("admin")


@asynccontextmanager
async def open_lasting(patience_seconds: float) -> AsyncIterator["Lasting"]:
    """What is under way when the block ends is cancelled, and not before: a server that is told to
    stop answers those who wait.
    """
    over = trio.Event()
    async with trio.open_nursery() as nursery:
        deeds = await nursery.start(_until, over)
        try:
            yield Lasting(deeds, patience_seconds)
        finally:
            over.set()


class Lasting:
    """Deeds are done in `nursery`; whoever asked waits for `patience_seconds`."""

    def __init__(self, nursery: trio.Nursery, patience_seconds: float) -> None:
        self._nursery = nursery
        self._patience_seconds = patience_seconds
        self._under_way = 0

    async def outcome(self, deed: Callable[[], Awaitable[T]]) -> T:
        """What `deed` answers, or raises. Raises Refused("still_running") where it takes longer,
        and it goes on; Unavailable where too many are under way.
        """
        if self._under_way >= DEEDS_MAX:
            raise Unavailable("desk", f"{DEEDS_MAX} deeds are under way")

        task = _Task(deed)
        self._under_way += 1
        self._nursery.start_soon(self._see_through, task)
        try:
            with trio.move_on_after(self._patience_seconds):
                return await task.outcome()
        finally:
            task.is_alone = True  # also where whoever asked has left
        raise Refused(
            "still_running",
            "it goes on, and takes longer than a request may: how it ends is written down"
            " under this request's id",
        )

    async def _see_through(self, task: "_Task[T]") -> None:
        try:
            await task.run()
        finally:
            self._under_way -= 1


async def _until(
    over: trio.Event, task_status: "trio.TaskStatus[trio.Nursery]" = trio.TASK_STATUS_IGNORED
) -> None:
    with trio.CancelScope(shield=True):
        async with trio.open_nursery() as deeds:
            task_status.started(deeds)
            await over.wait()
            deeds.cancel_scope.cancel()


class _Task(Generic[T]):
    """A deed, and what came of it. `is_alone`: nobody waits for it any more."""

    def __init__(self, deed: Callable[[], Awaitable[T]]) -> None:
        self._deed = deed
        self._ended = trio.Event()
        self._answers: list[T] = []
        self._error: Exception | None = None
        self.is_alone = False

    async def run(self) -> None:
        try:
            self._answers.append(await self._deed())
        except Exception as error:  # noqa: BLE001 - raised where somebody waits for it
            self._error = error
            if self.is_alone:
                _log.warning("deed_failed_after_its_request", error=repr(error))
        self._ended.set()

    async def outcome(self) -> T:
        await self._ended.wait()
        if self._error is not None:
            raise self._error
        return self._answers[0]
