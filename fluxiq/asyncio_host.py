"""The one room where asyncio lives: an asyncio loop hosted by trio, in the same thread.

asyncpg, nats-py and redis-py are asyncio libraries. Here they run under a plain `trio.run`: no
thread, no guest mode. The loop keeps its own epoll, on whose one descriptor trio waits; its timers
are one trio deadline; its ready callbacks are drained where they arise. Loop time is trio's time.

Hand over whole units of work (a transaction, a fetch of 256), not single awaits: a hop costs about
100 microseconds, a batch costs it once.
"""

import asyncio
import contextvars
import sys
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, NoReturn, TypeVar, TypeVarTuple, Unpack

import outcome
import trio
from trio import lowlevel

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# Callbacks run before other trio tasks get their turn; one slow drain is everyone's latency.
DRAIN_CALLBACKS_MAX: Final = 512
# A cancelled asyncio task that is still cleaning up is cancelled again after this long.
INSIST_AFTER_SECONDS: Final = 5.0
# Closing waits this long for cancelled tasks, and again for threads of the default executor.
CLOSE_SECONDS_MAX: Final = 10.0
# Cancelled timers are swept out of the heap above this number, when they are half of it.
TIMERS_CANCELLED_MAX: Final = 100


class AsyncioCancelled(RuntimeError):
    """The asyncio task was cancelled by somebody who was not its trio caller.

    An `asyncio.CancelledError` is a BaseException; leaking it into trio code would slip past
    `except Exception`, so an unrequested one becomes this ordinary error.
    """


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
    loop = _HostedLoop()
    host = AsyncioHost(loop)
    body_error: BaseException | None = None

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host._serve)

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

    def __init__(self, loop: "_HostedLoop") -> None:
        self._loop = loop
        self._calls: set[_Call[Any]] = set()
        self._closing = False

    @lowlevel.enable_ki_protection
    async def run(
        self, unit: Callable[[Unpack[Ts]], Coroutine[Any, Any, T]], *args: Unpack[Ts]
    ) -> T:
        """Run `unit(*args)` as an asyncio task that sees the caller's context variables.

        Cancelling the trio side cancels the task and waits for its real end: if it completes
        nevertheless, its result (or error) is what the caller gets. Raises whatever the unit
        raises, AsyncioCancelled for a cancellation nobody here asked for, and RuntimeError when
        the host is closed.
        """
        if self._closing:
            raise RuntimeError("the asyncio host is closed")

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

    def __init__(self, task: "asyncio.Task[T]", loop: "_HostedLoop") -> None:
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
            self._reschedule(outcome.Error(AsyncioCancelled(message)))

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


