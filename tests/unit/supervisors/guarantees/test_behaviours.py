"""Guarantees about the actor; those of the other behaviours are tested beside them."""

from typing import Any

import pytest
import trio

from supervisors import (
    Actor,
    Caller,
    Context,
    EventKind,
    ProcessDown,
    UnknownMessage,
)
from tests.unit.supervisors.actor_kit import Batcher, Diary, diary, statistics
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand, Lab, settle, states


class Continuing(Diary):
    """Puts work before its mail, from init and from a handler."""

    async def init(self, context: Context) -> None:
        self.continue_with("first of all")
        await super().init(context)

    async def handle_cast(self, message: Any) -> None:
        await super().handle_cast(message)
        if message == "one":
            self.continue_with("between")

    async def handle_continue(self, message: Any) -> None:
        self.write(f"continue: {message}")


async def test_init_runs_before_ready_and_terminate_after_the_last_message(
    lab: Lab, written: list[object]
) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        assert written == ["init 1"]
        assert await tree.ref("a").cast("one")
        assert await tree.ref("a").cast("two")
        await settle()
    assert written == ["init 1", "one", "two", "terminate"]


async def test_every_incarnation_is_a_new_instance_with_the_specs_arguments(
    lab: Lab, written: list[object]
) -> None:
    made: list[tuple[str, int]] = []

    class Counted(Diary):
        async def init(self, context: Context) -> None:
            made.append((self.first_word, id(self)))
            await super().init(context)

    async with lab.open(lab.supervisor(Counted.spec("hello", id="a", backoff=EXACT))) as tree:
        tree.ref("a").cast_nowait("crash")
        await settle(5)
    assert [word for word, _ in made] == ["hello", "hello"]
    assert made[0][1] != made[1][1]
    assert written == ["init 1", "terminate", "init 2", "terminate"]


async def test_continuation_comes_before_timers_and_mail(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(Continuing.spec(id="a"))) as tree:
        for message in (("later", 0.5, "ding"), ("sleep", 1), "one", "two"):
            tree.ref("a").cast_nowait(message)
        await settle(2)
    assert written[:2] == ["init 1", "continue: first of all"]
    assert written[2:7] == [
        ("later", 0.5, "ding"),
        ("sleep", 1),
        "ding",
        "one",
        "continue: between",
    ]
    assert written[7:] == ["two", "terminate"]


async def test_info_is_taken_by_its_own_handler_or_else_as_a_cast(
    lab: Lab, written: list[object]
) -> None:
    class Informed(Diary):
        async def handle_info(self, message: Any) -> None:
            self.write(f"info: {message}")

    spec = lab.supervisor(diary(), Informed.spec(id="b"))
    async with lab.open(spec) as tree:
        for name in "ab":
            tree.ref(name).cast_nowait(("later", 1, f"ding {name}"))
        await settle(2)
    assert "ding a" in written
    assert "info: ding b" in written


async def test_timer_is_due_at_the_exact_time(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        tree.ref("a").cast_nowait(("later", 5, "ding"))
        await settle(4.999)
        assert "ding" not in written
        await settle(0.001)
        assert written[-1] == "ding"
        assert statistics(tree).handled == 2


async def test_timers_due_at_the_same_moment_come_in_the_order_they_were_set(
    lab: Lab, written: list[object]
) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        for number in range(20):
            tree.ref("a").cast_nowait(("later", 5, number))
        await settle(6)
    assert [one for one in written if isinstance(one, int)] == list(range(20))


async def test_timer_is_void_with_the_incarnation_that_set_it(
    lab: Lab, written: list[object]
) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        tree.ref("a").cast_nowait(("later", 5, "ding"))
        tree.ref("a").cast_nowait("crash")
        await settle(10)
        assert states(tree) == {"a": "running"}
    assert "ding" not in written


async def test_cancelled_timer_is_silent(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        tree.ref("a").cast_nowait(("later", 5, "ding"))
        tree.ref("a").cast_nowait("forget")
        await settle(10)
    assert "ding" not in written


async def test_sub_tasks_end_before_terminate(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        tree.ref("a").cast_nowait("sub-task")
        await settle()
    assert written == ["init 1", "sub-task", "sub-task ended", "terminate"]


async def test_crash_of_a_sub_task_is_the_actors_crash(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        tree.ref("a").cast_nowait("sub-task crashes")
        await settle(1)
        [crashed] = lab.told(EventKind.CRASHED)
        assert crashed.reason == "CrashOnCommand: in a sub-task"
        assert isinstance(crashed.exception, CrashOnCommand), "not a group of one"
        await settle(2)
        assert states(tree) == {"a": "running"}
    assert written[-2:] == ["init 2", "terminate"]


async def test_batch_takes_what_waits_up_to_its_limit(lab: Lab) -> None:
    batches: list[list[object]] = []
    async with lab.open(lab.supervisor(Batcher.spec(batches, id="a"))) as tree:
        for number in range(5):
            tree.ref("a").cast_nowait(number)
        assert await tree.ref("a").call("last", timeout=10) == 3
        assert statistics(tree).handled == 6
    assert batches == [[0, 1, 2], [3, 4, "last"]]


async def test_actor_without_a_handler_answers_with_an_error_and_lives_on(lab: Lab) -> None:
    async with lab.open(lab.supervisor(Actor.spec(id="a"))) as tree:
        with pytest.raises(UnknownMessage, match="a does not know messages of type int"):
            await tree.ref("a").call(1, timeout=1)
        assert await tree.ref("a").cast(1)
        await settle()
        assert states(tree) == {"a": "running"}
        [unknown] = lab.told(EventKind.UNKNOWN_MESSAGE)
        assert unknown.reason == "a cast of type int"


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


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
@pytest.mark.parametrize("inline", [True, False])
async def test_handler_that_exits_the_interpreter_stops_the_tree_and_is_raised(
    lab: Lab, error: type[BaseException], inline: bool
) -> None:
    class Inline(Actor):
        def handle_call(self, message: Any, caller: Caller) -> object:
            raise error

    class Mailed(Actor):
        async def handle_call(self, message: Any, caller: Caller) -> object:
            raise error

    kind = Inline if inline else Mailed

    async def live() -> None:
        async with lab.open(lab.supervisor(lab.worker("b"), kind.spec(id="a"))) as tree:
            with pytest.raises(ProcessDown, match=f"a is down: crashed: {error.__name__}"):
                await tree.ref("a").call("hello", timeout=1)
            with trio.fail_after(100):
                await tree.wait()
            assert lab.order("down") == ["b"]

    with pytest.raises(error):
        await live()


async def test_idle_actor_holds_no_task(lab: Lab) -> None:
    class Quiet(Actor):
        async def handle_call(self, message: object, caller: Caller) -> object:
            return message

    workers = [Quiet.spec(id=f"quiet{number}") for number in range(100)]
    async with lab.open(lab.supervisor(lab.worker("a"))):
        tasks = trio.lowlevel.current_statistics().tasks_living
    async with lab.open(lab.supervisor(lab.worker("a"), *workers)) as tree:
        await settle()
        assert trio.lowlevel.current_statistics().tasks_living == tasks
        for worker in workers:
            await tree.ref(worker.id).call("hello", timeout=1)
        assert trio.lowlevel.current_statistics().tasks_living == tasks + 100
        await settle(60)
        assert trio.lowlevel.current_statistics().tasks_living == tasks
