"""Guarantees about calls of plain handlers: faster, and otherwise as if they had been mailed."""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest
import trio

from supervisors import (
    Actor,
    CallCycle,
    Caller,
    CallTimeout,
    ChildSpec,
    Context,
    Event,
    EventKind,
    MailboxStatistics,
    ProcessDown,
    TraceEntry,
    Tree,
)
from tests.unit.supervisors.actor_kit import Mailed, Plain, calling, failure_of, plain, statistics
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand, Lab, settle, states

TENANT: ContextVar[str] = ContextVar("TENANT", default="nobody")
CALLS_MAX_PER_TURN = 64


async def test_call_of_an_idle_actors_plain_handler_runs_in_the_callers_own_step(
    lab: Lab,
) -> None:
    async with lab.open(lab.supervisor(plain(), Mailed.spec(id="mailed"))) as tree:
        tasks = trio.lowlevel.current_statistics().tasks_living
        assert await tree.ref("a").call("task", timeout=1) is trio.lowlevel.current_task()
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        mailed = await tree.ref("mailed").call("task", timeout=1)
        assert mailed is not trio.lowlevel.current_task()


async def test_call_of_an_actor_with_mail_waits_its_turn(lab: Lab) -> None:
    async with lab.open(lab.supervisor(plain())) as tree:
        for message in ("one", "two"):
            tree.ref("a").cast_nowait(message)
        assert await tree.ref("a").call("seen", timeout=1) == ["one", "two", "seen"]


async def test_call_of_a_busy_actor_waits_its_turn(lab: Lab) -> None:
    async with lab.open(lab.supervisor(plain())) as tree:
        tree.ref("a").cast_nowait(("sleep", 3))
        await settle(1)
        assert await tree.ref("a").call("task", timeout=5) is not trio.lowlevel.current_task()
        assert lab.now() == 3


async def test_call_of_a_suspended_actor_is_not_handled_inline(lab: Lab) -> None:
    async with lab.open(lab.supervisor(plain())) as tree:
        tree.suspend("root/a")
        with pytest.raises(CallTimeout):
            await tree.ref("a").call("hello", timeout=2)
        tree.resume("root/a")
        assert await tree.ref("a").call("seen", timeout=1) == ["seen"]
        assert statistics(tree).expired == 1


async def test_call_of_an_actor_on_the_callers_own_chain_is_a_cycle_and_named(lab: Lab) -> None:
    class Caring(Plain):
        async def handle_cast(self, message: Any) -> None:
            self.seen.append(await failure_of(calling(self.context.ref("b"), "ask a")))

    class Asking(Actor):
        async def handle_call(self, message: Any, caller: Caller) -> object:
            return await self.context.ref("a").call("seen", timeout=60)

    pair = (Caring.spec(id="a"), Asking.spec(id="b", backoff=EXACT))
    async with lab.open(lab.supervisor(*pair)) as tree:
        tree.ref("a").cast_nowait("go")
        await settle()
        [down, _] = await tree.ref("a").call("seen", timeout=1)
        assert isinstance(down, ProcessDown)
        assert isinstance(down.__cause__, CallCycle)
        assert down.__cause__.names == ("b", "a", "b")


async def test_crash_in_an_inline_call_is_the_callees_and_never_the_callers(lab: Lab) -> None:
    async with lab.open(lab.supervisor(plain(), plain("b"))) as tree:
        down = await failure_of(calling(tree.ref("a"), "crash"))
        assert isinstance(down, ProcessDown)
        assert str(down) == "a is down: crashed: CrashOnCommand: in a call"
        assert down.in_hand
        assert isinstance(down.__cause__, CrashOnCommand)
        await settle()
        assert states(tree) == {"a": "backing_off", "b": "running"}
        [crashed] = lab.told(EventKind.CRASHED)
        assert (crashed.path, crashed.reason) == ("root/a", "CrashOnCommand: in a call")
        await settle(1)
        assert await tree.ref("a").call("again", timeout=1) == "again"


async def test_worker_whose_inline_call_crashed_the_callee_lives_on(lab: Lab) -> None:
    async def start(context: Context) -> None:
        context.ready()
        assert isinstance(await failure_of(calling(context.ref("a"), "crash")), ProcessDown)
        await trio.sleep_forever()

    async with lab.open(lab.supervisor(plain(), ChildSpec(id="caller", start=start))) as tree:
        await settle(5)
        assert states(tree) == {"a": "running", "caller": "running"}
        assert [event.path for event in lab.told(EventKind.CRASHED)] == ["root/a"]


