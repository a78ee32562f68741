"""Guarantees about looking and operating: everything has a reason, and nobody is waited for."""

from typing import Any

import pytest
import trio

from supervisors import (
    Actor,
    AmbiguousName,
    Backoff,
    CallTimeout,
    DynamicSpec,
    EventKind,
    NoChild,
    NoProcess,
    NotAnActor,
    StateRefused,
    Strategy,
    TraceEntry,
    Tree,
)
from tests.unit.supervisors.actor_kit import (
    calling,
    diary,
    failure_of,
    worker,
)
from tests.unit.supervisors.supervision_kit import Lab, settle, states


class Teller(Actor):
    """Has a state of all sorts."""

    secrets = frozenset({"branch_code"})

    def __init__(self) -> None:
        self.limit_centavos = 100
        self.rate = 0.5
        self.open = True
        self.last_seen: str | None = None
        self.api_key = "sk_live_1"
        self.branch_code = "0001"
        self.customers = {"Ana": {"document": "12345678909", "visits": 3}}
        self.history = list(range(60))
        self.lock = trio.Lock()

    async def handle_cast(self, message: Any) -> None:
        await trio.sleep(message)


def busy_for(tree: Tree, seconds: float) -> None:
    assert tree.ref("a").cast_nowait(("sleep", seconds))


# The tree


async def test_snapshot_shows_the_whole_tree_as_plain_data(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary(), lab.worker("b"))) as tree:
        tree.ref("a").cast_nowait("crash")
        await settle(5)
        before = tree.snapshot()
        tree.ref("a").cast_nowait(("sleep", 5))
        await settle()
        tree.ref("a").cast_nowait("one")
        snapshot = tree.snapshot()
        root, actor, plain = snapshot.nodes
        assert (root.path, root.state, root.strategy) == ("root", "running", "one_for_one")
        assert (actor.name, actor.kind, actor.state) == ("a", "actor", "running")
        assert (actor.incarnation, actor.restarts, actor.mailbox_depth) == (2, 1, 1)
        assert actor.last_exit == "crashed: CrashOnCommand: as told"
        assert actor.since == lab.began + 1
        assert (plain.kind, plain.mailbox) == ("worker", None)
        lab.crash("b")
        await settle()
        assert tree.snapshot().revision > before.revision
    assert "init 2" in written


async def test_child_is_always_in_exactly_one_of_six_states(lab: Lab) -> None:
    pool = DynamicSpec(
        id="pool",
        template=lambda key: lab.worker(key, crash_after=0, backoff=Backoff(initial=0)),
        keys=("sick",),
        child_max_restarts=0,
    )
    spec = lab.supervisor(
        lab.worker("running"),
        lab.worker("backing_off"),
        lab.worker("stopping", stop_seconds=60, shutdown=100),
        lab.worker("done"),
        pool,
    )
    async with lab.open(spec) as tree, trio.open_nursery() as nursery:
        await tree.stop_child("root/done")
        nursery.start_soon(tree.stop_child, "root/stopping")
        lab.crash("backing_off")
        await settle(0.5)
        assert states(tree) == {
            "running": "running",
            "backing_off": "backing_off",
            "stopping": "stopping",
            "done": "done",
            "pool": "running",
            "pool/sick": "quarantined",
        }


async def test_resolve_takes_a_path_a_name_or_a_unique_end_of_a_path(lab: Lab) -> None:
    branches = [lab.supervisor(lab.worker(f"{key}1"), lab.worker("w"), id=key) for key in "xy"]
    async with lab.open(lab.supervisor(*branches, lab.worker("a", name="the-a"))) as tree:
        assert tree.resolve("root/x/w") == tree.resolve("x/w") == "root/x/w"
        assert tree.resolve("x1") == "root/x/x1"
        assert tree.resolve("the-a") == "root/a"
        with pytest.raises(AmbiguousName, match="w could be any of root/x/w, root/y/w"):
            tree.resolve("w")
        with pytest.raises(NoChild, match="nobody"):
            tree.resolve("nobody")


