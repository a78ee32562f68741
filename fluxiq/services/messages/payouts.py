"""Payouts: what merchants say, and what they are told."""

from datetime import date, datetime
from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.domain import payout as payouts
from fluxiq.domain.reasons import explain
from fluxiq.domain.records import Payout, Refund
from fluxiq.services.messages.envelope import Json
from fluxiq.services.messages.words import Centavos, Text


class RecipientSaid(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pix_key: Annotated[str, Meta(min_length=1, max_length=77)]
    pix_key_type: str | None = None


class OpenPayout(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    amount: Centavos
    recipient: RecipientSaid
    description: Text = ""
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    account_id: str | None = None
    metadata: Json = {}


class OrderPayout(OpenPayout, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`scheduled_for`: a day in São Paulo, from tomorrow up to a year ahead."""

    scheduled_for: date | None = None

    @property
    def at_once(self) -> OpenPayout:
        """The same order without its day and key: what an idempotency key of today stands for."""
        return OpenPayout(
            amount=self.amount,
            recipient=self.recipient,
            description=self.description,
            account_id=self.account_id,
            metadata=self.metadata,
        )


class RecipientView(Struct, frozen=True, kw_only=True):
    pix_key: str
    pix_key_type: str
    name: str
    ispb: str


class FailureView(Struct, frozen=True, kw_only=True):
    """Why a payout or refund failed: our stable code, BACEN's where there is one, and a sentence
    to show.
    """

    code: str
    reason_code: str | None
    message: str
    message_pt: str


class PayoutView(Struct, frozen=True, kw_only=True):
    id: str
    status: payouts.PayoutStatus
    amount: int
    currency: str
    description: str
    account_id: str
    end_to_end_id: str
    recipient: RecipientView
    failure: FailureView | None
    returned_amount: int
    scheduled_for: date | None
    created_at: datetime
    updated_at: datetime
    metadata: Json


def payout_view(payout: Payout) -> PayoutView:
    recipient = payout.recipient
    return PayoutView(
        id=payout.id,
        status=payouts.public_status(payout.stage),
        amount=payout.amount,
        currency="BRL",
        description=payout.description,
        account_id=payout.account_id,
        end_to_end_id=payout.end_to_end_id,
        recipient=RecipientView(
            pix_key=recipient.pix_key,
            pix_key_type=recipient.pix_key_type,
            name=recipient.name,
            ispb=recipient.ispb,
        ),
        failure=failure_view(payout),
        returned_amount=payout.returned_amount,
        scheduled_for=payout.scheduled_for,
        created_at=payout.created_at,
        updated_at=payout.updated_at,
        metadata=payout.metadata,
    )


def failure_view(order: Payout | Refund) -> FailureView | None:
    if order.failure_code is None:
        return None
    reason = explain(order.failure_code, order.reason_code)
    return FailureView(
        code=order.failure_code,
        reason_code=order.reason_code,
        message=reason.text_en,
        message_pt=reason.text_pt,
    )
