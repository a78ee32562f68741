"""The asyncio host: what a trio caller is promised when its work runs inside asyncio."""

import asyncio
import contextlib
import contextvars
import gc
import signal
import socket
import threading
from collections.abc import AsyncIterator
from typing import NoReturn

import pytest
import sniffio
import trio
from trio.testing import MockClock

from fluxiq.asyncio_host import (
    AsyncioCancelled,
    AsyncioHost,
    AsyncioHostClosed,
    open_asyncio_host,
)

tenant: contextvars.ContextVar[str] = contextvars.ContextVar("tenant", default="nobody")


class TestRun:
    async def test_returns_what_the_unit_returns(self, asyncio_host: AsyncioHost) -> None:
        async def double(number: int) -> int:
            await asyncio.sleep(0)
            return number * 2

        assert await asyncio_host.run(double, 21) == 42

    async def test_returns_at_once_from_a_unit_that_never_waits(
        self, asyncio_host: AsyncioHost
    ) -> None:
        async def answer() -> int:
            return 42

        assert await asyncio_host.run(answer) == 42

    async def test_raises_the_very_error_of_the_unit(self, asyncio_host: AsyncioHost) -> None:
        error = LookupError("no such key")

        async def fail(wait: bool) -> None:
            if wait:
                await asyncio.sleep(0)

            raise error

        for wait in (False, True):
            with pytest.raises(LookupError) as caught:
                await asyncio_host.run(fail, wait)

            assert caught.value is error

    async def test_carries_the_context_variables_of_the_caller(
        self, asyncio_host: AsyncioHost
    ) -> None:
        seen: dict[str, str] = {}

        async def look() -> str:
            await asyncio.sleep(0)
            found = tenant.get()
            tenant.set("changed inside")
            return found

        async def caller(name: str) -> None:
            tenant.set(name)
            seen[name] = await asyncio_host.run(look)
            assert tenant.get() == name

        async with trio.open_nursery() as nursery:
            nursery.start_soon(caller, "12345678")
            nursery.start_soon(caller, "87654321")

        assert seen == {"12345678": "12345678", "87654321": "87654321"}
        assert tenant.get() == "nobody"

    async def test_runs_many_units_at_the_same_time(self, asyncio_host: AsyncioHost) -> None:
        everybody_is_here = asyncio.Event()
        arrived = 0

        async def arrive() -> None:
            nonlocal arrived
            arrived += 1
            if arrived == 100:
                everybody_is_here.set()

            await everybody_is_here.wait()

        async with trio.open_nursery() as nursery:
            for _ in range(100):
                nursery.start_soon(asyncio_host.run, arrive)

        assert arrived == 100

    async def test_is_refused_after_the_host_closed(self) -> None:
        async def never() -> NoReturn:
            pytest.fail("ran after the host closed")

        async with open_asyncio_host() as host:
            pass

        with pytest.raises(AsyncioHostClosed):
            await host.run(never)


class TestCancel:
    async def test_cancels_the_asyncio_task_and_waits_for_its_real_end(
        self, asyncio_host: AsyncioHost
    ) -> None:
        steps = []

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                steps.append("cleaning up")
                await asyncio.sleep(0.01)
                steps.append("clean")

        with trio.move_on_after(0.01) as scope:
            await asyncio_host.run(work)

        assert scope.cancelled_caught
        assert steps == ["cleaning up", "clean"]

    async def test_a_unit_that_completes_nevertheless_gives_its_result(
        self, asyncio_host: AsyncioHost
    ) -> None:
        async def commit() -> str:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()

            return "committed"

        with trio.move_on_after(0.01) as scope:
            outcome = await asyncio_host.run(commit)

        assert outcome == "committed"
        assert scope.cancel_called

    async def test_a_cancelled_caller_does_not_start_the_unit(
        self, asyncio_host: AsyncioHost
    ) -> None:
        async def never() -> NoReturn:
            pytest.fail("started for a cancelled caller")

        with trio.CancelScope() as scope:
            scope.cancel()
            await asyncio_host.run(never)

        assert scope.cancelled_caught

    async def test_a_cancellation_nobody_asked_for_is_an_ordinary_error(
        self, asyncio_host: AsyncioHost
    ) -> None:
        async def cancelled_by_a_library(wait: bool) -> None:
            if wait:
                await asyncio.sleep(0)

            raise asyncio.CancelledError("by the library")

        for wait in (False, True):
            with pytest.raises(AsyncioCancelled, match="cancelled_by_a_library") as caught:
                await asyncio_host.run(cancelled_by_a_library, wait)

            assert isinstance(caught.value, Exception)
            assert isinstance(caught.value.__cause__, asyncio.CancelledError)

    async def test_a_task_cancelled_from_inside_asyncio_is_an_ordinary_error(
        self, asyncio_host: AsyncioHost
    ) -> None:
        async def cancel_itself() -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await asyncio.sleep(0)

        with pytest.raises(AsyncioCancelled):
            await asyncio_host.run(cancel_itself)

    async def test_clean_up_that_hangs_is_cancelled_again(
        self,
        autojump_clock: MockClock,
        asyncio_host: AsyncioHost,
    ) -> None:
        cancellations = 0

        async def stubborn() -> None:
            nonlocal cancellations

            while cancellations < 3:
                try:
                    await asyncio.Event().wait()
                except asyncio.CancelledError:
                    cancellations += 1

            raise asyncio.CancelledError

        with trio.move_on_after(1) as scope:
            await asyncio_host.run(stubborn)

        assert scope.cancelled_caught
        assert cancellations == 3
        assert asyncio_host.statistics().timers == 0


