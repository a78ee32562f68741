"""A payment's walk through the rooms."""

from fluxiq.api.contract import Call, PathText, Rate, Routes
from fluxiq.services import walk as use
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.walks import StepView

routes = Routes("/api/v1/pix/walks")


@routes.get(
    "/{end_to_end_id}",
    permission="pix:read",
    rate=Rate.READ,
    reply=Data[list[StepView]],
    refuses=("payment_not_found",),
)
async def show_walk(call: Call, end_to_end_id: PathText) -> Data[list[StepView]]:
    """Every room a payment was in, in order of entry."""
    return Data(await use.walk(call.tenant, call.merchant_id, end_to_end_id))
