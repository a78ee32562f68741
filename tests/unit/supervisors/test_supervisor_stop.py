"""How a tree goes down: in reverse order, within limits, and nobody pretended dead."""

import pytest
import trio

from supervisors import (
    INFINITY,
    ChildSpec,
    Context,
    DynamicSpec,
    EventKind,
    NoChild,
    NoProcess,
    RootFailed,
)
from tests.unit.supervisors.supervision_kit import CrashOnCommand, Lab, settle, states


async def test_leaving_the_block_stops_in_reverse_one_at_a_time(lab: Lab) -> None:
    below = lab.supervisor(lab.worker("b", stop_seconds=1), lab.worker("c"), id="sub")
    spec = lab.supervisor(lab.worker("a", stop_seconds=1), below, lab.worker("d", stop_seconds=2))
    async with lab.open(spec):
        pass
    downs = [entry for entry in lab.log if entry[0] == "down"]
    assert downs == [("down", "d", 2), ("down", "c", 2), ("down", "b", 3), ("down", "a", 4)]


async def test_cancel_from_outside_stops_in_reverse_too(lab: Lab) -> None:
    spec = lab.supervisor(*(lab.worker(name, stop_seconds=1) for name in "abcdef"))
    with trio.move_on_after(10) as scope:
        async with lab.open(spec):
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert lab.order("down") == list("fedcba")
    assert lab.times("down", "a") == [16]


async def test_cancel_from_outside_stops_even_while_the_block_is_busy(lab: Lab) -> None:
    with trio.move_on_after(10):
        async with lab.open(lab.supervisor(lab.worker("a"))):
            with trio.CancelScope(shield=True):
                await trio.sleep(60)
    assert lab.times("down", "a") == [10]


async def test_cancel_during_the_start_rolls_back(lab: Lab) -> None:
    with trio.move_on_after(3) as scope:
        async with lab.open(lab.supervisor(lab.worker("a"), lab.worker("b", init_seconds=60))):
            pytest.fail("the tree must not open")
    assert scope.cancelled_caught
    assert lab.order("down") == ["b", "a"]


async def test_error_in_the_block_stops_the_tree_and_arrives_bare(lab: Lab) -> None:
    with pytest.raises(CrashOnCommand, match="in the block"):
        async with lab.open(lab.supervisor(lab.worker("a"), lab.worker("b"))):
            raise CrashOnCommand("in the block")
    assert lab.order("down") == ["b", "a"]


async def test_each_child_has_its_own_stop_limit_and_a_late_one_is_named(lab: Lab) -> None:
    spec = lab.supervisor(
        lab.worker("a"),
        lab.worker("patient", stop_seconds=50, shutdown=INFINITY),
        lab.worker("late", stop_seconds=4.5, shutdown=4),
        lab.worker("prompt", stop_seconds=3, shutdown=4),
    )
    async with lab.open(spec):
        pass
    assert lab.times("down", "prompt") == [3]
    assert lab.times("down", "late") == [7.5]
    assert lab.times("down", "patient") == [57.5]
    [overdue] = lab.told(EventKind.OVERDUE)
    assert overdue.path == "root/late"
    assert "did not stop within 4 s" in overdue.reason
    assert "supervision_kit.py" in overdue.reason, "the stack says where it hangs"
    assert lab.told(EventKind.STUCK) == []


