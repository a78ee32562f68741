"""Cases about restarts: who, when exactly, and when not any more."""

import pytest
import trio

from supervisors import (
    Actor,
    Backoff,
    ChildSpec,
    Context,
    DynamicSpec,
    EventKind,
    Ignore,
    NoChild,
    Restart,
    RootFailed,
    StartFailed,
    Strategy,
)
from supervisors.state import Exit, Exited, ExitKind, StartTimedOut, StopTimedOut
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand, Lab, settle, states

AT_ONCE = Backoff(initial=0.0)
GROUPS = [Strategy.ONE_FOR_ALL, Strategy.REST_FOR_ONE]


class Script:
    """A child whose starts go, one after the other, as written."""

    def __init__(self, lab: Lab, *starts: str) -> None:
        self.lab = lab
        self.starts = list(starts)
        self.worker = lab.worker("a")

    async def __call__(self, context: Context) -> None:
        match self.starts.pop(0) if self.starts else "run":
            case "fail":
                self.lab.note("failed", "a")
                raise CrashOnCommand("will not start")
            case "return":
                return
            case "ignore":
                raise Ignore
            case _:
                await self.worker.start(context)

    def spec(self, **fields: object) -> ChildSpec:
        return ChildSpec(**{"id": "a", "start": self, "backoff": EXACT, **fields})  # type: ignore[arg-type]


@pytest.mark.parametrize("restart", [Restart.PERMANENT, Restart.TRANSIENT])
@pytest.mark.parametrize("how", ["fail", "return"])
async def test_restart_that_fails_is_tried_again(lab: Lab, restart: Restart, how: str) -> None:
    script = Script(lab, "run", how, how)
    async with lab.open(lab.supervisor(script.spec(restart=restart))) as tree:
        lab.crash("a")
        await settle(20)
        # Attempts at 1, 3 and 7: the waits are 1, 2 and 4 seconds.
        assert lab.times("start", "a") == [0, 7]
        assert states(tree) == {"a": "running"}


async def test_restart_that_is_ignored_leaves_the_child_down(lab: Lab) -> None:
    script = Script(lab, "run", "ignore")
    async with lab.open(lab.supervisor(script.spec())) as tree:
        lab.crash("a")
        await settle(60)
        assert states(tree) == {"a": "done"}
        assert await tree.restart_child("root/a") == "a#3"


async def test_failed_restarts_spend_the_budget(lab: Lab) -> None:
    script = Script(lab, "run", "fail", "fail", "fail")
    with pytest.raises(RootFailed, match="2 restarts in 60 s, then a: CrashOnCommand: will not"):
        await lab.run_to_end(
            lab.supervisor(script.spec(), max_restarts=2, max_seconds=60), crash="a"
        )
    assert lab.times("failed", "a") == [1, 3]


@pytest.mark.parametrize(("seconds", "survives"), [(5.0, False), (5.001, True)])
async def test_window_of_the_budget_includes_its_edge(
    lab: Lab, seconds: float, survives: bool
) -> None:
    spec = lab.supervisor(lab.worker("a", backoff=AT_ONCE), max_restarts=1, max_seconds=5)

    async def crash_twice() -> None:
        async with lab.open(spec) as tree:
            for _ in range(2):
                lab.crash("a")
                await settle(seconds)
            assert states(tree) == {"a": "running"} or not survives

    if survives:
        await crash_twice()
    else:
        with pytest.raises(RootFailed, match="1 restarts in 5 s, then a"):
            await crash_twice()


async def test_due_times_are_exact_however_many_children_wait(lab: Lab) -> None:
    workers = [
        lab.worker(f"w{number}", backoff=Backoff(initial=number / 8, jitter=0.0))
        for number in range(1, 9)
    ]
    async with lab.open(lab.supervisor(*workers)):
        for worker in workers:
            lab.crash(worker.id)
        await settle(2)
        restarts = {worker.id: lab.times("start", worker.id)[1] for worker in workers}
        assert restarts == {f"w{number}": number / 8 for number in range(1, 9)}


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


