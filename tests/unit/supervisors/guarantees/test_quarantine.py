"""Guarantees about quarantine: a sick branch is parked, and its siblings never notice."""

import pytest
import trio

from supervisors import (
    ChildRefused,
    ChildSpec,
    DynamicSpec,
    EventKind,
    NoChild,
    NotQuarantined,
    ProcessDown,
    Quarantined,
    Strategy,
    SupervisorSpec,
    Tree,
)
from tests.unit.supervisors.actor_kit import worker
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand, Lab, settle, states

KEYS = ("one", "two", "three")


def branch(key: str) -> SupervisorSpec:
    return SupervisorSpec(
        id=key,
        strategy=Strategy.ONE_FOR_ONE,
        children=(worker("writer"),),
        max_restarts=0,
        backoff=EXACT,
    )


def pool(**fields: object) -> DynamicSpec:
    return DynamicSpec(
        id="pool",
        template=branch,
        keys=KEYS,
        child_max_restarts=1,
        max_restarts=0,
        **fields,  # type: ignore[arg-type]
    )


async def crash_twice(tree: Tree, key: str) -> None:
    for _ in range(2):
        with pytest.raises(ProcessDown):
            await tree.ref(f"pool/{key}/writer").call("crash", timeout=1)
        await settle(2)


async def test_dynamic_child_with_a_spent_budget_of_its_own_is_parked(lab: Lab) -> None:
    async with lab.open(lab.supervisor(pool(), max_restarts=0)) as tree:
        await crash_twice(tree, "one")
        await trio.sleep(3600)
        node = tree.snapshot().find("root/pool/one")
        assert node is not None
        assert (node.state, node.due) == ("quarantined", None)
        assert node.reason.startswith("1 restarts in 60 s, then root/pool/one gave up")
        assert [event.path for event in lab.told(EventKind.QUARANTINED)] == ["root/pool/one"]


async def test_siblings_of_a_quarantined_child_never_notice(lab: Lab) -> None:
    async with lab.open(lab.supervisor(pool(), max_restarts=0)) as tree:
        before = {key: tree.snapshot().find(f"root/pool/{key}/writer") for key in KEYS[1:]}
        await crash_twice(tree, "one")
        for key, node in before.items():
            assert tree.snapshot().find(f"root/pool/{key}/writer") == node
            assert await tree.ref(f"pool/{key}/writer").call("fine", timeout=1) == "fine"


async def test_mail_to_a_quarantined_branch_is_refused_with_the_reason_and_a_retry_time(
    lab: Lab,
) -> None:
    async with lab.open(lab.supervisor(pool(child_max_seconds=30))) as tree:
        await crash_twice(tree, "one")
        ref = tree.ref("pool/one/writer")
        with pytest.raises(Quarantined, match="1 restarts in 30 s, then root/pool/one") as refused:
            await ref.call("hello", timeout=1)
        [quarantined] = lab.told(EventKind.QUARANTINED)
        assert refused.value.retry_at == quarantined.at + 30
        assert refused.value.reason == quarantined.reason
        assert await ref.cast("hello") is False
        assert ref.cast_nowait("hello") is False
        assert not ref.is_alive()


async def test_operator_releases_a_quarantined_child_with_a_fresh_budget(lab: Lab) -> None:
    async with lab.open(lab.supervisor(pool(), max_restarts=0)) as tree:
        await crash_twice(tree, "one")
        await tree.release("root/pool/one", reason="the certificate was renewed")
        ref = tree.ref("pool/one/writer")
        assert await ref.call("hello", timeout=1) == "hello"
        [released] = lab.told(EventKind.RELEASED)
        assert released.reason == "release: the certificate was renewed"

        with pytest.raises(ProcessDown):
            await ref.call("crash", timeout=1)
        await settle(2)
        assert states(tree)["pool/one"] == "running", "the budget is fresh"


async def test_release_of_a_child_that_is_not_quarantined_is_refused(lab: Lab) -> None:
    async with lab.open(lab.supervisor(pool(), lab.worker("a"))) as tree:
        with pytest.raises(NotQuarantined, match="root/a is not quarantined but running"):
            await tree.release("root/a")
        with pytest.raises(NoChild, match="root/pool/nobody"):
            await tree.release("root/pool/nobody")
        assert lab.told(EventKind.RELEASED) == []


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


async def test_quarantined_child_keeps_its_place_among_max_children(lab: Lab) -> None:
    async with lab.open(lab.supervisor(pool(max_children=3))) as tree:
        await crash_twice(tree, "one")
        with pytest.raises(ChildRefused, match=r"max_children \(3\) is reached"):
            await tree.start_child("root/pool", "four")
        with pytest.raises(ChildRefused, match="it already exists and is quarantined"):
            await tree.start_child("root/pool", "one")
