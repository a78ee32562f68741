"""Closing one shutdown phase of a tree that goes on, and opening it again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from supervisors import (
    ChildRefused,
    ChildSpec,
    Context,
    InvalidSpec,
    ShutdownPhases,
    StartFailed,
    Strategy,
    SupervisorSpec,
    Tree,
    open_tree,
)

PHASES = ShutdownPhases(phases=(("doors", 5.0), ("workers", 5.0)), total=20.0)


def child(
    name: str, phase: str | None, *, seconds: float = 0.0, starting: float = 0.0
) -> ChildSpec:
    async def start(context: Context) -> None:
        await trio.sleep(starting)
        context.ready()
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(seconds)

    return ChildSpec(id=name, start=start, phase=phase, shutdown=30.0)


def branch(name: str, *children: ChildSpec | SupervisorSpec) -> SupervisorSpec:
    return SupervisorSpec(id=name, strategy=Strategy.ONE_FOR_ONE, children=list(children))


@asynccontextmanager
async def house(*, slow: float = 0.0, starting: float = 0.0) -> AsyncIterator[Tree]:
    children = (
        child("bell", "doors", seconds=slow, starting=starting),
        child("worker", "workers"),
        branch("street", child("door", "doors"), child("lamp", None)),
    )
    async with open_tree(branch("root", *children), seed=1, phases=PHASES) as tree:
        yield tree


def states(tree: Tree) -> dict[str, str]:
    return {node.id: node.state for node in tree.snapshot().nodes[1:] if node.id != "street"}


ALL_UP = {"bell": "running", "worker": "running", "door": "running", "lamp": "running"}
DRAINED = {"bell": "done", "worker": "running", "door": "done", "lamp": "running"}


async def test_children_of_the_phase_stop_wherever_they_are_and_the_others_go_on() -> None:
    async with house() as tree:
        await tree.close_phase("doors", reason="replaced")

        assert states(tree) == DRAINED
        assert tree.closed_phases == ("doors",)
        assert [(one.path, one.state) for one in tree.phase("doors")] == [
            ("root/bell", "done"),
            ("root/street/door", "done"),
        ]


async def test_what_was_closed_starts_when_it_is_opened_again() -> None:
    async with house() as tree:
        await tree.close_phase("doors")
        await tree.open_phase("doors")

        assert (states(tree), tree.closed_phases) == (ALL_UP, ())


async def test_closing_or_opening_twice_is_doing_it_once() -> None:
    async with house() as tree:
        await tree.close_phase("doors")
        await tree.close_phase("doors")
        assert states(tree) == DRAINED

        await tree.open_phase("doors")
        before = [node.incarnation for node in tree.snapshot().nodes]
        await tree.open_phase("doors")
        assert states(tree) == ALL_UP
        assert [node.incarnation for node in tree.snapshot().nodes] == before


async def test_a_restart_above_does_not_open_a_closed_phase() -> None:
    async with house() as tree:
        await tree.close_phase("doors")
        await tree.restart_child("root/street")
        assert states(tree) == DRAINED

        await tree.open_phase("doors")
        assert states(tree) == ALL_UP


async def test_closing_waits_no_longer_than_the_limit_of_the_phase() -> None:
    async with house(slow=20.0) as tree:
        started = trio.current_time()
        await tree.close_phase("doors")

        assert trio.current_time() - started == pytest.approx(5.0)
        assert states(tree) == {**DRAINED, "bell": "stopping"}


async def test_a_phase_that_is_closed_while_it_opens_stays_closed() -> None:
    async with house(starting=1.0) as tree:
        await tree.close_phase("doors")

        async def open_it() -> None:
            with pytest.raises(StartFailed, match="root/bell"):  # overtaken
                await tree.open_phase("doors")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(open_it)
            await trio.sleep(0.5)
            assert states(tree) == {**DRAINED, "bell": "starting"}
            await tree.close_phase("doors")

        assert states(tree) == DRAINED


async def test_a_tree_with_a_closed_phase_stops_in_order() -> None:
    async with house() as tree:
        await tree.close_phase("doors")
        tree.stop("over")
        await tree.wait()

        assert set(states(tree).values()) == {"done"}


async def test_a_tree_that_stops_refuses_both() -> None:
    async with house(slow=3.0) as tree:
        tree.stop("over")
        with pytest.raises(ChildRefused, match="stopping"):
            await tree.close_phase("doors")
        with pytest.raises(ChildRefused, match="stopping"):
            await tree.open_phase("doors")


async def test_a_phase_that_is_none_is_refused_by_name() -> None:
    async with house() as tree:
        with pytest.raises(InvalidSpec, match="'windows' is none of doors, workers"):
            await tree.close_phase("windows")
        with pytest.raises(InvalidSpec, match="'windows'"):
            tree.phase("windows")
    async with open_tree(branch("root", child("a", None))) as tree:
        with pytest.raises(InvalidSpec, match="'doors'"):
            await tree.open_phase("doors")


async def test_one_child_that_does_not_start_again_keeps_no_other_down() -> None:
    is_broken = False

    async def start(context: Context) -> None:
        if is_broken:
            raise RuntimeError("the port is taken")
        context.ready()
        await trio.sleep_forever()

    spec = branch("root", ChildSpec(id="bell", start=start, phase="doors"), child("door", "doors"))
    async with open_tree(spec, seed=1, phases=PHASES) as tree:
        await tree.close_phase("doors")
        is_broken = True
        with pytest.raises(StartFailed, match="the port is taken"):
            await tree.open_phase("doors")

        assert states(tree)["door"] == "running"