async def test_stuck_child_is_named_with_its_stack_and_never_pretended_dead(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a"), lab.worker("stuck", stop_seconds=100, shutdown=2))
    async with lab.open(spec) as tree:
        tree.stop("now")
        await settle(5)
        assert states(tree) == {"a": "done", "stuck": "stopping"}
        [stuck] = lab.told(EventKind.STUCK)
        assert stuck.path == "root/stuck"
        assert "supervision_kit.py" in stuck.reason
        assert stuck.at == lab.began + 3
        await tree.wait()
    assert lab.times("down", "a") == [3]
    assert lab.times("down", "stuck") == [100]


async def test_stuck_child_is_found_inside_a_late_branch(lab: Lab) -> None:
    sub = lab.supervisor(lab.worker("deep", stop_seconds=30, shutdown=60), id="sub", shutdown=5)
    async with lab.open(lab.supervisor(sub)):
        pass
    overdue = [event for event in lab.told(EventKind.OVERDUE) if event.path == "root/sub"]
    assert "root/sub/deep: " in overdue[0].reason


async def test_second_stop_is_at_once(lab: Lab) -> None:
    cut_short = []

    async def start(context: Context) -> None:
        context.ready()
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True), trio.move_on_after(1000):
                await context.killed.wait()
                cut_short.append(lab.now())

    sub = lab.supervisor(
        lab.worker("b"), ChildSpec(id="own", start=start, shutdown=INFINITY), id="sub"
    )
    async with lab.open(lab.supervisor(lab.worker("a"), sub, lab.worker("c"))) as tree:
        tree.stop("first")
        await settle(7)
        assert lab.order("down") == ["c"]
        tree.stop("second")
        await tree.wait()
        assert lab.now() == 7
    assert cut_short == [7]
    assert set(lab.order("down")) == {"a", "b", "c"}


async def test_leaving_the_block_after_a_stop_does_not_hurry_it(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a", stop_seconds=3))) as tree:
        tree.stop("first")
    assert lab.times("down", "a") == [3]
    assert lab.told(EventKind.OVERDUE) == []


async def test_crash_inside_the_stop_is_a_report_not_a_restart(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a"), lab.worker("b", crash_in_stop=True), max_restarts=0)
    async with lab.open(spec) as tree:
        await tree.stop_child("root/b")
        await trio.sleep(60)
        assert states(tree) == {"a": "running", "b": "done"}
    [crashed] = lab.told(EventKind.CRASHED)
    assert crashed.reason == "while stopping: CrashOnCommand: b in its stop"
    assert lab.order("down") == ["b", "a"]


async def test_child_that_swallows_the_cancel_and_returns_is_down(lab: Lab) -> None:
    async def start(context: Context) -> None:
        context.ready()
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            return

    async with lab.open(lab.supervisor(ChildSpec(id="a", start=start))) as tree:
        await tree.stop_child("root/a")
        assert states(tree) == {"a": "done"}


async def test_dynamic_children_stop_together(lab: Lab) -> None:
    pool = DynamicSpec(
        id="pool", template=lambda key: lab.worker(key, stop_seconds=3), keys=tuple("xyz")
    )
    async with lab.open(lab.supervisor(pool)):
        pass
    assert [at for what, _, at in lab.log if what == "down"] == [3, 3, 3]


async def test_crash_of_a_sibling_during_the_stop_restarts_nobody(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a"), lab.worker("b", stop_seconds=5, shutdown=10))
    async with lab.open(spec) as tree:
        tree.stop("now")
        await settle(1)
        lab.crash("a")
        await tree.wait()
    assert lab.order("start") == ["a", "b"]
    assert lab.told(EventKind.RESTARTING) == []


async def test_no_task_is_left_after_the_stop(lab: Lab) -> None:
    before = len(trio.lowlevel.current_root_task().child_nurseries[0].child_tasks)
    tasks = trio.lowlevel.current_statistics().tasks_living
    async with lab.open(lab.supervisor(lab.worker("a"), lab.supervisor(lab.worker("b"), id="s"))):
        assert trio.lowlevel.current_statistics().tasks_living > tasks
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert len(trio.lowlevel.current_root_task().child_nurseries[0].child_tasks) == before


async def test_operations_after_the_end_say_so(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))) as tree:
        pass
    with pytest.raises(NoChild, match="its supervisor has ended"):
        await tree.restart_child("root/a")
    with pytest.raises(NoProcess):
        await tree.ref("a").call("anybody?", timeout=1)
    await tree.wait()


async def test_wait_ends_when_the_tree_is_stopped(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))) as tree, trio.open_nursery() as nursery:
        nursery.start_soon(tree.wait)
        await settle(3)
        tree.stop("enough")
    assert lab.times("down", "a") == [3]


async def test_failing_supervisor_still_honours_stop_limits(lab: Lab) -> None:
    spec = lab.supervisor(
        lab.worker("a", stop_seconds=2, shutdown=5), lab.worker("b"), max_restarts=0
    )
    with pytest.raises(RootFailed):
        await lab.run_to_end(spec, crash="b")
    assert lab.times("down", "a") == [2]
