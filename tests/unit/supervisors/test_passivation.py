"""Passivation: idle dynamic actors sleep, and wake once for however many senders."""

from typing import Any

import pytest
import trio

from supervisors import (
    Actor,
    Caller,
    CallTimeout,
    ChildRefused,
    ChildSpec,
    Context,
    DynamicSpec,
    EventKind,
    InvalidSpec,
    NoChild,
    NoProcess,
    ProcessDown,
    Quarantined,
    Restart,
    StartFailed,
    Tree,
)
from supervisors.mailbox import MailboxStatistics
from supervisors.passivation import Passivator, WakeTimeout, WakingRef, passivator, waking_ref
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand, Lab, settle, states

PERIOD = 100.0
LONGER = PERIOD * 1.25


class Account(Actor):
    """Counts its starts on the stage; handles what it is told to."""

    def __init__(self, stage: "Stage", key: str) -> None:
        self.stage = stage
        self.key = key

    async def init(self, context: Context) -> None:
        self.stage.starts.append(self.key)
        await trio.sleep(self.stage.start_seconds)
        if self.stage.failing_starts:
            self.stage.failing_starts -= 1
            raise CrashOnCommand("in its start")

    async def handle_call(self, message: Any, caller: Caller) -> object:
        match message:
            case "defer":
                self.call_after(3 * PERIOD, caller)
                caller.defer()
                return None
            case "sub-task":
                self.start_soon(trio.sleep, 3 * PERIOD)
            case "timer":
                self.call_after(3 * PERIOD, "ring")
            case "crash":
                raise CrashOnCommand("as told")
            case ("sleep", seconds):
                await trio.sleep(seconds)
        return f"{self.key}: {message}"

    async def handle_cast(self, message: Any) -> None:
        if isinstance(message, Caller):
            message.reply("deferred")
        self.stage.handled.append(message)

    async def terminate(self) -> None:
        await trio.sleep(self.stage.stop_seconds)


class Stage:
    """A dynamic supervisor of accounts, with its passivator."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.starts: list[str] = []
        self.handled: list[object] = []
        self.start_seconds = 0.0
        self.stop_seconds = 0.0
        self.failing_starts = 0

    def spec(self, **fields: Any) -> Any:
        def account(key: str) -> ChildSpec:
            if key == "impossible":
                raise ValueError("no such account")
            return Account.spec(self, key, id=key, backoff=EXACT, restart=Restart.TRANSIENT)

        accounts = DynamicSpec(id="accounts", template=account, **fields)
        return self.lab.supervisor(
            accounts, passivator("root/accounts", passivate_after=PERIOD, backoff=EXACT)
        )


@pytest.fixture
def stage(lab: Lab) -> Stage:
    return Stage(lab)


def ref(tree: Tree, key: str = "ana") -> WakingRef:
    return waking_ref(tree, "root/accounts", key)


def awake(tree: Tree) -> list[str]:
    return [path.rpartition("/")[2] for path in states(tree) if path.startswith("accounts/")]


def counts(tree: Tree, path: str = "root/accounts/ana") -> MailboxStatistics:
    node = tree.snapshot().find(path)
    assert node is not None
    assert node.mailbox is not None
    return node.mailbox


class Callers:
    """Calls at work, and what became of each."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.ends: list[object] = []

    def call(self, ref: WakingRef, message: object, *, timeout: float = 50) -> None:
        async def run() -> None:
            try:
                self.ends.append(await ref.call(message, timeout=timeout))
            except Exception as error:  # noqa: BLE001 -- it is looked at by the test
                self.ends.append(error)

        self.nursery.start_soon(run)

    def kinds(self) -> set[type]:
        return {type(end) for end in self.ends}


async def test_message_to_a_sleeping_key_starts_its_actor(stage: Stage) -> None:
    async with stage.lab.open(stage.spec()) as tree:
        assert not ref(tree).is_awake()
        assert await ref(tree).call("hello", timeout=1) == "ana: hello"
        assert ref(tree).is_awake()
        assert await ref(tree, "bia").cast("hi")
        await settle()
    assert stage.starts == ["ana", "bia"]
    assert stage.handled == ["hi"]