class TestAsyncioInside:
    async def test_the_loop_runs_inside_and_only_inside(self, asyncio_host: AsyncioHost) -> None:
        async def look() -> tuple[bool, str]:
            return asyncio.get_running_loop().is_running(), sniffio.current_async_library()

        assert await asyncio_host.run(look) == (True, "asyncio")
        assert sniffio.current_async_library() == "trio"

        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()

    async def test_its_time_is_the_time_of_trio(
        self,
        autojump_clock: MockClock,
        asyncio_host: AsyncioHost,
    ) -> None:
        async def sleep_a_day() -> float:
            await asyncio.sleep(86400)
            return asyncio.get_running_loop().time()

        before = trio.current_time()
        assert await asyncio_host.run(sleep_a_day) == trio.current_time() >= before + 86400

    async def test_an_earlier_timer_overtakes_a_later_one(
        self,
        autojump_clock: MockClock,
        asyncio_host: AsyncioHost,
    ) -> None:
        order = []

        async def sleep(seconds: int) -> None:
            await asyncio.sleep(seconds)
            order.append(seconds)

        async with trio.open_nursery() as nursery:
            for seconds in (50, 10, 40, 20, 30):
                nursery.start_soon(asyncio_host.run, sleep, seconds)
                await trio.sleep(1)

        assert order == [10, 20, 30, 40, 50]

    async def test_time_outs_of_asyncio_work(
        self,
        autojump_clock: MockClock,
        asyncio_host: AsyncioHost,
    ) -> None:
        async def with_timeout() -> None:
            async with asyncio.timeout(5):
                await asyncio.Event().wait()

        async def with_wait_for() -> None:
            await asyncio.wait_for(asyncio.Event().wait(), 5)

        for unit in (with_timeout, with_wait_for):
            with pytest.raises(TimeoutError):
                await asyncio_host.run(unit)

    async def test_locks_and_task_groups_of_asyncio_work(self, asyncio_host: AsyncioHost) -> None:
        lock = asyncio.Lock()
        entered = []

        async def critical(name: str) -> None:
            async with lock:
                entered.append(name)
                await asyncio.sleep(0)
                entered.append(name)

        async def both() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(critical("a"))
                group.create_task(critical("b"))

        await asyncio_host.run(both)
        assert entered == ["a", "a", "b", "b"]

    async def test_threads_of_the_executor_report_back(self, asyncio_host: AsyncioHost) -> None:
        async def from_a_thread() -> tuple[str, object]:
            loop = asyncio.get_running_loop()
            name = await loop.run_in_executor(None, lambda: threading.current_thread().name)
            found = await loop.getaddrinfo("127.0.0.1", 80, type=socket.SOCK_STREAM)
            return name, found[0][4]

        name, address = await asyncio_host.run(from_a_thread)
        assert name.startswith("asyncio")
        assert address == ("127.0.0.1", 80)

    async def test_another_thread_may_call_in_while_trio_sleeps(
        self, asyncio_host: AsyncioHost
    ) -> None:
        async def wait_for_a_thread() -> str:
            loop = asyncio.get_running_loop()
            told = loop.create_future()
            thread = threading.Thread(
                target=loop.call_soon_threadsafe, args=(told.set_result, "told")
            )
            thread.start()
            result: str = await told
            thread.join()
            return result

        assert await asyncio_host.run(wait_for_a_thread) == "told"

    async def test_asynchronous_generators_are_finished_by_asyncio(
        self, asyncio_host: AsyncioHost
    ) -> None:
        finished_in = []

        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
                yield 2
            finally:
                await asyncio.sleep(0)
                finished_in.append(sniffio.current_async_library())

        async def abandon_one() -> None:
            async for _ in numbers():
                break

            gc.collect()
            await asyncio.sleep(0.01)

        await asyncio_host.run(abandon_one)
        assert finished_in == ["asyncio"]

    async def test_signal_handlers_are_left_to_trio(self, asyncio_host: AsyncioHost) -> None:
        async def handle_hangup() -> None:
            asyncio.get_running_loop().add_signal_handler(1, print)

        with pytest.raises(RuntimeError, match="belong to trio"):
            await asyncio_host.run(handle_hangup)

    async def test_a_second_loop_cannot_be_run_inside(self, asyncio_host: AsyncioHost) -> None:
        async def nested() -> None:
            asyncio.get_running_loop().run_forever()

        with pytest.raises(RuntimeError, match="already running"):
            await asyncio_host.run(nested)

    async def test_a_busy_asyncio_task_leaves_trio_its_turns(
        self, asyncio_host: AsyncioHost
    ) -> None:
        stop = False
        turns = 0

        async def spin() -> int:
            spins = 0

            while not stop:
                await asyncio.sleep(0)
                spins += 1

            return spins

        async def take_turns() -> None:
            nonlocal stop, turns

            for _ in range(20):
                await trio.lowlevel.checkpoint()
                turns += 1

            stop = True

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take_turns)
            spins = await asyncio_host.run(spin)

        assert turns == 20
        assert spins > 512, "the drains were long, and capped"

    async def test_cancelled_timers_do_not_pile_up(self, asyncio_host: AsyncioHost) -> None:
        async def start_and_cancel() -> int:
            loop = asyncio.get_running_loop()
            kept = [loop.call_later(3600, print) for _ in range(10)]

            for _ in range(5000):
                loop.call_later(60, print).cancel()

            held = len(loop._scheduled)  # type: ignore[attr-defined]
            for timer in kept:
                assert timer in loop._scheduled  # type: ignore[attr-defined]
                timer.cancel()

            return held

        assert await asyncio_host.run(start_and_cancel) < 300
        assert asyncio_host.statistics().timers == 0


