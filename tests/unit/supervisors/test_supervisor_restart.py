"""Who restarts when, on an exact clock."""

import pytest
import trio

from supervisors import (
    Backoff,
    BudgetSpent,
    EventKind,
    NoChild,
    Restart,
    RootFailed,
    Strategy,
)
from tests.unit.supervisors.supervision_kit import CrashOnCommand, Lab, settle, states


async def test_permanent_child_restarts_after_a_crash_at_the_exact_time(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))) as tree:
        lab.crash("a")
        await settle()
        assert states(tree) == {"a": "backing_off"}
        node = tree.snapshot().find("root/a")
        assert node is not None
        assert node.due == lab.began + 1
        await trio.sleep(5)
        assert lab.times("start", "a") == [0, 1]


async def test_permanent_child_restarts_after_a_normal_exit_too(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))):
        lab.finish("a")
        await settle(5)
        assert lab.times("start", "a") == [0, 1]
        assert [event.reason for event in lab.told(EventKind.EXITED)] == ["returned"]


@pytest.mark.parametrize(
    ("restart", "crash", "starts"),
    [
        (Restart.TRANSIENT, True, 2),
        (Restart.TRANSIENT, False, 1),
        (Restart.TEMPORARY, True, 1),
        (Restart.TEMPORARY, False, 1),
    ],
)
async def test_transient_restarts_only_if_abnormal_and_temporary_never(
    lab: Lab, restart: Restart, crash: bool, starts: int
) -> None:
    async with lab.open(lab.supervisor(lab.worker("a", restart=restart))):
        (lab.crash if crash else lab.finish)("a")
        await settle(60)
        assert len(lab.times("start", "a")) == starts


async def test_crash_is_told_with_path_incarnation_reason_and_exception(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))):
        await trio.sleep(3)
        lab.crash("a")
        await settle()
        [crashed] = lab.told(EventKind.CRASHED)
    assert (crashed.path, crashed.incarnation) == ("root/a", 1)
    assert crashed.reason == "CrashOnCommand: a as told"
    assert isinstance(crashed.exception, CrashOnCommand)
    assert crashed.at == lab.began + 3


async def test_child_that_keeps_crashing_restarts_with_growing_waits(lab: Lab) -> None:
    flaky = lab.worker("a", crash_after=1.0)
    async with lab.open(lab.supervisor(flaky)):
        await trio.sleep(27)
    # crash after 1 s each time; waits of 1, 2, 4, 8
    assert lab.times("start", "a") == [0, 2, 5, 10, 19]


async def test_stable_run_starts_the_waits_over(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))):
        for _ in range(2):
            lab.crash("a")
            await settle(10)
        await trio.sleep(10)
        lab.crash("a")
        await settle(10)
    assert lab.times("start", "a") == [0, 1, 12, 31]


async def test_zero_backoff_restarts_at_once(lab: Lab) -> None:
    worker = lab.worker("a", backoff=Backoff(initial=0, stable_after=0))
    async with lab.open(lab.supervisor(worker)) as tree:
        lab.crash("a")
        await settle()
        assert states(tree) == {"a": "running"}
        assert lab.now() == 0