class _HostedLoop(asyncio.SelectorEventLoop):
    """asyncio's selector loop, turned by three trio tasks instead of `run_forever`."""

    # asyncio's own, not in its published types
    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _selector: selectors.BaseSelector
    _transports: Mapping[int, asyncio.WriteTransport]
    _timer_cancelled_count: int
    _thread_id: int | None
    _default_executor: ThreadPoolExecutor | None

    def __init__(self) -> None:
        super().__init__()
        self.drains = 0
        self._draining = False
        self._kicked = False
        self._pump_task: lowlevel.Task | None = None  # set while the pump sleeps
        self._timer_scope: trio.CancelScope | None = None
        self._serving = trio.CancelScope(shield=True)

        self._clock = lowlevel.current_clock()
        self._token = lowlevel.current_trio_token()
        self._trio_hooks = sys.get_asyncgen_hooks()
        self._thread_id = threading.get_ident()  # this is what makes is_running() true

    # -- Opening and closing

    async def serve(self) -> None:
        """Turn the loop until `stop_serving`, whatever is cancelled outside.

        Shielded, because cancelled callers wait for the real end of their asyncio tasks, which
        need a turning loop for that.
        """
        with self._serving:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._pump)
                nursery.start_soon(self._poll)
                nursery.start_soon(self._watch_timers)

    def stop_serving(self) -> None:
        self._serving.cancel()

    async def wind_down(self) -> None:
        """Cancel every other task, then close asynchronous generators and forgotten transports."""
        this = asyncio.current_task()

        if leftovers := asyncio.all_tasks() - {this}:
            for task in leftovers:
                task.cancel()

            _, stuck = await asyncio.wait(leftovers, timeout=CLOSE_SECONDS_MAX)
            for task in stuck:
                message = "a task ignored its cancellation while the asyncio host closed"
                self.call_exception_handler({"message": message, "task": task})

        await self.shutdown_asyncgens()

        for transport in list(self._transports.values()):
            transport.abort()

        await asyncio.sleep(0)  # connection_lost() of the aborted

    async def join_executor(self) -> None:
        """Wait for threads of the default executor; asyncio's own way would block trio on 3.11."""
        executor = self._default_executor

        if executor is not None:
            await trio.to_thread.run_sync(executor.shutdown, abandon_on_cancel=True)

    def leave(self) -> None:
        self._thread_id = None
        self.close()

    # -- What asyncio calls

    def time(self) -> float:
        return self._clock.current_time()

    def call_soon(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: Unpack[Ts],
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        if self.is_closed():
            raise RuntimeError("Event loop is closed")  # asyncio's words

        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)

        if not self._draining:
            self._kick()

        return handle

    def call_soon_threadsafe(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: Unpack[Ts],
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        if self.is_closed():
            raise RuntimeError("Event loop is closed")

        handle = asyncio.Handle(callback, args, self, context)
        self._token.run_sync_soon(self._enqueue, handle)
        return handle

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: Unpack[Ts],
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = super().call_at(when, callback, *args, context=context)
        scope = self._timer_scope

        if scope is not None and when < scope.deadline:
            scope.deadline = when

        return timer

    def add_signal_handler(self, sig: int, callback: Callable[..., object], *args: Any) -> None:
        del sig, callback, args
        raise RuntimeError("signals belong to trio: trio.open_signal_receiver()")

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        # Every command carries a time-out that nearly always ends cancelled; without this the
        # heap would hold a minute of them. asyncio does it in run_forever, which is not used here.
        del handle
        self._timer_cancelled_count += 1

        if self._timer_cancelled_count > max(TIMERS_CANCELLED_MAX, len(self._scheduled) // 2):
            self._forget_cancelled_timers()

    def _make_self_pipe(self) -> None:
        """Not needed: other threads come in through the TrioToken."""
        self._ssock = self._csock = None
        self._internal_fds = 0

    def _close_self_pipe(self) -> None:
        """Nothing to close."""

    # -- Turning the loop

    @lowlevel.enable_ki_protection
    def drain(self) -> None:
        """Run what is ready, in the current trio task, up to DRAIN_CALLBACKS_MAX callbacks."""
        ready = self._ready

        if self._draining or not ready:
            return

        self._draining = True
        self.drains += 1
        library, sniffio.thread_local.name = sniffio.thread_local.name, "asyncio"
        # Asynchronous generators born in here belong to asyncio, not to trio.
        sys.set_asyncgen_hooks(self._asyncgen_firstiter_hook, self._asyncgen_finalizer_hook)
        events._set_running_loop(self)

        try:
            for _ in range(DRAIN_CALLBACKS_MAX):
                handle = ready.popleft()

                if not handle.cancelled():
                    handle._run()  # noqa: SLF001 - this is the loop

                if not ready:
                    break
        finally:
            events._set_running_loop(None)
            sys.set_asyncgen_hooks(*self._trio_hooks)
            sniffio.thread_local.name = library
            self._draining = False

            if ready:
                self._kick()

    def _kick(self) -> None:
        """Have the pump drain at its next turn."""
        if not self._kicked:
            self._kicked = True
            sleeper, self._pump_task = self._pump_task, None

            if sleeper is not None:
                lowlevel.reschedule(sleeper)

    def _enqueue(self, handle: asyncio.Handle) -> None:
        # Runs in trio's entry queue, where an error would bring down the whole run: only kick.
        if not self.is_closed():
            self._ready.append(handle)

            if not self._draining:
                self._kick()

    @lowlevel.enable_ki_protection
    async def _pump(self) -> None:
        def stop_sleeping(_: object) -> lowlevel.Abort:
            self._pump_task = None
            return lowlevel.Abort.SUCCEEDED

        while True:
            if self._kicked:
                await lowlevel.checkpoint()
            else:
                self._pump_task = lowlevel.current_task()
                await lowlevel.wait_task_rescheduled(stop_sleeping)

            self._kicked = False
            self.drain()

    @lowlevel.enable_ki_protection
    async def _poll(self) -> None:
        """Wait for the loop's epoll through trio's: level-triggered, so nothing is missed."""
        descriptor = self._selector.fileno()  # type: ignore[attr-defined]  # epoll and kqueue have it

        while True:
            await lowlevel.wait_readable(descriptor)
            self._process_events(self._selector.select(0))  # type: ignore[attr-defined]
            self.drain()

    @lowlevel.enable_ki_protection
    async def _watch_timers(self) -> None:
        while True:
            self._take_due_timers()
            self.drain()
            due = self._scheduled[0].when() if self._scheduled else math.inf

            with trio.CancelScope(deadline=due) as self._timer_scope:
                await trio.sleep_forever()

            self._timer_scope = None

    def _take_due_timers(self) -> None:
        scheduled = self._scheduled
        now = self.time()

        while scheduled and (scheduled[0].cancelled() or scheduled[0].when() <= now):
            timer = heapq.heappop(scheduled)
            timer._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001 - asyncio's own

            if timer.cancelled():
                self._timer_cancelled_count -= 1
            else:
                self._ready.append(timer)

    def _forget_cancelled_timers(self) -> None:
        live = []

        for timer in self._scheduled:
            if timer.cancelled():
                timer._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001
            else:
                live.append(timer)

        heapq.heapify(live)
        self._scheduled[:] = live
        self._timer_cancelled_count = 0

    # -- Counting

    def callbacks_ready(self) -> int:
        return len(self._ready)

    def timers_pending(self) -> int:
        return sum(not timer.cancelled() for timer in self._scheduled)

    def descriptors(self) -> int:
        return 0 if self._selector is None else len(self._selector.get_map())
