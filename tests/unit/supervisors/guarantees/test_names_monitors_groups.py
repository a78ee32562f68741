"""Guarantees about names, monitors and groups: who is there, and word of every end, once."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from supervisors import (
    Actor,
    ChildSpec,
    Context,
    Down,
    DynamicSpec,
    GroupChange,
    NameTaken,
    NoProcess,
    StartFailed,
    Strategy,
    SupervisorSpec,
)
from tests.unit.supervisors.actor_kit import calling, diary, failure_of, statistics, worker
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand, Lab, settle, states


class Guard(Actor):
    """Monitors who it is told to, and remembers every end it hears of."""

    downs: list[Down]

    async def handle_cast(self, message: Any) -> None:
        match message:
            case ("monitor", name):
                self.monitor(name)
            case "crash":
                raise CrashOnCommand("as told")

    async def handle_info(self, message: Any) -> None:
        self.downs.append(message)


class Member(Actor):
    """Joins and leaves groups as told."""

    async def handle_cast(self, message: Any) -> None:
        match message:
            case ("join", group):
                self.join(group)
            case ("leave", group):
                self.leave(group)
            case "crash":
                raise CrashOnCommand("as told")


def guard() -> ChildSpec:
    Guard.downs = []
    return Guard.spec(id="guard", backoff=EXACT)


def member(id: str) -> ChildSpec:  # noqa: A002 -- as in the spec
    return Member.spec(id=id, backoff=EXACT)


# Names


async def test_process_is_called_by_its_path_without_the_root(lab: Lab) -> None:
    def institution(key: str) -> SupervisorSpec:
        one = (worker("ledger_writer"),)
        return SupervisorSpec(id=key, strategy=Strategy.ONE_FOR_ONE, children=one)

    pool = DynamicSpec(id="institution", template=institution, keys=("12345678", "87654321"))
    async with lab.open(lab.supervisor(pool)) as tree:
        ref = tree.ref("institution/12345678/ledger_writer")
        assert await ref.call("hello", timeout=1) == "hello"
        assert statistics(tree, "root/institution/12345678/ledger_writer").handled == 1
        assert statistics(tree, "root/institution/87654321/ledger_writer").handled == 0


async def test_process_may_have_a_name_of_its_own(lab: Lab, written: list[object]) -> None:
    answers: list[object] = []

    async def start(context: Context) -> None:
        answers.append(await context.ref("the-diary").call("hello", timeout=1))
        context.report(answers=len(answers))
        context.ready()
        await trio.sleep_forever()

    spec = lab.supervisor(diary(name="the-diary"), ChildSpec(id="asker", start=start))
    async with lab.open(spec) as tree:
        assert answers == ["hello"]
        node = tree.snapshot().find("root/asker")
        assert node is not None
        assert node.facts == {"answers": 1}
    assert written == ["init 1", "terminate"]


async def test_reference_survives_restarts_and_says_meanwhile_when_the_next_is_due(
    lab: Lab,
) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        ref = tree.ref("a")
        await failure_of(calling(ref, "crash"))
        await settle(0.25)
        with pytest.raises(NoProcess, match=r"a: root/a is down and restarts in 0.750 s"):
            await ref.call("hello", timeout=1)
        await trio.sleep(1)
        assert await ref.call("the same reference", timeout=1) == "the same reference"


async def test_name_that_is_held_already_fails_the_second_start(lab: Lab) -> None:
    pool = DynamicSpec(id="pool", template=lambda key: lab.worker(key, name="taken"), keys=("x",))
    async with lab.open(lab.supervisor(pool)) as tree:
        with pytest.raises(StartFailed, match=r"'taken' of root/pool/y is already held") as failed:
            await tree.start_child("root/pool", "y")
        assert isinstance(failed.value.cause, NameTaken)
        assert states(tree) == {"pool": "running", "pool/x": "running"}


# Monitors


async def test_monitor_tells_of_an_end_with_its_reason(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        monitor = tree.monitor("a")
        await failure_of(calling(tree.ref("a"), "crash"))
        down = await monitor.wait()
        assert (down.name, down.incarnation) == ("a", 1)
        assert down.reason == "CrashOnCommand: in a call"
        assert isinstance(down.exception, CrashOnCommand)
        assert await monitor.wait() == down


async def test_monitor_delivers_exactly_one_down_event_however_often_the_process_ends(
    lab: Lab,
) -> None:
    async with lab.open(lab.supervisor(guard(), lab.worker("a"))) as tree:
        tree.ref("guard").cast_nowait(("monitor", "a"))
        for _ in range(3):
            await settle(10)
            lab.crash("a")
        await settle(10)
        [down] = Guard.downs
        assert (down.name, down.incarnation) == ("a", 1)


async def test_two_monitors_of_one_process_are_told_once_each(lab: Lab) -> None:
    async with lab.open(lab.supervisor(guard(), lab.worker("a"))) as tree:
        for _ in range(2):
            tree.ref("guard").cast_nowait(("monitor", "a"))
        await settle()
        await tree.stop_child("root/a")
        await settle()
        assert len(Guard.downs) == 2


async def test_monitor_of_a_name_that_nobody_holds_is_down_at_once(lab: Lab) -> None:
    async with lab.open(lab.supervisor(guard())) as tree:
        assert await tree.monitor("ghost").wait() == Down("ghost", 0, "no process", None)
        tree.ref("guard").cast_nowait(("monitor", "ghost"))
        await settle()
        assert Guard.downs == [Down("ghost", 0, "no process", None)]
        assert lab.now() == 0


async def test_monitor_of_an_actor_is_void_with_the_incarnation_that_set_it(lab: Lab) -> None:
    async with lab.open(lab.supervisor(guard(), lab.worker("a"))) as tree:
        tree.ref("guard").cast_nowait(("monitor", "a"))
        tree.ref("guard").cast_nowait("crash")
        await settle(5)
        await tree.stop_child("root/a")
        await settle()
        assert states(tree) == {"guard": "running", "a": "done"}
        assert Guard.downs == []


async def test_monitor_is_told_when_a_supervisor_ends(lab: Lab) -> None:
    below = lab.supervisor(lab.worker("b"), id="sub", max_restarts=0)
    async with lab.open(lab.supervisor(below)) as tree:
        monitors = [tree.monitor(name) for name in ("sub/b", "sub")]
        lab.crash("b")
        await settle()
        downs = [await monitor.wait() for monitor in monitors]
        assert [down.name for down in downs] == ["sub/b", "sub"]
        assert downs[1].reason.startswith("root/sub gave up")


# Groups


async def test_group_tells_its_members_first_and_then_every_change(lab: Lab) -> None:
    changes: list[GroupChange] = []

    async def watch(stream: AsyncIterator[GroupChange]) -> None:
        async for change in stream:
            changes.append(change)  # noqa: PERF401

    async with (
        lab.open(lab.supervisor(member("a"), member("b"))) as tree,
        trio.open_nursery() as nursery,
    ):
        tree.ref("a").cast_nowait(("join", "readers"))
        await settle()
        group = tree.group("readers")
        assert group.members() == ("a",)
        nursery.start_soon(watch, group.watch())
        for name, verb in (("b", "join"), ("b", "join"), ("a", "leave")):
            await settle()
            tree.ref(name).cast_nowait((verb, "readers"))
        await settle()
        assert changes == [
            GroupChange(("a",), ("a",), ()),
            GroupChange(("a", "b"), ("b",), ()),
            GroupChange(("b",), (), ("a",)),
        ]
        nursery.cancel_scope.cancel()


async def test_process_that_ended_has_left_its_groups(lab: Lab) -> None:
    async with lab.open(lab.supervisor(member("a"), member("b"))) as tree:
        for name in "ab":
            tree.ref(name).cast_nowait(("join", "readers"))
            tree.ref(name).cast_nowait(("join", "writers"))
        await settle()
        tree.ref("a").cast_nowait("crash")
        await settle(5)
        assert tree.group("readers").members() == tree.group("writers").members() == ("b",)
        await tree.stop_child("root/b")
        assert tree.group("readers").members() == ()


async def test_slow_watcher_of_a_group_gets_several_changes_as_one(lab: Lab) -> None:
    async with lab.open(lab.supervisor(*(member(name) for name in "abc"))) as tree:
        stream = tree.group("readers").watch()
        assert await anext(stream) == GroupChange((), (), ())
        for name in "abc":
            tree.ref(name).cast_nowait(("join", "readers"))
        tree.ref("c").cast_nowait(("leave", "readers"))
        await settle()
        change = await anext(stream)
        assert set(change.members) == {"a", "b"}  # who joined first is the scheduler's choice
        assert change == GroupChange(change.members, change.members, ())
        await stream.aclose()  # type: ignore[attr-defined]
