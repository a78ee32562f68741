"""Tasks: run once, supervised, with a result for whoever holds the handle."""

from typing import Any

import pytest
import trio

from supervisors import (
    INFINITY,
    CallTimeout,
    ChildRefused,
    EventKind,
    InvalidSpec,
    NoChild,
    Restart,
    StartFailed,
    Tree,
)
from supervisors.task import Task, TaskFailed, TaskStopped, TaskSupervisor, TaskTimeout
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand, Lab, settle, states


class Work:
    """A function that takes some seconds, and notes how it ended."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def double(self, number: int, seconds: float = 1.0) -> int:
        try:
            await trio.sleep(seconds)
        except trio.Cancelled:
            self.log.append("cancelled")
            raise
        self.log.append("done")
        return 2 * number

    async def crash(self) -> None:
        await trio.sleep(1)
        self.log.append("crashed")
        raise CrashOnCommand("in a task")


@pytest.fixture
def work() -> Work:
    return Work()


@pytest.fixture
def tasks() -> TaskSupervisor:
    return TaskSupervisor("root/tasks", max_tasks=3)


async def test_task_is_ready_at_once_and_runs_once(lab: Lab, work: Work) -> None:
    spec = lab.supervisor(Task.spec(work.double, 21, 5.0, id="a"))
    async with lab.open(spec) as tree:
        assert lab.now() == 0
        assert states(tree) == {"a": "running"}
        await settle(5)
        assert states(tree) == {"a": "done"}
        await settle(100)
    assert work.log == ["done"]
    assert not lab.told(EventKind.RESTARTING)


async def test_failed_transient_task_runs_again_until_it_succeeds(lab: Lab, work: Work) -> None:
    async def fail_twice() -> None:
        if len(work.log) < 2:
            await work.crash()
        work.log.append("succeeded")

    spec = Task.spec(fail_twice, id="a", restart=Restart.TRANSIENT, backoff=EXACT)
    async with lab.open(lab.supervisor(spec)) as tree:
        await settle(100)
        assert states(tree) == {"a": "done"}
    assert work.log == ["crashed", "crashed", "succeeded"]


async def test_failed_temporary_task_is_reported_and_stays_down(lab: Lab, work: Work) -> None:
    async with lab.open(lab.supervisor(Task.spec(work.crash, id="a"))) as tree:
        await settle(100)
        assert states(tree) == {"a": "done"}
    assert work.log == ["crashed"]
    assert [event.path for event in lab.told(EventKind.CRASHED)] == ["root/a"]


async def test_task_over_its_time_is_cancelled_and_counts_as_failed(lab: Lab, work: Work) -> None:
    async with lab.open(lab.supervisor(Task.spec(work.double, 1, 99.0, id="a", timeout=5))):
        await settle(5)
    [crash] = lab.told(EventKind.CRASHED)
    assert crash.reason == "TaskTimeout: root/a failed: TimeoutError: it ran for more than 5 s"
    assert work.log == ["cancelled"]


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"restart": Restart.PERMANENT}, "a: restart PERMANENT would run a task again and again"),
        ({"timeout": 0}, "a: timeout 0 must be seconds > 0"),
        ({"timeout": float("nan")}, "a: timeout nan must be seconds > 0"),
    ],
)
def test_wrong_task_is_refused(work: Work, fields: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidSpec, match=problem):
        Task.spec(work.double, id="a", **fields)


async def test_run_returns_what_the_function_returned(
    lab: Lab, work: Work, tasks: TaskSupervisor
) -> None:
    async with lab.open(lab.supervisor(tasks.spec())) as tree:
        assert await tasks.run(tree, work.double, 21, timeout=10) == 42
        await settle()
        assert states(tree) == {"tasks": "running"}  # nothing is left of it


async def test_handle_gives_its_result_to_any_number_of_holders(
    lab: Lab, work: Work, tasks: TaskSupervisor
) -> None:
    results: list[int] = []

    async def hold(task: Task[int]) -> None:
        results.append(await task.result(timeout=10))

    async with lab.open(lab.supervisor(tasks.spec())) as tree:
        task = await tasks.start(tree, work.double, 21, timeout=10)
        assert not task.is_over
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hold, task)
            nursery.start_soon(hold, task)
        assert task.is_over
        await hold(task)
    assert results == [42, 42, 42]


async def test_failure_is_told_to_the_holder_and_to_nobody_else(
    lab: Lab, work: Work, tasks: TaskSupervisor
) -> None:
    async with lab.open(lab.supervisor(tasks.spec(), lab.worker("b"))) as tree:
        for _ in range(5):  # more than any restart budget
            with pytest.raises(TaskFailed, match="CrashOnCommand: in a task") as failed:
                await tasks.run(tree, work.crash, timeout=10)
            assert isinstance(failed.value.__cause__, CrashOnCommand)
        await settle()
        assert states(tree) == {"tasks": "running", "b": "running"}


async def test_error_of_a_task_within_a_task_keeps_its_own_name(
    lab: Lab, work: Work, tasks: TaskSupervisor
) -> None:
    async with lab.open(lab.supervisor(tasks.spec())) as tree:

        async def outer() -> int:
            return await tasks.run(tree, work.double, 1, 99.0, timeout=2)

        with pytest.raises(TaskFailed, match=r"outer-1 failed: TaskTimeout: .*double-2") as failed:
            await tasks.run(tree, outer, timeout=10)
        assert not isinstance(failed.value, TaskTimeout)


async def test_holder_of_a_task_over_its_time_is_told_so(
    lab: Lab, work: Work, tasks: TaskSupervisor
) -> None:
    async with lab.open(lab.supervisor(tasks.spec())) as tree:
        with pytest.raises(TaskTimeout, match="it ran for more than 3 s"):
            await tasks.run(tree, work.double, 1, 99.0, timeout=3)
        assert lab.now() == 3


async def test_holder_who_waited_long_enough_leaves_the_task_alone(
    lab: Lab, work: Work, tasks: TaskSupervisor
) -> None:
    async with lab.open(lab.supervisor(tasks.spec())) as tree:
        task = await tasks.start(tree, work.double, 21, 5.0, timeout=10)
        with pytest.raises(CallTimeout):
            await task.result(timeout=1)
        assert await task.result(timeout=10) == 42


async def test_task_that_ignores_its_limit_keeps_nobody_waiting(
    lab: Lab, tasks: TaskSupervisor
) -> None:
    async def stubborn() -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(100)

    async with lab.open(lab.supervisor(tasks.spec())) as tree:
        with pytest.raises(CallTimeout):
            await tasks.run(tree, stubborn, timeout=3)
        assert lab.now() == 8
        await settle(100)


async def run_and_cancel(
    lab: Lab, tree: Tree, tasks: TaskSupervisor, work: Work, *, cancel_with_caller: bool
) -> None:
    with trio.move_on_after(1) as scope:
        await tasks.run(
            tree, work.double, 1, 5.0, timeout=10, cancel_with_caller=cancel_with_caller
        )
    assert scope.cancelled_caught
    await settle(10)


async def test_cancelled_caller_does_not_cancel_its_task(
    lab: Lab, work: Work, tasks: TaskSupervisor
) -> None:
    async with lab.open(lab.supervisor(tasks.spec())) as tree:
        await run_and_cancel(lab, tree, tasks, work, cancel_with_caller=False)
    assert work.log == ["done"]


async def test_cancelled_caller_takes_its_task_along_if_asked(
    lab: Lab, work: Work, tasks: TaskSupervisor
) -> None:
    async with lab.open(lab.supervisor(tasks.spec())) as tree:
        await run_and_cancel(lab, tree, tasks, work, cancel_with_caller=True)
    assert work.log == ["cancelled"]
    assert not lab.told(EventKind.CRASHED)


async def test_cancelled_task_tells_its_holder_why(
    lab: Lab, work: Work, tasks: TaskSupervisor
) -> None:
    async with lab.open(lab.supervisor(tasks.spec())) as tree:
        task = await tasks.start(tree, work.double, 1, timeout=10)
        task.cancel("no longer needed")
        with pytest.raises(TaskStopped, match=r"double-1 was stopped: no longer needed"):
            await task.result(timeout=10)
        task.cancel("too late is no error")


async def test_stopped_task_tells_its_holder(lab: Lab, work: Work, tasks: TaskSupervisor) -> None:
    async with lab.open(lab.supervisor(tasks.spec())) as tree:
        task = await tasks.start(tree, work.double, 1, 99.0, timeout=INFINITY)
        await tree.stop_child(task.path)
        with pytest.raises(TaskStopped, match="its supervisor stopped it"):
            await task.result(timeout=1)
    assert work.log == ["cancelled"]


async def test_more_tasks_than_allowed_are_refused(
    lab: Lab, work: Work, tasks: TaskSupervisor
) -> None:
    async with lab.open(lab.supervisor(tasks.spec())) as tree:
        for _ in range(3):
            await tasks.start(tree, work.double, 1, timeout=10)
        with pytest.raises(ChildRefused, match=r"max_children \(3\) is reached"):
            await tasks.start(tree, work.double, 1, timeout=10)
        await settle(1)
        assert await tasks.run(tree, work.double, 1, timeout=10) == 2


async def test_task_below_no_supervisor_is_refused(
    lab: Lab, work: Work, tasks: TaskSupervisor
) -> None:
    async with lab.open(lab.supervisor(lab.worker("b"))) as tree:
        with pytest.raises(NoChild, match="root/tasks"):
            await tasks.run(tree, work.double, 1, timeout=10)


async def test_supervisor_of_tasks_takes_no_strangers(lab: Lab, tasks: TaskSupervisor) -> None:
    async with lab.open(lab.supervisor(tasks.spec())) as tree:
        with pytest.raises((InvalidSpec, StartFailed), match="is no task of this supervisor"):
            await tree.start_child("root/tasks", "stranger")