async def test_actor_without_mail_is_stopped_after_its_time(stage: Stage) -> None:
    async with stage.lab.open(stage.spec()) as tree:
        await ref(tree).call("hello", timeout=1)
        await settle(PERIOD - 1)
        assert awake(tree) == ["ana"]
        await settle(LONGER - PERIOD + 1)
        assert awake(tree) == []
        assert [event.path for event in stage.lab.told(EventKind.STOPPED)] == ["root/accounts/ana"]
        await settle(PERIOD)
        node = tree.snapshot().find("root/passivator")
        assert node is not None
        assert node.facts == {"slept": 1, "woken": 1, "failed": 0}


async def test_actor_with_mail_now_and_then_stays_awake(stage: Stage) -> None:
    async with stage.lab.open(stage.spec()) as tree:
        for _ in range(10):
            await ref(tree).call("hello", timeout=1)
            await settle(PERIOD - 1)
        assert awake(tree) == ["ana"]
    assert stage.starts == ["ana"]


@pytest.mark.parametrize("work", ["defer", "sub-task", "timer", ("sleep", 3 * PERIOD)])
async def test_actor_with_something_to_do_is_not_idle(stage: Stage, work: object) -> None:
    async with stage.lab.open(stage.spec()) as tree, trio.open_nursery() as nursery:
        Callers(nursery).call(ref(tree), work, timeout=10 * PERIOD)
        await settle(3 * PERIOD - 1)
        assert awake(tree) == ["ana"]
        await settle(1 + 1.5 * PERIOD)
        assert awake(tree) == []


async def test_woken_actor_may_fall_asleep_again(stage: Stage) -> None:
    async with stage.lab.open(stage.spec()) as tree:
        for _ in range(3):
            assert await ref(tree).call("hello", timeout=1) == "ana: hello"
            await settle(1.5 * PERIOD)
        assert awake(tree) == []
    assert stage.starts == ["ana"] * 3


async def test_many_senders_to_a_sleeping_key_share_one_start(stage: Stage) -> None:
    stage.start_seconds = 5
    async with stage.lab.open(stage.spec()) as tree:
        async with trio.open_nursery() as nursery:
            callers = Callers(nursery)
            for number in range(50):
                callers.call(ref(tree), number)
            await settle(1)
            for number in range(50, 60):
                callers.call(ref(tree), number)
        assert sorted(map(str, callers.ends)) == sorted(f"ana: {n}" for n in range(60))
        assert counts(tree).handled == counts(tree).sent == 60
    assert stage.starts == ["ana"]


async def test_callers_deadline_covers_the_waking(stage: Stage) -> None:
    stage.start_seconds = 20
    stage.stop_seconds = 3
    async with stage.lab.open(stage.spec()) as tree, trio.open_nursery() as nursery:
        callers = Callers(nursery)
        callers.call(ref(tree), "patient", timeout=30)
        with pytest.raises(CallTimeout):
            await ref(tree).call("hasty", timeout=5)
        assert stage.lab.now() == 5
        await settle(20)
        assert callers.ends == ["ana: patient"]
        assert counts(tree).handled == 1


async def test_deadline_that_passes_before_the_start_says_that_nothing_was_sent(
    stage: Stage,
) -> None:
    stage.stop_seconds = 4
    async with stage.lab.open(stage.spec()) as tree:
        await asleep_in_a_moment(tree, stage)
        with pytest.raises(WakeTimeout, match="accounts/ana was not awake within 1 s; the message"):
            await ref(tree).call("hasty", timeout=1)
        await settle(5)
        assert counts(tree).sent == 0  # it was woken for nothing


