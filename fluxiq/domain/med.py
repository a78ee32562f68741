"""MED, the central bank's mechanism for returns after fraud (DICT: infraction reports).

`open -> acknowledged -> closed (agreed | disagreed)`, or `cancelled`. While a report is analysed,
what is left of the payment is blocked, as far as the account's balance goes; such a cautionary
block lasts 72 hours at most, then the report is closed as `expired`. Agreed: all or a part of what
is blocked goes back to the payer (reason FR01), and the rest is the customer's again; otherwise all
of it is. A return that the provider rejects is blocked again (`return_failed`), for as long as it
takes until a person closes the report anew: agreed, it is returned once more; else it is released.

A report is decided on paper before its money moves: stages say what was decided, `settled_at` that
the ledger has done it. A crash between the two leaves a decided report for the sweep.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from msgspec import Struct


class MedReason(StrEnum):
    """What happened, in DICT's distinctions."""

    SCAM = "scam"
    ACCOUNT_TAKEOVER = "account_takeover"
    COERCION = "coercion"
    FRAUDULENT_ACCESS = "fraudulent_access"
    OTHER = "other"


class MedStage(StrEnum):
    """CREATED: its money is not blocked yet. The four before the last are decisions;
    RETURN_FAILED: what was agreed could not be returned, and is blocked again.
    """

    CREATED = "created"
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    AGREED = "agreed"
    DISAGREED = "disagreed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    RETURN_FAILED = "return_failed"


class MedStatus(StrEnum):
    """What callers see, in DICT's words; the last one is ours."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    RETURN_FAILED = "return_failed"


class MedEvent(StrEnum):
    """What can happen to a report. BLOCKED: what could be set aside was, be it nothing."""

    BLOCKED = "blocked"
    ACKNOWLEDGED = "acknowledged"
    AGREED = "agreed"
    DISAGREED = "disagreed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    RETURN_FAILED = "return_failed"


class MedReport(Struct, frozen=True, kw_only=True):
    """A report about the receipt `end_to_end_id` of `amount` centavos.

    `attempt` numbers the tries to block, each with its own `blocked_amount`: what the ledger has
    refused it refuses for ever. `refund_id` and `return_id` name the refund of an agreed one, of
    `returned_amount`; `failed_refund_id` the last one that the provider rejected, and with it the
    block that took its place.
    """

    id: str  # med_…
    merchant_id: str
    account_id: str
    end_to_end_id: str
    amount: int
    reason: MedReason
    details: str
    stage: MedStage
    opened_by: str  # key_…, or the provider's link
    asked_by: str  # the merchant whose key that is: idempotency keys are its own
    created_at: datetime
    updated_at: datetime
    idempotency_key: str | None = None
    attempt: int = 0
    blocked_amount: int = 0
    blocked_until: datetime | None = None
    refund_id: str | None = None
    return_id: str | None = None
    returned_amount: int = 0
    settled_at: datetime | None = None
    failed_refund_id: str | None = None
    infraction_id: str | None = None  # the provider's report that it answers


_S, _E = MedStage, MedEvent

TRANSITIONS: Final[Mapping[tuple[MedStage, MedEvent], MedStage]] = MappingProxyType(
    {
        (_S.CREATED, _E.BLOCKED): _S.OPEN,
        (_S.OPEN, _E.ACKNOWLEDGED): _S.ACKNOWLEDGED,
        (_S.OPEN, _E.EXPIRED): _S.EXPIRED,
        (_S.OPEN, _E.CANCELLED): _S.CANCELLED,
        (_S.ACKNOWLEDGED, _E.AGREED): _S.AGREED,
        (_S.ACKNOWLEDGED, _E.DISAGREED): _S.DISAGREED,
        (_S.ACKNOWLEDGED, _E.EXPIRED): _S.EXPIRED,
        (_S.ACKNOWLEDGED, _E.CANCELLED): _S.CANCELLED,
        (_S.AGREED, _E.RETURN_FAILED): _S.RETURN_FAILED,
        (_S.RETURN_FAILED, _E.AGREED): _S.AGREED,
        (_S.RETURN_FAILED, _E.DISAGREED): _S.DISAGREED,
        (_S.RETURN_FAILED, _E.CANCELLED): _S.CANCELLED,
    }
)

DECIDED: Final = frozenset({_S.AGREED, _S.DISAGREED, _S.EXPIRED, _S.CANCELLED})
ANALYSED: Final = frozenset({_S.OPEN, _S.ACKNOWLEDGED})

PUBLIC_STATUS: Final[Mapping[MedStage, MedStatus]] = MappingProxyType(
    {
        _S.CREATED: MedStatus.OPEN,
        _S.OPEN: MedStatus.OPEN,
        _S.ACKNOWLEDGED: MedStatus.ACKNOWLEDGED,
        _S.AGREED: MedStatus.CLOSED,
        _S.DISAGREED: MedStatus.CLOSED,
        _S.EXPIRED: MedStatus.CLOSED,
        _S.CANCELLED: MedStatus.CANCELLED,
        _S.RETURN_FAILED: MedStatus.RETURN_FAILED,
    }
)


def advance(stage: MedStage, event: MedEvent) -> MedStage | None:
    """The stage after `event`; None where it means nothing."""
    return TRANSITIONS.get((stage, event))


def stages_of(status: MedStatus) -> frozenset[MedStage]:
    """The stages that callers see as `status`."""
    return frozenset(stage for stage, seen in PUBLIC_STATUS.items() if seen is status)
