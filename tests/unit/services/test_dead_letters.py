"""Messages that workers fail at, end to end in memory: counted, dead, put back, thrown away."""

import msgspec
import pytest

from fluxiq.domain.dead_letter import DeadLetter, LetterState
from fluxiq.domain.records import InboxEntry, OutboxEntry, PayoutStage
from fluxiq.errors import SealBroken, Unavailable
from fluxiq.services.dead_letters import (
    message_id,
    note_failure,
    readable,
    reference_of,
    replay_all,
)
from fluxiq.services.sealed_messages import opened_entry
from tests.support.memory_world import MemoryWorld


async def fail(world: MemoryWorld, order: OutboxEntry, error: Exception | None = None) -> int:
    """How often it has failed by now."""
    noted = await note_failure(
        world.tenant,
        subject=order.subject,
        reference=reference_of(message_id(order)),
        body=order.body,
        error=error or KeyError("a bug"),
    )
    assert noted is not None
    return noted.failures


async def dead_order(world: MemoryWorld) -> DeadLetter:
    """Of a payout that is held."""
    await world.held()
    [owed] = [one for one in world.store.outbox.values() if ".pix.out" in one.entry.subject]
    while await fail(world, owed.entry) < world.tenant.settings.pix.failures_max:
        pass
    [letter] = world.dead_letters.by_id.values()
    return letter


async def test_a_letter_says_which_payment_how_often_and_why(world: MemoryWorld) -> None:
    letter = await dead_order(world)

    [payout] = world.store.payouts_by_id.values()
    assert (letter.work, letter.payment_id) == (payout.id, payout.end_to_end_id)
    assert letter.failures == world.tenant.settings.pix.failures_max
    assert letter.error.rstrip().endswith("KeyError: 'a bug'")
    assert msgspec.json.decode(letter.body)["end_to_end_id"] == payout.end_to_end_id


async def test_secrets_and_documents_do_not_get_into_a_letter(world: MemoryWorld) -> None:
    await world.held()
    [owed] = [one for one in world.store.outbox.values() if ".pix.out" in one.entry.subject]
    for _ in range(world.tenant.settings.pix.failures_max):
        await fail(world, owed.entry, ValueError("529.982.247-25 paid with sk_live_abc"))

    [letter] = world.dead_letters.by_id.values()
    assert "529.982.247-25" not in letter.error
    assert "sk_live_abc" not in letter.error


async def _notice(world: MemoryWorld) -> OutboxEntry:
    """Of money that arrived, on its way to the workers."""
    await world.receive(world.received(1_00))
    [owed] = [one for one in world.store.outbox.values() if ".pix.in" in one.entry.subject]
    return owed.entry


async def test_a_notice_that_was_sealed_is_read_for_the_letter(world: MemoryWorld) -> None:
    order = await _notice(world)
    while await fail(world, order) < world.tenant.settings.pix.failures_max:
        pass
    [letter] = world.dead_letters.by_id.values()
    [entry] = [one for one in world.store.inbox.values() if one.id == letter.work]
    assert letter.payment_id == entry.notice.end_to_end_id
    assert entry.notice.end_to_end_id.encode() not in letter.body
    said = readable(world.tenant, letter.subject, letter.reference, letter.body)
    assert msgspec.json.decode(said, type=InboxEntry) == entry


async def test_a_notice_whose_seal_is_broken_dies_as_any_other(world: MemoryWorld) -> None:
    order = await _notice(world)
    broken = msgspec.structs.replace(order, body=order.body[:-1] + b"x")
    with pytest.raises(SealBroken):
        opened_entry(world.tenant, broken.body, order.reference)
    error = SealBroken(f"outbox.body of {order.reference} does not open")
    while await fail(world, broken, error) < world.tenant.settings.pix.failures_max:
        pass
    [letter] = world.dead_letters.by_id.values()
    assert letter.payment_id is None, "nobody can read it"
    assert "does not open" in letter.error
    assert readable(world.tenant, broken.subject, broken.reference, broken.body) == b""


async def test_a_dead_order_is_not_announced_and_a_replayed_one_is_paid(
    world: MemoryWorld,
) -> None:
    letter = await dead_order(world)
    world.clock.pass_seconds(3600)
    await world.run_rooms()
    assert world.provider.sent == []

    assert await replay_all(world.tenant, [letter.id], "fixed") == [letter.id]
    await world.run_rooms()
    await world.receive(world.provider.settle(str(letter.payment_id)))
    await world.run_rooms()

    assert world.provider.sent == [letter.payment_id]
    [payout] = world.store.payouts_by_id.values()
    assert payout.stage is PayoutStage.CONFIRMED


async def test_a_replayed_order_that_has_ended_meanwhile_is_over_and_not_announced_for_ever(
    world: MemoryWorld,
) -> None:
    letter = await dead_order(world)
    await world.receive(world.provider.settle(str(letter.payment_id)))
    await world.run_rooms()

    await replay_all(world.tenant, [letter.id], "late")
    await world.run_rooms()

    assert world.provider.sent == []
    assert [one for one in world.store.outbox.values() if one.work == letter.work] == []


async def test_of_many_letters_those_are_replayed_that_still_wait(world: MemoryWorld) -> None:
    letter = await dead_order(world)
    await world.dead_letters.discard(letter.id, world.clock.now(), "no")

    assert await replay_all(world.tenant, [letter.id, 99], "all of them") == []
    assert world.dead_letters.by_id[letter.id].state is LetterState.DISCARDED


async def test_a_failure_that_cannot_be_written_down_is_told(world: MemoryWorld) -> None:
    await world.held()
    [owed] = [one for one in world.store.outbox.values() if ".pix.out" in one.entry.subject]
    world.faults.away.add("letters")

    with pytest.raises(Unavailable):
        await fail(world, owed.entry)