@pytest.mark.parametrize("strategy", GROUPS)
async def test_members_that_crash_while_their_group_goes_down_cost_nothing_more(
    lab: Lab, strategy: Strategy
) -> None:
    spec = lab.supervisor(
        lab.worker("a"),
        lab.worker("b"),
        lab.worker("c", stop_seconds=5, shutdown=10),
        strategy=strategy,
        max_restarts=1,
        max_seconds=60,
    )
    async with lab.open(spec) as tree:
        lab.crash("a")
        await settle(1)
        lab.crash("b")
        await settle(30)
        assert set(states(tree).values()) == {"running"}
        assert lab.times("start", "b") == [0, 5]


async def test_failure_of_an_earlier_child_puts_the_groups_restart_off(lab: Lab) -> None:
    spec = lab.supervisor(*(lab.worker(name) for name in "abc"), strategy=Strategy.REST_FOR_ONE)
    async with lab.open(spec):
        lab.crash("c")
        await settle(0.5)
        lab.crash("a")
        await settle(20)
        # c alone was due at 1; with a it is a larger group, due when a is.
        assert [lab.times("start", name) for name in "abc"] == [[0, 1.5]] * 3


async def test_slow_stop_of_a_group_cannot_hide_a_restart_loop(lab: Lab) -> None:
    spec = lab.supervisor(
        lab.worker("slow", stop_seconds=20, shutdown=60),
        lab.worker("bad", crash_after=0.1),
        strategy=Strategy.ONE_FOR_ALL,
        max_restarts=2,
        max_seconds=5,
    )
    with pytest.raises(RootFailed, match="2 restarts in 5 s, then bad"):
        await lab.run_to_end(spec)
    assert len(lab.times("start", "bad")) == 3


@pytest.mark.parametrize("strategy", GROUPS)
async def test_group_restart_starts_an_ended_transient_child_again_but_no_temporary_one(
    lab: Lab, strategy: Strategy
) -> None:
    spec = lab.supervisor(
        lab.worker("a"),
        lab.worker("transient", restart=Restart.TRANSIENT),
        lab.worker("temporary", restart=Restart.TEMPORARY),
        lab.worker("ended", restart=Restart.TEMPORARY),
        strategy=strategy,
    )
    async with lab.open(spec) as tree:
        lab.finish("transient")
        lab.finish("ended")
        await settle()
        lab.crash("a")
        await settle(5)
        assert states(tree) == {
            "a": "running",
            "transient": "running",
            "temporary": "done",
            "ended": "done",
        }


async def test_crash_of_the_last_child_of_rest_for_one_restarts_it_alone(lab: Lab) -> None:
    spec = lab.supervisor(*(lab.worker(name) for name in "abc"), strategy=Strategy.REST_FOR_ONE)
    async with lab.open(spec):
        lab.crash("c")
        await settle(5)
        assert lab.order("down") == ["c"]


async def test_news_of_an_older_incarnation_is_ignored(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))) as tree:
        await tree.restart_child("root/a")
        before = tree.snapshot().nodes
        stale = Exit(ExitKind.CRASHED, "long ago")
        now = trio.current_time()
        tree.runtime.post(tree.runtime.root, Exited(now, "a", 1, stale))
        tree.runtime.post(tree.runtime.root, StartTimedOut(now, "a", 1))
        tree.runtime.post(tree.runtime.root, StopTimedOut(now, "a", 1))
        await settle(60)
        assert tree.snapshot().nodes == before
        assert lab.order("start") == ["a", "a"]


async def test_zero_backoff_restarts_at_once(lab: Lab) -> None:
    worker = lab.worker("a", backoff=Backoff(initial=0, stable_after=0))
    async with lab.open(lab.supervisor(worker)) as tree:
        lab.crash("a")
        await settle()
        assert states(tree) == {"a": "running"}
        assert lab.now() == 0


