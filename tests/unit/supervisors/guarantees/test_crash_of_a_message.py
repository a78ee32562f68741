"""Guarantees about the message in hand when its actor crashes: reported, and never lost."""

from typing import Any

import pytest
import trio

from supervisors import (
    Actor,
    Caller,
    ChildSpec,
    EventKind,
    Mailbox,
    ProcessDown,
    Restart,
)
from tests.unit.supervisors.actor_kit import (
    calling,
    diary,
    failure_of,
    statistics,
    worker,
)
from tests.unit.supervisors.supervision_kit import EXACT, CrashOnCommand, Lab, settle, states


class Poisoned(Actor):
    """Crashes at a message as often as it says, over all incarnations."""

    mailbox = Mailbox(redeliver_max=2)
    crashes: dict[str, int]
    seen: list[tuple[int, object]]

    async def handle_call(self, message: Any, caller: Caller) -> object:
        await self.handle_cast(message)
        return f"{message} at last"

    async def handle_cast(self, message: Any) -> None:
        self.seen.append((self.context.incarnation, message))
        if self.crashes.get(message, 0) > 0:
            self.crashes[message] -= 1
            raise CrashOnCommand(f"at {message}")


def poisoned(crashes: dict[str, int], **fields: Any) -> ChildSpec:
    Poisoned.crashes, Poisoned.seen = crashes, []
    return Poisoned.spec(**{"id": "a", "backoff": EXACT, **fields})


async def test_message_in_hand_at_a_crash_is_reported_and_by_default_dead_lettered(
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


async def test_message_in_hand_is_redelivered_at_most_so_many_times(lab: Lab) -> None:
    async with lab.open(lab.supervisor(poisoned({"poison": 100}))) as tree:
        tree.ref("a").cast_nowait("poison")
        await settle(60)
        assert Poisoned.seen == [(1, "poison"), (2, "poison"), (3, "poison")]
        counts = statistics(tree)
        assert (counts.redelivered, counts.dead_lettered, counts.waiting) == (2, 1, 0)
        assert states(tree) == {"a": "running"}
    assert [event.reason for event in lab.told(EventKind.REDELIVERED)] == ["str", "str"]
    [dead] = lab.told(EventKind.DEAD_LETTERS)
    assert dead.reason == "1 in hand (str): crashed: CrashOnCommand: at poison"


async def test_redelivered_message_comes_before_newer_mail(lab: Lab) -> None:
    class Early(Poisoned):
        async def init(self, context: object) -> None:
            if self.context.incarnation > 1:
                await trio.sleep(1)  # mail arrives before the actor is ready

    Poisoned.crashes, Poisoned.seen = {"poison": 1}, []
    async with lab.open(lab.supervisor(Early.spec(id="a", backoff=EXACT))) as tree:
        tree.ref("a").cast_nowait("poison")
        await settle(1.5)
        assert tree.ref("a").cast_nowait("newer")
        await settle(2)
    assert Poisoned.seen == [(1, "poison"), (2, "poison"), (2, "newer")]


async def test_caller_of_a_redelivered_message_waits_on_and_gets_its_answer(lab: Lab) -> None:
    async with lab.open(lab.supervisor(poisoned({"poison": 1}))) as tree:
        assert await tree.ref("a").call("poison", timeout=10) == "poison at last"
        assert lab.now() == 1
        counts = statistics(tree)
        assert (counts.sent, counts.handled, counts.redelivered) == (1, 1, 1)


async def test_message_whose_caller_no_longer_waits_is_not_redelivered(lab: Lab) -> None:
    class Slow(Poisoned):
        async def handle_cast(self, message: Any) -> None:
            await trio.sleep(3)
            await super().handle_cast(message)

    Poisoned.crashes, Poisoned.seen = {"poison": 1}, []
    async with lab.open(lab.supervisor(Slow.spec(id="a", backoff=EXACT))) as tree:
        with trio.move_on_after(1):
            await tree.ref("a").call("poison", timeout=10)
        await settle(10)
        assert Poisoned.seen == [(1, "poison")]
        assert statistics(tree).dead_lettered == 1


@pytest.mark.parametrize("restart", [Restart.TEMPORARY, Restart.PERMANENT])
async def test_message_kept_for_an_incarnation_that_never_comes_is_dead_lettered_and_told(
    lab: Lab, restart: Restart
) -> None:
    async with lab.open(lab.supervisor(poisoned({"poison": 1}, restart=restart))) as tree:
        downs: list[BaseException] = []

        async def call() -> None:
            downs.append(await failure_of(calling(tree.ref("a"), "poison")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            await settle(0.5)
            if restart is Restart.PERMANENT:
                await tree.stop_child("root/a")
        [down] = downs
        assert isinstance(down, ProcessDown)
        assert down.in_hand
        assert statistics(tree).dead_lettered == 1
    assert len(lab.told(EventKind.DEAD_LETTERS)) == 1


async def test_report_of_a_dead_letter_names_its_type_and_not_its_content(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        tree.ref("a").cast_nowait("crash")
        await failure_of(calling(tree.ref("a"), "crash"))
        await settle()
        assert lab.told(EventKind.DEAD_LETTERS)
        for event in lab.told(EventKind.DEAD_LETTERS):
            assert "(str)" in event.reason
            assert "'crash'" not in event.reason


async def test_cancelled_caller_never_cancels_the_message_in_hand(lab: Lab) -> None:
    async with lab.open(lab.supervisor(worker("a"))) as tree:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(calling(tree.ref("a"), ("sleep", 5)))
            nursery.start_soon(calling(tree.ref("a"), "behind it"))
            await settle(1)
            nursery.cancel_scope.cancel()
        await trio.sleep(10)
        seen = await tree.ref("a").call("seen", timeout=1)
        assert seen == [("sleep", 5), "behind it", "seen"] or seen[0] == "behind it"
        assert {"behind it", ("sleep", 5)} <= set(seen)
        assert statistics(tree, "root/a").late_replies >= 1
