"""Messages that workers fail at, end to end in memory: counted, dead, put back, thrown away."""

import msgspec
import pytest

from fluxiq.domain.dead_letter import DeadLetter, LetterState
from fluxiq.domain.records import OutboxEntry, PayoutStage
from fluxiq.errors import Unavailable
from fluxiq.services.dead_letters import message_id, note_failure, reference_of, replay_all
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
