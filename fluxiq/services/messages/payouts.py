"""Payouts: what merchants say, and what they are told."""

from datetime import date, datetime
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from fluxiq.domain import payout as payouts
from fluxiq.domain.documents import mask_document
from fluxiq.domain.reasons import explain
from fluxiq.domain.recipient_account import AccountType, RecipientAccount
from fluxiq.domain.records import Payout, Recipient, Refund
from fluxiq.services.messages.envelope import Json
from fluxiq.services.messages.words import Centavos, Text


class HolderSaid(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """CPF or CNPJ, and name, as the payer knows them: the payee's institution compares them."""

    document: Annotated[str, Meta(min_length=1, max_length=18)]
    name: Annotated[str, Meta(min_length=1, max_length=140)]


class RecipientAccountSaid(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`number` with its check digit, with or without separators; no `branch` where the institution
    has none. `type`: CACC (checking), SVGS (savings), TRAN (payment) or SLRY (salary).
    """

    ispb: Annotated[str, Meta(min_length=1, max_length=8)]
    number: Annotated[str, Meta(min_length=1, max_length=32)]
    type: AccountType
    holder: HolderSaid
    branch: Annotated[str, Meta(max_length=8)] | None = None


class RecipientSaid(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A PIX key or an account: one of the two."""

    # Unset, not null: what is not said leaves no trace in what an idempotency key stands for, and
    # the orders of before there were accounts keep their digest.
    pix_key: Annotated[str, Meta(min_length=1, max_length=77)] | UnsetType = UNSET
    pix_key_type: str | None = None
    account: RecipientAccountSaid | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.pix_key is UNSET and self.account is UNSET:
            raise ValueError("Object missing required field `pix_key`")  # as msgspec would say it


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


class HolderView(Struct, frozen=True, kw_only=True):
    """Whom the payer named; `document` is masked."""

    name: str
    document: str


class RecipientAccountView(Struct, frozen=True, kw_only=True):
    ispb: str
    branch: str | None
    number: str
    type: AccountType
    holder: HolderView


class RecipientView(Struct, frozen=True, kw_only=True):
    """`name` is the one that DICT has for the key. Of a payment by account, which is there instead
    of a key, it is the one that the payer typed, and nobody has confirmed it.
    """

    pix_key: str | None
    pix_key_type: str | None
    name: str
    ispb: str
    account: RecipientAccountView | UnsetType = UNSET


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
    return PayoutView(
        id=payout.id,
        status=payouts.public_status(payout.stage),
        amount=payout.amount,
        currency="BRL",
        description=payout.description,
        account_id=payout.account_id,
        end_to_end_id=payout.end_to_end_id,
        recipient=recipient_view(payout.recipient),
        failure=failure_view(payout),
        returned_amount=payout.returned_amount,
        scheduled_for=payout.scheduled_for,
        created_at=payout.created_at,
        updated_at=payout.updated_at,
        metadata=payout.metadata,
    )


def recipient_view(recipient: Recipient) -> RecipientView:
    return RecipientView(
        pix_key=recipient.pix_key or None,
        pix_key_type=recipient.pix_key_type or None,
        name=recipient.name,
        ispb=recipient.ispb,
        account=UNSET if recipient.account is None else _account_view(recipient, recipient.account),
    )


def _account_view(recipient: Recipient, account: RecipientAccount) -> RecipientAccountView:
    return RecipientAccountView(
        ispb=recipient.ispb,
        branch=account.branch,
        number=account.number,
        type=account.type,
        holder=HolderView(name=recipient.name, document=mask_document(recipient.document)),
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