async def test_statistics_count_over_all_incarnations(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        await tree.ref("a").call("hello", timeout=1)
        await failure_of(calling(tree.ref("a"), "crash"))
        await settle(4)
        told = tree.statistics("root/a")
        assert (told.state, told.incarnation, told.restarts) == ("running", 2, 1)
        assert told.seconds_up == 3
        assert told.mailbox is not None
        assert (told.mailbox.sent, told.mailbox.handled, told.mailbox.dead_lettered) == (2, 1, 1)


# State


async def test_get_state_shows_plain_data_with_secrets_masked(lab: Lab) -> None:
    async with lab.open(lab.supervisor(Teller.spec(id="a"))) as tree:
        state = await tree.get_state("root/a")
        assert state.pop("history") == [*range(50), "… 10 more"]
        assert state == {
            "limit_centavos": 100,
            "rate": 0.5,
            "open": True,
            "last_seen": None,
            "api_key": "***",
            "branch_code": "***",
            "customers": {"Ana": {"document": "***", "visits": 3}},
            "lock": "<Lock>",
        }


async def test_get_state_waits_for_the_message_in_hand_at_most_its_limit(lab: Lab) -> None:
    async with lab.open(lab.supervisor(Teller.spec(id="a", shutdown=100))) as tree:
        tree.ref("a").cast_nowait(3)
        await settle()
        with pytest.raises(CallTimeout):
            await tree.get_state("root/a", timeout=2)
        assert lab.now() == 2
        assert (await tree.get_state("root/a", timeout=2))["limit_centavos"] == 100
        assert lab.now() == 3


async def test_replace_state_waits_for_the_message_in_hand_at_most_its_limit(lab: Lab) -> None:
    async with lab.open(lab.supervisor(Teller.spec(id="a", shutdown=100))) as tree:
        tree.ref("a").cast_nowait(3)
        await settle()
        with pytest.raises(CallTimeout):
            await tree.replace_state("root/a", {"rate": 0.1}, timeout=2)
        assert lab.now() == 2
        await tree.replace_state("root/a", {"rate": 0.2}, timeout=2)
        assert lab.now() == 3
        assert (await tree.get_state("root/a"))["rate"] == 0.2


async def test_replace_state_that_ran_out_of_time_changes_nothing_later(lab: Lab) -> None:
    async with lab.open(lab.supervisor(Teller.spec(id="a", shutdown=100))) as tree:
        before = await tree.get_state("root/a")
        tree.ref("a").cast_nowait(3)
        await settle()
        with pytest.raises(CallTimeout):
            await tree.replace_state("root/a", {"rate": 0.1}, timeout=2)
        await settle(5)
        assert (await tree.get_state("root/a"))["rate"] == before["rate"]


async def test_replace_state_changes_all_or_none(lab: Lab) -> None:
    async with lab.open(lab.supervisor(Teller.spec(id="a"))) as tree:
        changes = {"limit_centavos": 200, "rate": 1, "last_seen": "today"}
        await tree.replace_state("root/a", changes, reason="a new contract")
        state = await tree.get_state("root/a")
        assert {key: state[key] for key in changes} == changes
        [replaced] = lab.told(EventKind.STATE_REPLACED)
        assert (replaced.path, replaced.reason) == ("root/a", "a new contract")
        for wrong, problem in (
            ({"limit": 1}, "limit is no attribute of this actor"),
            ({"open": False, "limit_centavos": "many"}, "limit_centavos is of type int, not str"),
            ({"open": False, "limit_centavos": True}, "limit_centavos is of type int, not bool"),
            ({"open": False, "lock": None}, "lock is a Lock, not plain data"),
        ):
            with pytest.raises(StateRefused, match=f"root/a: {problem}"):
                await tree.replace_state("root/a", wrong)
        assert (await tree.get_state("root/a"))["open"] is True


# Suspend, trace, stop, restart


async def test_suspended_actor_finishes_the_message_in_hand_and_takes_no_other(
    lab: Lab, written: list[object]
) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        busy_for(tree, 2)
        tree.ref("a").cast_nowait("one")
        await settle(1)
        tree.suspend("root/a", reason="too many errors")
        await settle(5)
        assert written == ["init 1", ("sleep", 2)]
        assert tree.statistics("root/a").suspended
        assert tree.mailbox_head("root/a") == ("str",)
        with pytest.raises(CallTimeout):
            await tree.ref("a").call("hello", timeout=3)
        await tree.get_state("root/a")
        tree.resume("root/a", reason="looked at it")
        await settle()
        assert written[2:] == ["one"]
        assert not tree.statistics("root/a").suspended
        told = [(event.kind, event.reason) for event in tree.flight("root/a")]
        assert told == [
            (EventKind.SUSPENDED, "too many errors"),
            (EventKind.RESUMED, "looked at it"),
        ]


async def test_suspended_actor_can_still_be_stopped(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary(shutdown=3))) as tree:
        tree.suspend("root/a")
        tree.ref("a").cast_nowait("one")
        await tree.stop_child("root/a")
        assert lab.now() == 0
    assert written == ["init 1", "terminate"]


