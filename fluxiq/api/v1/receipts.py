"""PIX in: what was received, whether or not a charge asked for it."""

from fluxiq.api.contract import Call, PathText, Rate, Routes
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.receipts import ReceiptView
from fluxiq.services.show_receipt import show_receipt as show

routes = Routes("/api/v1/pix/receipts")


@routes.get(
    "/{receipt_id}",
    permission="pix:read",
    rate=Rate.READ,
    reply=Data[ReceiptView],
    refuses=("payment_not_found",),
)
async def show_receipt(call: Call, receipt_id: PathText) -> Data[ReceiptView]:
    """One payment received, by the `pay_…` that lines of a statement refer to."""
    return Data(await show(call.tenant, call.merchant_id, receipt_id))
