"""What merchants pay for receiving, as the institution's own people set it."""

from fluxiq.api.contract import Call, PathText, Rate, Routes
from fluxiq.services import set_fee as use
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.fees import InstitutionFeesView, SetFee

routes = Routes("/api/v1/institution/merchants", institution=True)


@routes.get(
    "/{merchant_id}/fees",
    permission="institution:read",
    rate=Rate.READ,
    reply=Data[InstitutionFeesView],
    refuses=("merchant_not_found",),
)
async def show_merchant_fees(call: Call, merchant_id: PathText) -> Data[InstitutionFeesView]:
    """What is kept of each payment that the merchant receives, and what was before."""
    return Data(await use.show_agreed(call.tenant, merchant_id))


@routes.put(
    "/{merchant_id}/fees",
    permission="institution:write",
    rate=Rate.WRITE,
    reply=Data[InstitutionFeesView],
    refuses=("merchant_not_found", "fee_changed"),
)
async def set_merchant_fee(
    call: Call, merchant_id: PathText, body: SetFee
) -> Data[InstitutionFeesView]:
    """Agree on another plan, from now on; the merchant is told. Twice is once."""
    return Data(await use.set_fee(call.tenant, call.actor, merchant_id, body))
