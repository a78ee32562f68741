"""Guarantees about the stop: in order, within limits, and nobody pretended dead."""

import pytest
import trio

from supervisors import (
    INFINITY,
    ChildSpec,
    Context,
    DynamicSpec,
    EventKind,
    InvalidSpec,
    ShutdownPhases,
    SupervisorSpec,
)
from tests.unit.supervisors.supervision_kit import Lab, settle, states

PHASES = ShutdownPhases(phases=(("intake", 5.0), ("writers", 10.0)), total=30.0)


def two_branches(lab: Lab, **stop_seconds: float) -> SupervisorSpec:
    """Make two branches of one worker per phase, and a worker without a phase before each."""

    def some(id: str, phase: str | None) -> ChildSpec:  # noqa: A002 -- as in the spec
        seconds = stop_seconds.get(id, 0.0)
        return lab.worker(id, phase=phase, stop_seconds=seconds, shutdown=INFINITY)

    branches = [
        lab.supervisor(
            some(f"{key}-base", None),
            some(f"{key}-writer", "writers"),
            some(f"{key}-door", "intake"),
            id=key,
        )
        for key in "xy"
    ]
    return lab.supervisor(*branches)


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


async def test_children_of_a_shutdown_phase_stop_together_phase_after_phase(lab: Lab) -> None:
    spec = two_branches(lab, **{"x-door": 2, "y-door": 3, "x-writer": 4, "x-base": 1})
    async with lab.open(spec, phases=PHASES):
        pass
    assert {name: lab.times("down", name)[0] for name in lab.order("start")} == {
        "x-door": 2,
        "y-door": 3,
        "x-writer": 7,
        "y-writer": 3,
        "y-base": 7,
        "x-base": 8,
    }
    began = [event.reason for event in lab.told(EventKind.PHASE)]
    assert began == [
        "intake begins: 2 to stop within 5 s",
        "writers begins: 2 to stop within 10 s",
    ]


async def test_shutdown_phase_has_a_limit_and_names_who_was_late(lab: Lab) -> None:
    spec = two_branches(lab, **{"x-door": 20})
    async with lab.open(spec, phases=PHASES):
        pass
    assert lab.times("down", "x-writer") == [5], "the next phase goes on without it"
    assert lab.times("down", "x-base") == [20], "but what it stands on waits for it"
    [late] = [event for event in lab.told(EventKind.PHASE) if "ran out" in event.reason]
    assert late.reason == "intake ran out of time: root/x/x-door did not stop in 5 s"
    assert late.at == lab.began + 5


async def test_shutdown_has_a_total_limit_after_which_everything_stops_at_once(lab: Lab) -> None:
    cut_short = []

    async def start(context: Context) -> None:
        context.ready()
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True), trio.move_on_after(1000):
                await context.killed.wait()
                cut_short.append(lab.now())

    patient = ChildSpec(id="patient", start=start, shutdown=INFINITY)
    async with lab.open(lab.supervisor(lab.worker("a"), patient), phases=PHASES):
        pass
    assert cut_short == [30]
    assert "not stopped within 30 s: everything stops at once" in [
        event.reason for event in lab.told(EventKind.PHASE)
    ]


async def test_child_stopped_in_a_phase_is_not_started_again_by_a_crash_of_its_sibling(
    lab: Lab,
) -> None:
    spec = two_branches(lab, **{"x-door": 4})
    async with lab.open(spec, phases=PHASES) as tree:
        tree.stop("the end")
        await settle(1)
        lab.crash("x-writer")
        await settle(2)
        assert lab.times("start", "y-door") == [0]
    assert lab.order("start").count("x-door") == 1


def test_shutdown_phase_that_nobody_declared_is_refused(lab: Lab) -> None:
    spec = lab.supervisor(lab.supervisor(lab.worker("a", phase="intakes"), id="sub"))
    with pytest.raises(InvalidSpec, match="root/sub/a: phase 'intakes' is none of intake, writ"):
        PHASES.check(spec)
    with pytest.raises(InvalidSpec, match="phases: intake needs a limit in seconds > 0, not 0"):
        ShutdownPhases(phases=(("intake", 0),), total=1)