async def asleep_in_a_moment(tree: Tree, stage: Stage) -> None:
    """Bring an actor to the point where it has begun to stop."""
    await ref(tree).call("hello", timeout=1)
    for _ in range(200):
        await settle(1)
        if states(tree).get("accounts/ana") == "stopping":
            return
    raise AssertionError("it never went to sleep")


async def test_message_to_an_actor_going_to_sleep_waits_for_the_next_incarnation(
    stage: Stage,
) -> None:
    stage.stop_seconds = 4
    async with stage.lab.open(stage.spec()) as tree:
        await asleep_in_a_moment(tree, stage)
        async with trio.open_nursery() as nursery:
            callers = Callers(nursery)
            callers.call(ref(tree), "one")
            callers.call(ref(tree), "two")
            assert await ref(tree).cast("three")
        assert set(callers.ends) == {"ana: one", "ana: two"}
        await settle()
        assert counts(tree).handled == 3
    assert stage.starts == ["ana", "ana"]
    assert stage.handled == ["three"]
    assert not stage.lab.told(EventKind.DEAD_LETTERS)


async def test_message_accepted_in_the_step_of_falling_asleep_keeps_the_actor_up(
    stage: Stage,
) -> None:
    async with stage.lab.open(stage.spec()) as tree:
        await ref(tree).call("hello", timeout=1)
        assert tree.ref("accounts/ana").cast_nowait("mail")
        assert not await tree.stop_child_if_idle("root/accounts/ana", reason="a test")
        await settle()
        assert stage.handled == ["mail"]
        assert await tree.stop_child_if_idle("root/accounts/ana", reason="a test")
        assert awake(tree) == []
        with pytest.raises(NoChild):
            await tree.stop_child_if_idle("root/accounts/ana", reason="a test")


async def test_failed_start_is_told_to_everybody_who_waits_and_not_tried_again(
    stage: Stage,
) -> None:
    stage.stop_seconds = 4
    async with stage.lab.open(stage.spec()) as tree:
        await asleep_in_a_moment(tree, stage)
        stage.failing_starts = 1
        async with trio.open_nursery() as nursery:
            callers = Callers(nursery)
            for number in range(5):
                callers.call(ref(tree), number)
        assert callers.kinds() == {StartFailed}
        assert len({id(end) for end in callers.ends}) == 5
        assert all("CrashOnCommand: in its start" in str(end) for end in callers.ends)
        assert stage.starts == ["ana", "ana"]
        assert await ref(tree).call("again", timeout=1) == "ana: again"


async def test_sender_whose_message_waited_for_a_failing_start_is_told_so(stage: Stage) -> None:
    stage.start_seconds = 5
    stage.failing_starts = 1
    async with stage.lab.open(stage.spec()) as tree:
        async with trio.open_nursery() as nursery:
            callers = Callers(nursery)
            callers.call(ref(tree), "first")
            await settle(1)
            callers.call(ref(tree), "second")
        first, second = sorted(callers.ends, key=lambda end: type(end).__name__, reverse=True)
        assert isinstance(first, StartFailed)
        assert isinstance(second, ProcessDown)
        assert not second.in_hand
    assert stage.starts == ["ana"]


async def test_key_whose_template_raises_is_told_to_the_sender(stage: Stage) -> None:
    async with stage.lab.open(stage.spec()) as tree:
        with pytest.raises(StartFailed, match="impossible did not start: ValueError: no such"):
            await ref(tree, "impossible").call("hello", timeout=1)
        assert not await ref(tree, "impossible").cast("hello")
        assert states(tree)["passivator"] == "running"


async def test_more_actors_than_allowed_are_refused_until_one_sleeps(stage: Stage) -> None:
    async with stage.lab.open(stage.spec(max_children=1)) as tree:
        await ref(tree).call("hello", timeout=1)
        with pytest.raises(ChildRefused, match=r"accounts/bia: max_children \(1\) is reached"):
            await ref(tree, "bia").call("hello", timeout=1)
        assert not await ref(tree, "bia").cast("hello")
        await settle(1.5 * PERIOD)
        assert await ref(tree, "bia").call("hello", timeout=1) == "bia: hello"


