"""Guarantees about the start: in order, within limits, all or nothing."""

import pytest

from supervisors import EventKind, StartFailed
from tests.unit.supervisors.supervision_kit import CrashOnCommand, Lab


async def test_children_start_in_order_each_after_the_previous_is_ready(lab: Lab) -> None:
    spec = lab.supervisor(
        lab.worker("a", init_seconds=2), lab.worker("b", init_seconds=3), lab.worker("c")
    )
    async with lab.open(spec):
        assert lab.now() == 5
    assert lab.log[:6] == [
        ("start", "a", 0),
        ("up", "a", 2),
        ("start", "b", 2),
        ("up", "b", 5),
        ("start", "c", 5),
        ("up", "c", 5),
    ]


async def test_supervisor_is_ready_when_all_below_it_are(lab: Lab) -> None:
    below = lab.supervisor(lab.worker("b", init_seconds=4), id="sub")
    async with lab.open(lab.supervisor(lab.worker("a"), below, lab.worker("c"))):
        assert lab.times("start", "c") == [4]


async def test_start_has_a_time_limit(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a"), lab.worker("b", init_seconds=60, start_timeout=7))
    with pytest.raises(StartFailed, match="root/b did not start: not ready within 7 s"):
        async with lab.open(spec):
            pytest.fail("the tree must not open")
    assert lab.log[-2:] == [("down", "b", 7), ("down", "a", 7)]


async def test_failed_start_rolls_back_in_reverse_and_names_the_child(lab: Lab) -> None:
    below = lab.supervisor(lab.worker("c"), lab.worker("d", failing_starts=1), id="sub")
    spec = lab.supervisor(lab.worker("a"), lab.worker("b"), below, lab.worker("e"))
    with pytest.raises(StartFailed) as failed:
        async with lab.open(spec):
            pytest.fail("the tree must not open")
    assert failed.value.path == "root/sub/d"
    assert isinstance(failed.value.cause, CrashOnCommand)
    assert lab.order("down") == ["d", "c", "b", "a"]
    assert lab.times("start", "e") == []


async def test_shielded_init_cannot_hold_the_rollback_hostage(lab: Lab) -> None:
    stuck = lab.worker("b", init_seconds=60, init_shielded=True, start_timeout=7, shutdown=2)
    with pytest.raises(StartFailed, match="root/b"):
        async with lab.open(lab.supervisor(lab.worker("a"), stuck)):
            pytest.fail("the tree must not open")
    assert lab.times("down", "a") == [10]
    assert lab.times("down", "b") == [60]
    assert [event.path for event in lab.told(EventKind.STUCK)] == ["root/b"]


async def test_crash_of_an_earlier_child_during_start_is_restarted_meanwhile(lab: Lab) -> None:
    flaky = lab.worker("a", crash_after=1)
    async with lab.open(lab.supervisor(flaky, lab.worker("b", init_seconds=2.5))):
        assert lab.times("start", "a") == [0, 2]
        assert lab.times("up", "b") == [2.5]
