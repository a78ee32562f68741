"""Cases about the start: every way a start can end, alone, in a tree and in a pool."""

from typing import Any

import pytest
import trio

from supervisors import (
    Actor,
    ChildRefused,
    ChildSpec,
    Context,
    DynamicSpec,
    EventKind,
    Ignore,
    InvalidSpec,
    NoChild,
    StartFailed,
    Strategy,
    open_tree,
)
from tests.unit.supervisors.actor_kit import Diary
from tests.unit.supervisors.supervision_kit import (
    EXACT,
    CrashOnCommand,
    Lab,
    child_spec,
    settle,
    states,
)


class Odd(BaseException):
    """Neither an Exception nor one that ends the interpreter."""


async def raises(_context: Context) -> None:
    raise CrashOnCommand("no")


async def raises_a_base_exception(_context: Context) -> None:
    raise Odd("no")


async def raises_a_group(_context: Context) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(raises, _context)


async def returns(_context: Context) -> None:
    await trio.lowlevel.checkpoint()


async def ignores(_context: Context) -> None:
    raise Ignore


async def hangs(_context: Context) -> None:
    await trio.sleep_forever()


async def says_ready_with_a_value(context: Context) -> None:
    context.ready({"port": 4000})
    await trio.sleep_forever()


def is_no_coroutine(_context: Context) -> Any:
    return 3


class RaisesInConstructor(Actor):
    def __init__(self) -> None:
        raise CrashOnCommand("in the constructor")


class RaisesInPlainInit(Actor):
    def init(self, context: Context) -> None:
        raise CrashOnCommand("in init")


class RaisesInInit(Actor):
    async def init(self, context: Context) -> None:
        await trio.sleep(1)
        raise CrashOnCommand("in init")


class HangsInInit(Actor):
    async def init(self, context: Context) -> None:
        await trio.sleep_forever()


class IgnoresInInit(Actor):
    async def init(self, context: Context) -> None:
        raise Ignore


class IgnoresInPlainInit(Actor):
    def init(self, context: Context) -> None:
        raise Ignore


FAILURES = [
    (child_spec("x", start=raises), "CrashOnCommand: no"),
    (child_spec("x", start=raises_a_base_exception), "Odd: no"),
    (child_spec("x", start=raises_a_group), "CrashOnCommand: no"),
    (child_spec("x", start=returns), "ended before it was ready"),
    (child_spec("x", start=hangs, start_timeout=7), "not ready within 7 s"),
    (child_spec("x", start=is_no_coroutine), "TypeError: object int can't be used in 'await'"),
    (RaisesInConstructor.spec(id="x"), "CrashOnCommand: in the constructor"),
    (RaisesInPlainInit.spec(id="x"), "CrashOnCommand: in init"),
    (RaisesInInit.spec(id="x"), "CrashOnCommand: in init"),
    (HangsInInit.spec(id="x", start_timeout=7), "not ready within 7 s"),
]
IGNORED = [
    child_spec("x", start=ignores),
    IgnoresInInit.spec(id="x"),
    IgnoresInPlainInit.spec(id="x"),
]


@pytest.mark.parametrize(("spec", "reason"), FAILURES)
async def test_failed_first_start_fails_the_tree_with_its_reason(
    lab: Lab, spec: ChildSpec, reason: str
) -> None:
    with pytest.raises(StartFailed) as failed:
        async with lab.open(lab.supervisor(lab.worker("a"), spec)):
            pytest.fail("the tree must not open")
    assert failed.value.path == "root/x"
    assert failed.value.reason.startswith(reason)
    assert lab.order("down") == ["a"]
    assert [event.path for event in lab.told(EventKind.START_FAILED)] == ["root/x"]


@pytest.mark.parametrize(("spec", "reason"), FAILURES)
async def test_failed_start_of_a_dynamic_child_is_the_askers_error_and_nothing_is_kept(
    lab: Lab, spec: ChildSpec, reason: str
) -> None:
    async with lab.open(DynamicSpec(id="root", template=lambda _: spec, max_restarts=0)) as tree:
        for _ in range(2):
            with pytest.raises(StartFailed) as failed:
                await tree.start_child("root", "x")
            assert failed.value.reason.startswith(reason)
            assert states(tree) == {}


@pytest.mark.parametrize("spec", IGNORED)
async def test_ignored_start_is_no_failure(lab: Lab, spec: ChildSpec) -> None:
    async with lab.open(lab.supervisor(spec, lab.worker("b"), max_restarts=0)) as tree:
        await trio.sleep(60)
        assert states(tree) == {"x": "done", "b": "running"}


@pytest.mark.parametrize("spec", IGNORED)
async def test_ignored_start_of_a_dynamic_child_is_none_and_nothing_is_kept(
    lab: Lab, spec: ChildSpec
) -> None:
    async with lab.open(DynamicSpec(id="root", template=lambda _: spec)) as tree:
        assert await tree.start_child("root", "x") is None
        assert states(tree) == {}


async def test_value_of_ready_is_what_the_asker_gets(lab: Lab) -> None:
    def template(key: str) -> ChildSpec:
        return child_spec(key, start=says_ready_with_a_value)

    async with lab.open(DynamicSpec(id="root", template=template)) as tree:
        assert await tree.start_child("root", "x") == {"port": 4000}


