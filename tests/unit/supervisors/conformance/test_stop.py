"""Cases about the stop: each shutdown kind, expired and not, whoever asks for it."""

from typing import Any

import pytest
import trio

from supervisors import (
    INFINITY,
    Actor,
    ChildSpec,
    Context,
    DynamicSpec,
    EventKind,
    NoChild,
    NoProcess,
    Restart,
    RootFailed,
    ShutdownPhases,
    StartFailed,
    Strategy,
    SupervisorSpec,
)
from tests.unit.supervisors.actor_kit import diary, worker
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand, Lab, settle, states

OVERDUE, STOPPED, CRASHED = EventKind.OVERDUE, EventKind.STOPPED, EventKind.CRASHED

# How a child stops, and what is told of it; the times are seconds.
KINDS = [
    pytest.param({"shutdown": 0}, 0, [STOPPED], id="at-once"),
    pytest.param({"shutdown": INFINITY, "stop_seconds": 90}, 90, [STOPPED], id="infinity"),
    pytest.param(
        {"shutdown": INFINITY, "stop_seconds": 90, "crash_in_stop": True},
        90,
        [CRASHED],
        id="infinity-crashing",
    ),
    pytest.param({"shutdown": 5, "stop_seconds": 4}, 4, [STOPPED], id="in-time"),
    pytest.param(
        {"shutdown": 5, "stop_seconds": 4, "crash_in_stop": True}, 4, [CRASHED], id="crashing"
    ),
    pytest.param({"shutdown": 5, "stop_seconds": 5.5}, 5.5, [OVERDUE, STOPPED], id="late"),
]


@pytest.mark.parametrize(("fields", "seconds", "told"), KINDS)
@pytest.mark.parametrize("restart", list(Restart))
async def test_child_is_stopped_by_its_shutdown_kind(
    lab: Lab, fields: dict[str, Any], seconds: float, told: list[EventKind], restart: Restart
) -> None:
    async with lab.open(lab.supervisor(lab.worker("x", restart=restart, **fields))) as tree:
        tree.stop("now")
        await tree.wait()
    kinds = [event.kind for event in lab.events if event.path == "root/x"]
    if fields["shutdown"] == 0:  # it may be down before it can be called overdue
        kinds = [kind for kind in kinds if kind is not OVERDUE]
    assert kinds == [EventKind.STARTED, *told]
    assert lab.times("down", "x") == [seconds]
    assert lab.order("start") == ["x"], "a stop is followed by no restart"


@pytest.mark.parametrize(("fields", "seconds", "told"), KINDS)
async def test_child_is_stopped_by_an_operator_by_its_shutdown_kind(
    lab: Lab, fields: dict[str, Any], seconds: float, told: list[EventKind]
) -> None:
    async with lab.open(lab.supervisor(lab.worker("x", **fields), lab.worker("a"))) as tree:
        await tree.stop_child("root/x")
        assert lab.now() == seconds
        assert states(tree) == {"x": "done", "a": "running"}
        assert lab.told(told[-1])


async def test_children_of_all_kinds_stop_together_in_a_pool(lab: Lab) -> None:
    fields = {str(param.id): param.values[0] for param in KINDS}

    def template(key: str) -> ChildSpec:
        return lab.worker(key, **fields[key])

    async with lab.open(DynamicSpec(id="root", template=template, keys=tuple(fields))):
        pass
    downs = {name: lab.times("down", name)[0] for name in fields}
    assert downs == {str(param.id): param.values[1] for param in KINDS}


async def test_children_of_all_kinds_stop_one_after_the_other_below_a_supervisor(
    lab: Lab,
) -> None:
    fields = {str(param.id): param.values[0] for param in KINDS}
    workers = [lab.worker(name, **some) for name, some in fields.items()]
    async with lab.open(lab.supervisor(*workers)):
        pass
    assert lab.order("down") == list(fields)[::-1]
    assert lab.now() == sum(param.values[1] for param in KINDS)  # type: ignore[misc]


