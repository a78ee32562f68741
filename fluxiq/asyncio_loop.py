"""The loop of `fluxiq.asyncio_host`: asyncio's own, turned by trio. Nobody else imports it."""

import asyncio
import contextvars
import heapq
import math
import selectors
import sys
import threading
from asyncio import events
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NoReturn, TypeVarTuple

import sniffio
import trio
from trio import lowlevel

Ts = TypeVarTuple("Ts")

# Callbacks run before other trio tasks get their turn; one slow drain is everyone's latency.
DRAIN_CALLBACKS_MAX: Final = 512
# Cancelled timers are swept out of the heap above this number, when they are half of it.
TIMERS_CANCELLED_MAX: Final = 100
# Closing waits this long for cancelled tasks, and again for threads of the default executor.
CLOSE_SECONDS_MAX: Final = 10.0


class HostedLoop(asyncio.SelectorEventLoop):
    """asyncio's selector loop, turned by three trio tasks instead of `run_forever`."""

    # asyncio's own, not in its published types
    _ready: deque[asyncio.Handle]
    _scheduled: list[asyncio.TimerHandle]
    _selector: selectors.EpollSelector  # or kqueue's: what matters is that it has a descriptor
    _transports: Mapping[int, asyncio.WriteTransport]
    _timer_cancelled_count: int
    _thread_id: int | None
    _default_executor: ThreadPoolExecutor | None
    _asyncgen_firstiter_hook: Callable[[AsyncGenerator[Any, Any]], None]
    _asyncgen_finalizer_hook: Callable[[AsyncGenerator[Any, Any]], None]

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
        callback: Callable[[*Ts], object],
        *args: *Ts,
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
        callback: Callable[[*Ts], object],
        *args: *Ts,
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
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        timer = super().call_at(when, callback, *args, context=context)
        scope = self._timer_scope

        if scope is not None and when < scope.deadline:
            scope.deadline = when

        return timer

    def add_signal_handler(
        self, sig: int, callback: Callable[[*Ts], object], *args: *Ts
    ) -> NoReturn:
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
        events._set_running_loop(self)  # noqa: SLF001 - there is no public way

        try:
            for _ in range(DRAIN_CALLBACKS_MAX):
                handle = ready.popleft()

                if not handle.cancelled():
                    handle._run()  # noqa: SLF001 - this is the loop

                if not ready:
                    break
        finally:
            events._set_running_loop(None)  # noqa: SLF001 - the same
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
        descriptor = self._selector.fileno()

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
            timer._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001 - as asyncio does

            if timer.cancelled():
                self._timer_cancelled_count -= 1
            else:
                self._ready.append(timer)

    def _forget_cancelled_timers(self) -> None:
        live = []

        for timer in self._scheduled:
            if timer.cancelled():
                timer._scheduled = False  # type: ignore[attr-defined]  # noqa: SLF001 - as asyncio does
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
