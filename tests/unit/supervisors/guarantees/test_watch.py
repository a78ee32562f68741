"""Guarantees about watching: a snapshot, then what changed, and nobody waits for a watcher."""

from typing import Any

import trio

from supervisors import Actor, Caller, Diff, DynamicSpec, Snapshot
from tests.unit.supervisors.supervision_kit import Lab, settle


class Echo(Actor):
    def handle_call(self, message: Any, caller: Caller) -> object:
        return message


async def test_watch_gives_a_snapshot_with_a_revision_and_then_diffs(lab: Lab) -> None:
    async with lab.open(lab.supervisor(*(lab.worker(name) for name in "abcdef"))) as tree:
        watch = tree.watch(interval=0.25)
        first = await anext(watch)
        assert isinstance(first, Snapshot)
        assert first.revision == tree.revision
        lab.crash("b")
        diff = await anext(watch)
        assert isinstance(diff, Diff)
        assert diff.before_revision == first.revision < diff.revision
        assert [(node.path, node.state) for node in diff.changed] == [("root/b", "backing_off")]
        assert diff.at >= first.at + 0.25
        await settle(2)
        again = await anext(watch)
        assert isinstance(again, Diff)
        assert again.before_revision == diff.revision
        assert [(node.path, node.state) for node in again.changed] == [("root/b", "running")]


async def test_diffs_of_a_watch_add_up_to_the_tree(lab: Lab) -> None:
    pool = DynamicSpec(id="pool", template=lab.worker, keys=tuple("uvwxyz"))
    async with lab.open(lab.supervisor(pool, lab.worker("a"))) as tree:
        watch = tree.watch(interval=0.25)
        first = await anext(watch)
        assert isinstance(first, Snapshot)
        seen = {node.path: node for node in first.nodes}
        for key in "uv":
            await tree.stop_child(f"root/pool/{key}")
            await tree.start_child("root/pool", f"new-{key}")
            lab.crash("x")
            told = await anext(watch)
            assert isinstance(told, Diff)
            assert f"root/pool/{key}" in told.removed
            seen = {path: node for path, node in seen.items() if path not in told.removed}
            seen |= {node.path: node for node in told.changed}
        assert seen == {node.path: node for node in tree.snapshot().nodes}


async def test_slow_watcher_gets_one_answer_over_all_it_missed_and_holds_nobody_up(
    lab: Lab,
) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"), lab.worker("b"), max_restarts=999)) as tree:
        watches = [tree.watch() for _ in range(1000)]
        for watch in watches:
            await anext(watch)
        for _ in range(20):
            lab.crash("a")
            lab.crash("b")
            await settle(20)
        assert lab.now() < 420, "watchers that do not look cost no time"
        for watch in watches:
            told = await anext(watch)
            assert isinstance(told, Snapshot | Diff)
            assert told.revision == tree.revision


async def test_watch_ends_with_its_tree(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))) as tree:
        watch = tree.watch(interval=1.0)
        await anext(watch)
    with trio.fail_after(100):
        rest = [change async for change in watch]
    assert [change.revision for change in rest] == [tree.revision]


async def test_change_by_mail_alone_has_a_revision_of_its_own(lab: Lab) -> None:
    spec = lab.supervisor(Echo.spec(id="a"), lab.worker("b"), lab.worker("c"))
    async with lab.open(spec) as tree:
        watch = tree.watch(interval=1.0)
        before = await anext(watch)
        await tree.ref("a").call("hello", timeout=1)
        diff = await anext(watch)
        assert isinstance(diff, Diff)
        assert [node.path for node in diff.changed] == ["root/a"]
        assert diff.before_revision == before.revision < diff.revision
