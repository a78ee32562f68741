"""What callers say and what they are told: the bodies of the API, field by field.

Requests are strict: an unknown field, a float, a string or a negative amount is refused by name.
"""

import hashlib
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from fluxiq.domain import payout as payouts
from fluxiq.domain.records import (
    Account,
    Balance,
    Charge,
    Payout,
    Receipt,
    Step,
    WebhookEndpoint,
)

Centavos = Annotated[int, Meta(gt=0, le=10**15, description="centavos of BRL")]
Text = Annotated[str, Meta(max_length=140)]
Json = dict[str, Any]
T = TypeVar("T")

encode = msgspec.json.Encoder().encode


class Data(Struct, Generic[T], frozen=True):
    """The envelope of every success."""

    data: T


class Answer(Struct, frozen=True, kw_only=True):
    """What a use case that makes something says: the finished envelope, frozen for replays."""

    body: bytes
    replayed: bool = False


# Requests.


class PersonSaid(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    document: Annotated[str, Meta(max_length=18)]
    name: Annotated[str, Meta(min_length=1, max_length=140)]


class OpenCharge(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    amount: Centavos
    description: Text = ""
    payer: PersonSaid | None = None
    expiration: Annotated[int, Meta(ge=1, le=31_536_000)] | None = None  # seconds from now
    account_id: str | None = None
    metadata: Json = {}


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


class OpenEndpoint(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Annotated[str, Meta(pattern=r"^https?://", max_length=2048)]
    events: Annotated[tuple[str, ...], Meta(max_length=50)] = ()


def digest_of(request: Struct) -> bytes:
    """SHA-256 of the request with its fields in order: what an idempotency key stands for."""
    return hashlib.sha256(msgspec.json.encode(request, order="deterministic")).digest()


# Answers.


class PersonView(Struct, frozen=True, kw_only=True):
    document: str
    name: str


class ChargeView(Struct, frozen=True, kw_only=True):
    id: str
    status: str
    amount: int
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
    metadata: Json
    qr_code_image: str | UnsetType = UNSET


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


class ReceiptView(Struct, frozen=True, kw_only=True):
    id: str
    end_to_end_id: str
    amount: int
    currency: str
    reason: str
    account_id: str | None
    charge_id: str | None
    received_at: datetime


class AccountView(Struct, frozen=True, kw_only=True):
    id: str
    merchant_id: str
    product_id: str
    name: str
    status: str
    pix_keys: tuple[str, ...]
    created_at: datetime
    metadata: Json


class BalanceView(Struct, frozen=True, kw_only=True):
    """`total` is the sum of the three. `pending` is held for payouts under way."""

    available: int
    pending: int
    blocked: int
    total: int
    currency: str
    updated_at: datetime


class EndpointView(Struct, frozen=True, kw_only=True):
    id: str
    url: str
    events: tuple[str, ...]
    created_at: datetime
    secret: str | UnsetType = UNSET  # shown once, when made


class StepView(Struct, frozen=True, kw_only=True):
    """One room of a payment's walk; `milliseconds` is the time spent there."""

    room: str
    entered_at: datetime
    left_at: datetime
    milliseconds: float
    detail: str


class PageMeta(Struct, frozen=True, kw_only=True):
    page: int
    per_page: int
    total: int
    total_pages: int


class Listing(Struct, Generic[T], frozen=True, kw_only=True):
    """The envelope of every list."""

    data: list[T]
    meta: PageMeta


def charge_view(charge: Charge, image: str | UnsetType = UNSET) -> ChargeView:
    said = charge.payer
    payer = None if said is None else PersonView(document=said.document, name=said.name)
    return ChargeView(
        id=charge.id,
        status=charge.status,
        amount=charge.amount,
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
        metadata=charge.metadata,
        qr_code_image=image,
    )


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


def receipt_view(receipt: Receipt) -> ReceiptView:
    return ReceiptView(
        id=receipt.id,
        end_to_end_id=receipt.end_to_end_id,
        amount=receipt.amount,
        currency="BRL",
        reason=receipt.reason,
        account_id=receipt.account_id,
        charge_id=receipt.charge_id,
        received_at=receipt.received_at,
    )


def account_view(account: Account, pix_keys: tuple[str, ...]) -> AccountView:
    return AccountView(
        id=account.id,
        merchant_id=account.merchant_id,
        product_id=account.product_id,
        name=account.name,
        status=account.status,
        pix_keys=pix_keys,
        created_at=account.created_at,
        metadata=account.metadata,
    )


def balance_view(balance: Balance, at: datetime) -> BalanceView:
    available, pending = balance.available, balance.debits_pending
    return BalanceView(
        available=available,
        pending=pending,
        blocked=0,
        total=available + pending,
        currency="BRL",
        updated_at=at,
    )


def endpoint_view(endpoint: WebhookEndpoint, *, with_secret: bool = False) -> EndpointView:
    return EndpointView(
        id=endpoint.id,
        url=endpoint.url,
        events=endpoint.events,
        created_at=endpoint.created_at,
        secret=endpoint.secret if with_secret else UNSET,
    )


def step_view(step: Step) -> StepView:
    assert step.left_at is not None, "a step on record has ended"
    spent = (step.left_at - step.entered_at).total_seconds() * 1000
    return StepView(
        room=step.room,
        entered_at=step.entered_at,
        left_at=step.left_at,
        milliseconds=round(spent, 3),
        detail=step.detail,
    )
