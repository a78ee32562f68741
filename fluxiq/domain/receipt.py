"""The Study of PIX in: what a notice of money received means. A pure decision.

Money that reached one of our keys belongs to that key's account, even when it comes late, with the
wrong amount, twice, or for a charge that was cancelled: SPI has settled it, and keeping it from its
owner would be wrong. The charge then stays as it is, and the reason says why; giving the money back
is the merchant's decision (a refund). Only money whose account nobody knows waits in 4.9.9.92.
"""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from fluxiq.domain.records import (
    Account,
    Charge,
    ChargeStatus,
    Notice,
    NoticeKind,
    ReceiptReason,
)


class ReceiptOutcome(StrEnum):
    """What is to be done: pay the charge, credit the account only, park the money, or nothing."""

    PAYS_CHARGE = "pays_charge"
    CREDIT_ONLY = "credit_only"
    UNIDENTIFIED = "unidentified"
    DUPLICATE = "duplicate"


class ReceiptDecision(Struct, frozen=True, kw_only=True):
    """`account` is who gets the money: None when UNIDENTIFIED or DUPLICATE. `charge` is the one
    that the payer meant, also when it is not paid by this. `reason` is None for a DUPLICATE only.
    """

    outcome: ReceiptOutcome
    reason: ReceiptReason | None
    account: Account | None = None
    charge: Charge | None = None


def decide_receipt(
    notice: Notice,
    charge: Charge | None,
    key_owner: Account | None,
    already_seen: bool,
    now: datetime,
    *,
    charge_owner: Account | None = None,
) -> ReceiptDecision:
    """What `notice` (of kind RECEIVED) means.

    `charge` is the one with the notice's txid; `key_owner` the account of the notice's key;
    `charge_owner` the account of the charge, for notices without a key of ours; `already_seen`
    whether this end-to-end id was archived before. A blocked account is credited all the same: the
    money is its own, and only its debits are blocked.

    The time that counts is when the money settled, as the provider says, but never after `now`: a
    notice that travels slowly does not make the payer late, a wrong clock does not either. A charge
    already expired stays so, since its merchant was told; the expirer leaves some grace for that.
    """
    assert notice.kind is NoticeKind.RECEIVED, "only money received is studied here"
    assert notice.amount > 0, "SPI settles no empty payments"
    if already_seen:
        return ReceiptDecision(outcome=ReceiptOutcome.DUPLICATE, reason=None)

    account = key_owner or charge_owner
    if account is None:
        return ReceiptDecision(
            outcome=ReceiptOutcome.UNIDENTIFIED, reason=ReceiptReason.UNIDENTIFIED
        )

    # A txid is chosen by its receiver: under another account's key it is not that charge's.
    meant = charge if charge is not None and charge.account_id == account.id else None
    reason = _judge(notice, meant, min(notice.occurred_at, now))
    pays = reason is ReceiptReason.PAYS_CHARGE
    return ReceiptDecision(
        outcome=ReceiptOutcome.PAYS_CHARGE if pays else ReceiptOutcome.CREDIT_ONLY,
        reason=reason,
        account=account,
        charge=meant,
    )


def _judge(notice: Notice, charge: Charge | None, settled_at: datetime) -> ReceiptReason:
    """Why the charge is paid by this, or is not: the first reason that holds."""
    if charge is None:
        return ReceiptReason.NO_CHARGE

    if charge.status in {ChargeStatus.PAID, ChargeStatus.REFUNDED}:
        return ReceiptReason.CHARGE_ALREADY_PAID

    if charge.status is ChargeStatus.CANCELLED:
        return ReceiptReason.CHARGE_CANCELLED

    if charge.status is ChargeStatus.EXPIRED or settled_at > charge.expires_at:
        return ReceiptReason.LATE

    if notice.amount != charge.amount:
        is_less = notice.amount < charge.amount
        return ReceiptReason.UNDERPAID if is_less else ReceiptReason.OVERPAID

    return ReceiptReason.PAYS_CHARGE
