"""A merchant's charges, page by page, without their pictures: those are drawn one at a time."""

from fluxiq.ports import Page
from fluxiq.ports.payments import ChargesWanted
from fluxiq.services.messages.charges import ChargeView, charge_view
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.tenant import Tenant


async def list_charges(
    tenant: Tenant, merchant_id: str, wanted: ChargesWanted, page: Page
) -> Listing[ChargeView]:
    """Newest first."""
    charges, total = await tenant.payments.list_charges(merchant_id, wanted, page)
    return listing([charge_view(charge) for charge in charges], page, total)
