"""A payout's two transactions and its hold, with a failure between any two calls.

What the caller of `open_payout` left behind is found by the sweep and finished exactly once.
"""

from collections import Counter
from typing import Final

import pytest

from fluxiq.domain.postings import payout_hold_id
from fluxiq.domain.records import PayoutStage
from fluxiq.errors import FluxiqError
from fluxiq.services.sweep import UNHELD_SECONDS, resume_unheld
from tests.support.interruption import interrupted
from tests.support.memory_world import ISPB, Crash, Fault, MemoryWorld

# The calls of one payout that change something, in order. The others only read.
INTENT: Final = "store.open_payouts"
HOLD: Final = "ledger.create_transfers"
SETTLE: Final = "store.settle_holds"

POINTS: Final = [
    pytest.param(call, fault, id=f"{fault.name.lower()}-at-{call}")
    for call in (INTENT, HOLD, SETTLE)
    for fault in Fault
]


def on_paper(call: str, fault: Fault) -> bool:
    return call != INTENT or fault in {Fault.CRASH_AFTER, Fault.ANSWER_LOST}


async def test_a_payout_makes_the_calls_that_the_crash_points_name(world: MemoryWorld) -> None:
    await world.pay(40_00)

    looking_up = {"store.list_accounts", "cache.get_many", "provider.look_up", "cache.put"}
    reading = {*looking_up, "limits.states"}
    assert [one for one in world.faults.calls if one not in reading] == [INTENT, HOLD, SETTLE]


@pytest.mark.parametrize(("call", "fault"), POINTS)
async def test_an_interrupted_payout_is_held_exactly_once_by_the_sweep(
    world: MemoryWorld, call: str, fault: Fault
) -> None:
    world.faults.at[call] = fault
    await interrupted(world.pay(40_00, under="order 1"))

    world.clock.pass_seconds(UNHELD_SECONDS + 1)
    for _ in range(3):
        await resume_unheld(world.tenant)

    payouts = list(world.store.payouts_by_id.values())
    assert len(payouts) == on_paper(call, fault)
    assert (await world.balance()).debits_pending == 40_00 * len(payouts)
    for payout in payouts:
        assert payout.stage is PayoutStage.HELD
        assert payout_hold_id(ISPB, payout.end_to_end_id) in world.ledger.cluster.transfers
        works = Counter(one.work for one in world.store.outbox.values())
        assert works[payout.id] == 1
    told = Counter(event.type for event in world.store.events)
    assert told["pix.payout.processing"] == len(payouts)


@pytest.mark.parametrize(("call", "fault"), POINTS)
async def test_the_caller_who_comes_back_gets_the_one_payout(
    world: MemoryWorld, call: str, fault: Fault
) -> None:
    world.faults.at[call] = fault
    await interrupted(world.pay(40_00, under="order 1"))

    world.clock.pass_seconds(UNHELD_SECONDS + 1)
    await resume_unheld(world.tenant)
    again = await world.pay(40_00, under="order 1")

    assert again.replayed is on_paper(call, fault)
    [payout] = world.store.payouts_by_id.values()
    assert await world.payout_of(again) == payout
    assert (await world.balance()).debits_pending == 40_00


@pytest.mark.parametrize(("call", "fault"), POINTS)
async def test_an_interrupted_payout_without_funds_is_refused_exactly_once_by_the_sweep(
    world: MemoryWorld, call: str, fault: Fault
) -> None:
    """Also when money came in meanwhile: a ledger that refused an id refuses it for ever."""
    world.faults.at[call] = fault
    await interrupted(world.pay(400_00, under="order 1"))

    world.clock.pass_seconds(UNHELD_SECONDS + 1)
    await resume_unheld(world.tenant)

    for payout in world.store.payouts_by_id.values():
        assert (payout.stage, payout.failure_code) == (PayoutStage.FAILED, "insufficient_funds")
    told = Counter(event.type for event in world.store.events)
    assert told["pix.payout.failed"] == len(world.store.payouts_by_id)
    assert (await world.balance()).debits_pending == 0


async def test_a_hold_that_the_ledger_refused_is_not_granted_to_the_sweep_by_later_money(
    world: MemoryWorld,
) -> None:
    world.faults.at[HOLD] = Fault.ANSWER_LOST
    with pytest.raises(FluxiqError):
        await world.pay(400_00)
    await world.fund(1_000_00)

    world.clock.pass_seconds(UNHELD_SECONDS + 1)
    await resume_unheld(world.tenant)

    [payout] = world.store.payouts_by_id.values()
    assert payout.stage is PayoutStage.FAILED
    assert (await world.balance()).available == 1_100_00


async def test_a_fresh_intent_is_left_to_its_caller(world: MemoryWorld) -> None:
    world.faults.at[HOLD] = Fault.REFUSED
    await interrupted(world.pay(40_00))

    world.clock.pass_seconds(UNHELD_SECONDS - 1)

    assert await resume_unheld(world.tenant) == 0


async def test_one_intent_without_funds_does_not_keep_the_sweep_from_the_next(
    world: MemoryWorld,
) -> None:
    for amount in (400_00, 40_00):
        world.faults.at[INTENT] = Fault.CRASH_AFTER
        with pytest.raises(Crash):
            await world.pay(amount)

    world.clock.pass_seconds(UNHELD_SECONDS + 1)
    assert await resume_unheld(world.tenant) == 2

    stages = sorted(one.stage for one in world.store.payouts_by_id.values())
    assert stages == [PayoutStage.FAILED, PayoutStage.HELD]
