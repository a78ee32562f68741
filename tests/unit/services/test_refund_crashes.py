"""A refund's intent, its limit, its holds, with a failure between any two calls.

What the caller of `open_refund` left behind is found by the sweep and finished exactly once.
"""

from collections import Counter
from typing import Final

import pytest

from fluxiq.domain.records import PayoutStage
from fluxiq.domain.refund_postings import refund_hold_id, refund_limit_hold_id
from fluxiq.services.sweep import UNHELD_SECONDS, resume_unheld
from tests.support.interruption import interrupted
from tests.support.memory_world import ISPB, Fault, MemoryWorld
from tests.unit.services.refund_kit import limit_of, received, refund, refund_of

# The calls of one first refund that change something, in order; the ledger's are the credit of the
# limit and the holds. The others only read.
CALLS: Final = [
    "refunds.open_refund",
    "ledger.create_accounts",
    "ledger.create_transfers",
    "ledger.create_transfers",
    "refunds.settle_hold",
]
READING: Final = {
    "refunds.find_receipt",
    "store.list_accounts",
    "store.find_account",
    "ledger.balances",
}


def fail_at(world: MemoryWorld, place: int, fault: Fault, calls: list[str]) -> None:
    """Let `fault` happen to call number `place` of `CALLS`."""
    indices = [index for index, call in enumerate(calls) if call not in READING]
    world.faults.plan = [None] * indices[place] + [fault]


@pytest.fixture
async def calls() -> list[str]:
    """Every call of a refund that nothing disturbs."""
    world = await MemoryWorld().open()
    end_to_end_id = await received(world)
    world.faults.calls.clear()
    await refund(world, end_to_end_id=end_to_end_id, amount=40_00)
    return world.faults.calls


async def test_a_first_refund_makes_the_calls_that_the_crash_points_name(calls: list[str]) -> None:
    assert [call for call in calls if call not in READING] == CALLS


async def test_a_second_refund_finds_its_limit_credited(world: MemoryWorld) -> None:
    end_to_end_id = await received(world)
    await refund(world, end_to_end_id=end_to_end_id, amount=1)
    world.faults.calls.clear()

    await refund(world, under="refund 2", end_to_end_id=end_to_end_id, amount=1)

    assert [call for call in world.faults.calls if call not in READING] == [
        CALLS[0],
        CALLS[3],
        CALLS[4],
    ]


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name.lower())
@pytest.mark.parametrize("place", range(len(CALLS)))
async def test_an_interrupted_refund_is_held_exactly_once_and_its_caller_gets_it(
    calls: list[str], place: int, fault: Fault
) -> None:
    world = await MemoryWorld().open()
    end_to_end_id = await received(world)
    fail_at(world, place, fault, calls)
    await interrupted(refund(world, end_to_end_id=end_to_end_id, amount=40_00))

    world.clock.pass_seconds(UNHELD_SECONDS + 1)
    for _ in range(3):
        await resume_unheld(world.tenant)
    again = await refund(world, end_to_end_id=end_to_end_id, amount=40_00)

    on_paper = place > 0 or fault in {Fault.CRASH_AFTER, Fault.ANSWER_LOST}
    assert again.replayed is on_paper
    [made] = world.refunds.by_id.values()
    assert refund_of(world, again) == made
    assert made.stage is PayoutStage.HELD
    assert (await world.balance()).debits_pending == 40_00
    limit = await limit_of(world, end_to_end_id)
    assert (limit.credits_posted, limit.debits_pending) == (100_00, 40_00)
    transfers = world.ledger.cluster.transfers
    assert refund_hold_id(ISPB, made.return_id) in transfers
    assert refund_limit_hold_id(ISPB, made.return_id) in transfers
    assert Counter(one.work for one in world.store.outbox.values())[made.id] == 1
    assert Counter(one.type for one in world.store.events)["pix.refund.requested"] == 1
