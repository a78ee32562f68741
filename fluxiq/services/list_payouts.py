"""A merchant's payouts, page by page."""

from fluxiq.ports import Page
from fluxiq.ports.payments import PayoutsWanted
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.messages.payouts import PayoutView, payout_view
from fluxiq.services.tenant import Tenant


async def list_payouts(
    tenant: Tenant, merchant_id: str, wanted: PayoutsWanted, page: Page
) -> Listing[PayoutView]:
    """Newest first."""
    payouts, total = await tenant.payments.list_payouts(merchant_id, wanted, page)
    return listing([payout_view(payout) for payout in payouts], page, total)
