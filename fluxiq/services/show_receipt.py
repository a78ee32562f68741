"""One payment that a merchant received."""

from fluxiq.errors import Refused
from fluxiq.services.messages.receipts import ReceiptView, receipt_view
from fluxiq.services.tenant import Tenant


async def show_receipt(tenant: Tenant, merchant_id: str, receipt_id: str) -> ReceiptView:
    """Raises Refused("payment_not_found"), also for a payment of another merchant."""
    receipt = await tenant.refunds.receipt_named(receipt_id)
    if receipt is None or receipt.merchant_id != merchant_id:
        raise Refused("payment_not_found", f"no payment {receipt_id}", field="receipt_id")
    return receipt_view(receipt)
