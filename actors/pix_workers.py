"""The PIX workers of an institution: receipts, orders and outcomes, partitioned.

They hold nothing: a batch comes from the bus, a use case does it, the batch is acknowledged. A
crash between the last two lines does the batch again, and doing it twice is doing it once. Those
that wait for a provider do so in lanes, one for each account, so that a slow one stalls nobody.
"""

from collections.abc import Callable, Sequence

import msgspec

from actors.branch import Branch
from actors.consumer import Duty, Handle, consume
from actors.dead_letters import failing
from actors.lanes import LaneOf, consume_in_lanes
from actors.ledger_writer import LANE
from actors.queues import Queue, consumer_name
from fluxiq.bus import Delivery
from fluxiq.domain.records import InboxEntry, NoticeKind
from fluxiq.errors import SealBroken, Unavailable
from fluxiq.services.dead_letters import reference_of
from fluxiq.services.dispatch_orders import dispatch_orders
from fluxiq.services.hold_payouts import Order
from fluxiq.services.hold_refund import RefundOrder
from fluxiq.services.orders import O, OrderKind
from fluxiq.services.sealed_messages import opened_entry
from fluxiq.services.settle_ends import settle_ends
from fluxiq.services.settle_outcomes import PAYOUTS
from fluxiq.services.settle_receipts import settle_receipts
from fluxiq.services.settle_refunds import REFUNDS
from supervisors import ChildSpec, Context

WORKFLOW_SECONDS_MAX = 15.0  # a batch under way may wait for a provider's answer

# Lanes of what needs none of its own.
_DECIDED = "decided"
_UNREADABLE = "unreadable"
_BY_THEMSELVES = frozenset(
    {NoticeKind.REJECTED, NoticeKind.INFRACTION, NoticeKind.INFRACTION_WITHDRAWN}
)

_decode_order = msgspec.json.Decoder(Order).decode
_decode_refund = msgspec.json.Decoder(RefundOrder).decode


def receipt_worker(branch: Branch, partition: int) -> ChildSpec:
    """PIX in: money received is studied, credited and archived."""

    async def handle(deliveries: Sequence[Delivery]) -> None:
        receipts = await settle_receipts(branch.tenant.get(), _entries(branch, deliveries))
        for receipt in receipts:
            branch.metrics.observe_pix(branch.ispb, "in", receipt.reason, receipt.amount)

    return _worker(branch, Queue.RECEIPTS, partition, handle)


def outcome_worker(branch: Branch, partition: int) -> ChildSpec:
    """PIX out: what the provider said of a payout or refund is posted or voided, and archived; what
    it brings of reported fraud is blocked.
    """

    async def handle(deliveries: Sequence[Delivery]) -> None:
        ends = await settle_ends(branch.tenant.get(), _entries(branch, deliveries))
        for payout in ends.payouts:
            branch.metrics.observe_pix(branch.ispb, "out", payout.stage, payout.amount)
        for refund in ends.refunds:
            branch.metrics.observe_pix(branch.ispb, "refund", refund.stage, refund.amount)
        for one in ends.returns:
            branch.metrics.observe_pix(branch.ispb, "return", "returned", one.amount)

    lanes = _by(lambda delivery: _outcome_lane(_entry(branch, delivery)))
    return _worker(branch, Queue.OUTCOMES, partition, handle, lanes)


def order_worker(branch: Branch, partition: int) -> ChildSpec:
    """PIX out: held payouts leave for the provider; who may have left before is asked about."""
    handle = _dispatching(branch, PAYOUTS, lambda body: _decode_order(body).end_to_end_id)
    lanes = _by(lambda delivery: _decode_order(delivery.body).account_id)
    return _worker(branch, Queue.ORDERS, partition, handle, lanes)


def refund_worker(branch: Branch, partition: int) -> ChildSpec:
    """PIX out: held refunds leave, as payouts do."""
    handle = _dispatching(branch, REFUNDS, lambda body: _decode_refund(body).return_id)
    lanes = _by(lambda delivery: _decode_refund(delivery.body).account_id)
    return _worker(branch, Queue.REFUNDS, partition, handle, lanes)


def _dispatching(branch: Branch, kind: OrderKind[O], id_in: Callable[[bytes], str]) -> Handle:
    async def handle(deliveries: Sequence[Delivery]) -> None:
        for again in (False, True):
            ids = [id_in(one.body) for one in deliveries if (one.num_delivered > 1) is again]
            if ids:
                await dispatch(ids, redelivered=again)

    async def dispatch(ids: Sequence[str], *, redelivered: bool) -> None:
        left = await dispatch_orders(branch.tenant.get(), kind, ids, redelivered=redelivered)
        if left:
            raise Unavailable("provider", f"{left} payment orders could not leave")

    return handle


def _by(key: Callable[[Delivery], str]) -> LaneOf:
    """Lanes by what is in a message; those that cannot be read share one."""

    def lane_of(delivery: Delivery) -> str:
        try:
            return key(delivery)
        except (msgspec.DecodeError, SealBroken):
            return _UNREADABLE

    return lane_of


def _outcome_lane(entry: InboxEntry) -> str:
    """The provider is asked about what it is said to have rejected, and a report of fraud contends
    for a balance: each of those by itself.
    """
    notice = entry.notice
    return notice.end_to_end_id if notice.kind in _BY_THEMSELVES else _DECIDED


def _entries(branch: Branch, deliveries: Sequence[Delivery]) -> list[InboxEntry]:
    return [_entry(branch, delivery) for delivery in deliveries]


def _entry(branch: Branch, delivery: Delivery) -> InboxEntry:
    return opened_entry(branch.tenant.get(), delivery.body, reference_of(delivery.message_id))


def _worker(
    branch: Branch, queue: Queue, partition: int, handle: Handle, lanes: LaneOf | None = None
) -> ChildSpec:
    consumer = consumer_name(branch.ispb, queue, partition)
    duty = Duty(handle=handle, failed=failing(branch, queue))

    async def start(context: Context) -> None:
        context.report(queue=str(queue), partition=partition)
        LANE.set(consumer)
        bus = branch.links.get().bus
        if lanes is None:
            await consume(context, bus, consumer, duty)
        else:
            await consume_in_lanes(context, bus, consumer, duty, lanes)

    return ChildSpec(
        id=f"{queue.name.lower()}_{partition}", start=start, shutdown=WORKFLOW_SECONDS_MAX
    )
