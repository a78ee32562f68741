"""Guarantees about mailboxes: bounded, refusing by value, and every message accounted for."""

import random

import pytest
import trio

from supervisors import CallTimeout, Mailbox, MailboxFull, Overflow, SupervisionError, Tree
from tests.unit.supervisors.actor_kit import (
    Diary,
    Worker,
    calling,
    diary,
    statistics,
)
from tests.unit.supervisors.supervision_kit import EXACT, Lab, settle


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


async def test_full_mailbox_refuses_a_call_with_a_typed_error(lab: Lab) -> None:
    class Narrow(Worker):
        mailbox = Mailbox(capacity=1)

    async with lab.open(lab.supervisor(Narrow.spec(id="a"))) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(calling(tree.ref("a"), ("sleep", 5)))
            await settle()
            nursery.start_soon(calling(tree.ref("a"), "fits"))
            await settle()
            with pytest.raises(MailboxFull, match=r"the mailbox of a is full \(1 messages\)"):
                await tree.ref("a").call("does not", timeout=1)
            assert lab.now() == 0
            assert statistics(tree, "root/a").waiting == 2
        assert statistics(tree, "root/a").refused == 1


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


async def test_blocked_callers_get_in_by_order_of_arrival_or_time_out(lab: Lab) -> None:
    class Narrow(Worker):
        mailbox = Mailbox(capacity=1, overflow=Overflow.BLOCK)

    order: list[object] = []

    async def call(message: object, timeout: float) -> None:  # noqa: ASYNC109
        try:
            order.append(await tree.ref("a").call(message, timeout=timeout))
        except CallTimeout:
            order.append(f"{message} timed out at {lab.now():g}")

    async with lab.open(lab.supervisor(Narrow.spec(id="a"))) as tree:
        async with trio.open_nursery() as nursery:
            for message, timeout in [(("sleep", 5), 60), ("1", 60), ("2", 60), ("3", 2), ("4", 60)]:
                nursery.start_soon(call, message, timeout)
                await settle()
        assert order[0] == "3 timed out at 2"
        assert await tree.ref("a").call("seen", timeout=1) == [("sleep", 5), "1", "2", "4", "seen"]
        counts = statistics(tree, "root/a")
        assert (counts.sent, counts.refused, counts.handled) == (6, 1, 5)


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


def test_mailbox_without_room_is_refused() -> None:
    with pytest.raises(ValueError, match="a mailbox needs a capacity of at least 1, not 0"):
        Mailbox(capacity=0)


async def test_stop_overtakes_waiting_mail(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        for message in (("sleep", 2), "one", "two"):
            tree.ref("a").cast_nowait(message)
        await settle(1)
    assert written == ["init 1", ("sleep", 2), "terminate"]
    assert statistics(tree).dead_lettered == 2


async def test_suspension_overtakes_waiting_mail(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        for message in (("sleep", 2), "one", "two"):
            tree.ref("a").cast_nowait(message)
        await settle(1)
        tree.suspend("root/a")
        await settle(10)
        assert written == ["init 1", ("sleep", 2)]
        assert statistics(tree).waiting == 2
        tree.resume("root/a")
        await settle()
        assert written[2:] == ["one", "two"]


async def test_inspection_overtakes_waiting_mail(lab: Lab, written: list[object]) -> None:
    async with lab.open(lab.supervisor(diary())) as tree:
        for message in (("sleep", 2), ("sleep", 2), "one"):
            tree.ref("a").cast_nowait(message)
        await settle(1)
        await tree.get_state("root/a", timeout=5)
        assert lab.now() == 2
        assert written == ["init 1", ("sleep", 2)]


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


@pytest.mark.parametrize("overflow", list(Overflow))
@pytest.mark.parametrize("seed", range(4))
async def test_sent_is_handled_refused_expired_dead_lettered_coalesced_or_waiting_always(
    lab: Lab, seed: int, overflow: Overflow
) -> None:
    class Narrow(Worker):
        mailbox = Mailbox(capacity=3, overflow=overflow, redeliver_max=seed % 3)

        async def handle_cast(self, message: object) -> None:
            await self.handle_call(message, None)  # type: ignore[arg-type]

    choose = random.Random(seed)
    messages = [("sleep", 0.3), ("sleep", 0.01), "hello", "hello", "crash", "keep"]
    sent = 0

    async def sender(tree: Tree) -> None:
        nonlocal sent
        for _ in range(30):
            await trio.sleep(choose.random() / 4)
            message, ref = choose.choice(messages), tree.ref("a")
            if not ref.is_alive():
                continue
            sent += 1
            if choose.random() < 0.5 and message != "keep":
                await ref.cast(message, timeout=0.2)
            else:
                try:
                    await ref.call(message, timeout=choose.choice([0.05, 0.5]))
                except SupervisionError:
                    continue

    narrow = Narrow.spec(id="a", backoff=EXACT)
    async with lab.open(lab.supervisor(narrow, max_restarts=1000)) as tree:
        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(sender, tree)
            for _ in range(40):
                await trio.sleep(choose.random() / 3)
                statistics(tree)  # which asserts that the counts add up
        counts = statistics(tree)
        assert counts.sent == sent
        assert counts.handled > 0
        assert counts.dead_lettered + counts.redelivered > 0
    assert statistics(tree).waiting == 0
