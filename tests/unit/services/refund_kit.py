"""A merchant's refunds in a memory world."""

from typing import Any

import msgspec

from fluxiq.domain.records import Balance, Charge, Refund
from fluxiq.domain.refund_postings import limit_account_id
from fluxiq.ports import Idempotency
from fluxiq.services.messages.charges import OpenCharge
from fluxiq.services.messages.envelope import Answer, digest_of
from fluxiq.services.messages.refunds import OpenRefund
from fluxiq.services.open_charge import open_charge
from fluxiq.services.open_refund import open_refund
from tests.support.memory_world import ISPB, MemoryWorld


async def received(world: MemoryWorld, amount: int = 100_00) -> str:
    """The end-to-end id of money that came in for no charge."""
    notice = world.received(amount)
    await world.receive(notice)
    await world.run_rooms()
    return notice.end_to_end_id


async def paid_charge(world: MemoryWorld, amount: int = 100_00) -> Charge:
    """A charge that was paid."""
    answer = await open_charge(world.tenant, world.merchant_id, OpenCharge(amount=amount), None)
    charge = world.store.charges[msgspec.json.decode(answer.body)["data"]["id"]]
    await world.receive(world.received(amount, txid=charge.txid))
    await world.run_rooms()
    return world.store.charges[charge.id]


async def refund(
    world: MemoryWorld, *, under: str = "refund 1", by: str = "", **said: Any
) -> Answer:
    """`said` is the request's; `by` another merchant."""
    request = OpenRefund(**said)
    return await open_refund(
        world.tenant,
        by or world.merchant_id,
        request,
        Idempotency(key=under, digest=digest_of(request)),
        world.clock.now(),
    )


def refund_of(world: MemoryWorld, answer: Answer) -> Refund:
    """The refund as it is on record now."""
    return world.refunds.by_id[msgspec.json.decode(answer.body)["data"]["id"]]


async def limit_of(world: MemoryWorld, end_to_end_id: str) -> Balance:
    account_id = limit_account_id(ISPB, end_to_end_id)
    return (await world.ledger.balances([account_id]))[account_id]