async def test_leaving_the_block_during_backoff_wins(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"), lab.worker("b"))):
        lab.crash("a")
        await settle(0.5)
    await trio.sleep(60)
    assert lab.times("start", "a") == [0]


async def test_stop_of_the_branch_during_a_backoff_inside_it_wins(lab: Lab) -> None:
    sub = lab.supervisor(lab.worker("b"), id="sub")
    async with lab.open(lab.supervisor(sub, lab.worker("a"))) as tree:
        lab.crash("b")
        await settle(0.5)
        await tree.stop_child("root/sub")
        await trio.sleep(60)
        assert states(tree) == {"sub": "done", "a": "running"}
        assert lab.times("start", "b") == [0]


async def test_stop_of_a_group_member_during_the_groups_backoff_wins_for_it_alone(
    lab: Lab,
) -> None:
    spec = lab.supervisor(*(lab.worker(name) for name in "abc"), strategy=Strategy.ONE_FOR_ALL)
    async with lab.open(spec) as tree:
        lab.crash("a")
        await settle(0.5)
        await tree.stop_child("root/b")
        await trio.sleep(60)
        assert states(tree) == {"a": "running", "b": "done", "c": "running"}
        assert lab.times("start", "b") == [0]


async def test_operators_restart_that_fails_is_told_to_the_operator(lab: Lab) -> None:
    script = Script(lab, "run", "fail")
    async with lab.open(lab.supervisor(script.spec())) as tree:
        with pytest.raises(StartFailed, match="root/a did not start: CrashOnCommand: will not"):
            await tree.restart_child("root/a")
        await settle(5)
        assert states(tree) == {"a": "running"}, "and then tried again like any other"


async def test_operator_names_a_child_that_is_not_there(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("a"))) as tree:
        for path in ("root/nobody", "root", "elsewhere/a", "root/a/b"):
            with pytest.raises(NoChild, match=path):
                await tree.stop_child(path)
            with pytest.raises(NoChild, match=path):
                await tree.restart_child(path)


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


async def test_root_failure_is_raised_on_leaving_the_block_if_nobody_waited(lab: Lab) -> None:
    async def leave() -> None:
        async with lab.open(lab.supervisor(lab.worker("a"), max_restarts=0)):
            lab.crash("a")
            await settle()

    with pytest.raises(RootFailed):
        await leave()


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


async def test_ended_temporary_children_are_forgotten(lab: Lab) -> None:
    def template(key: str) -> ChildSpec:
        return lab.worker(key, restart=Restart.TEMPORARY)

    async with lab.open(DynamicSpec(id="root", template=template, max_children=1)) as tree:
        for number in range(3):
            await tree.start_child("root", f"job-{number}")
            lab.finish(f"job-{number}")
            await settle()
        assert states(tree) == {}


async def test_stopped_child_is_forgotten_and_its_key_is_free(lab: Lab) -> None:
    async with lab.open(DynamicSpec(id="root", template=lab.worker, keys=("x", "y"))) as tree:
        await tree.stop_child("root/x")
        assert states(tree) == {"y": "running"}
        assert await tree.start_child("root", "x") == "x#1"


async def test_dynamic_children_share_a_budget_when_they_have_none_of_their_own(lab: Lab) -> None:
    pool = DynamicSpec(id="root", template=lab.worker, keys=tuple("xyz"), max_restarts=1)
    async with lab.open(pool) as tree:
        lab.crash("x")
        await settle(1.5)
        lab.crash("y")
        with pytest.raises(RootFailed, match="1 restarts in 5 s, then y"):
            await tree.wait()
    assert lab.times("down", "z") == [1.5]


async def test_actor_that_crashes_in_its_restarted_init_is_tried_again(lab: Lab) -> None:
    made: list[int] = []

    class Unwilling(Actor):
        async def init(self, context: Context) -> None:
            made.append(context.incarnation)
            if context.incarnation in (2, 3):
                raise CrashOnCommand("not yet")

        async def handle_cast(self, message: object) -> None:
            raise CrashOnCommand("as told")

    async with lab.open(lab.supervisor(Unwilling.spec(id="a", backoff=EXACT))) as tree:
        tree.ref("a").cast_nowait("crash")
        await settle(20)
        assert made == [1, 2, 3, 4]
        assert states(tree) == {"a": "running"}
