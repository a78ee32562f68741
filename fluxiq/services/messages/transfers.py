"""Book transfers: what merchants say, and what they are told."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Annotated

from msgspec import Meta, Struct
from msgspec.structs import replace

from fluxiq.domain.identifiers import tb_id_text
from fluxiq.domain.transfer import (
    PUBLIC_STATUS,
    BookTransfer,
    FailureCode,
    TransferLifeStatus,
    TransferStage,
)
from fluxiq.domain.transfer_postings import transfer_entry_id
from fluxiq.services.messages.envelope import Json
from fluxiq.services.messages.words import Centavos, Text


class MakeTransfer(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    source_account_id: str
    destination_account_id: str
    amount: Centavos
    description: Text = ""
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    metadata: Json = {}


class TransferFailureView(Struct, frozen=True, kw_only=True):
    """Why a transfer failed: a stable code, and a sentence."""

    code: str
    message: str


class TransferView(Struct, frozen=True, kw_only=True):
    """`ledger_entry_id` is the movement on the books, once there is one; `expires_at` is until when
    a transfer that needs approval may get it; `created_by` and `decided_by` are API keys. What only
    the merchant that made it may know is empty in what the other one is told: those three, and
    `metadata`.
    """

    id: str
    status: TransferLifeStatus
    source_account_id: str
    destination_account_id: str
    amount: int
    currency: str
    description: str
    ledger_entry_id: str | None
    failure: TransferFailureView | None
    created_by: str | None
    decided_by: str | None
    created_at: datetime
    expires_at: datetime | None
    completed_at: datetime | None
    metadata: Json


FAILURES: Mapping[FailureCode, str] = MappingProxyType(
    {
        FailureCode.INSUFFICIENT_FUNDS: (
            "the source account's available balance does not cover this transfer"
        ),
        FailureCode.APPROVAL_REJECTED: "the transfer was not approved",
        FailureCode.APPROVAL_EXPIRED: "nobody approved the transfer in time",
    }
)


def transfer_view(ispb: str, transfer: BookTransfer) -> TransferView:
    """The transfer as the merchant of institution `ispb` sees it."""
    entry = None
    if transfer.stage is TransferStage.COMPLETED:
        entry = tb_id_text(transfer_entry_id(ispb, transfer.id))
    failure = None
    if transfer.failure_code is not None:
        code = transfer.failure_code
        failure = TransferFailureView(code=code, message=FAILURES[code])
    return TransferView(
        id=transfer.id,
        status=PUBLIC_STATUS[transfer.stage],
        source_account_id=transfer.source_account_id,
        destination_account_id=transfer.destination_account_id,
        amount=transfer.amount,
        currency="BRL",
        description=transfer.description,
        ledger_entry_id=entry,
        failure=failure,
        created_by=transfer.created_by,
        decided_by=transfer.decided_by,
        created_at=transfer.created_at,
        expires_at=transfer.expires_at,
        completed_at=transfer.completed_at,
        metadata=transfer.metadata,
    )


def received_view(ispb: str, transfer: BookTransfer) -> TransferView:
    """The same as the merchant sees it whose account the money came to."""
    return replace(
        transfer_view(ispb, transfer),
        created_by=None,
        decided_by=None,
        expires_at=None,
        metadata={},
    )