async def test_deferred_inline_call_keeps_its_deadline(lab: Lab) -> None:
    async with lab.open(lab.supervisor(plain())) as tree:
        with pytest.raises(CallTimeout, match="a did not answer within 3 s"):
            await tree.ref("a").call("keep", timeout=3)
        assert lab.now() == 3
        assert await tree.ref("a").call("answer kept", timeout=1) == [False]
        assert statistics(tree).late_replies == 1


@pytest.mark.parametrize("waits", [False, True])
async def test_inline_handler_sees_its_own_context_variables_and_nobody_elses(
    lab: Lab, waits: bool
) -> None:
    class Tenanted(Actor):
        def handle_call(self, message: Any, caller: Caller) -> object:
            before = TENANT.get()
            TENANT.set(message)
            return before

    class Waiting(Tenanted):
        async def handle_call(self, message: Any, caller: Caller) -> object:
            return super().handle_call(message, caller)

    kind = Waiting if waits else Tenanted
    async with lab.open(lab.supervisor(kind.spec(id="a"), kind.spec(id="b"))) as tree:
        TENANT.set("the caller's")
        assert await tree.ref("a").call("a's", timeout=1) == "nobody"
        assert await tree.ref("b").call("b's", timeout=1) == "nobody"
        assert await tree.ref("a").call("again", timeout=1) == "a's"
        assert TENANT.get() == "the caller's"


async def test_caller_whose_calls_are_all_inline_lets_the_others_run(lab: Lab) -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with lab.open(lab.supervisor(plain())) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(other)
        for _ in range(10 * CALLS_MAX_PER_TURN):
            await tree.ref("a").call("hello", timeout=1)
        assert turns >= 9
        nursery.cancel_scope.cancel()


Scenario = Callable[[Tree], Any]


async def ordinary(tree: Tree) -> None:
    for message in ("one", "two", None):
        await tree.ref("a").call(message, timeout=1)


async def answered_twice(tree: Tree) -> None:
    await tree.ref("a").call("twice", timeout=1)


async def answered_late(tree: Tree) -> None:
    with trio.move_on_after(2):
        await tree.ref("a").call("keep", timeout=5)
    await tree.ref("a").call("answer kept", timeout=1)


async def crashing(tree: Tree) -> None:
    for _ in range(2):
        with pytest.raises(ProcessDown):
            await tree.ref("a").call("crash", timeout=1)
        await settle(5)
    await tree.ref("a").call("fine", timeout=1)


async def crashing_with_a_deferred_caller(tree: Tree) -> None:
    async with trio.open_nursery() as nursery:

        async def keep() -> None:
            with pytest.raises(ProcessDown):
                await tree.ref("a").call("keep", timeout=60)

        nursery.start_soon(keep)
        await settle(1)
        with pytest.raises(ProcessDown):
            await tree.ref("a").call("crash", timeout=1)
    await settle(5)


async def stopped(tree: Tree) -> None:
    await tree.ref("a").call("one", timeout=1)
    await tree.stop_child("root/a")


@pytest.mark.parametrize(
    "scenario",
    [
        ordinary,
        answered_twice,
        answered_late,
        crashing,
        crashing_with_a_deferred_caller,
        stopped,
    ],
)
async def test_inline_call_leaves_the_same_counts_trace_and_events_as_a_mailed_one(
    scenario: Scenario,
) -> None:
    async def play(kind: type[Plain]) -> tuple[MailboxStatistics, list[TraceEntry], list[Event]]:
        lab = Lab()
        trace: list[TraceEntry] = []
        async with lab.open(lab.supervisor(kind.spec(id="a", backoff=EXACT))) as tree:
            tree.trace("root/a", 100)
            await scenario(tree)
            counts = statistics(tree)
            if states(tree)["a"] == "running":
                trace = list(tree.traced("root/a"))
        return counts, trace, [event._replace(exception=None) for event in lab.events]

    inline, mailed = await play(Plain), await play(Mailed)
    assert inline[0] == mailed[0]
    assert in_seconds_since(inline[1]) == in_seconds_since(mailed[1])
    assert same_but_for_the_time(inline[2]) == same_but_for_the_time(mailed[2])


def in_seconds_since(trace: list[TraceEntry]) -> list[TraceEntry]:
    return [entry._replace(at=round(entry.at - trace[0].at, 6)) for entry in trace]


def same_but_for_the_time(events: list[Event]) -> list[Event]:
    return [event._replace(at=round(event.at - events[0].at, 6)) for event in events]