async def test_child_that_ends_by_itself_during_the_stop_is_not_restarted(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a"), lab.worker("b", stop_seconds=5, shutdown=10))
    async with lab.open(spec) as tree:
        tree.stop("now")
        await settle(1)
        lab.finish("a")
        await tree.wait()
    assert lab.times("down", "a") == [1]
    assert lab.order("start") == ["a", "b"]
    assert lab.told(EventKind.RESTARTING) == []


async def test_child_that_is_still_starting_is_stopped(lab: Lab) -> None:
    def template(key: str) -> ChildSpec:
        return lab.worker(key, init_seconds=60)

    async with (
        lab.open(DynamicSpec(id="root", template=template)) as tree,
        trio.open_nursery() as nursery,
    ):
        errors: list[str] = []

        async def start() -> None:
            try:
                await tree.start_child("root", "x")
            except Exception as error:  # noqa: BLE001 -- noted, to be looked at
                errors.append(str(error))

        nursery.start_soon(start)
        await settle(1)
        await tree.stop_child("root/x")
        assert lab.now() == 1
        await settle()
        assert states(tree) == {}
        assert len(errors) == 1
        assert errors[0].startswith("root/x did not start: ")


async def test_child_that_waits_for_its_restart_is_stopped_at_once(lab: Lab) -> None:
    async with lab.open(DynamicSpec(id="root", template=lab.worker, keys=("x",))) as tree:
        lab.crash("x")
        await settle(0.5)
        await tree.stop_child("root/x")
        assert lab.now() == 0.5
        assert states(tree) == {}


async def test_quarantined_child_can_be_stopped(lab: Lab) -> None:
    pool = DynamicSpec(id="root", template=lab.worker, keys=("x",), child_max_restarts=0)
    async with lab.open(pool) as tree:
        lab.crash("x")
        await settle()
        assert states(tree) == {"x": "quarantined"}
        await tree.stop_child("root/x")
        assert states(tree) == {}
        assert await tree.start_child("root", "x") == "x#1"


async def test_stop_of_a_stopped_child_returns_at_once(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"), lab.worker("b"))) as tree:
        for _ in range(2):
            await tree.stop_child("root/a")
        assert states(tree) == {"a": "done", "b": "running"}
        assert lab.order("down") == ["a"]


async def test_stop_of_a_child_that_is_restarted_meanwhile_returns_all_the_same(lab: Lab) -> None:
    slow = lab.worker("a", stop_seconds=3, shutdown=10)
    async with lab.open(lab.supervisor(slow)) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(tree.stop_child, "root/a")
            await settle(1)
            with trio.fail_after(10):
                assert await tree.restart_child("root/a") == "a#2"
            nursery.cancel_scope.deadline = trio.current_time() + 10
        assert lab.now() == 3
        assert states(tree) == {"a": "running"}


async def test_restart_of_a_child_that_is_stopped_meanwhile_says_so(lab: Lab) -> None:
    slow = lab.worker("a", stop_seconds=3, shutdown=10)
    errors: list[BaseException] = []

    async def restart() -> None:
        with pytest.raises(StartFailed, match="root/a did not start: ") as failed:
            await tree.restart_child("root/a")
        errors.append(failed.value)

    async with lab.open(lab.supervisor(slow)) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(restart)
            await settle(1)
            await tree.stop_child("root/a")
        assert len(errors) == 1
        assert lab.now() == 3
        assert states(tree) == {"a": "done"}


async def test_second_stop_cuts_the_shutdown_phases_short(lab: Lab) -> None:
    spec = lab.supervisor(
        lab.worker("a", phase="last"),
        lab.worker("b", phase="first", stop_seconds=0.5),
        lab.worker("slow", phase="first", stop_seconds=4.5, shutdown=INFINITY),
    )
    phases = ShutdownPhases(phases=(("first", 60), ("last", 60)), total=120)
    async with lab.open(spec, phases=phases) as tree:
        tree.stop("first")
        await settle(2)
        assert lab.order("down") == ["b"]
        tree.stop("second")
        await settle()
        assert lab.times("down", "a") == [2]
        await tree.wait()
    assert lab.now() == 4.5, "whoever ignores even that is waited for"


async def test_cancel_from_outside_stops_even_while_the_block_is_busy(lab: Lab) -> None:
    with trio.move_on_after(10):
        async with lab.open(lab.supervisor(lab.worker("a"))):
            with trio.CancelScope(shield=True):
                await trio.sleep(60)
    assert lab.times("down", "a") == [10]


async def test_error_in_the_block_stops_the_tree_and_arrives_bare(lab: Lab) -> None:
    with pytest.raises(CrashOnCommand, match="in the block"):
        async with lab.open(lab.supervisor(lab.worker("a"), lab.worker("b"))):
            raise CrashOnCommand("in the block")
    assert lab.order("down") == ["b", "a"]


async def test_stuck_child_is_found_inside_a_late_branch(lab: Lab) -> None:
    sub = lab.supervisor(lab.worker("deep", stop_seconds=30, shutdown=60), id="sub", shutdown=5)
    async with lab.open(lab.supervisor(sub)):
        pass
    overdue = [event for event in lab.told(EventKind.OVERDUE) if event.path == "root/sub"]
    assert "root/sub/deep: " in overdue[0].reason


async def test_leaving_the_block_after_a_stop_does_not_hurry_it(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a", stop_seconds=3))) as tree:
        tree.stop("first")
    assert lab.times("down", "a") == [3]
    assert lab.told(EventKind.OVERDUE) == []


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


async def test_crash_of_a_sibling_during_the_stop_restarts_nobody(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a"), lab.worker("b", stop_seconds=5, shutdown=10))
    async with lab.open(spec) as tree:
        tree.stop("now")
        await settle(1)
        lab.crash("a")
        await tree.wait()
    assert lab.order("start") == ["a", "b"]
    assert lab.told(EventKind.RESTARTING) == []


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


async def test_name_in_a_stopped_branch_is_nobody(lab: Lab) -> None:
    def branch(key: str) -> SupervisorSpec:
        one = (worker("writer"),)
        return SupervisorSpec(id=key, strategy=Strategy.ONE_FOR_ONE, children=one)

    async with lab.open(DynamicSpec(id="root", template=branch, keys=("one",))) as tree:
        assert tree.ref("one/writer").is_alive()
        await tree.stop_child("root/one")
        assert not tree.ref("one/writer").is_alive()
        with pytest.raises(NoProcess, match="nobody has this name"):
            await tree.ref("one/writer").call("hello", timeout=1)


# Actors


async def test_handler_that_outlives_the_stop_limit_is_cancelled_and_named(
    lab: Lab, written: list[object]
) -> None:
    async with lab.open(lab.supervisor(diary(shutdown=3))) as tree:
        tree.ref("a").cast_nowait(("sleep", 100))
        await settle()
        await tree.stop_child("root/a")
        assert lab.now() == 3
    assert written == ["init 1"]
    [overdue] = lab.told(EventKind.OVERDUE)
    assert "handle_cast" in overdue.reason


async def test_terminate_shares_the_stop_limit(lab: Lab) -> None:
    class Slow(Actor):
        async def terminate(self) -> None:
            await trio.sleep(100)

    async with lab.open(lab.supervisor(Slow.spec(id="a", shutdown=3), lab.worker("b"))) as tree:
        tree.stop("now")
        await tree.wait()
        assert lab.now() == 3


async def test_crash_is_told_even_if_terminate_crashes_too(lab: Lab) -> None:
    class Fragile(Actor):
        async def handle_cast(self, message: Any) -> None:
            raise CrashOnCommand(message)

        async def terminate(self) -> None:
            raise OSError("terminate")

    async with lab.open(lab.supervisor(Fragile.spec(id="a", backoff=EXACT))) as tree:
        tree.ref("a").cast_nowait("first")
        await settle()
        reasons = [event.reason for event in lab.told(EventKind.CRASHED)]
        assert reasons == ["in terminate too: OSError: terminate", "CrashOnCommand: first"]
