"""One template, many children: started, stopped, budgeted and quarantined one by one."""

import pytest
import trio

from supervisors import (
    Actor,
    Caller,
    ChildRefused,
    ChildSpec,
    DynamicSpec,
    EventKind,
    InvalidSpec,
    NoChild,
    NoProcess,
    Quarantined,
    Restart,
    StartFailed,
    Strategy,
    SupervisorSpec,
)
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand, Lab, settle, states


class Echo(Actor):
    async def handle_call(self, message: object, caller: Caller) -> object:
        if message == "crash":
            raise CrashOnCommand("as told")
        return message


def echo(key: str) -> ChildSpec:
    return Echo.spec(id=key, backoff=EXACT)


def branch(key: str) -> SupervisorSpec:
    return SupervisorSpec(
        id=key,
        strategy=Strategy.ONE_FOR_ONE,
        children=(echo("writer"),),
        max_restarts=0,
        backoff=EXACT,
    )


async def test_child_started_later_returns_its_ready_value(lab: Lab) -> None:
    async with lab.open(DynamicSpec(id="root", template=lab.worker, keys=("x",))) as tree:
        assert await tree.start_child("root", "y") == "y#1"
        assert states(tree) == {"x": "running", "y": "running"}


async def test_refused_children_leave_the_others_alone(lab: Lab) -> None:
    pool = DynamicSpec(id="pool", template=lab.worker, keys=("x",), max_children=2)
    async with lab.open(lab.supervisor(pool, lab.worker("fixed"))) as tree:
        with pytest.raises(ChildRefused, match="root/pool/x: it already exists and is running"):
            await tree.start_child("root/pool", "x")
        await tree.start_child("root/pool", "y")
        with pytest.raises(ChildRefused, match=r"root/pool/z: max_children \(2\) is reached"):
            await tree.start_child("root/pool", "z")
        with pytest.raises(ChildRefused, match="root/z: its supervisor is not dynamic"):
            await tree.start_child("root", "z")
        with pytest.raises(NoChild, match="root/nowhere"):
            await tree.start_child("root/nowhere", "z")
        with pytest.raises(InvalidSpec, match="root/pool/a b: id"):
            await tree.start_child("root/pool", "a b")
        assert lab.order("down") == []


async def test_of_two_starts_of_one_key_the_second_is_refused(lab: Lab) -> None:
    refused = []

    async def start(key: str) -> None:
        try:
            await tree.start_child("root", key)
        except ChildRefused as refusal:
            refused.append(refusal.path)

    async with lab.open(DynamicSpec(id="root", template=lab.worker)) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(start, "x")
            nursery.start_soon(start, "x")
        assert refused == ["root/x"]
        assert lab.order("start") == ["x"]


async def test_start_that_fails_is_an_error_and_keeps_nothing(lab: Lab) -> None:
    def template(key: str) -> ChildSpec:
        return lab.worker(key, failing_starts=1)

    async with lab.open(DynamicSpec(id="root", template=template)) as tree:
        with pytest.raises(StartFailed, match="root/x did not start") as failed:
            await tree.start_child("root", "x")
        assert isinstance(failed.value.cause, CrashOnCommand)
        assert states(tree) == {}
        await trio.sleep(60)
        assert lab.order("start") == ["x"]


async def test_stopped_child_is_forgotten_and_its_key_is_free(lab: Lab) -> None:
    async with lab.open(DynamicSpec(id="root", template=lab.worker, keys=("x", "y"))) as tree:
        await tree.stop_child("root/x")
        assert states(tree) == {"y": "running"}
        assert await tree.start_child("root", "x") == "x#1"


async def test_ended_temporary_children_are_forgotten(lab: Lab) -> None:
    def template(key: str) -> ChildSpec:
        return lab.worker(key, restart=Restart.TEMPORARY)

    async with lab.open(DynamicSpec(id="root", template=template, max_children=1)) as tree:
        for number in range(3):
            await tree.start_child("root", f"job-{number}")
            lab.finish(f"job-{number}")
            await settle()
        assert states(tree) == {}


