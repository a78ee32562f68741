"""Guarantees about calls: answered once, in time, or ended with a reason; never a hang."""

import math
from typing import Any

import pytest
import trio

from supervisors import (
    CallCycle,
    Caller,
    CallTimeout,
    EventKind,
    NoProcess,
    ProcessDown,
)
from tests.unit.supervisors.actor_kit import (
    Worker,
    calling,
    failure_of,
    statistics,
    worker,
)
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand, Lab, settle, states


async def test_call_is_answered_with_the_handlers_return_value(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        assert await tree.ref("a").call("hello", timeout=1) == "hello"
        assert await tree.ref("a").call(None, timeout=1) is None
        assert statistics(tree, "root/a").handled == 2


async def test_call_times_out_exactly_and_the_outcome_is_unknown(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        with pytest.raises(CallTimeout, match="a did not answer within 3 s; the outcome is unkno"):
            await tree.ref("a").call(("sleep", 5), timeout=3)
        assert lab.now() == 3


@pytest.mark.parametrize("timeout", [0, -1, math.inf, math.nan])
async def test_call_without_a_sensible_time_limit_is_refused(lab: Lab, timeout: float) -> None:  # noqa: ASYNC109
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        with pytest.raises(ValueError, match="a call needs a time limit"):
            await tree.ref("a").call("hello", timeout=timeout)


async def test_deadline_travels_with_the_message(lab: Lab) -> None:
    deadlines = []

    class Curious(Worker):
        async def handle_call(self, message: Any, caller: Caller) -> object:
            deadlines.append(caller.deadline - lab.began)
            return await super().handle_call(message, caller)

    async with lab.open(lab.supervisor(Curious.spec(id="a"))) as tree:  # noqa: SIM117
        async with trio.open_nursery() as nursery:
            nursery.start_soon(calling(tree.ref("a"), ("sleep", 2), timeout=10))
            await settle(1)
            await tree.ref("a").call("hello", timeout=20)
    assert deadlines == [10, 21]


async def test_expired_mail_is_skipped_and_counted(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(calling(tree.ref("a"), ("sleep", 5)))
        await settle()
        with pytest.raises(CallTimeout):
            await tree.ref("a").call("too late", timeout=2)
        await trio.sleep(10)
        assert "too late" not in await tree.ref("a").call("seen", timeout=1)
        assert statistics(tree, "root/a").expired == 1


async def test_mail_that_expired_by_the_callers_own_deadline_is_skipped_too(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(calling(tree.ref("a"), ("sleep", 5)))
        await settle()
        with trio.move_on_after(2):
            await tree.ref("a").call("too late", timeout=100)
        await trio.sleep(10)
        assert "too late" not in await tree.ref("a").call("seen", timeout=1)
        assert statistics(tree, "root/a").expired == 1


async def test_callees_crash_wakes_the_caller_with_the_reason_and_cause(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        down = await failure_of(calling(tree.ref("a"), "crash"))
        assert isinstance(down, ProcessDown)
        assert str(down) == "a is down: crashed: CrashOnCommand: in a call"
        assert down.in_hand
        assert isinstance(down.__cause__, CrashOnCommand)
        assert lab.now() == 0


async def test_crash_wakes_waiting_and_deferred_callers_too_and_counts_their_mail(
    lab: Lab,
) -> None:
    downs: dict[str, ProcessDown] = {}

    async def expect_down(message: str) -> None:
        down = await failure_of(calling(tree.ref("a"), message))
        assert isinstance(down, ProcessDown)
        downs[message] = down

    async with lab.open(lab.supervisor(worker("a"))) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect_down, "keep")
            await settle()
            nursery.start_soon(calling(tree.ref("a"), ("sleep", 1)))
            for message in ("crash", "waiting"):
                await settle()
                nursery.start_soon(expect_down, message)
        assert {message: down.in_hand for message, down in downs.items()} == {
            "keep": True,
            "crash": True,
            "waiting": False,
        }
        counts = statistics(tree, "root/a")
        assert (counts.sent, counts.handled, counts.dead_lettered) == (4, 2, 2)
        assert len(lab.told(EventKind.DEAD_LETTERS)) == 2


async def test_stop_lets_the_message_in_hand_finish_and_wakes_the_waiting(lab: Lab) -> None:
    answers: list[object] = []

    async def call(message: object) -> None:
        try:
            answers.append(await tree.ref("a").call(message, timeout=60))
        except ProcessDown as down:
            answers.append(down.reason)

    async with lab.open(lab.supervisor(worker("a"))) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(call, ("sleep", 2))
        await settle()
        nursery.start_soon(call, "waiting")
        await settle(1)
        await tree.stop_child("root/a")
        assert lab.now() == 2
    assert set(answers) == {"slept 2", "stopped: stopped by an operator"}


async def test_call_to_nobody_says_so_at_once(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"), lab.worker("plain"))) as tree:
        with pytest.raises(NoProcess, match="ghost: nobody has this name"):
            await tree.ref("ghost").call("hello", timeout=1)
        with pytest.raises(NoProcess, match="plain: it has no mailbox"):
            await tree.ref("plain").call("hello", timeout=1)
        assert not tree.ref("ghost").is_alive()
        assert await tree.ref("ghost").cast("hello") is False
        assert tree.ref("ghost").cast_nowait("hello") is False


async def test_late_reply_is_dropped_and_counted_and_harms_nobody(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        with pytest.raises(CallTimeout):
            await tree.ref("a").call(("sleep", 5), timeout=3)
        assert await tree.ref("a").call("still here?", timeout=3) == "still here?"
        assert statistics(tree, "root/a").late_replies == 1
        assert states(tree) == {"a": "running"}


async def test_second_reply_is_dropped_counted_and_told(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        assert await tree.ref("a").call("twice", timeout=1) == "first"
        assert statistics(tree, "root/a").double_replies == 1
        assert [event.path for event in lab.told(EventKind.DOUBLE_REPLY)] == ["root/a"]
        assert states(tree) == {"a": "running"}


async def test_deferred_reply_arrives_later(lab: Lab) -> None:
    answers: list[object] = []

    async def call() -> None:
        answers.append(await tree.ref("a").call("keep", timeout=60))

    async with lab.open(lab.supervisor(worker("a"))) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(call)
        await settle(7)
        assert answers == []
        assert await tree.ref("a").call("answer kept", timeout=1) == [True]
        await settle()
        assert answers == ["kept"]
        assert await tree.ref("a").call("answer kept", timeout=1) == [False]


async def test_error_can_be_the_answer_without_a_crash(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        with pytest.raises(LookupError, match="no such thing"):
            await tree.ref("a").call("fail", timeout=1)
        assert states(tree) == {"a": "running"}


async def test_call_to_oneself_is_refused_and_named(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        down = await failure_of(calling(tree.ref("a"), ("call", "a", "hello")))
        assert isinstance(down.__cause__, CallCycle)
        assert down.__cause__.names == ("a", "a")
        assert lab.now() == 0


async def test_call_cycle_is_refused_at_send_time_and_named(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"), worker("b"), worker("c"))) as tree:
        message = ("call", "b", ("call", "c", ("call", "a", "round")))
        error: BaseException | None = await failure_of(calling(tree.ref("a"), message))
        while error is not None and not isinstance(error, CallCycle):
            error = error.__cause__
        assert error is not None
        assert str(error) == "call cycle: c -> a -> b -> c"
        assert lab.now() == 0


async def test_cycle_is_seen_even_if_the_callee_has_not_taken_the_message_yet(lab: Lab) -> None:
    class Crossing(Worker):
        async def handle_call(self, message: Any, caller: Caller) -> object:
            await trio.sleep(1)
            return await self.context.ref(message).call(self.context.name, timeout=60)

    pair = (Crossing.spec(id="a", backoff=EXACT), Crossing.spec(id="b", backoff=EXACT))
    async with lab.open(lab.supervisor(*pair)) as tree:
        errors: list[BaseException] = []

        async def call(callee: str, other: str) -> None:
            errors.append(await failure_of(calling(tree.ref(callee), other)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, "a", "b")
            nursery.start_soon(call, "b", "a")
        assert lab.now() == 1, "the deadlock is named at once, not after a time-out"
        causes = [error.__cause__ for error in errors]
        assert any(isinstance(cause, CallCycle) for cause in causes)
