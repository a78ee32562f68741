"""Payouts: what merchants say, and what they are told."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.domain import payout as payouts
from fluxiq.domain.records import Payout
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


class RecipientView(Struct, frozen=True, kw_only=True):
    pix_key: str
    pix_key_type: str
    name: str
    ispb: str


class FailureView(Struct, frozen=True, kw_only=True):
    """Why a payout failed: our stable code, and BACEN's where there is one."""

    code: str
    reason_code: str | None


class PayoutView(Struct, frozen=True, kw_only=True):
    id: str
    status: str
    amount: int
    currency: str
    description: str
    account_id: str
    end_to_end_id: str
    recipient: RecipientView
    failure: FailureView | None
    created_at: datetime
    updated_at: datetime
    metadata: Json


def payout_view(payout: Payout) -> PayoutView:
    recipient = payout.recipient
    failure = None
    if payout.failure_code is not None:
        failure = FailureView(code=payout.failure_code, reason_code=payout.reason_code)
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
        failure=failure,
        created_at=payout.created_at,
        updated_at=payout.updated_at,
        metadata=payout.metadata,
    )