async def test_trace_tells_what_became_of_each_message_by_type_only(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        tree.trace("root/a", 3)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(calling(tree.ref("a"), "the first is forgotten"))
            await settle()
            nursery.start_soon(calling(tree.ref("a"), ("sleep", 2)))
            await settle(1)
            assert isinstance(await failure_of(calling(tree.ref("a"), 1, 0.5)), CallTimeout)
        await tree.ref("a").call("hello", timeout=1)
        began = lab.began
        assert tree.traced("root/a") == (
            TraceEntry(began + 2, "handled", "tuple", 0, 2),
            TraceEntry(began + 2, "expired", "int", 1, 0),
            TraceEntry(began + 2, "handled", "str", 0, 0),
        )
        tree.trace("root/a", 0)
        assert tree.traced("root/a") == ()


async def test_stop_and_restart_by_an_operator_are_told_with_their_reason(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"), worker("b"), max_restarts=0)) as tree:
        await tree.restart_child("root/a", reason="asked by uid 0: it looks stuck")
        await tree.stop_child("root/b", reason="asked by uid 0: not needed")
        assert states(tree) == {"a": "running", "b": "done"}
        reasons = [event.reason for event in lab.told(EventKind.REQUESTED)]
        assert reasons == [
            "restart: asked by uid 0: it looks stuck",
            "stop: asked by uid 0: not needed",
        ]
        [first, *_, last] = tree.why("root/b")
        assert (first.kind, last.kind) == (EventKind.STOPPED, EventKind.REQUESTED)


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


async def test_looking_never_waits_for_a_busy_actor(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a", shutdown=100))) as tree:  # noqa: SIM117
        async with trio.open_nursery() as nursery:
            nursery.start_soon(calling(tree.ref("a"), ("sleep", 50)))
            await settle(1)
            tree.snapshot()
            tree.statistics("root/a")
            tree.explain("root/a")
            tree.why("root/a")
            tree.flight("root/a")
            tree.trace("root/a", 10)
            tree.traced("root/a")
            tree.mailbox_head("root/a")
            tree.suspend("root/a")
            tree.resume("root/a")
            assert any("handle_call" in line for line in tree.stack("root/a"))
            await anext(tree.watch())
            assert lab.now() == 1


async def test_operation_that_needs_an_actor_says_so(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("plain"), worker("a"))) as tree:
        await tree.stop_child("root/a")
        for act in (tree.suspend, tree.traced, lambda path: tree.trace(path, 1)):
            with pytest.raises(NotAnActor, match="root/plain is no actor"):
                act("root/plain")
            with pytest.raises(NoProcess, match="root/a: it is done"):
                act("root/a")
            with pytest.raises(NoChild, match="root/ghost"):
                act("root/ghost")
        with pytest.raises(NotAnActor):
            await tree.get_state("root/plain")
        with pytest.raises(ValueError, match="a trace holds 1 to 10000 entries, not -1"):
            tree.trace("root/a", -1) if await tree.restart_child("root/a") is None else None
