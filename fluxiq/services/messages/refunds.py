"""Refunds: what merchants say, and what they are told."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.domain import refund as refunds
from fluxiq.domain.records import Refund, RefundReason
from fluxiq.services.messages.envelope import Json
from fluxiq.services.messages.payouts import FailureView, failure_view
from fluxiq.services.messages.words import Centavos, Text


class OpenRefund(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is refunded is named by the charge that it paid or by its end-to-end id: one of them.
    Without an amount, all that is left of it.
    """

    charge_id: str | None = None
    end_to_end_id: str | None = None
    amount: Centavos | None = None
    reason: RefundReason = RefundReason.CUSTOMER
    description: Text = ""
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    metadata: Json = {}


class RefundView(Struct, frozen=True, kw_only=True):
    """`end_to_end_id` is of the payment that is refunded, `return_id` of the refund itself."""

    id: str
    status: refunds.RefundStatus
    amount: int
    currency: str
    reason: str
    description: str
    account_id: str
    charge_id: str | None
    end_to_end_id: str
    return_id: str
    failure: FailureView | None
    created_at: datetime
    updated_at: datetime
    metadata: Json


def refund_view(refund: Refund) -> RefundView:
    return RefundView(
        id=refund.id,
        status=refunds.public_status(refund.stage),
        amount=refund.amount,
        currency="BRL",
        reason=refund.reason,
        description=refund.description,
        account_id=refund.account_id,
        charge_id=refund.charge_id,
        end_to_end_id=refund.end_to_end_id,
        return_id=refund.return_id,
        failure=failure_view(refund),
        created_at=refund.created_at,
        updated_at=refund.updated_at,
        metadata=refund.metadata,
    )
