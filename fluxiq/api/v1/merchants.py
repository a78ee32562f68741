"""Merchants, as they see themselves."""

from fluxiq.api.contract import Call, PathText, Rate, Routes
from fluxiq.api.paging import PageAsked
from fluxiq.services import merchants as use
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.merchants import MerchantView

routes = Routes("/api/v1/merchants")


@routes.get(permission="merchants:read", rate=Rate.READ, reply=Listing[MerchantView])
async def list_merchants(call: Call, query: PageAsked) -> Listing[MerchantView]:
    """The merchants that the key may see: its own."""
    return await use.list_merchants(call.tenant, call.merchant_id, query.wanted)


@routes.get(
    "/{merchant_id}",
    permission="merchants:read",
    rate=Rate.READ,
    reply=Data[MerchantView],
    refuses=("merchant_not_found",),
)
async def show_merchant(call: Call, merchant_id: PathText) -> Data[MerchantView]:
    """One merchant."""
    return Data(await use.show_merchant(call.tenant, call.merchant_id, merchant_id))
