"""Calls: answered once, in time, or ended with a reason; never a hang."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import trio

from supervisors import (
    DEFERRED,
    Actor,
    CallCycle,
    Caller,
    CallTimeout,
    ChildSpec,
    Deferred,
    EventKind,
    Mailbox,
    MailboxFull,
    NoProcess,
    Overflow,
    ProcessDown,
    Ref,
    Tree,
    UnknownMessage,
)
from supervisors.mailbox import MailboxStatistics
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand, Lab, settle, states


class Worker(Actor):
    """Does what a message says: a function of the actor and the caller."""

    def __init__(self) -> None:
        self.seen: list[object] = []
        self.kept: list[Caller] = []

    async def handle_call(  # noqa: PLR0911 -- a dictionary of messages
        self, message: Any, caller: Caller
    ) -> object | Deferred:
        self.seen.append(message)
        match message:
            case "crash":
                raise CrashOnCommand("in a call")
            case "fail":
                caller.fail(LookupError("no such thing"))
                return DEFERRED
            case "keep":
                self.kept.append(caller)
                return DEFERRED
            case "answer kept":
                return [kept.reply("kept") for kept in self.kept]
            case "twice":
                caller.reply("first")
                return "second"
            case "seen":
                return list(self.seen)
            case ("sleep", seconds):
                await trio.sleep(seconds)
                return f"slept {seconds}"
            case ("call", name, inner):
                return await self.context.ref(name).call(inner, timeout=60)
            case ("sub-task calls", name):
                self.start_soon(self.call_from_sub_task, name, caller)
                await trio.sleep(1)  # the sub-task calls while this handler is at work
                return DEFERRED
        return message

    async def call_from_sub_task(self, name: str, caller: Caller) -> None:
        caller.reply(await self.context.ref(name).call("from a sub-task", timeout=60))


def worker(id: str) -> ChildSpec:  # noqa: A002 -- as in the spec
    return Worker.spec(id=id, backoff=EXACT)


def statistics(tree: Tree, path: str) -> MailboxStatistics:
    node = tree.snapshot().find(path)
    assert node is not None
    assert node.mailbox is not None
    counts = node.mailbox
    accounted = counts.handled + counts.refused + counts.expired + counts.dead_lettered
    assert counts.sent == accounted + counts.coalesced + counts.waiting
    return counts


async def failure_of(call: Callable[[], Any]) -> BaseException:
    with pytest.raises(Exception) as raised:  # noqa: PT011 -- returned to be looked at
        await call()
    return raised.value


def calling(ref: Ref, message: object, timeout: float = 60.0) -> Callable[[], Any]:
    return lambda: ref.call(message, timeout=timeout)


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


async def test_late_reply_is_dropped_and_counted_and_harms_nobody(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        with pytest.raises(CallTimeout):
            await tree.ref("a").call(("sleep", 5), timeout=3)
        assert await tree.ref("a").call("still here?", timeout=3) == "still here?"
        assert statistics(tree, "root/a").late_replies == 1
        assert states(tree) == {"a": "running"}


async def test_expired_mail_is_skipped_and_counted(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(calling(tree.ref("a"), ("sleep", 5)))
        await settle()
        with pytest.raises(CallTimeout):
            await tree.ref("a").call("too late", timeout=2)
        await trio.sleep(10)
        assert "too late" not in await tree.ref("a").call("seen", timeout=1)
        assert statistics(tree, "root/a").expired == 1


async def test_callers_own_deadline_travels_with_the_message(lab: Lab) -> None:
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


async def test_call_during_the_callees_restart_says_when_it_is_due(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        ref = tree.ref("a")
        await failure_of(calling(ref, "crash"))
        await settle(0.25)
        with pytest.raises(NoProcess, match=r"a: root/a is down and restarts in 0.750 s"):
            await ref.call("hello", timeout=1)
        await trio.sleep(1)
        assert await ref.call("the same reference", timeout=1) == "the same reference"


async def test_call_to_an_actor_that_is_ending_says_so(lab: Lab) -> None:
    class Slow(Worker):
        async def terminate(self) -> None:
            await trio.sleep(3)

    async with lab.open(lab.supervisor(Slow.spec(id="a"))) as tree:
        tree.stop("now")
        await settle(1)
        with pytest.raises(NoProcess, match="a: it is about to end"):
            await tree.ref("a").call("hello", timeout=1)


async def test_call_during_init_waits_for_it(lab: Lab) -> None:
    class Slow(Worker):
        async def init(self, context: object) -> None:
            await trio.sleep(3)

    async def call_early() -> None:
        await trio.sleep(1)
        assert await tree.ref("slow").call("early", timeout=10) == "early"
        lab.note("answered", "slow")

    async with lab.open(lab.supervisor(Slow.spec(id="slow"))) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call_early)
            nursery.start_soon(tree.restart_child, "root/slow")
        assert lab.times("answered", "slow") == [6]


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


async def test_sub_task_may_call_the_actor_that_started_it(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"), worker("b"))) as tree:
        answer = await tree.ref("a").call(("sub-task calls", "a"), timeout=5)
        assert answer == "from a sub-task"
        through = ("call", "b", ("sub-task calls", "b"))
        assert await tree.ref("a").call(through, timeout=5) == "from a sub-task"


async def test_cancelled_caller_is_harmless_and_its_message_is_still_handled(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(calling(tree.ref("a"), ("sleep", 5)))
            nursery.start_soon(calling(tree.ref("a"), "behind it"))
            await settle(1)
            nursery.cancel_scope.cancel()
        await trio.sleep(10)
        seen = await tree.ref("a").call("seen", timeout=1)
        assert seen == [("sleep", 5), "behind it", "seen"] or seen[0] == "behind it"
        assert {"behind it", ("sleep", 5)} <= set(seen)
        assert statistics(tree, "root/a").late_replies >= 1


async def test_caller_that_is_cancelled_already_sends_nothing(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        with trio.CancelScope() as scope:
            scope.cancel()
            await tree.ref("a").call("hello", timeout=1)
        assert scope.cancelled_caught
        assert statistics(tree, "root/a").sent == 0


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


async def test_actor_without_a_handler_answers_with_an_error_and_lives_on(lab: Lab) -> None:
    async with lab.open(lab.supervisor(Actor.spec(id="a"))) as tree:
        with pytest.raises(UnknownMessage, match="a does not know messages of type int"):
            await tree.ref("a").call(1, timeout=1)
        assert await tree.ref("a").cast(1)
        await settle()
        assert states(tree) == {"a": "running"}
        [unknown] = lab.told(EventKind.UNKNOWN_MESSAGE)
        assert unknown.reason == "a cast of type int"


@pytest.mark.parametrize("timeout", [0, -1, math.inf, math.nan])
async def test_call_without_a_sensible_time_limit_is_refused(lab: Lab, timeout: float) -> None:  # noqa: ASYNC109
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        with pytest.raises(ValueError, match="a call needs a time limit"):
            await tree.ref("a").call("hello", timeout=timeout)


async def test_base_exception_in_a_handler_is_a_crash_like_any_other(lab: Lab) -> None:
    class Odd(BaseException):
        pass

    class Rude(Actor):
        async def handle_call(self, message: Any, caller: Caller) -> object:
            raise Odd("rude")

    async with lab.open(lab.supervisor(Rude.spec(id="a", backoff=EXACT))) as tree:
        with pytest.raises(ProcessDown, match="crashed: Odd: rude"):
            await tree.ref("a").call("hello", timeout=1)
        await trio.sleep(2)
        assert states(tree) == {"a": "running"}


async def test_blocked_callers_get_in_by_order_of_arrival_or_time_out(lab: Lab) -> None:
    class Narrow(Worker):
        mailbox = Mailbox(capacity=1, overflow=Overflow.BLOCK)

    order: list[object] = []

    async def call(message: object, timeout: float) -> None:  # noqa: ASYNC109
        try:
            order.append(await tree.ref("a").call(message, timeout=timeout))
        except CallTimeout:
            order.append(f"{message} timed out at {lab.now():g}")

    async with lab.open(lab.supervisor(Narrow.spec(id="a"))) as tree:
        async with trio.open_nursery() as nursery:
            for message, timeout in [(("sleep", 5), 60), ("1", 60), ("2", 60), ("3", 2), ("4", 60)]:
                nursery.start_soon(call, message, timeout)
                await settle()
        assert order[0] == "3 timed out at 2"
        assert await tree.ref("a").call("seen", timeout=1) == [("sleep", 5), "1", "2", "4", "seen"]
        counts = statistics(tree, "root/a")
        assert (counts.sent, counts.refused, counts.handled) == (6, 1, 5)


async def test_full_mailbox_refuses_a_call_with_a_typed_error(lab: Lab) -> None:
    class Narrow(Worker):
        mailbox = Mailbox(capacity=1)

    async with lab.open(lab.supervisor(Narrow.spec(id="a"))) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(calling(tree.ref("a"), ("sleep", 5)))
            await settle()
            nursery.start_soon(calling(tree.ref("a"), "fits"))
            await settle()
            with pytest.raises(MailboxFull, match=r"the mailbox of a is full \(1 messages\)"):
                await tree.ref("a").call("does not", timeout=1)
            assert lab.now() == 0
            assert statistics(tree, "root/a").waiting == 2
        assert statistics(tree, "root/a").refused == 1
