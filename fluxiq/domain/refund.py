"""Refunds: what may be given back, and the life of it.

A refund is an order to the provider as a payout is, and goes through the same stages; but it does
not come back, since a refund is not refunded (AG13). `processing -> completed | failed` is what its
caller sees. Up to 90 days after the receipt, in parts or whole, never more than was received (BCB,
API Pix 2.9.0). The sum is the ledger's to keep: see `refund_postings`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from fluxiq.domain import payout as payouts
from fluxiq.domain.payout import PayoutEvent
from fluxiq.domain.records import PayoutStage, Receipt, RefundReason
from fluxiq.errors import Refused


class RefundStatus(StrEnum):
    """What callers see."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


TRANSITIONS: Mapping[tuple[PayoutStage, PayoutEvent], PayoutStage] = MappingProxyType(
    {
        step: target
        for step, target in payouts.TRANSITIONS.items()
        if target is not PayoutStage.RETURNED and step[0] is not PayoutStage.SCHEDULED
    }
)

PUBLIC_STATUS: Mapping[PayoutStage, RefundStatus] = MappingProxyType(
    {
        PayoutStage.CREATED: RefundStatus.PROCESSING,
        PayoutStage.HELD: RefundStatus.PROCESSING,
        PayoutStage.SENT: RefundStatus.PROCESSING,
        PayoutStage.IN_DOUBT: RefundStatus.PROCESSING,
        PayoutStage.CONFIRMED: RefundStatus.COMPLETED,
        PayoutStage.FAILED: RefundStatus.FAILED,
    }
)

# SPI's return reasons (catalogue 5.13, pacs.004).
BACEN_CODE: Mapping[RefundReason, str] = MappingProxyType(
    {
        RefundReason.CUSTOMER: "MD06",
        RefundReason.OPERATIONAL: "BE08",
        RefundReason.FRAUD: "FR01",
        RefundReason.CASH: "SL02",
    }
)


def public_status(stage: PayoutStage) -> RefundStatus:
    """What the caller sees of a stage."""
    return PUBLIC_STATUS[stage]


def stages_of(status: RefundStatus) -> frozenset[PayoutStage]:
    """The stages that callers see as `status`."""
    return frozenset(stage for stage, seen in PUBLIC_STATUS.items() if seen is status)


def decide_amount(
    receipt: Receipt, asked: int | None, left: int, now: datetime, *, days_max: int
) -> int:
    """The centavos of a refund: what was `asked`, else all that is `left` of the receipt.

    `left` is the ledger's word of a moment ago. It only fills in what was not said: whether an
    amount that was said still fits is decided where it is held.
    Raises Refused refund_deadline_passed (DT05), refund_above_original (AM09: nothing is left).
    """
    if now > receipt.received_at + timedelta(days=days_max):
        raise Refused(
            "refund_deadline_passed",
            f"a payment can be refunded for {days_max} days after it was received (DT05)",
        )

    amount = left if asked is None else asked
    if amount == 0:
        raise Refused("refund_above_original", "all of this payment was refunded (AM09)")
    return amount
