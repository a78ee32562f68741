"""How refunds leave and end: as every order does, and their merchants are told."""

from collections.abc import Sequence

from fluxiq.domain import med_postings, refund_postings
from fluxiq.domain.payout import PayoutEvent
from fluxiq.domain.records import InboxEntry, PayoutStage, Refund, Transfer
from fluxiq.ports.refunds import RefundEnded
from fluxiq.services.block_report import note_rejected_return
from fluxiq.services.dispatch_orders import dispatch_orders, enquire_orders
from fluxiq.services.hold_refund import refund_draft, refund_event
from fluxiq.services.orders import Judged, OrderKind
from fluxiq.services.settle_orders import settle_order_notices
from fluxiq.services.tenant import Tenant


async def dispatch_refunds(tenant: Tenant, return_ids: Sequence[str], *, redelivered: bool) -> int:
    """See `dispatch_orders`."""
    return await dispatch_orders(tenant, REFUNDS, return_ids, redelivered=redelivered)


async def enquire_refunds(tenant: Tenant, limit: int) -> int:
    """See `enquire_orders`."""
    return await enquire_orders(tenant, REFUNDS, limit)


async def settle_refund_notices(tenant: Tenant, entries: Sequence[InboxEntry]) -> list[Refund]:
    """The refunds that these notices ended. Raises Unavailable or Unknown: they come again."""
    return await settle_order_notices(tenant, REFUNDS, entries)


def _resolve(tenant: Tenant, refund: Refund, event: PayoutEvent) -> Sequence[Transfer]:
    """What comes back of a fraud report's return is blocked in the same chain."""
    ispb, ledger = tenant.ispb, tenant.institution.ledger
    if event is PayoutEvent.CONFIRMED:
        return refund_postings.refund_post(ispb, ledger, refund)
    if refund.med_report_id is None:
        return refund_postings.refund_void(ispb, ledger, refund)
    return med_postings.med_return_rejected(ispb, ledger, refund)


async def _archive(tenant: Tenant, judged: Sequence[Judged[Refund]]) -> Sequence[str]:
    owed = await tenant.refunds.archive_ends([_line(tenant, one) for one in judged])
    for one in judged:
        if one.ended is not None and one.ended.stage is PayoutStage.FAILED:
            await note_rejected_return(tenant, one.ended)
    return owed.endpoint_ids


def _line(tenant: Tenant, judged: Judged[Refund]) -> RefundEnded:
    event = None
    if judged.ended is not None:
        kind = "completed" if judged.ended.stage is PayoutStage.CONFIRMED else "failed"
        event = refund_event(tenant, judged.ended, f"pix.refund.{kind}")
    return RefundEnded(
        inbox_id=judged.verdict.inbox_id,
        refund=judged.ended,
        event=event,
        steps=judged.steps,
        note=judged.note,
    )


REFUNDS: OrderKind[Refund] = OrderKind(
    find=lambda tenant, ids: tenant.refunds.refunds(ids),
    unanswered=lambda tenant, before, limit: tenant.refunds.unanswered_refunds(before, limit),
    draft=refund_draft,
    send=lambda tenant, refund: tenant.provider.send_refund(refund),
    mark_sent=lambda tenant, refunds, steps: tenant.refunds.mark_sent(refunds, steps),
    resolve=_resolve,
    archive=_archive,
)
