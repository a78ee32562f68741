"""Guarantees about strategies: who restarts with a failed child, and who does not."""

import pytest

from supervisors import ChildRefused, ChildSpec, DynamicSpec, Restart, Strategy
from tests.unit.supervisors.supervision_kit import Lab, settle, states


@pytest.mark.parametrize("crash", [True, False])
async def test_permanent_child_is_restarted_however_it_ended(lab: Lab, crash: bool) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))):
        (lab.crash if crash else lab.finish)("a")
        await settle(60)
        assert lab.times("start", "a") == [0, 1]


@pytest.mark.parametrize(
    ("restart", "crash", "starts"),
    [
        (Restart.TRANSIENT, True, 2),
        (Restart.TRANSIENT, False, 1),
        (Restart.TEMPORARY, True, 1),
        (Restart.TEMPORARY, False, 1),
    ],
)
async def test_transient_child_is_restarted_only_if_abnormal_and_temporary_never(
    lab: Lab, restart: Restart, crash: bool, starts: int
) -> None:
    async with lab.open(lab.supervisor(lab.worker("a", restart=restart))):
        (lab.crash if crash else lab.finish)("a")
        await settle(60)
        assert len(lab.times("start", "a")) == starts


async def test_one_for_one_restarts_the_failed_child_alone(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"), lab.worker("b"), lab.worker("c"))):
        lab.crash("b")
        await settle(5)
        assert lab.order("down") == ["b"]


async def test_one_for_all_stops_all_in_reverse_and_starts_all_in_order(lab: Lab) -> None:
    spec = lab.supervisor(
        lab.worker("a", stop_seconds=2),
        lab.worker("b"),
        lab.worker("c", stop_seconds=3),
        strategy=Strategy.ONE_FOR_ALL,
    )
    async with lab.open(spec):
        lab.crash("b")
        await settle(20)
        restarts = [entry for entry in lab.log if entry[2] > 0]
    assert restarts == [
        ("down", "c", 3),
        ("down", "a", 5),
        ("start", "a", 5),
        ("up", "a", 5),
        ("start", "b", 5),
        ("up", "b", 5),
        ("start", "c", 5),
        ("up", "c", 5),
    ]


async def test_rest_for_one_restarts_the_failed_child_and_the_later_ones(lab: Lab) -> None:
    spec = lab.supervisor(
        *(lab.worker(name) for name in "abcd"), strategy=Strategy.REST_FOR_ONE, max_restarts=1
    )
    async with lab.open(spec):
        lab.crash("b")
        await settle(5)
        assert lab.order("down") == ["b", "d", "c"]
        assert lab.order("start") == ["a", "b", "c", "d", "b", "c", "d"]


@pytest.mark.parametrize("strategy", [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE])
async def test_group_restart_waits_until_all_of_the_group_are_down(
    lab: Lab, strategy: Strategy
) -> None:
    spec = lab.supervisor(
        lab.worker("a"), lab.worker("slow", stop_seconds=30, shutdown=60), strategy=strategy
    )
    async with lab.open(spec) as tree:
        lab.crash("a")
        await settle(29)
        assert states(tree) == {"a": "backing_off", "slow": "stopping"}
        await settle(2)
        assert lab.times("down", "slow") == lab.times("start", "a")[1:] == [30]


async def test_dynamic_supervisor_makes_its_children_from_one_template(lab: Lab) -> None:
    async with lab.open(DynamicSpec(id="root", template=lab.worker, keys=("x",))) as tree:
        assert await tree.start_child("root", "y") == "y#1"
        assert states(tree) == {"x": "running", "y": "running"}


async def test_dynamic_supervisor_takes_at_most_max_children(lab: Lab) -> None:
    pool = DynamicSpec(id="root", template=lab.worker, keys=("x",), max_children=2)
    async with lab.open(pool) as tree:
        await tree.start_child("root", "y")
        with pytest.raises(ChildRefused, match=r"root/z: max_children \(2\) is reached"):
            await tree.start_child("root", "z")
        await tree.stop_child("root/x")
        assert await tree.start_child("root", "z") == "z#1"


async def test_crash_of_a_dynamic_child_leaves_the_others_alone(lab: Lab) -> None:
    pool = DynamicSpec(id="root", template=lab.worker, keys=("x", "y", "z"))
    async with lab.open(pool):
        lab.crash("y")
        await settle(5)
        assert lab.order("down") == ["y"]
        assert lab.times("start", "y") == [0, 1]


async def test_temporary_child_does_not_come_back_with_its_restarted_supervisor(lab: Lab) -> None:
    def template(key: str) -> ChildSpec:
        temporary = Restart.TEMPORARY if key == "job" else Restart.PERMANENT
        return lab.worker(key, restart=temporary)

    pool = DynamicSpec(id="pool", template=template, keys=["x"], max_restarts=0)
    async with lab.open(lab.supervisor(pool)) as tree:
        await tree.start_child("root/pool", "job")
        await tree.start_child("root/pool", "guest")
        lab.crash("x")
        await settle(10)
        assert states(tree) == {"pool": "running", "pool/x": "running", "pool/guest": "running"}
