"""Guarantees about a shutdown in phases: who stops when, and that nobody comes back."""

from typing import Any

import pytest
import trio

from supervisors import (
    INFINITY,
    ChildRefused,
    ChildSpec,
    Context,
    DynamicSpec,
    EventKind,
    InvalidSpec,
    Restart,
    ShutdownPhases,
    StartFailed,
    Strategy,
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


def slow_writer(lab: Lab) -> ChildSpec:
    """Make a worker whose stop leaves the shutdown in its second phase for a while."""
    return lab.worker("writer", phase="writers", stop_seconds=8, shutdown=INFINITY)


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


async def test_child_of_a_closed_phase_is_not_started_again_with_its_supervisor(lab: Lab) -> None:
    sub = lab.supervisor(
        lab.worker("door", phase="intake"), lab.worker("bad"), id="sub", max_restarts=0
    )
    async with lab.open(lab.supervisor(sub, slow_writer(lab)), phases=PHASES) as tree:
        tree.stop("the day is over")
        await settle(1)
        lab.crash("bad")  # sub gives up and is restarted, while the writers stop
        await settle(5)
        assert states(tree)["sub/bad"] == "running"
        assert states(tree)["sub/door"] == "done"
    assert lab.order("start").count("door") == 1


async def test_nobody_is_started_into_a_closed_phase(lab: Lab) -> None:
    pool = DynamicSpec(
        id="pool",
        template=lambda key: lab.worker(key, phase="intake"),
        keys=["parked"],
        child_max_restarts=0,
    )
    spec = lab.supervisor(pool, lab.worker("door", phase="intake"), slow_writer(lab))
    async with lab.open(spec, phases=PHASES) as tree:
        lab.crash("parked")
        await settle()
        assert states(tree)["pool/parked"] == "quarantined"
        tree.stop("the day is over")
        await settle(1)
        with pytest.raises(ChildRefused, match="root/pool/late: its shutdown phase intake is over"):
            await tree.start_child("root/pool", "late")
        with pytest.raises(ChildRefused, match="root/door: its shutdown phase intake is over"):
            await tree.restart_child("root/door")
        with pytest.raises(ChildRefused, match="root/pool/parked: its shutdown phase intake is"):
            await tree.release("root/pool/parked")
        assert states(tree) == {
            "pool": "running",
            "pool/parked": "quarantined",
            "door": "done",
            "writer": "stopping",
        }


async def test_dynamic_child_of_a_phase_that_nobody_declared_is_refused(lab: Lab) -> None:
    def template(key: str) -> ChildSpec:
        return lab.worker(key, phase="lunch")

    problem = "phase 'lunch' is none of intake, writers"
    pool = DynamicSpec(id="pool", template=template)
    async with lab.open(lab.supervisor(pool), phases=PHASES) as tree:
        with pytest.raises(InvalidSpec, match=f"root/pool/x: {problem}"):
            await tree.start_child("root/pool", "x")
    pool = DynamicSpec(id="pool", template=template, keys=["x"])
    with pytest.raises(StartFailed, match=f"root/pool/x did not start: .*{problem}"):
        async with lab.open(lab.supervisor(pool), phases=PHASES):
            pytest.fail("the tree must not open")
    assert lab.order("start") == []


@pytest.mark.parametrize("limit", [0, -1, INFINITY, float("nan"), "soon", True, None])
def test_shutdown_phase_without_a_limit_in_seconds_is_refused(limit: Any) -> None:
    with pytest.raises(InvalidSpec, match="phases: intake needs a limit in seconds > 0, not "):
        ShutdownPhases(phases=(("intake", limit),), total=1)
    with pytest.raises(InvalidSpec, match=r"phases: total .* must be seconds > 0"):
        ShutdownPhases(phases=(), total=limit)


async def test_child_that_ended_before_its_phase_closed_does_not_come_back_with_its_group(
    lab: Lab,
) -> None:
    group = lab.supervisor(
        lab.worker("door", phase="intake", restart=Restart.TRANSIENT),
        lab.worker("bad"),
        id="sub",
        strategy=Strategy.ONE_FOR_ALL,
    )
    async with lab.open(lab.supervisor(group, slow_writer(lab)), phases=PHASES) as tree:
        lab.finish("door")
        await settle()
        tree.stop("the day is over")
        await settle(1)
        lab.crash("bad")
        await settle(5)
        assert states(tree)["sub/door"] == "done"
    assert lab.order("start").count("door") == 1