async def test_actor_that_is_down_for_another_reason_is_not_woken(stage: Stage) -> None:
    async with stage.lab.open(stage.spec(child_max_restarts=1)) as tree:
        with pytest.raises(ProcessDown):
            await ref(tree).call("crash", timeout=1)
        await settle()
        with pytest.raises(NoProcess, match=r"is down and restarts in 1\.000 s"):
            await ref(tree).call("hello", timeout=0.5)
        await settle(1)
        with pytest.raises(ProcessDown):
            await ref(tree).call("crash", timeout=1)
        await settle()
        with pytest.raises(Quarantined):
            await ref(tree).call("hello", timeout=1)
    assert stage.starts == ["ana", "ana"]


async def test_cancelled_sender_harms_neither_the_start_nor_the_others(stage: Stage) -> None:
    stage.start_seconds = 5
    async with stage.lab.open(stage.spec()) as tree:
        with trio.move_on_after(1):
            await ref(tree).call("first", timeout=50)
        assert await ref(tree).call("second", timeout=50) == "ana: second"
        assert stage.lab.now() == 5
    assert stage.starts == ["ana"]


async def test_many_idle_actors_fall_asleep_in_slices(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervisors.passivation.SLEEPS_PER_SWEEP_MAX", 4)
    monkeypatch.setattr("supervisors.passivation.CHILDREN_PER_TURN_MAX", 3)
    async with stage.lab.open(stage.spec()) as tree:
        for number in range(10):
            await ref(tree, f"k{number}").call("hello", timeout=1)
        await settle(LONGER)
        assert len(awake(tree)) == 6
        await settle(LONGER - PERIOD)
        assert len(awake(tree)) == 2
        await settle(LONGER - PERIOD)
        assert awake(tree) == []


async def test_crowds_are_bounded(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supervisors.passivation.WAKES_MAX", 1)
    monkeypatch.setattr("supervisors.passivation.WAITING_PER_KEY_MAX", 2)
    stage.stop_seconds = 4
    async with stage.lab.open(stage.spec()) as tree:
        await asleep_in_a_moment(tree, stage)
        async with trio.open_nursery() as nursery:
            callers = Callers(nursery)
            for number in range(3):
                callers.call(ref(tree), number)
            await settle()
            callers.call(ref(tree, "bia"), "hello")
            await settle()
            refused = {str(end) for end in callers.ends}
            assert refused == {
                "the mailbox of root/accounts/ana is full (2 messages)",
                "root/accounts/bia: 1 others are being woken",
            }
        assert len({end for end in callers.ends if isinstance(end, str)}) == 2


async def test_supervisor_that_is_not_there_is_named(lab: Lab) -> None:
    spec = lab.supervisor(passivator("root/nowhere", passivate_after=1))
    async with lab.open(spec) as tree:
        with pytest.raises(NoChild, match="there is no supervisor root/nowhere"):
            await waking_ref(tree, "root/nowhere", "ana").call("hello", timeout=1)
        await settle(10)
        assert states(tree) == {"passivator": "running"}


async def test_sleeping_key_without_a_passivator_is_a_missing_process(lab: Lab) -> None:
    async with lab.open(lab.supervisor(lab.worker("b"))) as tree:
        with pytest.raises(NoProcess, match="passivator/accounts"):
            await ref(tree).call("hello", timeout=1)


def test_passivator_shows_counts_and_not_every_key() -> None:
    state = Passivator("root/accounts", PERIOD).inspect()
    assert state["idle"] == 0
    assert state["waking"] == {}


@pytest.mark.parametrize("seconds", [0, -1, float("inf"), float("nan")])
def test_wrong_time_is_refused(seconds: float) -> None:
    with pytest.raises(InvalidSpec, match="passivate_after"):
        passivator("root/accounts", passivate_after=seconds)
