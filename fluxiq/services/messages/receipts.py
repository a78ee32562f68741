"""Money received, as merchants are told of it."""

from datetime import datetime

from msgspec import Struct

from fluxiq.domain.records import Receipt, ReceiptReason


class ReceiptView(Struct, frozen=True, kw_only=True):
    """`amount` was received, `fee` of it kept by the institution, `net_amount` is the rest."""

    id: str
    end_to_end_id: str
    amount: int
    fee: int
    net_amount: int
    currency: str
    reason: ReceiptReason
    account_id: str | None
    charge_id: str | None
    received_at: datetime


def receipt_view(receipt: Receipt) -> ReceiptView:
    return ReceiptView(
        id=receipt.id,
        end_to_end_id=receipt.end_to_end_id,
        amount=receipt.amount,
        fee=receipt.fee,
        net_amount=receipt.amount - receipt.fee,
        currency="BRL",
        reason=receipt.reason,
        account_id=receipt.account_id,
        charge_id=receipt.charge_id,
        received_at=receipt.received_at,
    )
