"""How a tree comes up, and what happens when part of it does not."""

import pytest
import trio

from supervisors import (
    ChildSpec,
    Context,
    DynamicSpec,
    EventKind,
    Ignore,
    NameTaken,
    StartFailed,
    Strategy,
    open_tree,
)
from tests.unit.supervisors.supervision_kit import CrashOnCommand, Lab, settle, states


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


async def test_start_that_returns_before_it_is_ready_has_failed() -> None:
    async def start(_context: Context) -> None:
        await trio.lowlevel.checkpoint()

    spec = Lab().supervisor(ChildSpec(id="hasty", start=start))
    with pytest.raises(StartFailed, match="root/hasty did not start: ended before it was ready"):
        async with open_tree(spec):
            pytest.fail("the tree must not open")


async def test_start_that_exits_the_interpreter_stops_the_tree_and_is_raised(lab: Lab) -> None:
    async def start(_context: Context) -> None:
        await trio.lowlevel.checkpoint()
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        async with lab.open(lab.supervisor(lab.worker("a"), ChildSpec(id="x", start=start))):
            pytest.fail("the tree must not open")
    assert lab.order("down") == ["a"]


async def test_start_has_a_time_limit(lab: Lab) -> None:
    spec = lab.supervisor(lab.worker("a"), lab.worker("b", init_seconds=60, start_timeout=7))
    with pytest.raises(StartFailed, match="root/b did not start: not ready within 7 s"):
        async with lab.open(spec):
            pytest.fail("the tree must not open")
    assert lab.log[-2:] == [("down", "b", 7), ("down", "a", 7)]


async def test_shielded_init_cannot_hold_the_rollback_hostage(lab: Lab) -> None:
    stuck = lab.worker("b", init_seconds=60, init_shielded=True, start_timeout=7, shutdown=2)
    with pytest.raises(StartFailed, match="root/b"):
        async with lab.open(lab.supervisor(lab.worker("a"), stuck)):
            pytest.fail("the tree must not open")
    assert lab.times("down", "a") == [10]
    assert lab.times("down", "b") == [60]
    assert [event.path for event in lab.told(EventKind.STUCK)] == ["root/b"]


async def test_ignored_start_keeps_the_spec_without_a_task(lab: Lab) -> None:
    wanted = False

    async def start(context: Context) -> None:
        if not wanted:
            raise Ignore
        context.ready("now I do")
        await trio.sleep_forever()

    spec = lab.supervisor(ChildSpec(id="shy", start=start), lab.worker("b"))
    async with lab.open(spec) as tree:
        assert states(tree) == {"shy": "done", "b": "running"}
        wanted = True
        assert await tree.restart_child("root/shy") == "now I do"


async def test_ready_counts_once_and_its_value_is_the_first(lab: Lab) -> None:
    async def start(context: Context) -> None:
        context.ready("first")
        context.ready("second")
        await trio.sleep_forever()

    async with lab.open(lab.supervisor(ChildSpec(id="a", start=start))) as tree:
        assert await tree.restart_child("root/a") == "first"
        assert len(lab.told(EventKind.STARTED)) == 2


async def test_crash_of_an_earlier_child_during_start_is_restarted_meanwhile(lab: Lab) -> None:
    flaky = lab.worker("a", crash_after=1)
    async with lab.open(lab.supervisor(flaky, lab.worker("b", init_seconds=2.5))):
        assert lab.times("start", "a") == [0, 2]
        assert lab.times("up", "b") == [2.5]


async def test_budget_spent_during_start_fails_the_start(lab: Lab) -> None:
    spec = lab.supervisor(
        lab.worker("a", crash_after=1), lab.worker("b", init_seconds=60), max_restarts=0
    )
    with pytest.raises(StartFailed, match="root did not start: 0 restarts in 5 s, then a"):
        async with lab.open(spec):
            pytest.fail("the tree must not open")


async def test_name_of_two_children_fails_the_second_start(lab: Lab) -> None:
    pool = DynamicSpec(id="pool", template=lambda key: lab.worker(key, name="taken"), keys=("x",))
    async with lab.open(lab.supervisor(pool)) as tree:
        with pytest.raises(StartFailed, match=r"'taken' of root/pool/y is already held") as failed:
            await tree.start_child("root/pool", "y")
        assert isinstance(failed.value.cause, NameTaken)
        assert states(tree) == {"pool": "running", "pool/x": "running"}


async def test_stop_during_the_start_wins(lab: Lab) -> None:
    async with trio.open_nursery() as nursery:

        async def stop_it(context: Context) -> None:
            context.tree.stop("changed my mind")
            await trio.sleep_forever()

        spec = lab.supervisor(
            lab.worker("a"), ChildSpec(id="b", start=stop_it), strategy=Strategy.ONE_FOR_ALL
        )
        with pytest.raises(StartFailed, match="changed my mind"):
            async with lab.open(spec):
                pytest.fail("the tree must not open")
        await settle()
        assert lab.order("down") == ["a"]
        nursery.cancel_scope.cancel()
