"""Batches of payouts that somebody else releases: what merchants say, and what they are told."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Final

from msgspec import Meta, Struct
from msgspec.structs import asdict

from fluxiq.domain.payout import PayoutStatus, public_status
from fluxiq.domain.payout_batch import NAME_CHARACTERS_MAX, BatchStatus, PayoutBatch
from fluxiq.errors import Refused
from fluxiq.ports.payout_batches import BatchLine

LINES_MAX: Final = 1000

# A line says what somebody typed: what is wrong with it is told line by line, not as a contract
# that the whole request breaks. These bounds only keep a request from being absurd.
_Typed = Annotated[str, Meta(max_length=1000)]


class BatchRecipientSaid(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pix_key: _Typed
    pix_key_type: _Typed | None = None


class BatchLineSaid(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`amount` in centavos. `reference`: the merchant's own name for the line, once in a batch."""

    amount: int
    recipient: BatchRecipientSaid
    description: _Typed = ""
    reference: _Typed = ""


class WritePayoutBatch(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`account_id` pays all lines: the merchant's first account unless it is said. With an invalid
    line the batch is refused whole, or with `skip_invalid` written without it.
    """

    name: Annotated[str, Meta(min_length=1, max_length=NAME_CHARACTERS_MAX)]
    lines: Annotated[tuple[BatchLineSaid, ...], Meta(min_length=1, max_length=LINES_MAX)]
    account_id: str | None = None
    skip_invalid: bool = False


class RejectPayoutBatch(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    reason: Annotated[str, Meta(min_length=1, max_length=140)]


class LineFaultView(Struct, frozen=True, kw_only=True):
    """What is wrong with line `number` (from 1), and in which of its fields."""

    number: int
    code: str
    field: str | None
    message: str


class BatchLineStatus(StrEnum):
    """That of its payout; before there is one, `waiting`, or `refused` where none will be."""

    WAITING = "waiting"
    REFUSED = "refused"
    SCHEDULED = "scheduled"
    PROCESSING = "processing"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    RETURNED = "returned"
    CANCELLED = "cancelled"


assert set(PayoutStatus) <= set(BatchLineStatus), "a line is as its payout is"


class PayoutBatchLineView(Struct, frozen=True, kw_only=True):
    """`number` is the line's place in what was sent, from 1; those left out as invalid leave gaps.
    `error_code` says why it was refused.
    """

    number: int
    status: BatchLineStatus
    amount: int
    pix_key: str
    pix_key_type: str
    description: str
    reference: str
    payout_id: str | None
    error_code: str | None


class PayoutBatchTotalView(Struct, frozen=True, kw_only=True):
    """How many lines have a status, and their centavos."""

    status: BatchLineStatus
    line_count: int
    amount: int


class PayoutBatchView(Struct, frozen=True, kw_only=True):
    """`created_by` and `decided_by` are ids of users or API keys. After `expires_at` nobody can
    release it any more.
    """

    id: str
    name: str
    status: BatchStatus
    account_id: str
    line_count: int
    amount: int
    currency: str
    created_by: str
    decided_by: str | None
    decided_at: datetime | None
    reason: str
    expires_at: datetime
    created_at: datetime
    updated_at: datetime


class WrittenPayoutBatchView(PayoutBatchView, frozen=True, kw_only=True):
    """A batch as it was written, and the lines that were left out of it."""

    skipped: list[LineFaultView]


class PayoutBatchWithLinesView(PayoutBatchView, frozen=True, kw_only=True):
    """A batch with all its lines, in their order, and their sums by status."""

    totals: list[PayoutBatchTotalView]
    lines: list[PayoutBatchLineView]


def fault_view(number: int, refused: Refused) -> LineFaultView:
    return LineFaultView(
        number=number,
        code=refused.code,
        field=refused.details.get("field"),
        message=refused.message,
    )


def batch_view(batch: PayoutBatch) -> PayoutBatchView:
    return PayoutBatchView(
        id=batch.id,
        name=batch.name,
        status=batch.status,
        account_id=batch.account_id,
        line_count=batch.line_count,
        amount=batch.amount,
        currency="BRL",
        created_by=batch.created_by,
        decided_by=batch.decided_by,
        decided_at=batch.decided_at,
        reason=batch.reason,
        expires_at=batch.expires_at,
        created_at=batch.created_at,
        updated_at=batch.updated_at,
    )


def written_view(batch: PayoutBatch, skipped: Sequence[LineFaultView]) -> WrittenPayoutBatchView:
    return WrittenPayoutBatchView(**asdict(batch_view(batch)), skipped=list(skipped))


def with_lines(batch: PayoutBatch, lines: Sequence[BatchLine]) -> PayoutBatchWithLinesView:
    views = [_line_view(line) for line in lines]
    return PayoutBatchWithLinesView(**asdict(batch_view(batch)), totals=_totals(views), lines=views)


def _line_view(line: BatchLine) -> PayoutBatchLineView:
    said = line.instruction
    return PayoutBatchLineView(
        number=line.number,
        status=_status(line),
        amount=said.amount,
        pix_key=said.pix_key,
        pix_key_type=said.pix_key_type,
        description=said.description,
        reference=said.reference,
        payout_id=line.payout_id,
        error_code=line.error_code,
    )


def _status(line: BatchLine) -> BatchLineStatus:
    if line.stage is not None:
        return BatchLineStatus(public_status(line.stage))
    return BatchLineStatus.WAITING if line.error_code is None else BatchLineStatus.REFUSED


def _totals(lines: Sequence[PayoutBatchLineView]) -> list[PayoutBatchTotalView]:
    """In the order of the statuses, without those that no line has."""
    amounts = defaultdict[BatchLineStatus, list[int]](list)
    for line in lines:
        amounts[line.status].append(line.amount)
    return [
        PayoutBatchTotalView(
            status=status, line_count=len(amounts[status]), amount=sum(amounts[status])
        )
        for status in BatchLineStatus
        if status in amounts
    ]
