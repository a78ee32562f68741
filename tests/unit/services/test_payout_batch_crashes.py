"""The opening of a released batch, with a failure between any two of its calls.

What an attempt left behind the next one finds: each line is paid once, and the batch comes to its
end.
"""

from contextlib import suppress
from typing import Final

import msgspec
import pytest
import trio

from fluxiq.domain.payout_batch import BatchStatus
from fluxiq.errors import FluxiqError
from fluxiq.services.decide_payout_batch import release_batch
from fluxiq.services.messages.released_batches import (
    BatchLineSaid,
    BatchRecipientSaid,
    WritePayoutBatch,
)
from fluxiq.services.open_batch_lines import LINES_AT_ONCE, open_batch_lines
from fluxiq.services.sweep import resume_unheld
from fluxiq.services.write_payout_batch import write_payout_batch
from tests.support.memory_world import KEY, Crash, Fault, MemoryWorld

LINES: Final = LINES_AT_ONCE + 10  # two rounds
AMOUNT: Final = 1_00
TOTAL: Final = LINES * AMOUNT
FUNDS: Final = 100_00  # of the world

# The calls of one round that change something, in order.
CALLS: Final = ("store.open_payouts", "ledger.create_transfers", "store.settle_holds")
NOTE, END = "batches.note", "batches.move"


async def released(world: MemoryWorld) -> str:
    said = BatchLineSaid(amount=AMOUNT, recipient=BatchRecipientSaid(pix_key=KEY))
    answer = await write_payout_batch(
        world.tenant,
        world.merchant_id,
        "usr_maker",
        WritePayoutBatch(name="suppliers", lines=(said,) * LINES),
        None,
    )
    batch_id: str = msgspec.json.decode(answer.body)["data"]["id"]
    await release_batch(world.tenant, world.merchant_id, "usr_checker", batch_id)
    world.faults.calls.clear()
    return batch_id


async def each_line_is_paid_once(world: MemoryWorld, batch_id: str) -> None:
    payouts = world.store.payouts_by_id
    lines = await world.payout_batches.lines(batch_id)
    assert len({one.payout_id for one in lines} - {None}) == LINES
    assert len(payouts) == LINES
    balance = await world.balance()
    assert (balance.available, balance.debits_pending) == (FUNDS - TOTAL, TOTAL)
    assert world.payout_batches.rows[batch_id].status is BatchStatus.RELEASED


async def test_a_round_makes_the_calls_that_the_crash_points_name(world: MemoryWorld) -> None:
    await open_batch_lines(world.tenant, await released(world))

    changing = [one for one in world.faults.calls if one in {*CALLS, NOTE, END}]
    assert changing == [*CALLS, NOTE] * 2 + [END]


@pytest.mark.parametrize("fault", list(Fault), ids=lambda one: one.name.lower())
@pytest.mark.parametrize("number", range(9))
async def test_an_interrupted_release_pays_each_line_once(
    world: MemoryWorld, number: int, fault: Fault
) -> None:
    """`number`: of the calls that change something."""
    batch_id = await released(world)
    world.faults.plan = await _plan(number, fault)
    with suppress(FluxiqError, Crash):
        await open_batch_lines(world.tenant, batch_id)
    assert not world.faults.plan, "the fault was met"

    world.clock.pass_seconds(60)
    await open_batch_lines(world.tenant, batch_id)
    while await resume_unheld(world.tenant):
        world.clock.pass_seconds(60)
    await open_batch_lines(world.tenant, batch_id)
    await each_line_is_paid_once(world, batch_id)


async def test_two_workers_at_once_pay_each_line_once(world: MemoryWorld) -> None:
    """The lease of the first was lost while it was at work."""
    batch_id = await released(world)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(open_batch_lines, world.tenant, batch_id)
        nursery.start_soon(open_batch_lines, world.tenant, batch_id)

    assert world.faults.calls.count("store.open_payouts") > 2, "both were at work"
    await each_line_is_paid_once(world, batch_id)


async def _plan(number: int, fault: Fault) -> list[Fault | None]:
    """`fault` at the changing call `number`, wherever that is among all calls."""
    other = await MemoryWorld().open()
    await other.fund(FUNDS)
    other.faults.calls.clear()
    await open_batch_lines(other.tenant, await released(other))
    changing = [place for place, one in enumerate(other.faults.calls) if one in {*CALLS, NOTE, END}]
    return [*[None] * changing[number], fault]
