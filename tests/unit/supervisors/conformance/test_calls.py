"""Cases about calls, each for a plain handler, run inline where it can be, and for a mailed one."""

import pytest
import trio

from supervisors import (
    CallCycle,
    CallTimeout,
    EventKind,
    Mailbox,
    NoProcess,
    Overflow,
    Unanswered,
)
from tests.unit.supervisors.actor_kit import (
    Batcher,
    Diary,
    Mailed,
    Plain,
    Worker,
    calling,
    failure_of,
    statistics,
    worker,
)
from tests.unit.supervisors.supervision_kit import EXACT, Lab, settle, states

both_paths = pytest.mark.parametrize("kind", [Plain, Mailed])


@both_paths
async def test_call_without_an_answer_times_out(lab: Lab, kind: type[Plain]) -> None:
    async with lab.open(lab.supervisor(kind.spec(id="a"))) as tree:
        with pytest.raises(CallTimeout, match="a did not answer within 3 s; the outcome is unkn"):
            await tree.ref("a").call("keep", timeout=3)
        assert lab.now() == 3


@both_paths
async def test_callee_that_dies_wakes_everybody_it_owes_an_answer(
    lab: Lab, kind: type[Plain]
) -> None:
    downs: list[BaseException] = []

    async def call(message: str) -> None:
        downs.append(await failure_of(calling(tree.ref("a"), message)))

    async with lab.open(lab.supervisor(kind.spec(id="a", backoff=EXACT))) as tree:
        async with trio.open_nursery() as nursery:
            for message in ("keep", "keep", "crash"):
                nursery.start_soon(call, message)
                await settle()
        assert lab.now() == 0
        assert [str(down) for down in downs] == [
            "a is down: crashed: CrashOnCommand: in a call"
        ] * 3


@both_paths
async def test_late_reply_is_dropped(lab: Lab, kind: type[Plain]) -> None:
    async with lab.open(lab.supervisor(kind.spec(id="a"))) as tree:
        await failure_of(calling(tree.ref("a"), "keep", timeout=1))
        assert await tree.ref("a").call("answer kept", timeout=1) == [False]
        assert statistics(tree).late_replies == 1


@both_paths
async def test_double_reply_is_dropped(lab: Lab, kind: type[Plain]) -> None:
    async with lab.open(lab.supervisor(kind.spec(id="a"))) as tree:
        assert await tree.ref("a").call("twice", timeout=1) == "first"
        assert statistics(tree).double_replies == 1
        assert len(lab.told(EventKind.DOUBLE_REPLY)) == 1


@both_paths
async def test_self_call_is_a_cycle(lab: Lab, kind: type[Plain]) -> None:
    async with lab.open(lab.supervisor(kind.spec(id="a", backoff=EXACT))) as tree:
        tree.ref("a").cast_nowait(("call", "a", "hello"))
        await settle()
        [crashed] = lab.told(EventKind.CRASHED)
        assert isinstance(crashed.exception, CallCycle)
        assert crashed.exception.names == ("a", "a")
        assert lab.now() == 0


@both_paths
async def test_cycle_through_another_actor_is_named(lab: Lab, kind: type[Plain]) -> None:
    pair = (kind.spec(id="a", backoff=EXACT), worker("b"))
    async with lab.open(lab.supervisor(*pair)) as tree:
        tree.ref("a").cast_nowait(("call", "b", ("call", "a", "hello")))
        await settle()
        errors = [event.exception for event in lab.told(EventKind.CRASHED)]
        assert str(errors[0]) == "call cycle: b -> a -> b"
        assert lab.now() == 0


@both_paths
async def test_mail_that_expired_is_not_handled(lab: Lab, kind: type[Plain]) -> None:
    async with lab.open(lab.supervisor(kind.spec(id="a"))) as tree:
        tree.ref("a").cast_nowait(("sleep", 5))
        await settle()
        await failure_of(calling(tree.ref("a"), "too late", timeout=2))
        await settle(10)
        assert await tree.ref("a").call("seen", timeout=1) == [("sleep", 5), "seen"]
        assert statistics(tree).expired == 1


@both_paths
async def test_cancelled_caller_leaves_its_message_behind(lab: Lab, kind: type[Plain]) -> None:
    async with lab.open(lab.supervisor(kind.spec(id="a"))) as tree:
        tree.ref("a").cast_nowait(("sleep", 5))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(calling(tree.ref("a"), "left behind"))
            await settle(1)
            nursery.cancel_scope.cancel()
        await settle(10)
        assert "left behind" in await tree.ref("a").call("seen", timeout=1)
        assert statistics(tree).late_replies == 1


