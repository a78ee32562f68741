"""Guarantees about the stop: in order, within limits, and nobody pretended dead."""

import pytest
import trio

from supervisors import (
    INFINITY,
    ChildSpec,
    Context,
    DynamicSpec,
    EventKind,
    NoChild,
    Step,
)
from supervisors.state import StopChild
from tests.unit.supervisors.supervision_kit import Lab, settle, states


async def test_children_stop_in_reverse_order_one_at_a_time(lab: Lab) -> None:
    below = lab.supervisor(lab.worker("b", stop_seconds=1), lab.worker("c"), id="sub")
    spec = lab.supervisor(lab.worker("a", stop_seconds=1), below, lab.worker("d", stop_seconds=2))
    async with lab.open(spec):
        pass
    downs = [entry for entry in lab.log if entry[0] == "down"]
    assert downs == [("down", "d", 2), ("down", "c", 2), ("down", "b", 3), ("down", "a", 4)]


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


async def test_dynamic_children_stop_together(lab: Lab) -> None:
    pool = DynamicSpec(
        id="pool", template=lambda key: lab.worker(key, stop_seconds=3), keys=tuple("xyz")
    )
    async with lab.open(lab.supervisor(pool)):
        pass
    assert [at for what, _, at in lab.log if what == "down"] == [3, 3, 3]


async def test_cancel_from_outside_is_an_ordered_stop(lab: Lab) -> None:
    spec = lab.supervisor(*(lab.worker(name, stop_seconds=1) for name in "abcdef"))
    with trio.move_on_after(10) as scope:
        async with lab.open(spec):
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert lab.order("down") == list("fedcba")
    assert lab.times("down", "a") == [16]


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


async def test_crash_inside_the_stop_is_a_report_not_a_restart(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a"), lab.worker("b", crash_in_stop=True), max_restarts=0)
    async with lab.open(spec) as tree:
        await tree.stop_child("root/b")
        await trio.sleep(60)
        assert states(tree) == {"a": "running", "b": "done"}
    [crashed] = lab.told(EventKind.CRASHED)
    assert crashed.reason == "while stopping: CrashOnCommand: b in its stop"
    assert lab.order("down") == ["b", "a"]


async def test_no_task_is_left_after_the_stop(lab: Lab) -> None:
    before = len(trio.lowlevel.current_root_task().child_nurseries[0].child_tasks)
    tasks = trio.lowlevel.current_statistics().tasks_living
    async with lab.open(lab.supervisor(lab.worker("a"), lab.supervisor(lab.worker("b"), id="s"))):
        assert trio.lowlevel.current_statistics().tasks_living > tasks
    assert trio.lowlevel.current_statistics().tasks_living == tasks
    assert len(trio.lowlevel.current_root_task().child_nurseries[0].child_tasks) == before


async def test_whoever_waits_for_a_child_is_told_when_the_runtime_itself_fails(lab: Lab) -> None:
    told: list[str] = []

    def fail(step: Step) -> None:
        assert not isinstance(step.event, StopChild), "a bug in the driver"

    async def ask(path: str) -> None:
        with pytest.raises(NoChild) as refused:
            await tree.stop_child(path)
        told.append(str(refused.value))

    spec = lab.supervisor(lab.worker("a"), lab.worker("b"))
    with pytest.RaisesGroup(AssertionError, flatten_subgroups=True, allow_unwrapped=True):
        async with lab.open(spec, on_step=fail) as tree:
            # The first of the two is being carried out by then, the other waits for its turn.
            with trio.CancelScope(shield=True), trio.move_on_after(100):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(ask, "root/a")
                    nursery.start_soon(ask, "root/b")
    assert sorted(told) == ["a: the runtime has ended", "b: the runtime has ended"]
