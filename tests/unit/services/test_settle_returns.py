"""Payouts that come back: credited and counted once, in whole or in parts."""

import pytest

from fluxiq.domain.records import Notice, Payout, PayoutStage
from fluxiq.ports import OrderAnswer
from tests.support.memory_world import Crash, Fault, MemoryWorld

FIRST = "D00000000202611221200abcDEF12345"
SECOND = "D00000000202611221201abcDEF12345"


async def confirmed(world: MemoryWorld, amount: int = 40_00) -> Payout:
    payout = await world.held(amount)
    await world.run_rooms()
    await world.receive(world.provider.settle(payout.end_to_end_id))
    await world.run_rooms()
    return world.now_of(payout)


def returned(
    world: MemoryWorld, payout: Payout, amount: int, return_id: str = FIRST, **said: str
) -> Notice:
    end_to_end_id = said.get("end_to_end_id", payout.end_to_end_id)
    return world.provider.returned(end_to_end_id, amount, return_id)


async def tell(world: MemoryWorld, *notices: Notice) -> None:
    await world.receive(*notices)
    await world.run_rooms()


def events(world: MemoryWorld) -> list[tuple[str, int]]:
    return [
        (one.data.status, one.data.returned_amount)
        for one in world.store.events
        if one.type == "pix.payout.returned"
    ]


async def test_a_payout_that_comes_back_whole_is_returned_and_credited(world: MemoryWorld) -> None:
    payout = await confirmed(world)

    await tell(world, returned(world, payout, 40_00))

    assert world.now_of(payout).stage is PayoutStage.RETURNED
    balance = await world.balance()
    assert (balance.available, balance.credits_posted) == (100_00, 140_00)
    assert events(world) == [("returned", 40_00)]
    assert world.refunds.returns[FIRST].reason_code == "MD06"
    assert len(world.store.inbox_done) == len(world.store.inbox)


async def test_parts_are_counted_and_the_last_one_makes_it_returned(world: MemoryWorld) -> None:
    payout = await confirmed(world)

    await tell(world, returned(world, payout, 15_00))
    assert world.now_of(payout).stage is PayoutStage.CONFIRMED
    await tell(world, returned(world, payout, 25_00, SECOND))

    assert world.now_of(payout).stage is PayoutStage.RETURNED
    assert events(world) == [("confirmed", 15_00), ("returned", 40_00)]


async def test_parts_told_in_one_batch_see_each_other(world: MemoryWorld) -> None:
    payout = await confirmed(world)

    await tell(
        world,
        returned(world, payout, 15_00),
        returned(world, payout, 15_00),  # the same return, said as news
        returned(world, payout, 25_00, SECOND),
        returned(world, payout, 1, "D00000000202611221202abcDEF12345"),
    )

    assert world.now_of(payout).returned_amount == 40_00
    assert (await world.balance()).available == 100_00
    assert world.store.notes == ["returned_before", "returned_more_than_was_paid"]


async def test_a_return_said_twice_credits_once(world: MemoryWorld) -> None:
    payout = await confirmed(world)

    for _ in range(3):
        await tell(world, returned(world, payout, 15_00))

    assert world.now_of(payout).returned_amount == 15_00
    assert (await world.balance()).available == 75_00
    assert len(events(world)) == 1


@pytest.mark.parametrize("fault", [Fault.CRASH_AFTER, Fault.CRASH_BEFORE])
@pytest.mark.parametrize("call", ["ledger.create_transfers", "refunds.archive_returns"])
async def test_a_return_that_was_interrupted_credits_once(
    world: MemoryWorld, call: str, fault: Fault
) -> None:
    payout = await confirmed(world)
    world.faults.at[call] = fault
    with pytest.raises(Crash):
        await tell(world, returned(world, payout, 40_00))

    world.clock.pass_seconds(11)
    await world.run_rooms()

    assert world.now_of(payout).stage is PayoutStage.RETURNED
    assert (await world.balance()).available == 100_00
    assert len(events(world)) == 1


async def test_a_return_that_overtook_the_confirmation_comes_after_it(world: MemoryWorld) -> None:
    payout = await world.held()
    await world.run_rooms()
    world.provider.orders[payout.end_to_end_id] = OrderAnswer(state="settled")

    await tell(world, returned(world, payout, 40_00))

    assert world.now_of(payout).stage is PayoutStage.RETURNED
    kinds = [one.type for one in world.store.events if one.type.startswith("pix.payout")]
    assert kinds == ["pix.payout.processing", "pix.payout.confirmed", "pix.payout.returned"]


async def test_what_contradicts_our_records_credits_nobody_and_leaves_a_note(
    world: MemoryWorld,
) -> None:
    payout = await world.held()
    await world.run_rooms()
    await tell(world, world.provider.reject(payout.end_to_end_id))

    await tell(world, returned(world, payout, 40_00))
    stray = "E12345678202611221200abcDEF12345"
    await tell(world, returned(world, payout, 40_00, SECOND, end_to_end_id=stray))

    assert world.store.notes == ["returned_after_failed", "unknown_end_to_end_id"]
    assert (await world.balance()).available == 100_00
    assert events(world) == []
    assert len(world.store.inbox_done) == len(world.store.inbox)
