"""Who paid a merchant."""

from datetime import datetime

from msgspec import Struct

from fluxiq.domain.documents import mask_document
from fluxiq.ports.payers import Payer


class PayerView(Struct, frozen=True, kw_only=True):
    """Somebody who paid, by document, which is masked; `name` is the one of the last payment.
    `amount` is the sum of what was received, in centavos, whatever was refunded of it.
    """

    name: str
    document: str
    payments: int
    amount: int
    last_at: datetime
    last_payment_id: str


def payer_view(payer: Payer) -> PayerView:
    return PayerView(
        name=payer.name,
        document=mask_document(payer.document),
        payments=payer.payments,
        amount=payer.amount,
        last_at=payer.last_at,
        last_payment_id=payer.last_payment_id,
    )
