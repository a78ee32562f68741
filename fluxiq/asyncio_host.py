"""The one room where asyncio lives: an asyncio loop hosted by trio, in the same thread.

asyncpg, nats-py and redis-py are asyncio libraries. Here they run under a plain `trio.run`: no
thread, no guest mode. The loop keeps its own epoll, on whose one descriptor trio waits; its timers
are one trio deadline; its ready callbacks are drained where they arise. Loop time is trio's time.

Hand over whole units of work (a transaction, a fetch of 256), not single awaits: a hop costs about
100 microseconds, a batch costs it once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, NoReturn, TypeVar, TypeVarTuple

import outcome
import trio
from trio import lowlevel

from fluxiq.asyncio_loop import CLOSE_SECONDS_MAX, HostedLoop

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# A cancelled asyncio task that is still cleaning up is cancelled again after this long.
INSIST_AFTER_SECONDS: Final = 5.0


class AsyncioCancelled(RuntimeError):
    """The asyncio task was cancelled by somebody who was not its trio caller.

    An `asyncio.CancelledError` is a BaseException; leaking it into trio code would slip past
    `except Exception`, so an unrequested one becomes this ordinary error.
    """


class AsyncioHostClosed(AsyncioCancelled):
    """The host is closed, or closed before the task's end."""


@dataclass(frozen=True, slots=True)
class AsyncioHostStatistics:
    """`tasks` are calls of `run` in flight; the rest describes the loop below them."""

    tasks: int
    drains: int
    timers: int
    callbacks_ready: int
    descriptors: int


@asynccontextmanager
async def open_asyncio_host() -> AsyncIterator["AsyncioHost"]:
    """Host an asyncio loop until the block ends; then cancel what is left in it and close it.

    An error of the block leaves it as it is, not inside an exception group.
    """
    loop = HostedLoop()
    host = AsyncioHost(loop)
    body_error: BaseException | None = None

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host._serve)  # noqa: SLF001 - the host is this function's own

            try:
                yield host
            except BaseException as error:  # noqa: BLE001 - raised again below, outside the nursery
                body_error = error

            await host._close()  # noqa: SLF001 - the host is this function's own

        if body_error is not None:
            raise body_error
    finally:
        body_error = None
        loop.leave()


class AsyncioHost:
    """Runs asyncio coroutine functions for trio tasks. Made by `open_asyncio_host`."""

    def __init__(self, loop: HostedLoop) -> None:
        self._loop = loop
        self._calls: set[_Call[Any]] = set()
        self._closing = False

    @lowlevel.enable_ki_protection
    async def run(self, unit: Callable[[*Ts], Coroutine[Any, Any, T]], *args: *Ts) -> T:
        """Run `unit(*args)` as an asyncio task that sees the caller's context variables.

        Cancelling the trio side cancels the task and waits for its real end: if it completes
        nevertheless, its result (or error) is what the caller gets. Raises whatever the unit
        raises, AsyncioCancelled for a cancellation nobody here asked for, and AsyncioHostClosed.
        """
        if self._closing:
            raise AsyncioHostClosed("the asyncio host is closed")

        await lowlevel.checkpoint_if_cancelled()
        call = _Call(asyncio.Task(unit(*args), loop=self._loop), self._loop)
        self._calls.add(call)

        try:
            # Alone, the first step runs at once; in company the pump takes all of them together.
            if len(self._calls) == 1:
                self._loop.drain()

            return await call.wait()
        finally:
            self._calls.discard(call)

    def statistics(self) -> AsyncioHostStatistics:
        loop = self._loop
        return AsyncioHostStatistics(
            tasks=len(self._calls),
            drains=loop.drains,
            timers=loop.timers_pending(),
            callbacks_ready=loop.callbacks_ready(),
            descriptors=loop.descriptors(),
        )

    async def _serve(self) -> None:
        try:
            await self._loop.serve()
        finally:
            # Whatever stopped the loop, nobody may wait for it any longer.
            self._closing = True
            for call in self._calls:
                call.abandon()

    async def _close(self) -> None:
        if self._closing:
            return  # the loop crashed, and `_serve` tells

        self._closing = True

        with trio.CancelScope(shield=True):
            await _Call(asyncio.Task(self._loop.wind_down(), loop=self._loop), self._loop).wait()

            with trio.move_on_after(CLOSE_SECONDS_MAX):
                await self._loop.join_executor()

        self._loop.stop_serving()


class _Call(Generic[T]):
    """One trio task waiting for one asyncio task."""

    __slots__ = ("_caller", "_insist", "_loop", "_raise_cancel", "_task")

    def __init__(self, task: "asyncio.Task[T]", loop: HostedLoop) -> None:
        self._task = task
        self._loop = loop
        self._caller: lowlevel.Task | None = None
        self._raise_cancel: Callable[[], NoReturn] | None = None
        self._insist: asyncio.TimerHandle | None = None

    async def wait(self) -> T:
        if self._task.done():
            # The work is done, so a pending cancel must not hide its result.
            await lowlevel.cancel_shielded_checkpoint()
            return self._outcome().unwrap()

        self._caller = lowlevel.current_task()
        self._task.add_done_callback(self._wake)
        result: T = await lowlevel.wait_task_rescheduled(self._cancel)
        return result

    def abandon(self) -> None:
        """Give up on a task that survives every cancellation: its caller must not wait forever."""
        if self._caller is not None:
            self._task.remove_done_callback(self._wake)
            message = f"the asyncio host closed over {self._task.get_coro()!r}"
            self._reschedule(outcome.Error(AsyncioHostClosed(message)))

    def _wake(self, _task: "asyncio.Task[T]") -> None:
        if self._insist is not None:
            self._insist.cancel()

        self._reschedule(self._outcome())

    def _reschedule(self, result: outcome.Outcome[T]) -> None:
        caller, self._caller = self._caller, None
        assert caller is not None, "a call is answered once"
        lowlevel.reschedule(caller, result)

    def _cancel(self, raise_cancel: Callable[[], NoReturn]) -> lowlevel.Abort:
        self._raise_cancel = raise_cancel
        self._cancel_task()
        return lowlevel.Abort.FAILED

    def _cancel_task(self) -> None:
        # Clean-up may await a dead network, so the cancellation is repeated.
        self._task.cancel()
        self._insist = self._loop.call_later(INSIST_AFTER_SECONDS, self._cancel_task)

    def _outcome(self) -> outcome.Outcome[T]:
        task = self._task

        if not task.cancelled():
            error = task.exception()
            return outcome.Value(task.result()) if error is None else outcome.Error(error)

        if self._raise_cancel is not None:
            return outcome.capture(self._raise_cancel)

        unrequested = AsyncioCancelled(f"{task.get_coro()!r} was cancelled inside asyncio")
        try:
            task.result()
        except asyncio.CancelledError as error:
            unrequested.__cause__ = error

        return outcome.Error(unrequested)