@both_paths
async def test_call_during_the_callees_restart_is_refused_at_once(
    lab: Lab, kind: type[Plain]
) -> None:
    async with lab.open(lab.supervisor(kind.spec(id="a", backoff=EXACT))) as tree:
        await failure_of(calling(tree.ref("a"), "crash"))
        await settle(0.25)
        with pytest.raises(NoProcess, match=r"a: root/a is down and restarts in 0.750 s"):
            await tree.ref("a").call("hello", timeout=60)
        await settle(1)
        assert await tree.ref("a").call("hello", timeout=1) == "hello"


@both_paths
async def test_caller_that_is_cancelled_already_sends_nothing(lab: Lab, kind: type[Plain]) -> None:
    async with lab.open(lab.supervisor(kind.spec(id="a"))) as tree:
        with trio.CancelScope() as scope:
            scope.cancel()
            await tree.ref("a").call("hello", timeout=1)
        assert scope.cancelled_caught
        assert statistics(tree).sent == 0


@both_paths
async def test_calls_of_one_caller_are_handled_in_the_order_they_were_made(
    lab: Lab, kind: type[Plain]
) -> None:
    async with lab.open(lab.supervisor(kind.spec(id="a"))) as tree:
        for number in range(100):
            if number % 3:
                await tree.ref("a").call(number, timeout=1)
            else:
                tree.ref("a").cast_nowait(number)
        assert await tree.ref("a").call("seen", timeout=1) == [*range(100), "seen"]


@both_paths
async def test_actor_suspended_during_its_init_takes_no_call_until_resumed(
    lab: Lab, kind: type[Plain]
) -> None:
    class Slow(kind):  # type: ignore[misc, valid-type]
        async def init(self, context: object) -> None:
            if self.context.incarnation > 1:
                await trio.sleep(3)

    async with lab.open(lab.supervisor(Slow.spec(id="a"))) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tree.restart_child, "root/a")
            await settle(1)
            tree.suspend("root/a")
        with pytest.raises(CallTimeout):
            await tree.ref("a").call("hello", timeout=1)
        tree.resume("root/a")
        assert await tree.ref("a").call("seen", timeout=1) == ["seen"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("ghost", "ghost: nobody has this name"),
        ("", ": nobody has this name"),
        ("a/b/c", "a/b/c: nobody has this name"),
        ("plain", "plain: it has no mailbox"),
        ("root", "root: nobody has this name"),
        ("stopped", "stopped: root/stopped is done"),
    ],
)
async def test_call_to_a_name_without_a_mailbox_says_why(lab: Lab, name: str, message: str) -> None:
    spec = lab.supervisor(lab.worker("plain"), worker("stopped"))
    async with lab.open(spec) as tree:
        await tree.stop_child("root/stopped")
        with pytest.raises(NoProcess) as refused:
            await tree.ref(name).call("hello", timeout=1)
        assert str(refused.value) == message


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


async def test_sub_task_may_call_the_actor_that_started_it(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"), worker("b"))) as tree:
        answer = await tree.ref("a").call(("sub-task calls", "a"), timeout=5)
        assert answer == "from a sub-task"
        through = ("call", "b", ("sub-task calls", "b"))
        assert await tree.ref("a").call(through, timeout=5) == "from a sub-task"


async def test_blocked_cast_is_refused_when_the_actor_ends(lab: Lab, written: list[object]) -> None:
    class Narrow(Diary):
        mailbox = Mailbox(capacity=1, overflow=Overflow.BLOCK)

    results: list[bool] = []

    async def cast() -> None:
        results.append(await tree.ref("a").cast("blocked"))

    async with lab.open(lab.supervisor(Narrow.spec(id="a"))) as tree:
        await tree.ref("a").cast(("sleep", 1))
        await settle()
        await tree.ref("a").cast("waiting")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cast)
            await settle()
            await tree.stop_child("root/a")
        assert results == [False]
    assert written == ["init 1", ("sleep", 1), "terminate"]


async def test_caller_a_batch_forgot_gets_an_error(lab: Lab) -> None:
    async with lab.open(lab.supervisor(Batcher.spec([], id="a"))) as tree:
        with pytest.raises(Unanswered, match="a finished the message without answering"):
            await tree.ref("a").call("silence", timeout=10)
        assert states(tree) == {"a": "running"}


async def test_crash_in_a_batch_dead_letters_all_of_it(lab: Lab) -> None:
    async with lab.open(lab.supervisor(Batcher.spec([], id="a", backoff=EXACT))) as tree:
        for message in (1, "crash", 3, 4):
            tree.ref("a").cast_nowait(message)
        await settle(5)
        counts = statistics(tree)
        assert (counts.handled, counts.dead_lettered) == (0, 4)
