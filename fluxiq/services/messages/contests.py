"""Contests (MED, the payer's side): what a merchant says of a payment it made, and is told."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.domain.contest import Contest, ContestStatus
from fluxiq.domain.med import MedReason


class ContestPayout(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What happened. `details` go to the payee's institution, by the provider."""

    reason: MedReason
    details: Annotated[str, Meta(max_length=2000)] = ""


class ContestView(Struct, frozen=True, kw_only=True):
    """A payment made, and reported as fraud. `status_reason` is the code of a refusal, and null
    otherwise. `returned_amount` (centavos, as `amount`) is what has come back of the payment, for
    whatever reason.
    """

    id: str
    payout_id: str
    merchant_id: str
    account_id: str
    end_to_end_id: str
    amount: int
    returned_amount: int
    currency: str
    reason: MedReason
    details: str
    status: ContestStatus
    status_reason: str | None
    created_at: datetime
    reported_at: datetime | None
    decided_at: datetime | None
    updated_at: datetime


def contest_view(contest: Contest, returned_amount: int) -> ContestView:
    return ContestView(
        id=contest.id,
        payout_id=contest.payout_id,
        merchant_id=contest.merchant_id,
        account_id=contest.account_id,
        end_to_end_id=contest.end_to_end_id,
        amount=contest.amount,
        returned_amount=returned_amount,
        currency="BRL",
        reason=contest.reason,
        details=contest.details,
        status=contest.status,
        status_reason=contest.status_reason,
        created_at=contest.created_at,
        reported_at=contest.reported_at,
        decided_at=contest.decided_at,
        updated_at=contest.updated_at,
    )
