"""Bugs of the runtime that somebody met once, each by its symptom."""

from typing import Any

import pytest
import trio

from supervisors import (
    Actor,
    AutoShutdown,
    Caller,
    ChildRefused,
    ChildSpec,
    DynamicSpec,
    EventKind,
    InvalidSpec,
    NoChild,
    Restart,
    RestartAdmission,
    ShutdownPhases,
    Step,
    Strategy,
    SupervisorSpec,
    open_tree,
)
from supervisors.spec import validate
from supervisors.state import StopChild
from tests.unit.supervisors.supervision_kit import EXACT, Lab, never, settle, states

PHASES = ShutdownPhases(phases=(("intake", 5.0), ("second", 40.0)), total=100.0)


class Echo(Actor):
    def handle_call(self, message: Any, caller: Caller) -> object:
        return message


async def test_child_whose_restart_came_due_while_a_later_group_stopped_stayed_down_for_ever(
    lab: Lab,
) -> None:
    spec = lab.supervisor(
        lab.worker("a"), lab.worker("b"), lab.worker("c", stop_seconds=30, shutdown=60.0)
    )
    async with lab.open(spec) as tree:
        lab.crash("a")  # due in a second, a group of its own
        await settle()
        await tree.apply(tree.plan("root", {"strategy": "rest_for_one"}))
        lab.crash("b")  # its group stops c for thirty seconds
        await settle(5)
        assert states(tree) == {"a": "running", "b": "backing_off", "c": "stopping"}
        await settle(60)
        assert set(states(tree).values()) == {"running"}


async def test_kill_that_came_after_the_end_ended_an_actor_twice(lab: Lab) -> None:
    async with lab.open(lab.supervisor(Echo.spec(id="a", shutdown=0.0))) as tree:
        slot = tree.runtime.root.slots["a"]
        slot.ask_to_stop("as the supervisor asks")
        slot.kill("before it has heard of the end")
        await settle()
    assert [event.kind for event in lab.events].count(EventKind.EXITED) == 1


async def test_closed_phase_started_again_when_its_supervisor_restarted(lab: Lab) -> None:
    sub = lab.supervisor(
        lab.worker("doors", phase="intake"), lab.worker("bad"), id="sub", max_restarts=0
    )
    slow = lab.worker("slow", stop_seconds=20, shutdown=60.0, phase="second")
    async with lab.open(lab.supervisor(sub, slow), phases=PHASES) as tree:
        tree.stop("the day is over")
        await settle(1)
        lab.crash("bad")  # sub gives up and starts again, while the second phase stops
        await settle(5)
        assert lab.order("start").count("bad") == 2
        assert lab.order("start").count("doors") == 1


async def test_child_was_started_into_a_phase_that_was_over(lab: Lab) -> None:
    pool = DynamicSpec(id="pool", template=lambda key: lab.worker(key, phase="intake"))
    slow = lab.worker("slow", stop_seconds=20, shutdown=60.0, phase="second")
    async with lab.open(lab.supervisor(pool, slow), phases=PHASES) as tree:
        tree.stop("the day is over")
        await settle(1)
        with pytest.raises(ChildRefused, match="its shutdown phase intake is over"):
            await tree.start_child("root/pool", "late")


async def test_dynamic_child_of_an_unknown_phase_was_accepted(lab: Lab) -> None:
    pool = DynamicSpec(id="pool", template=lambda key: lab.worker(key, phase="lunch"))
    async with lab.open(lab.supervisor(pool), phases=PHASES) as tree:
        with pytest.raises(InvalidSpec, match="root/pool/x: phase 'lunch' is none of"):
            await tree.start_child("root/pool", "x")


async def test_temporary_child_came_back_with_its_restarted_supervisor(lab: Lab) -> None:
    def template(key: str) -> ChildSpec:
        temporary = Restart.TEMPORARY if key == "job" else Restart.PERMANENT
        return lab.worker(key, restart=temporary)

    pool = DynamicSpec(id="pool", template=template, keys=["x"], max_restarts=0, backoff=EXACT)
    async with lab.open(lab.supervisor(pool)) as tree:
        await tree.start_child("root/pool", "job")
        await tree.start_child("root/pool", "guest")
        lab.crash("x")
        await settle(10)
        assert states(tree) == {"pool": "running", "pool/x": "running", "pool/guest": "running"}


async def test_children_stopped_while_they_awaited_admission_still_took_their_turns(
    lab: Lab,
) -> None:
    pool = DynamicSpec(id="pool", template=lab.worker, keys=list("abcdefgh"), max_restarts=100)
    async with lab.open(
        lab.supervisor(pool), admission=RestartAdmission(burst=1, per_second=0.1)
    ) as tree:
        for key in "abcdefgh":
            lab.crash(key)
        await settle(2)
        for key in "bcdefg":
            await tree.stop_child(f"root/pool/{key}")
        await settle(10)  # one turn later, and not seven
        assert states(tree) == {"pool": "running", "pool/a": "running", "pool/h": "running"}


async def test_watch_never_ended_after_the_tree_had(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))) as tree:
        watch = tree.watch(interval=1.0)
        await anext(watch)
    with trio.fail_after(100):
        assert [change async for change in watch][-1].revision == tree.revision


