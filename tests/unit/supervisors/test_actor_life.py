"""An actor's life: init, mail, timers, sub-tasks, batches, terminate."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pytest
import trio

from supervisors import (
    Actor,
    Caller,
    ChildSpec,
    Context,
    Envelope,
    EventKind,
    Mailbox,
    Overflow,
    StartFailed,
    Timer,
    Tree,
    Unanswered,
)
from supervisors.mailbox import MailboxStatistics
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand, Lab, settle, states


class Diary(Actor):
    """Writes down what it gets, sleeping first if told."""

    written: ClassVar[list[object]]

    def __init__(self, first_word: str = "") -> None:
        self.first_word = first_word
        self.timers: list[Timer] = []

    async def init(self, context: Context) -> None:
        self.write(f"init {context.incarnation}")

    async def handle_call(self, message: Any, caller: Caller) -> object:
        if message == "crash":
            raise CrashOnCommand("as told")
        return message

    async def handle_cast(self, message: Any) -> None:
        match message:
            case ("sleep", seconds):
                await trio.sleep(seconds)
            case ("later", seconds, inner):
                self.timers.append(self.call_after(seconds, inner))
            case "forget":
                self.timers[-1].cancel()
            case "sub-task":
                self.start_soon(self.sub_task)
            case "sub-task crashes":
                self.start_soon(self.crashing_sub_task)
            case "crash":
                raise CrashOnCommand("as told")
        self.write(message)

    async def terminate(self) -> None:
        self.write("terminate")

    async def sub_task(self) -> None:
        try:
            await trio.sleep_forever()
        finally:
            self.write("sub-task ended")

    async def crashing_sub_task(self) -> None:
        await trio.sleep(1)
        raise CrashOnCommand("in a sub-task")

    def write(self, what: object) -> None:
        self.written.append(what)


@pytest.fixture
def written() -> list[object]:
    Diary.written = []
    return Diary.written


def statistics(tree: Tree) -> MailboxStatistics:
    node = tree.snapshot().find("root/a")
    assert node is not None
    assert node.mailbox is not None
    counts = node.mailbox
    accounted = counts.handled + counts.refused + counts.expired + counts.dead_lettered
    assert counts.sent == accounted + counts.coalesced + counts.waiting
    return counts


def diary(**fields: Any) -> ChildSpec:
    return Diary.spec(**{"id": "a", "backoff": EXACT, **fields})


async def test_init_runs_before_ready_and_terminate_after_the_last_message(
    lab: Lab, written: list[object]
) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        assert written == ["init 1"]
        assert await tree.ref("a").cast("one")
        assert await tree.ref("a").cast("two")
        await settle()
    assert written == ["init 1", "one", "two", "terminate"]


async def test_every_incarnation_is_a_new_instance_with_the_specs_arguments(
    lab: Lab, written: list[object]
) -> None:
    made: list[tuple[str, int]] = []

    class Counted(Diary):
        async def init(self, context: Context) -> None:
            made.append((self.first_word, id(self)))
            await super().init(context)

    async with lab.open(lab.supervisor(Counted.spec("hello", id="a", backoff=EXACT))) as tree:
        tree.ref("a").cast_nowait("crash")
        await settle(5)
    assert [word for word, _ in made] == ["hello", "hello"]
    assert made[0][1] != made[1][1]
    assert written == ["init 1", "terminate", "init 2", "terminate"]


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


async def test_crash_in_a_cast_crashes_the_actor_and_dead_letters_the_rest(
    lab: Lab, written: list[object]
) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        for message in ("one", "crash", "two", "three"):
            tree.ref("a").cast_nowait(message)
        await settle(5)
        counts = statistics(tree)
        assert (counts.sent, counts.handled, counts.dead_lettered) == (4, 1, 3)
        reasons = sorted(event.reason for event in lab.told(EventKind.DEAD_LETTERS))
    crashed = "crashed: CrashOnCommand: as told"
    assert reasons == [f"1 in hand (str): {crashed}", f"2 waiting (str): {crashed}"]
    assert written == ["init 1", "one", "terminate", "init 2", "terminate"]


async def test_stop_overtakes_waiting_mail(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        for message in (("sleep", 2), "one", "two"):
            tree.ref("a").cast_nowait(message)
        await settle(1)
    assert written == ["init 1", ("sleep", 2), "terminate"]
    assert statistics(tree).dead_lettered == 2


async def test_handler_that_outlives_the_stop_limit_is_cancelled_and_named(
    lab: Lab, written: list[object]
) -> None:
    async with lab.open(lab.supervisor(diary(shutdown=3))) as tree:
        tree.ref("a").cast_nowait(("sleep", 100))
        await settle()
        await tree.stop_child("root/a")
        assert lab.now() == 3
    assert written == ["init 1"]
    [overdue] = lab.told(EventKind.OVERDUE)
    assert "handle_cast" in overdue.reason


async def test_terminate_shares_the_stop_limit(lab: Lab) -> None:
    class Slow(Actor):
        async def terminate(self) -> None:
            await trio.sleep(100)

    async with lab.open(lab.supervisor(Slow.spec(id="a", shutdown=3), lab.worker("b"))) as tree:
        tree.stop("now")
        await tree.wait()
        assert lab.now() == 3


async def test_crash_is_told_even_if_terminate_crashes_too(lab: Lab) -> None:
    class Fragile(Actor):
        async def handle_cast(self, message: Any) -> None:
            raise CrashOnCommand(message)

        async def terminate(self) -> None:
            raise OSError("terminate")

    async with lab.open(lab.supervisor(Fragile.spec(id="a", backoff=EXACT))) as tree:
        tree.ref("a").cast_nowait("first")
        await settle()
        reasons = [event.reason for event in lab.told(EventKind.CRASHED)]
        assert reasons == ["in terminate too: OSError: terminate", "CrashOnCommand: first"]


async def test_sub_tasks_end_before_terminate(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        tree.ref("a").cast_nowait("sub-task")
        await settle()
    assert written == ["init 1", "sub-task", "sub-task ended", "terminate"]


async def test_crash_of_a_sub_task_is_the_actors_crash(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        tree.ref("a").cast_nowait("sub-task crashes")
        await settle(1)
        [crashed] = lab.told(EventKind.CRASHED)
        assert crashed.reason == "CrashOnCommand: in a sub-task"
        assert isinstance(crashed.exception, CrashOnCommand), "not a group of one"
        await settle(2)
        assert states(tree) == {"a": "running"}
    assert written[-2:] == ["init 2", "terminate"]


async def test_timer_casts_to_the_actor_at_the_exact_time(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        tree.ref("a").cast_nowait(("later", 5, "ding"))
        await settle(4.999)
        assert "ding" not in written
        await settle(0.001)
        assert written[-1] == "ding"
        assert statistics(tree).handled == 2


async def test_cancelled_timer_is_silent(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        tree.ref("a").cast_nowait(("later", 5, "ding"))
        tree.ref("a").cast_nowait("forget")
        await settle(10)
    assert "ding" not in written


async def test_timer_is_void_with_the_incarnation_that_set_it(
    lab: Lab, written: list[object]
) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        tree.ref("a").cast_nowait(("later", 5, "ding"))
        tree.ref("a").cast_nowait("crash")
        await settle(10)
        assert states(tree) == {"a": "running"}
    assert "ding" not in written


async def test_timer_overtakes_mail_and_needs_no_room(lab: Lab, written: list[object]) -> None:
    class Narrow(Diary):
        mailbox = Mailbox(capacity=2)

    async with lab.open(lab.supervisor(Narrow.spec(id="a"))) as tree:
        tree.ref("a").cast_nowait(("later", 1, "ding"))
        tree.ref("a").cast_nowait(("sleep", 2))
        await settle()
        tree.ref("a").cast_nowait("one")
        tree.ref("a").cast_nowait("two")
        await settle(3)
    assert written[2:] == [("sleep", 2), "ding", "one", "two", "terminate"]


async def test_full_mailbox_refuses_a_cast_as_a_value(lab: Lab, written: list[object]) -> None:
    class Narrow(Diary):
        mailbox = Mailbox(capacity=2)

    async with lab.open(lab.supervisor(Narrow.spec(id="a"))) as tree:
        sent = [tree.ref("a").cast_nowait(number) for number in range(4)]
        assert sent == [True, True, False, False]
        assert await tree.ref("a").cast(4) is False
        await settle()
        assert statistics(tree).refused == 3
    assert written[1:3] == [0, 1]


async def test_blocking_cast_waits_for_room_at_most_its_time_limit(
    lab: Lab, written: list[object]
) -> None:
    class Narrow(Diary):
        mailbox = Mailbox(capacity=1, overflow=Overflow.BLOCK)

    async with lab.open(lab.supervisor(Narrow.spec(id="a"))) as tree:
        ref = tree.ref("a")
        assert await ref.cast(("sleep", 3))
        await settle()
        assert await ref.cast("one")
        assert ref.cast_nowait("now or never") is False
        assert await ref.cast("impatient", timeout=1) is False
        assert lab.now() == 1
        assert await ref.cast("two") is True
        assert lab.now() == 3
        await settle()
        assert statistics(tree).refused == 2
    assert written[1:4] == [("sleep", 3), "one", "two"]


async def test_blocked_cast_is_refused_when_the_actor_ends(lab: Lab, written: list[object]) -> None:
    class Narrow(Diary):
        mailbox = Mailbox(capacity=1, overflow=Overflow.BLOCK)

    results: list[bool] = []

    async def cast() -> None:
        results.append(await tree.ref("a").cast("blocked"))

    async with lab.open(lab.supervisor(Narrow.spec(id="a"))) as tree:
        await tree.ref("a").cast(("sleep", 1))
        await settle()
        await tree.ref("a").cast("waiting")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(cast)
            await settle()
            await tree.stop_child("root/a")
        assert results == [False]
    assert written == ["init 1", ("sleep", 1), "terminate"]


async def test_coalescing_mailbox_keeps_the_newest_of_equals(
    lab: Lab, written: list[object]
) -> None:
    class Poked(Diary):
        mailbox = Mailbox(capacity=2, overflow=Overflow.COALESCE, key=lambda message: message[0])

    async with lab.open(lab.supervisor(Poked.spec(id="a"))) as tree:
        ref = tree.ref("a")
        sent = [ref.cast_nowait(m) for m in (("x", 1), ("y", 1), ("x", 2), ("x", 3), ("z", 1))]
        assert sent == [True, True, True, True, False]
        await settle()
        counts = statistics(tree)
        assert (counts.coalesced, counts.refused, counts.handled) == (2, 1, 2)
        assert ref.cast_nowait(("x", 4))
        await settle()
    assert written[1:4] == [("x", 3), ("y", 1), ("x", 4)]


class Batcher(Actor):
    batch_max = 3

    def __init__(self, batches: list[list[object]]) -> None:
        self.batches = batches

    async def handle_batch(self, envelopes: Sequence[Envelope]) -> None:
        self.batches.append([envelope.message for envelope in envelopes])
        await trio.sleep(1)
        for envelope in envelopes:
            if envelope.message == "crash":
                raise CrashOnCommand("in a batch")
            if envelope.caller is not None and envelope.message != "silence":
                envelope.caller.reply(len(envelopes))


async def test_batch_takes_what_waits_up_to_its_limit(lab: Lab) -> None:
    batches: list[list[object]] = []
    async with lab.open(lab.supervisor(Batcher.spec(batches, id="a"))) as tree:
        for number in range(5):
            tree.ref("a").cast_nowait(number)
        assert await tree.ref("a").call("last", timeout=10) == 3
        assert statistics(tree).handled == 6
    assert batches == [[0, 1, 2], [3, 4, "last"]]


async def test_caller_a_batch_forgot_gets_an_error(lab: Lab) -> None:
    async with lab.open(lab.supervisor(Batcher.spec([], id="a"))) as tree:
        with pytest.raises(Unanswered, match="a finished the message without answering"):
            await tree.ref("a").call("silence", timeout=10)
        assert states(tree) == {"a": "running"}


async def test_crash_in_a_batch_dead_letters_all_of_it(lab: Lab) -> None:
    async with lab.open(lab.supervisor(Batcher.spec([], id="a", backoff=EXACT))) as tree:
        for message in (1, "crash", 3, 4):
            tree.ref("a").cast_nowait(message)
        await settle(5)
        counts = statistics(tree)
        assert (counts.handled, counts.dead_lettered) == (0, 4)


async def test_actor_that_never_waits_lets_the_others_run(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        for number in range(1000):
            tree.ref("a").cast_nowait(number)
        await trio.lowlevel.checkpoint()
        for _ in range(3):
            await trio.lowlevel.checkpoint()
        assert len(written) < 1000
        await settle()
        assert len(written) == 1001


async def test_call_from_a_worker_to_an_actor_by_a_name_of_its_own(
    lab: Lab, written: list[object]
) -> None:
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


async def test_snapshot_shows_state_incarnation_mailbox_depth_and_last_exit(
    lab: Lab, written: list[object]
) -> None:
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