async def test_one_for_one_leaves_siblings_alone(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"), lab.worker("b"), lab.worker("c"))):
        lab.crash("b")
        await settle(5)
        assert lab.order("down") == ["b"]


async def test_one_for_all_waits_until_all_are_down_then_starts_in_order(lab: Lab) -> None:
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


async def test_rest_for_one_keeps_the_earlier_ones(lab: Lab) -> None:
    spec = lab.supervisor(
        *(lab.worker(name) for name in "abcd"), strategy=Strategy.REST_FOR_ONE, max_restarts=1
    )
    async with lab.open(spec):
        lab.crash("b")
        await settle(5)
        assert lab.order("down") == ["b", "d", "c"]
        assert lab.order("start") == ["a", "b", "c", "d", "b", "c", "d"]


async def test_sibling_that_fails_to_start_again_retargets_the_retry(lab: Lab) -> None:
    starts = 0

    def template() -> object:
        worker = lab.worker("c")

        async def start(context: object) -> None:
            nonlocal starts
            starts += 1
            if starts == 2:
                raise CrashOnCommand("c will not")
            await worker.start(context)  # type: ignore[arg-type]

        return type(worker)(id="c", start=start, backoff=worker.backoff)

    spec = lab.supervisor(
        lab.worker("a"), lab.worker("b"), template(), strategy=Strategy.REST_FOR_ONE
    )
    async with lab.open(spec) as tree:
        lab.crash("b")
        await settle(20)
        assert states(tree) == {"a": "running", "b": "running", "c": "running"}
        # b restarted once, at 1; c failed then, and alone was tried again one second later
        assert lab.times("start", "b") == [0, 1]
        assert lab.times("start", "c") == [0, 2]


async def test_spent_budget_stops_children_in_reverse_and_raises_root_failed(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a"), lab.worker("b"), lab.worker("c"), max_restarts=0)
    with pytest.raises(RootFailed, match="the tree failed: 0 restarts in 5 s, then b") as failed:
        await lab.run_to_end(spec, crash="b")
    assert isinstance(failed.value.__cause__, CrashOnCommand)
    assert lab.order("down") == ["b", "c", "a"]
    assert [event.path for event in lab.told(EventKind.GAVE_UP)] == ["root"]


async def test_root_failure_is_raised_on_leaving_the_block_if_nobody_waited(lab: Lab) -> None:
    async def leave() -> None:
        async with lab.open(lab.supervisor(lab.worker("a"), max_restarts=0)):
            lab.crash("a")
            await settle()

    with pytest.raises(RootFailed):
        await leave()


async def test_failure_escalates_to_the_parent_which_restarts_the_branch(lab: Lab) -> None:
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


async def test_restarts_further_apart_than_the_window_never_spend_the_budget(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a", crash_after=10), max_restarts=1, max_seconds=5)
    async with lab.open(spec):
        await trio.sleep(100)
        assert len(lab.times("start", "a")) > 8


async def test_slow_stop_of_a_failed_branch_cannot_hide_a_loop(lab: Lab) -> None:
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


async def test_stop_during_backoff_wins(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"), lab.worker("b"))) as tree:
        lab.crash("a")
        await settle(0.5)
        await tree.stop_child("root/a")
        await trio.sleep(60)
        assert states(tree) == {"a": "done", "b": "running"}
        assert lab.times("start", "a") == [0]


async def test_leaving_the_block_during_backoff_wins(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"), lab.worker("b"))):
        lab.crash("a")
        await settle(0.5)
    await trio.sleep(60)
    assert lab.times("start", "a") == [0]


async def test_operator_restart_costs_no_budget_and_ends_a_backoff(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"), max_restarts=1)) as tree:
        assert await tree.restart_child("root/a") == "a#2"
        assert await tree.restart_child("root/a") == "a#3"
        lab.crash("a")
        await settle(0.25)
        assert await tree.restart_child("root/a") == "a#4"
        await trio.sleep(20)
        assert lab.times("start", "a") == [0, 0, 0, 0.25]


async def test_stopped_child_stays_down_through_a_group_restart(lab: Lab) -> None:
    spec = lab.supervisor(
        lab.worker("a"), lab.worker("b"), lab.worker("c"), strategy=Strategy.ONE_FOR_ALL
    )
    async with lab.open(spec) as tree:
        await tree.stop_child("root/b")
        lab.crash("a")
        await settle(5)
        assert states(tree) == {"a": "running", "b": "done", "c": "running"}
        await tree.restart_child("root/b")
        assert states(tree)["b"] == "running"


async def test_operator_names_a_child_that_is_not_there(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))) as tree:
        for path in ("root/nobody", "root", "elsewhere/a", "root/a/b"):
            with pytest.raises(NoChild, match=path):
                await tree.stop_child(path)
            with pytest.raises(NoChild, match=path):
                await tree.restart_child(path)


async def test_same_seed_gives_the_same_due_times(lab: Lab) -> None:
    times = []
    for _ in range(2):
        lab = Lab()
        backoff = Backoff(initial=1, jitter=0.5)
        async with lab.open(lab.supervisor(lab.worker("a", crash_after=1, backoff=backoff))):
            await trio.sleep(60)
        times.append(lab.times("start", "a"))
    assert times[0] == times[1]
    assert any(at != round(at) for at in times[0])


async def test_observer_that_raises_cannot_end_the_tree(lab: Lab) -> None:
    class Broken:
        def append(self, _event: object) -> None:
            raise CrashOnCommand("observer")

    lab.events = Broken()  # type: ignore[assignment]
    async with lab.open(lab.supervisor(lab.worker("a"))) as tree:
        lab.crash("a")
        await settle(5)
        assert states(tree) == {"a": "running"}
        assert EventKind.OBSERVER_FAILED in {event.kind for event in tree.events()}