class TestOpenAndClose:
    async def test_the_error_of_the_block_is_not_wrapped(self) -> None:
        with pytest.raises(LookupError, match=r"^plain$"):
            async with open_asyncio_host():
                raise LookupError("plain")

    async def test_a_cancelled_block_still_lets_units_clean_up(self) -> None:
        steps = []

        async def work() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0.01)
                steps.append("rolled back")

        with trio.move_on_after(0.01) as scope:
            async with open_asyncio_host() as host, trio.open_nursery() as nursery:
                nursery.start_soon(host.run, work)
                nursery.start_soon(host.run, work)

        assert scope.cancelled_caught
        assert steps == ["rolled back", "rolled back"]

    async def test_tasks_left_behind_are_cancelled_and_awaited(self) -> None:
        steps = []

        async def background() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                await asyncio.sleep(0)
                steps.append("ended")

        async def leave_one_behind() -> "asyncio.Task[None]":
            task = asyncio.create_task(background())
            await asyncio.sleep(0)
            return task

        async with open_asyncio_host() as host:
            task = await host.run(leave_one_behind)

        assert task.cancelled()
        assert steps == ["ended"]

    async def test_asynchronous_generators_left_behind_are_closed(self) -> None:
        closed = []

        async def numbers() -> AsyncIterator[int]:
            try:
                yield 1
            finally:
                await asyncio.sleep(0)
                closed.append(True)

        generator = numbers()

        async def begin() -> int:
            return await anext(generator)

        async with open_asyncio_host() as host:
            assert await host.run(begin) == 1

        assert closed == [True]

    async def test_transports_left_behind_are_aborted(self) -> None:
        here, there = socket.socketpair()

        async def forget_a_transport() -> asyncio.StreamWriter:
            _, writer = await asyncio.open_connection(sock=here)
            return writer

        with there:
            async with open_asyncio_host() as host:
                writer = await host.run(forget_a_transport)
                assert host.statistics().descriptors == 1

            assert writer.is_closing()
            assert here.fileno() == -1
            assert there.recv(1) == b""

    async def test_a_caller_elsewhere_is_told_that_the_host_closed(self) -> None:
        async def forever() -> None:
            await asyncio.Event().wait()

        async def call(host: AsyncioHost) -> None:
            with pytest.raises(AsyncioCancelled):
                await host.run(forever)

        async with trio.open_nursery() as nursery, open_asyncio_host() as host:
            nursery.start_soon(call, host)
            await trio.testing.wait_all_tasks_blocked()

    async def test_a_task_that_survives_every_cancellation_is_named_and_abandoned(
        self,
        autojump_clock: MockClock,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        async def undead() -> None:
            # It is destroyed while pending, as intended here: no second report of that.
            asyncio.current_task()._log_destroy_pending = False  # type: ignore[union-attr]

            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()

        async def call(host: AsyncioHost) -> None:
            with pytest.raises(AsyncioHostClosed, match="undead"):
                await host.run(undead)

        async with trio.open_nursery() as nursery, open_asyncio_host() as host:
            nursery.start_soon(call, host)
            await trio.testing.wait_all_tasks_blocked()

        assert "ignored its cancellation" in caplog.text
        assert "undead" in caplog.text

    async def test_a_crash_of_the_loop_ends_the_block_and_frees_its_callers(self) -> None:
        async def forever() -> None:
            await asyncio.Event().wait()

        async def call(host: AsyncioHost) -> None:
            with pytest.raises(AsyncioHostClosed):
                await host.run(forever)

        async def schedule_the_crash() -> None:
            asyncio.get_running_loop().call_later(0.01, exit_everything)

        def exit_everything() -> NoReturn:
            raise SystemExit(3)

        async def crash() -> None:
            async with open_asyncio_host() as host, trio.open_nursery() as nursery:
                nursery.start_soon(call, host)
                await host.run(schedule_the_crash)

        with pytest.raises(BaseExceptionGroup) as caught:
            await crash()

        assert caught.group_contains(SystemExit)

    async def test_an_error_in_a_callback_is_reported_and_the_loop_goes_on(
        self, asyncio_host: AsyncioHost, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail() -> NoReturn:
            raise LookupError("in a callback")

        async def schedule_the_failure() -> str:
            asyncio.get_running_loop().call_soon(fail)
            await asyncio.sleep(0)
            return "still here"

        assert await asyncio_host.run(schedule_the_failure) == "still here"
        assert "in a callback" in caplog.text

    async def test_two_hosts_live_side_by_side(self, asyncio_host: AsyncioHost) -> None:
        async def this_loop() -> int:
            return id(asyncio.get_running_loop())

        async with open_asyncio_host() as other:
            assert await asyncio_host.run(this_loop) != await other.run(this_loop)


def test_a_keyboard_interrupt_waits_for_the_units_clean_up() -> None:
    steps = []

    async def work() -> None:
        signal.raise_signal(signal.SIGINT)
        steps.append("not interrupted in the middle")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("rolled back")

    async def main() -> None:
        async with open_asyncio_host() as host:
            await host.run(work)

    with pytest.raises(KeyboardInterrupt):
        trio.run(main)

    assert steps == ["not interrupted in the middle", "rolled back"]


class TestStatistics:
    async def test_count_what_is_in_flight(self, asyncio_host: AsyncioHost) -> None:
        before = asyncio_host.statistics()

        async def sleep() -> None:
            await asyncio.sleep(3600)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(asyncio_host.run, sleep)

            await trio.testing.wait_all_tasks_blocked()
            during = asyncio_host.statistics()
            nursery.cancel_scope.cancel()

        after = asyncio_host.statistics()
        assert (before.tasks, during.tasks, after.tasks) == (0, 3, 0)
        assert (before.timers, during.timers, after.timers) == (0, 3, 0)
        assert before.drains < during.drains < after.drains
        assert after.callbacks_ready == 0
