"""Payouts that one person writes down together, and another one releases.

`awaiting_release -> releasing -> released`, or `-> rejected` (by somebody, with a reason) or
`-> expired` (by nobody, in time). Nothing of a batch is a payout before its release: no money is
held for it. A batch that is releasing goes on to its end, whatever becomes of its lines.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct

NAME_CHARACTERS_MAX: Final = 80
REFERENCE_CHARACTERS_MAX: Final = 64


class BatchStatus(StrEnum):
    """Where a batch stands, as callers see it too."""

    AWAITING_RELEASE = "awaiting_release"
    RELEASING = "releasing"  # decided; its payouts are being opened
    RELEASED = "released"  # each line has its payout, or the reason why it has none
    REJECTED = "rejected"
    EXPIRED = "expired"


class BatchEvent(StrEnum):
    """What can happen to a batch. OPENED: of its lines, the last."""

    RELEASED = "released"
    REJECTED = "rejected"
    TIMED_OUT = "timed_out"
    OPENED = "opened"


class PayoutBatch(Struct, frozen=True, kw_only=True):
    """`amount` is the sum of its lines, in centavos. `created_by` and `decided_by` are maker and
    checker, `key_…` or `usr_…`: whoever made it may reject it, but only somebody else release it.
    """

    id: str  # bat_…
    merchant_id: str
    account_id: str  # that pays
    name: str
    status: BatchStatus
    line_count: int
    amount: int
    created_by: str
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    reason: str = ""  # of a rejection

    def is_over(self, now: datetime) -> bool:
        """Whether its time for a release has passed, whoever has noticed."""
        return now >= self.expires_at


class Instruction(Struct, frozen=True, kw_only=True):
    """What a line asks for. `reference` is the merchant's own name for it, unique in its batch
    unless empty.
    """

    amount: int
    pix_key: str
    pix_key_type: str
    description: str = ""
    reference: str = ""


class NumberedInstruction(Struct, frozen=True, kw_only=True):
    """`number` is the line's place in what was sent, from 1: what was left out leaves gaps."""

    number: int
    instruction: Instruction


class LineOutcome(Struct, frozen=True, kw_only=True):
    """What became of a line: the payout it is now, or the code by which it was refused; both,
    where a payout was on paper before it was refused.
    """

    number: int
    payout_id: str | None = None
    error_code: str | None = None


def line_key(batch_id: str, number: int) -> str:
    """The idempotency key of a line's payout: who opens it again opens the same one."""
    return f"{batch_id}/{number}"


_S, _E = BatchStatus, BatchEvent

TRANSITIONS: Final[Mapping[tuple[BatchStatus, BatchEvent], BatchStatus]] = MappingProxyType(
    {
        (_S.AWAITING_RELEASE, _E.RELEASED): _S.RELEASING,
        (_S.AWAITING_RELEASE, _E.REJECTED): _S.REJECTED,
        (_S.AWAITING_RELEASE, _E.TIMED_OUT): _S.EXPIRED,
        (_S.RELEASING, _E.OPENED): _S.RELEASED,
    }
)

TERMINAL: Final = frozenset({_S.RELEASED, _S.REJECTED, _S.EXPIRED})


def advance(status: BatchStatus, event: BatchEvent) -> BatchStatus | None:
    """What `event` makes of a batch in `status`; None where it cannot happen."""
    return TRANSITIONS.get((status, event))
