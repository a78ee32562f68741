"""The life of a book transfer: between two accounts of one institution, without PIX.

`created -> completed | failed` at once. Above the institution's limit it is held first, and waits
for somebody else than its maker: `created -> pending -> approved -> completed`, or `pending ->
declined -> failed` when a checker rejects it or its time is over. A decision is on paper before the
ledger hears of it, so exactly one of completed and failed is ever reached.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType

from msgspec import Struct

from fluxiq.domain.records import Json


class TransferStage(StrEnum):
    """Where a transfer stands; callers see only the status that a stage belongs to."""

    CREATED = "created"  # on paper; the ledger has not answered
    PENDING = "pending"  # held, awaiting approval
    APPROVED = "approved"  # the hold will be posted
    DECLINED = "declined"  # the hold will be voided
    COMPLETED = "completed"
    FAILED = "failed"


class TransferLifeStatus(StrEnum):
    """What callers see. `TransferStatus` is the ledger's word for its own answers."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"


class TransferEvent(StrEnum):
    """What can happen to a transfer. REFUSED: by the ledger, for want of money."""

    HELD = "held"
    REFUSED = "refused"
    APPROVED = "approved"
    DECLINED = "declined"
    EXECUTED = "executed"
    RELEASED = "released"


class FailureCode(StrEnum):
    """Why a transfer failed, as callers are told."""

    INSUFFICIENT_FUNDS = "insufficient_funds"
    APPROVAL_REJECTED = "approval_rejected"
    APPROVAL_EXPIRED = "approval_expired"


class BookTransfer(Struct, frozen=True, kw_only=True):
    """Money from one account to another, in centavos. `merchant_id` owns the source.

    `created_by` and `decided_by` are who asked (maker) and who decided (checker); an approval that
    ran out of time was decided by nobody. `expires_at`: until when it may be approved, where it
    has to be.
    """

    id: str  # xfer_…
    merchant_id: str
    source_account_id: str
    destination_account_id: str
    amount: int
    description: str
    stage: TransferStage
    created_by: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None = None
    decided_by: str | None = None
    completed_at: datetime | None = None
    failure_code: FailureCode | None = None
    metadata: Json = {}

    @property
    def needs_approval(self) -> bool:
        return self.expires_at is not None


_S, _E = TransferStage, TransferEvent

TRANSITIONS: Mapping[tuple[TransferStage, TransferEvent], TransferStage] = MappingProxyType(
    {
        (_S.CREATED, _E.EXECUTED): _S.COMPLETED,
        (_S.CREATED, _E.HELD): _S.PENDING,
        (_S.CREATED, _E.REFUSED): _S.FAILED,
        (_S.PENDING, _E.APPROVED): _S.APPROVED,
        (_S.PENDING, _E.DECLINED): _S.DECLINED,
        (_S.APPROVED, _E.EXECUTED): _S.COMPLETED,
        (_S.DECLINED, _E.RELEASED): _S.FAILED,
    }
)

TERMINAL = frozenset({_S.COMPLETED, _S.FAILED})

# A crash leaves a transfer in one of these; nobody but the sweep takes it on.
UNFINISHED = frozenset({_S.CREATED, _S.APPROVED, _S.DECLINED})

PUBLIC_STATUS: Mapping[TransferStage, TransferLifeStatus] = MappingProxyType(
    {
        _S.CREATED: TransferLifeStatus.PENDING,
        _S.PENDING: TransferLifeStatus.PENDING,
        _S.APPROVED: TransferLifeStatus.PENDING,
        _S.DECLINED: TransferLifeStatus.PENDING,
        _S.COMPLETED: TransferLifeStatus.COMPLETED,
        _S.FAILED: TransferLifeStatus.FAILED,
    }
)


def advance(stage: TransferStage, event: TransferEvent) -> TransferStage | None:
    """What `event` makes of a transfer in `stage`; None where it cannot happen."""
    return TRANSITIONS.get((stage, event))


def stages_of(status: TransferLifeStatus) -> tuple[TransferStage, ...]:
    """The stages that callers see as `status`."""
    return tuple(stage for stage, seen in PUBLIC_STATUS.items() if seen is status)
