"""Guarantees about the wait before a restart, and about restarts of many at once."""

from typing import Any

import pytest
import trio

from supervisors import (
    AdmissionStatistics,
    Backoff,
    ChildSpec,
    DynamicSpec,
    InvalidSpec,
    RestartAdmission,
    Strategy,
)
from tests.unit.supervisors.supervision_kit import Lab, settle, states

AT_ONCE = Backoff(initial=0.0)
STORM_SIZE = 500


async def test_waits_grow_exponentially_up_to_a_cap(lab: Lab) -> None:
    flaky = lab.worker("a", crash_after=1.0)
    async with lab.open(lab.supervisor(flaky)):
        await trio.sleep(45)
    # It crashes after 1 s each time; the waits are 1, 2, 4, 8 and again 8.
    assert lab.times("start", "a") == [0, 2, 5, 10, 19, 28, 37]


async def test_jitter_spreads_the_waits_within_its_share(lab: Lab) -> None:
    backoff = Backoff(initial=1.0, jitter=0.5)
    workers = [lab.worker(f"w{number}", backoff=backoff) for number in range(20)]
    async with lab.open(lab.supervisor(*workers)) as tree:
        for worker in workers:
            lab.crash(worker.id)
        await settle()
        waits = [node.due - lab.began for node in tree.snapshot().nodes[1:] if node.due]
    assert len(set(waits)) == len(workers)
    assert all(0.5 <= wait <= 1.5 for wait in waits)


async def test_jitter_follows_from_the_seed() -> None:
    async def restarts(seed: int) -> list[float]:
        lab = Lab()
        worker = lab.worker("a", crash_after=1, backoff=Backoff(initial=1, jitter=0.5))
        async with lab.open(lab.supervisor(worker), seed=seed):
            await trio.sleep(60)
        return lab.times("start", "a")

    first = await restarts(1)
    assert await restarts(1) == first
    assert await restarts(2) != first


async def test_stable_run_starts_the_waits_over(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))):
        for _ in range(2):
            lab.crash("a")
            await settle(10)
        await trio.sleep(10)
        lab.crash("a")
        await settle(10)
    assert lab.times("start", "a") == [0, 1, 12, 31]


async def test_due_time_is_visible_and_kept_exactly(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))) as tree:
        lab.crash("a")
        await settle()
        assert states(tree) == {"a": "backing_off"}
        node = tree.snapshot().find("root/a")
        assert node is not None
        assert node.due == lab.began + 1
        await trio.sleep(5)
        assert lab.times("start", "a") == [0, 1]


async def test_stop_during_a_backoff_wins(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"), lab.worker("b"))) as tree:
        lab.crash("a")
        await settle(0.5)
        await tree.stop_child("root/a")
        await trio.sleep(60)
        assert states(tree) == {"a": "done", "b": "running"}
        assert lab.times("start", "a") == [0]


async def test_delete_during_a_backoff_wins(lab: Lab) -> None:
    async with lab.open(DynamicSpec(id="root", template=lab.worker, keys=("x", "y"))) as tree:
        lab.crash("x")
        await settle(0.5)
        await tree.stop_child("root/x")
        await trio.sleep(60)
        assert states(tree) == {"y": "running"}
        assert lab.times("start", "x") == [0]


async def test_admission_limits_restarts_over_the_whole_tree(lab: Lab) -> None:
    def storm(id: str) -> DynamicSpec:  # noqa: A002 -- as in the spec
        keys = [f"{id}{number}" for number in range(STORM_SIZE // 2)]

        def template(key: str) -> ChildSpec:
            return lab.worker(key, backoff=AT_ONCE, name=key)

        return DynamicSpec(id=id, template=template, keys=keys, max_restarts=STORM_SIZE)

    limit = RestartAdmission(burst=50, per_second=100.0)
    async with lab.open(lab.supervisor(storm("a"), storm("b")), admission=limit) as tree:
        for worker_id in lab.order("start"):
            lab.crash(worker_id)
        await settle()
        assert tree.admission() == AdmissionStatistics(STORM_SIZE - 50, 50, 50, 100.0)
        assert len(lab.order("start")) == STORM_SIZE + 50
        await settle(1.0)
        assert len(lab.order("start")) == STORM_SIZE + 150
        await settle(10.0)
        assert set(states(tree).values()) == {"running"}
        assert tree.admission() == AdmissionStatistics(0, STORM_SIZE, 50, 100.0)


async def test_group_restart_needs_one_admission(lab: Lab) -> None:
    workers = [lab.worker(name) for name in "abcdef"]
    spec = lab.supervisor(*workers, strategy=Strategy.ONE_FOR_ALL)
    limit = RestartAdmission(burst=1, per_second=0.001)
    async with lab.open(spec, admission=limit) as tree:
        lab.crash("c")
        await settle(2)
        assert set(states(tree).values()) == {"running"}
        assert tree.admission().admitted == 1


async def test_whoever_no_longer_waits_for_admission_takes_no_turn_of_it(lab: Lab) -> None:
    group = lab.supervisor(
        lab.worker("d"), lab.worker("e"), id="group", strategy=Strategy.ONE_FOR_ALL
    )
    spec = lab.supervisor(*(lab.worker(name) for name in "abc"), group, lab.worker("z"))
    limit = RestartAdmission(burst=1, per_second=0.1)
    async with lab.open(spec, admission=limit) as tree:
        for name in "abcdz":
            lab.crash(name)
            await settle(0.1)
        await settle(1)
        assert tree.admission().waiting == 4, "of b, c, the group and z, in this order"
        for name in ("b", "c", "group"):
            await tree.stop_child(f"root/{name}")
        await settle(10)  # one turn later, and not four
        assert states(tree) == {
            "a": "running",
            "b": "done",
            "c": "done",
            "group": "done",
            "z": "running",
        }


async def test_operator_is_not_held_up_by_the_admission_limit(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a"), lab.worker("b"))
    limit = RestartAdmission(burst=1, per_second=0.001)
    async with lab.open(spec, admission=limit) as tree:
        lab.crash("a")
        lab.crash("b")
        await settle(2)
        assert sorted(states(tree).values()) == ["backing_off", "running"]
        await tree.restart_child("root/a")
        await tree.restart_child("root/b")
        assert states(tree) == {"a": "running", "b": "running"}


@pytest.mark.parametrize(
    ("burst", "per_second", "field"),
    [
        (0, 1.0, "burst"),
        (1.5, 1.0, "burst"),
        (True, 1.0, "burst"),
        ("many", 1.0, "burst"),
        (1, 0.0, "per_second"),
        (1, float("inf"), "per_second"),
        (1, float("nan"), "per_second"),
        (1, "many", "per_second"),
    ],
)
def test_admission_limit_that_would_admit_nobody_is_refused(
    burst: Any, per_second: Any, field: str
) -> None:
    with pytest.raises(InvalidSpec) as refused:
        RestartAdmission(burst=burst, per_second=per_second)
    assert (refused.value.path, refused.value.field) == ("admission", field)
