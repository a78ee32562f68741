"""A merchant looks itself up. Nobody sees another one: an institution's own people come later."""

from fluxiq.domain.records import Merchant
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.messages.merchants import MerchantView, merchant_view
from fluxiq.services.tenant import Tenant


async def list_merchants(tenant: Tenant, merchant_id: str, page: Page) -> Listing[MerchantView]:
    own = [merchant_view(await own_merchant(tenant, merchant_id, merchant_id))]
    first = (page.number - 1) * page.size
    return listing(own[first : first + page.size], page, len(own))


async def show_merchant(tenant: Tenant, caller_id: str, merchant_id: str) -> MerchantView:
    return merchant_view(await own_merchant(tenant, caller_id, merchant_id))


async def own_merchant(tenant: Tenant, caller_id: str, merchant_id: str) -> Merchant:
    """Raises Refused("merchant_not_found"), also for another merchant."""
    require_own(caller_id, merchant_id)
    merchant = await tenant.store.find_merchant(merchant_id)
    assert merchant is not None, f"an API key belongs to {merchant_id}, which does not exist"
    return merchant


def require_own(caller_id: str, merchant_id: str) -> None:
    """Raises Refused("merchant_not_found")."""
    if merchant_id != caller_id:
        raise Refused("merchant_not_found", f"no merchant {merchant_id}", field="merchant_id")
