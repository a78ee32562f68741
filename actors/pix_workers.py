"""The PIX workers of an institution: receipts, orders and outcomes, partitioned.

They hold nothing: a batch comes from the bus, a use case does it, the batch is acknowledged. A
crash between the last two lines does the batch again, and doing it twice is doing it once.
"""

from collections.abc import Sequence

import msgspec

from actors.branch import Branch
from actors.consumer import Handle, consume
from actors.ledger_writer import LANE
from actors.queues import Queue, consumer_name
from fluxiq.bus import Delivery
from fluxiq.domain.records import InboxEntry
from fluxiq.errors import Unavailable
from fluxiq.services.dispatch_payouts import dispatch_payouts
from fluxiq.services.open_payout import Order
from fluxiq.services.settle_outcomes import settle_notices
from fluxiq.services.settle_receipts import settle_receipts
from supervisors import ChildSpec, Context

WORKFLOW_SECONDS_MAX = 15.0  # a batch under way may wait for a provider's answer

_decode_entry = msgspec.json.Decoder(InboxEntry).decode
_decode_order = msgspec.json.Decoder(Order).decode


def receipt_worker(branch: Branch, partition: int) -> ChildSpec:
    """PIX in: money received is studied, credited and archived."""

    async def handle(deliveries: Sequence[Delivery]) -> None:
        receipts = await settle_receipts(branch.tenant.get(), _entries(deliveries))
        for receipt in receipts:
            branch.metrics.observe_pix(branch.ispb, "in", receipt.reason, receipt.amount)

    return _worker(branch, Queue.RECEIPTS, partition, handle)


def outcome_worker(branch: Branch, partition: int) -> ChildSpec:
    """PIX out: what the provider said of a payout is posted or voided, and archived."""

    async def handle(deliveries: Sequence[Delivery]) -> None:
        outcomes = await settle_notices(branch.tenant.get(), _entries(deliveries))
        for outcome in outcomes:
            branch.metrics.observe_pix(branch.ispb, "out", outcome.stage, outcome.payout.amount)

    return _worker(branch, Queue.OUTCOMES, partition, handle)


def order_worker(branch: Branch, partition: int) -> ChildSpec:
    """PIX out: held payouts leave for the provider; who may have left before is asked about."""

    async def handle(deliveries: Sequence[Delivery]) -> None:
        for again in (False, True):
            orders = [
                _decode_order(one.body).end_to_end_id
                for one in deliveries
                if (one.num_delivered > 1) is again
            ]
            if orders:
                await _dispatch(branch, orders, redelivered=again)

    return _worker(branch, Queue.ORDERS, partition, handle)


async def _dispatch(branch: Branch, orders: Sequence[str], *, redelivered: bool) -> None:
    left = await dispatch_payouts(branch.tenant.get(), orders, redelivered=redelivered)
    if left:
        raise Unavailable("provider", f"{left} payment orders could not leave")


def _entries(deliveries: Sequence[Delivery]) -> list[InboxEntry]:
    return [_decode_entry(delivery.body) for delivery in deliveries]


def _worker(branch: Branch, queue: Queue, partition: int, handle: Handle) -> ChildSpec:
    consumer = consumer_name(branch.ispb, queue, partition)

    async def start(context: Context) -> None:
        context.report(queue=str(queue), partition=partition)
        LANE.set(consumer)
        await consume(context, branch.links.get().bus, consumer, handle)

    return ChildSpec(
        id=f"{queue.name.lower()}_{partition}", start=start, shutdown=WORKFLOW_SECONDS_MAX
    )
