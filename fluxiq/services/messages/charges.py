"""Charges: what merchants say, and what they are told."""

from datetime import datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from fluxiq.domain.records import Charge, ChargeStatus
from fluxiq.services.messages.envelope import Json
from fluxiq.services.messages.words import Centavos, PersonSaid, PersonView, Text


class OpenCharge(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    amount: Centavos
    description: Text = ""
    payer: PersonSaid | None = None
    expiration: Annotated[int, Meta(ge=1, le=31_536_000)] | None = None  # seconds from now
    account_id: str | None = None
    metadata: Json = {}


class CancelCharge(Struct, frozen=True, kw_only=True):
    """What an idempotency key stands for when a charge is cancelled: the request has no body."""

    charge_id: str


class ChargeView(Struct, frozen=True, kw_only=True):
    """`fee` is what the institution kept of what paid it, `net_amount` the rest, null before."""

    id: str
    status: ChargeStatus
    amount: int
    fee: int
    net_amount: int | None
    currency: str
    description: str
    account_id: str
    txid: str
    pix_key: str
    qr_code: str
    payer: PersonView | None
    expiration: datetime
    created_at: datetime
    paid_at: datetime | None
    end_to_end_id: str | None
    refunded_amount: int
    metadata: Json
    qr_code_image: str | UnsetType = UNSET


def charge_view(charge: Charge, image: str | UnsetType = UNSET) -> ChargeView:
    said = charge.payer
    payer = None if said is None else PersonView(document=said.document, name=said.name)
    return ChargeView(
        id=charge.id,
        status=charge.status,
        amount=charge.amount,
        fee=charge.fee,
        net_amount=None if charge.paid_at is None else charge.amount - charge.fee,
        currency="BRL",
        description=charge.description,
        account_id=charge.account_id,
        txid=charge.txid,
        pix_key=charge.pix_key,
        qr_code=charge.qr_code,
        payer=payer,
        expiration=charge.expires_at,
        created_at=charge.created_at,
        paid_at=charge.paid_at,
        end_to_end_id=charge.end_to_end_id,
        refunded_amount=charge.refunded_amount,
        metadata=charge.metadata,
        qr_code_image=image,
    )