async def test_change_by_mail_alone_had_the_revision_of_before(lab: Lab) -> None:
    async with lab.open(
        lab.supervisor(Echo.spec(id="a"), lab.worker("b"), lab.worker("c"))
    ) as tree:
        watch = tree.watch(interval=1.0)
        before = await anext(watch)
        await tree.ref("a").call("hello", timeout=1)
        assert (await anext(watch)).revision > before.revision


async def test_why_stopped_at_the_supervisor_that_shut_itself_down(lab: Lab) -> None:
    child = lab.worker("a", significant=True, restart=Restart.TEMPORARY)
    sub = lab.supervisor(child, id="sub", auto_shutdown=AutoShutdown.ANY)
    async with lab.open(lab.supervisor(sub)) as tree:
        lab.crash("a")
        await settle()
        chain = [(event.kind, event.path) for event in tree.why("root/sub")]
        assert chain[-1] == (EventKind.CRASHED, "root/sub/a")


async def test_why_of_a_child_did_not_know_that_its_supervisor_had_restarted(lab: Lab) -> None:
    sub = lab.supervisor(lab.worker("a"), lab.worker("b"), id="sub", max_restarts=0)
    async with lab.open(lab.supervisor(sub)) as tree:
        lab.crash("a")
        await settle(2)
        chain = [(event.kind, event.path) for event in tree.why("root/sub/b")]
        assert chain[0] == (EventKind.STARTED, "root/sub/b")
        assert chain[-1] == (EventKind.CRASHED, "root/sub/a")


async def test_waiter_hung_when_the_driver_itself_failed() -> None:
    told: list[str] = []

    def fail(step: Step) -> None:
        assert not isinstance(step.event, StopChild), "a bug in the driver"

    async def ask() -> None:
        try:
            await tree.stop_child("root/a")
        except NoChild as error:
            told.append(str(error))

    spec = SupervisorSpec(
        id="root",
        strategy=Strategy.ONE_FOR_ONE,
        children=[Echo.spec(id="a"), Echo.spec(id="b")],
    )
    with pytest.RaisesGroup(AssertionError, flatten_subgroups=True, allow_unwrapped=True):
        async with trio.open_nursery() as nursery, open_tree(spec, on_step=fail) as tree:
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 100):
                await ask()
            nursery.cancel_scope.cancel()
    assert told == ["a: the runtime has ended"]


async def test_explain_left_out_what_stands_below_a_stopped_supervisor(lab: Lab) -> None:
    sub = lab.supervisor(lab.worker("b"), id="sub")
    spec = lab.supervisor(lab.worker("a"), sub, strategy=Strategy.ONE_FOR_ALL)
    async with lab.open(spec) as tree:
        explained = tree.explain("root/a")
        assert explained.stops == ("root/sub", "root/sub/b")
        assert explained.restarts == ("root/a", "root/sub", "root/sub/b")
        assert tree.explain("root").stops == ("root/a", "root/sub", "root/sub/b")


@pytest.mark.parametrize(
    ("field", "spec"),
    [
        ("keys", DynamicSpec(id="d", template=never, keys=(1,))),  # type: ignore[arg-type]
        ("keys", DynamicSpec(id="d", template=never, keys="abc")),  # type: ignore[arg-type]
        (
            "children",
            SupervisorSpec(
                id="s",
                strategy=Strategy.ONE_FOR_ONE,
                children=(child for child in ()),  # type: ignore[arg-type]
            ),
        ),
        (
            "max_restarts",
            SupervisorSpec(id="s", strategy=Strategy.ONE_FOR_ONE, children=[], max_restarts=True),
        ),
        (
            "child_max_restarts",
            DynamicSpec(id="d", template=never, child_max_restarts="3"),  # type: ignore[arg-type]
        ),
        (
            "significant",
            SupervisorSpec(
                id="s",
                strategy=Strategy.ONE_FOR_ONE,
                children=[],
                significant=True,
                restart=Restart.TEMPORARY,
            ),
        ),
    ],
)
def test_wrong_spec_was_accepted_or_raised_a_type_error(field: str, spec: Any) -> None:
    with pytest.raises(InvalidSpec) as refused:
        validate(spec)
    assert refused.value.field == field


def test_text_for_a_limit_raised_a_type_error() -> None:
    with pytest.raises(InvalidSpec, match="per_second"):
        RestartAdmission(per_second="many")  # type: ignore[arg-type]
    with pytest.raises(InvalidSpec, match="intake"):
        ShutdownPhases(phases=(("intake", "soon"),), total=1.0)  # type: ignore[arg-type]


async def test_starting_many_children_at_once_looked_at_every_waiter_each_time(lab: Lab) -> None:
    looks = 0
    pool = DynamicSpec(id="pool", template=lambda key: Echo.spec(id=key), max_children=300)
    async with lab.open(lab.supervisor(pool)) as tree:
        branch = tree.runtime.root.branches["pool"]
        original = tree.runtime._settle

        def settling(one: Any, child_id: str) -> None:
            nonlocal looks
            looks += 1 if child_id else len(one.waiters)
            original(one, child_id)

        tree.runtime._settle = settling  # type: ignore[method-assign]
        async with trio.open_nursery() as nursery:
            for number in range(300):
                nursery.start_soon(tree.start_child, "root/pool", f"k{number}")
        assert len(branch.state.children) == 300
    assert looks < 3000
