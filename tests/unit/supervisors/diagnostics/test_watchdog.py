"""The watchdog names who holds up the loop, while it is held up. On the real clock."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from supervisors import (
    Actor,
    Caller,
    ChildSpec,
    Context,
    Stall,
    StallWatchdog,
    Strategy,
    SupervisorSpec,
    Tree,
    open_tree,
)
from supervisors.diagnostics import watchdog as room
from supervisors.diagnostics.culprit import NOBODY

LIMIT = 0.1
STUCK = 0.5


def sleep_stuck() -> None:
    time.sleep(STUCK)


def spin_stuck() -> None:
    until = time.monotonic() + STUCK
    while time.monotonic() < until:
        pass


class Callee(Actor):
    def handle_call(self, message: Callable[[], object], caller: Caller) -> bool:
        message()
        return True


class Waiting(Actor):
    async def handle_call(self, message: Callable[[], object], caller: Caller) -> Any:
        return await self.context.ref("callee").call(message, timeout=5)

    async def handle_cast(self, message: Callable[[], object]) -> None:
        self.start_soon(self.sub_task, message)

    async def sub_task(self, message: Callable[[], object]) -> None:
        message()


async def worker(context: Context) -> None:
    """Wait for a file-less command: the first stuck step is in a task of its own nursery."""
    context.ready()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(a_task_of_the_workers_own)


async def a_task_of_the_workers_own() -> None:
    await trio.sleep(0.05)
    spin_stuck()
    await trio.sleep_forever()


class Ear:
    """Notes what it is told, in which thread, and whether the loop went on meanwhile."""

    def __init__(self) -> None:
        self.heard: list[Stall] = []
        self.threads: set[str] = set()
        self.loop_steps = 0
        self.steps_when_named: list[int] = []

    def tell(self, stall: Stall) -> None:
        self.heard.append(stall)
        self.threads.add(threading.current_thread().name)
        if not stall.over:
            self.steps_when_named.append(self.loop_steps)

    async def wait_for(self, count: int) -> None:
        with trio.fail_after(10):
            while len(self.heard) < count:  # noqa: ASYNC110 -- a thread fills it
                await trio.sleep(0.01)


def watched(scene: Callable[[Tree, Ear], Awaitable[None]], *children: ChildSpec) -> Ear:
    """Run a scene in a watched tree, on the real clock."""
    ear = Ear()

    async def main() -> None:
        spec = SupervisorSpec(id="root", strategy=Strategy.ONE_FOR_ONE, children=children)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(StallWatchdog(LIMIT, ear.tell).run)
            async with open_tree(spec) as tree:
                await trio.sleep(2 * LIMIT)
                with trio.fail_after(20):
                    await scene(tree, ear)
            nursery.cancel_scope.cancel()

    trio.run(main)
    return ear


ACTORS = (Callee.spec(id="callee"), Waiting.spec(id="waiting"))


def test_callee_of_an_inline_call_is_the_culprit_and_not_its_caller() -> None:
    async def scene(tree: Tree, ear: Ear) -> None:
        await tree.ref("waiting").call(sleep_stuck, timeout=5)
        await ear.wait_for(2)

    named, over = watched(scene, *ACTORS).heard
    assert named.path == over.path == "root/callee"
    assert [line.partition(" ")[0] for line in named.stack][-2:] == [
        "Callee.handle_call",
        "sleep_stuck",
    ]
    assert any(line.startswith("Waiting.handle_call") for line in named.stack)


def test_culprit_is_named_while_the_loop_is_stuck_and_how_long_when_it_is_over() -> None:
    async def scene(tree: Tree, ear: Ear) -> None:
        await tree.ref("callee").call(sleep_stuck, timeout=5)
        ear.loop_steps += 1
        await ear.wait_for(2)

    ear = watched(scene, *ACTORS)
    named, over = ear.heard
    assert ear.steps_when_named == [0]
    assert not named.over
    assert over.over
    assert LIMIT < named.seconds < over.seconds
    assert over.seconds >= STUCK
    assert ear.threads == {"stall watchdog"}


def test_each_stall_is_named_once() -> None:
    async def scene(tree: Tree, ear: Ear) -> None:
        for count in (2, 4):
            await tree.ref("callee").call(sleep_stuck, timeout=5)
            await ear.wait_for(count)

    heard = watched(scene, *ACTORS).heard
    assert [stall.over for stall in heard] == [False, True, False, True]


def test_sub_task_of_an_actor_is_the_actors() -> None:
    async def scene(tree: Tree, ear: Ear) -> None:
        await tree.ref("waiting").cast(spin_stuck)
        await ear.wait_for(2)

    assert watched(scene, *ACTORS).heard[0].path == "root/waiting"


def test_task_of_a_workers_own_nursery_is_the_workers() -> None:
    async def scene(tree: Tree, ear: Ear) -> None:
        await ear.wait_for(2)

    named, _ = watched(scene, ChildSpec(id="worker", start=worker)).heard
    assert named.path == "root/worker"
    assert named.stack[-1].startswith("spin_stuck")


def test_task_outside_of_the_tree_is_called_by_its_name() -> None:
    async def scene(tree: Tree, ear: Ear) -> None:
        spin_stuck()
        await ear.wait_for(2)

    assert watched(scene).heard[0].path.endswith("main")


def test_processor_time_tells_a_busy_loop_from_a_blocking_call() -> None:
    async def scene(tree: Tree, ear: Ear) -> None:
        await tree.ref("callee").call(sleep_stuck, timeout=5)
        await ear.wait_for(2)
        await tree.ref("callee").call(spin_stuck, timeout=5)
        await ear.wait_for(4)

    asleep, busy = (stall for stall in watched(scene, *ACTORS).heard if stall.over)
    assert asleep.cpu_seconds < 0.1
    assert busy.cpu_seconds > asleep.cpu_seconds


def test_call_into_c_that_keeps_the_interpreter_is_told_though_nobody_could_look() -> None:
    async def scene(tree: Tree, ear: Ear) -> None:
        await tree.ref("callee").call(partial(sum, range(40_000_000)), timeout=60)
        with trio.fail_after(10):
            while not (ear.heard and ear.heard[-1].over):  # noqa: ASYNC110 -- a thread fills it
                await trio.sleep(0.01)

    over = watched(scene, *ACTORS).heard[-1]
    assert over.path in ("root/callee", NOBODY)
    assert over.cpu_seconds > over.seconds / 10


def test_loop_that_only_waits_is_no_stall() -> None:
    async def scene(tree: Tree, ear: Ear) -> None:
        await trio.sleep(5 * LIMIT)

    assert watched(scene, *ACTORS).heard == []


def test_what_tell_raises_ends_the_watchdog_and_is_raised_in_its_loop() -> None:
    def tell(stall: Stall) -> None:
        raise OSError("the log is full")

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(StallWatchdog(LIMIT, tell).run)
            await trio.sleep(2 * LIMIT)
            sleep_stuck()
            with trio.fail_after(10):
                await trio.sleep_forever()

    with pytest.raises(ExceptionGroup) as caught:
        trio.run(main)
    assert caught.group_contains(OSError, match="the log is full")


def test_end_of_the_watchdog_leaves_no_thread() -> None:
    async def scene(tree: Tree, ear: Ear) -> None:
        await trio.sleep(LIMIT)

    watched(scene)
    until = time.monotonic() + 10
    while _listeners() and time.monotonic() < until:
        time.sleep(0.01)
    assert _listeners() == []


def _listeners() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "stall watchdog"]


def test_watchdog_without_a_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="seconds > 0"):
        StallWatchdog(0, print)


@pytest.mark.parametrize(
    ("beats_again", "told"), [(True, []), (False, [False])], ids=["it only slept", "it is stuck"]
)
def test_loop_gets_time_to_beat_when_the_listener_wakes_first_from_a_sleep_of_all(
    monkeypatch: pytest.MonkeyPatch, beats_again: bool, told: list[bool]
) -> None:
    """Who wakes first is chance: here the listener does, on a clock that jumps by ten seconds."""
    now = 0.0
    clock = SimpleNamespace(monotonic=lambda: now, clock_gettime=lambda _: 0.0)
    monkeypatch.setattr(room, "time", clock)
    ear = Ear()
    watchdog = StallWatchdog(1.0, ear.tell)
    waits = iter([10.0, 0.25])

    def wait(_seconds: float) -> bool:
        nonlocal now
        waited = next(waits, None)
        if waited is None:
            return True
        if waited < 1 and beats_again:
            watchdog._beat()
        now += waited
        return False

    async def main() -> None:
        watchdog._loop_thread = threading.get_ident()
        watchdog._cpu_clock = 0
        root_task = trio.lowlevel.current_root_task()
        assert root_task is not None
        watchdog._root_task = root_task
        watchdog._last = watchdog._now()
        monkeypatch.setattr(watchdog._stopped, "wait", wait)
        watchdog._listen_until_stopped()

    trio.run(main)
    assert [stall.over for stall in ear.heard] == told


PAUSED = """
import trio
from supervisors import StallWatchdog

async def main():
    with trio.move_on_after(2.5):
        print("ready", flush=True)
        await StallWatchdog(0.1, print).run()

trio.run(main)
"""


def test_process_that_was_stopped_as_a_whole_is_no_stall() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PAUSED], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(0.5)
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.0)
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate(timeout=30)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    assert (process.returncode, said) == (0, "")
