"""Guarantees about the restart budget: a loop is always found, and escalated."""

import pytest
import trio

from supervisors import Backoff, BudgetSpent, EventKind, RootFailed, Strategy
from tests.unit.supervisors.supervision_kit import CrashOnCommand, Lab, settle, states


async def test_supervisor_gives_up_at_the_restart_after_max_restarts_within_max_seconds(
    lab: Lab,
) -> None:
    at_once = Backoff(initial=0.0)
    spec = lab.supervisor(
        lab.worker("a", crash_after=1, backoff=at_once), max_restarts=3, max_seconds=5
    )
    with pytest.raises(RootFailed, match="3 restarts in 5 s, then a: CrashOnCommand"):
        await lab.run_to_end(spec)
    assert lab.times("start", "a") == [0, 1, 2, 3]
    assert lab.now() == 4


async def test_restarts_further_apart_than_the_window_never_spend_the_budget(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a", crash_after=10), max_restarts=1, max_seconds=5)
    async with lab.open(spec):
        await trio.sleep(100)
        assert len(lab.times("start", "a")) > 8


async def test_children_of_one_supervisor_share_its_budget(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a"), lab.worker("b"), max_restarts=1)
    with pytest.raises(RootFailed, match="then b"):  # noqa: PT012
        async with lab.open(spec) as tree:
            lab.crash("a")
            await settle(1.5)
            lab.crash("b")
            await tree.wait()


async def test_each_supervisor_has_a_budget_of_its_own(lab: Lab) -> None:
    branches = [lab.supervisor(lab.worker(key), id=f"{key}s", max_restarts=1) for key in "ab"]
    async with lab.open(lab.supervisor(*branches, max_restarts=0)) as tree:
        lab.crash("a")
        lab.crash("b")
        await settle(2)
        assert set(states(tree).values()) == {"running"}


async def test_group_restart_costs_one_however_many_children_it_has(lab: Lab) -> None:
    workers = [lab.worker(name) for name in "abcdef"]
    spec = lab.supervisor(*workers, strategy=Strategy.ONE_FOR_ALL, max_restarts=2, max_seconds=60)
    async with lab.open(spec) as tree:
        for name in "ac":
            lab.crash(name)
            await settle(5)
        assert set(states(tree).values()) == {"running"}
        lab.crash("b")
        with pytest.raises(RootFailed, match="2 restarts in 60 s, then b"):
            await tree.wait()


async def test_failed_attempt_to_restart_costs_one_too(lab: Lab) -> None:
    starts = 0
    worker = lab.worker("a")

    async def start(context: object) -> None:
        nonlocal starts
        starts += 1
        if starts > 1:
            raise CrashOnCommand(f"attempt {starts - 1}")
        await worker.start(context)  # type: ignore[arg-type]

    flaky = type(worker)(id="a", start=start, backoff=worker.backoff)
    spec = lab.supervisor(flaky, max_restarts=3, max_seconds=60)
    with pytest.raises(RootFailed, match="3 restarts in 60 s, then a: CrashOnCommand: attempt 3"):
        await lab.run_to_end(spec, crash="a")
    assert starts == 4


async def test_slow_shutdown_cannot_hide_a_restart_loop(lab: Lab) -> None:
    # Each round of the branch takes 20 s to stop, far more than the parent's window of 5 s.
    sub = lab.supervisor(
        lab.worker("slow", stop_seconds=20, shutdown=60),
        lab.worker("bad", crash_after=0.1),
        id="sub",
        max_restarts=0,
    )
    with pytest.raises(RootFailed):
        await lab.run_to_end(lab.supervisor(sub, max_restarts=2, max_seconds=5))
    assert len(lab.times("start", "bad")) == 3


async def test_spent_budget_stops_the_children_in_reverse_order(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a"), lab.worker("b"), lab.worker("c"), max_restarts=0)
    with pytest.raises(RootFailed, match="the tree failed: 0 restarts in 5 s, then b") as failed:
        await lab.run_to_end(spec, crash="b")
    assert isinstance(failed.value.__cause__, CrashOnCommand)
    assert lab.order("down") == ["b", "c", "a"]
    assert [event.path for event in lab.told(EventKind.GAVE_UP)] == ["root"]


async def test_supervisor_that_gave_up_is_restarted_by_the_one_above(lab: Lab) -> None:
    sub = lab.supervisor(lab.worker("b"), lab.worker("c"), id="sub", max_restarts=0)
    async with lab.open(lab.supervisor(lab.worker("a"), sub)) as tree:
        lab.crash("b")
        await settle(5)
        assert lab.order("down") == ["b", "c"]
        assert lab.times("start", "b") == [0, 1]
        assert states(tree) == {
            "a": "running",
            "sub": "running",
            "sub/b": "running",
            "sub/c": "running",
        }
        [escalated] = [event for event in lab.told(EventKind.CRASHED) if event.path == "root/sub"]
    assert isinstance(escalated.exception, BudgetSpent)
    assert isinstance(escalated.exception.__cause__, CrashOnCommand)


async def test_root_failed_leads_link_by_link_to_the_first_failure(lab: Lab) -> None:
    sub = lab.supervisor(lab.worker("b"), id="sub", max_restarts=0)
    with pytest.raises(RootFailed) as failed:
        await lab.run_to_end(lab.supervisor(sub, max_restarts=0), crash="b")
    assert isinstance(failed.value.__cause__, BudgetSpent)
    assert isinstance(failed.value.__cause__.__cause__, CrashOnCommand)