async def test_children_that_came_later_come_back_with_their_restarted_supervisor(
    lab: Lab,
) -> None:
    pool = DynamicSpec(
        id="pool", template=lab.worker, keys=("x", "w"), max_restarts=0, backoff=EXACT
    )
    async with lab.open(lab.supervisor(pool)) as tree:
        await tree.start_child("root/pool", "y")
        await tree.stop_child("root/pool/w")
        lab.crash("x")
        await settle(5)
        assert states(tree) == {"pool": "running", "pool/x": "running", "pool/y": "running"}


async def test_own_budgets_are_isolated_and_a_spent_one_quarantines(lab: Lab) -> None:
    pool = DynamicSpec(
        id="pool", template=branch, keys=("one", "two"), child_max_restarts=1, max_restarts=0
    )
    async with lab.open(lab.supervisor(pool, max_restarts=0)) as tree:
        one, two = tree.ref("pool/one/writer"), tree.ref("pool/two/writer")
        for _ in range(2):
            with pytest.raises(Exception, match="is down: crashed"):
                await one.call("crash", timeout=1)
            await settle(2)
        assert states(tree)["pool/one"] == "quarantined"
        assert states(tree)["pool/two/writer"] == "running"
        assert await two.call("fine", timeout=1) == "fine"
        assert [event.path for event in lab.told(EventKind.QUARANTINED)] == ["root/pool/one"]

        with pytest.raises(
            Quarantined, match="1 restarts in 60 s, then root/pool/one gave up"
        ) as refused:
            await one.call("hello", timeout=1)
        assert refused.value.retry_at > trio.current_time()
        assert not await one.cast("hello")

        await tree.restart_child("root/pool/one")
        assert await one.call("hello", timeout=1) == "hello"


async def test_key_that_does_not_start_is_quarantined_while_its_siblings_run(lab: Lab) -> None:
    def template(key: str) -> ChildSpec:
        if key == "broken":
            raise CrashOnCommand("no settings for this key")
        return lab.worker(key)

    pool = DynamicSpec(
        id="pool", template=template, keys=("a", "broken", "z"), child_max_restarts=2
    )
    async with lab.open(lab.supervisor(pool)) as tree:
        await trio.sleep(30)
        assert states(tree) == {
            "pool": "running",
            "pool/a": "running",
            "pool/broken": "quarantined",
            "pool/z": "running",
        }


async def test_key_that_does_not_start_fails_a_pool_with_a_shared_budget(lab: Lab) -> None:
    def template(key: str) -> ChildSpec:
        return lab.worker(key, failing_starts=1 if key == "b" else 0)

    pool = DynamicSpec(id="pool", template=template, keys=("a", "b", "c"))
    with pytest.raises(StartFailed, match="root/pool/b"):
        async with lab.open(lab.supervisor(pool)):
            pytest.fail("the tree must not open")
    assert lab.order("start") == ["a", "b"]
    assert set(lab.order("down")) == {"a", "b"}


async def test_name_in_a_stopped_branch_is_nobody(lab: Lab) -> None:
    async with lab.open(DynamicSpec(id="root", template=branch, keys=("one",))) as tree:
        assert tree.ref("one/writer").is_alive()
        await tree.stop_child("root/one")
        assert not tree.ref("one/writer").is_alive()
        with pytest.raises(NoProcess, match="nobody has this name"):
            await tree.ref("one/writer").call("hello", timeout=1)


async def test_a_thousand_children_start_and_stop(lab: Lab) -> None:
    keys = tuple(f"k{number}" for number in range(1000))
    async with lab.open(DynamicSpec(id="root", template=lab.worker, keys=keys)) as tree:
        assert set(states(tree).values()) == {"running"}
        assert lab.order("start") == list(keys)
    assert len(lab.order("down")) == 1000