async def test_ready_counts_once_and_its_value_is_the_first(lab: Lab) -> None:
    async def start(context: Context) -> None:
        context.ready("first")
        context.ready("second")
        await trio.sleep_forever()

    async with lab.open(lab.supervisor(ChildSpec(id="a", start=start))) as tree:
        assert await tree.restart_child("root/a") == "first"
        assert len(lab.told(EventKind.STARTED)) == 2


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


async def test_failed_init_fails_the_start_without_terminate(
    lab: Lab, written: list[object]
) -> None:
    class Broken(Diary):
        async def init(self, context: Context) -> None:
            raise CrashOnCommand("in init")

    with pytest.raises(StartFailed, match="root/a did not start: CrashOnCommand: in init"):
        async with lab.open(lab.supervisor(Broken.spec(id="a"))):
            pytest.fail("the tree must not open")
    assert written == []


async def test_budget_spent_during_start_fails_the_start(lab: Lab) -> None:
    spec = lab.supervisor(
        lab.worker("a", crash_after=1), lab.worker("b", init_seconds=60), max_restarts=0
    )
    with pytest.raises(StartFailed, match="root did not start: 0 restarts in 5 s, then a"):
        async with lab.open(spec):
            pytest.fail("the tree must not open")


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


async def test_cancel_during_the_start_rolls_back(lab: Lab) -> None:
    with trio.move_on_after(3) as scope:
        async with lab.open(lab.supervisor(lab.worker("a"), lab.worker("b", init_seconds=60))):
            pytest.fail("the tree must not open")
    assert scope.cancelled_caught
    assert lab.order("down") == ["b", "a"]


# Pools


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


@pytest.mark.parametrize(
    ("template", "error", "message"),
    [
        (lambda _: child_spec("other"), InvalidSpec, "root/x: id 'other' is not the key"),
        (lambda key: child_spec(key, shutdown=-1), InvalidSpec, "root/x: shutdown -1"),
        (lambda _: "x", InvalidSpec, "root/x: spec is a str, not a child spec"),
        (lambda _: {}["no settings"], KeyError, "no settings"),
    ],
)
async def test_template_that_does_not_fit_is_the_askers_error(
    lab: Lab, template: Any, error: type[Exception], message: str
) -> None:
    async with lab.open(DynamicSpec(id="root", template=template)) as tree:
        with pytest.raises(error, match=message):
            await tree.start_child("root", "x")
        assert states(tree) == {}


async def test_max_children_counts_children_that_wait_for_a_restart(lab: Lab) -> None:
    async with lab.open(
        DynamicSpec(id="root", template=lab.worker, keys=("x",), max_children=1)
    ) as tree:
        lab.crash("x")
        await settle(0.5)
        assert states(tree) == {"x": "backing_off"}
        with pytest.raises(ChildRefused, match=r"max_children \(1\) is reached"):
            await tree.start_child("root", "y")
        with pytest.raises(ChildRefused, match="it already exists and is backing_off"):
            await tree.start_child("root", "x")


async def test_max_children_counts_children_whose_restart_fails(lab: Lab) -> None:
    made = 0

    class SecondStartFails(Actor):
        def init(self, context: Context) -> None:
            nonlocal made
            made += 1
            if made > 1:
                raise CrashOnCommand("not again")

        async def handle_cast(self, message: object) -> None:
            raise CrashOnCommand("as told")

    def template(key: str) -> ChildSpec:
        return SecondStartFails.spec(id=key, backoff=EXACT)

    pool = DynamicSpec(id="root", template=template, keys=("x",), max_children=1, max_restarts=100)
    async with lab.open(pool) as tree:
        tree.ref("x").cast_nowait("crash")
        await settle(1.5)
        assert made == 2
        with pytest.raises(ChildRefused, match=r"max_children \(1\) is reached"):
            await tree.start_child("root", "y")


async def test_child_that_is_still_starting_counts_towards_max_children(lab: Lab) -> None:
    def template(key: str) -> ChildSpec:
        return lab.worker(key, init_seconds=3)

    async with (
        lab.open(DynamicSpec(id="root", template=template, max_children=1)) as tree,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(tree.start_child, "root", "x")
        await settle(1)
        with pytest.raises(ChildRefused, match=r"max_children \(1\) is reached"):
            await tree.start_child("root", "y")


async def test_key_that_does_not_start_fails_a_pool_with_a_shared_budget(lab: Lab) -> None:
    def template(key: str) -> ChildSpec:
        return lab.worker(key, failing_starts=1 if key == "b" else 0)

    pool = DynamicSpec(id="pool", template=template, keys=("a", "b", "c"))
    with pytest.raises(StartFailed, match="root/pool/b"):
        async with lab.open(lab.supervisor(pool)):
            pytest.fail("the tree must not open")
    assert lab.order("start") == ["a", "b"]
    assert set(lab.order("down")) == {"a", "b"}


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


async def test_a_thousand_children_start_and_stop(lab: Lab) -> None:
    keys = tuple(f"k{number}" for number in range(1000))
    async with lab.open(DynamicSpec(id="root", template=lab.worker, keys=keys)) as tree:
        assert set(states(tree).values()) == {"running"}
        assert lab.order("start") == list(keys)
    assert len(lab.order("down")) == 1000
