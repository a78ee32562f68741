"""A merchant's refunds: one of them, or a page."""

from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.ports.refunds import RefundsWanted
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.messages.refunds import RefundView, refund_view
from fluxiq.services.tenant import Tenant


async def show_refund(tenant: Tenant, merchant_id: str, refund_id: str) -> RefundView:
    """Raises Refused("refund_not_found"), also for a refund of another merchant."""
    refund = await tenant.refunds.find_refund(refund_id)
    if refund is None or refund.merchant_id != merchant_id:
        raise Refused("refund_not_found", f"no refund {refund_id}", field="refund_id")
    return refund_view(refund)


async def list_refunds(tenant: Tenant, wanted: RefundsWanted, page: Page) -> Listing[RefundView]:
    """Newest first."""
    refunds, total = await tenant.refunds.list_refunds(wanted, page)
    return listing([refund_view(refund) for refund in refunds], page, total)
