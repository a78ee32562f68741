"""Who paid a merchant."""

from fluxiq.api.contract import Call, Rate, Routes
from fluxiq.api.paging import PageAsked
from fluxiq.services import list_payers as use
from fluxiq.services.messages.envelope import Listing
from fluxiq.services.messages.payers import PayerView

routes = Routes("/api/v1/payers")


@routes.get(permission="pix:read", rate=Rate.READ, reply=Listing[PayerView])
async def list_payers(call: Call, query: PageAsked) -> Listing[PayerView]:
    """By document, which is masked: how often and how much each has paid, the last to pay first."""
    return await use.list_payers(call.tenant, call.merchant_id, query.wanted)
