"""Payments of all kinds in one line each, and where one of them has been."""

from datetime import datetime

from msgspec import Struct

from fluxiq.ports.payment_search import PaymentKind, PaymentRow
from fluxiq.services.messages.walks import StepView


class InstitutionPaymentView(Struct, frozen=True, kw_only=True):
    """`status` is what its merchant sees; a receipt is `credited`, or `unidentified` where it is
    nobody's. `amount` is in centavos. `end_to_end_id` is the name under which it walks through the
    rooms: of a refund its return id (D…). A transfer is of the account that it leaves. `ended_at`:
    when a charge was paid, a receipt came, and any other ended; null where that has not been.
    """

    id: str
    kind: PaymentKind
    merchant_id: str | None
    account_id: str | None
    amount: int
    status: str
    end_to_end_id: str | None
    created_at: datetime
    ended_at: datetime | None


class RelatedView(Struct, frozen=True, kw_only=True):
    """`payments`: a charge and the receipt that paid it, a receipt and its refunds. `deliveries`:
    webhooks that told of it and arrived. `jobs`: of a scheduled payout, while they are kept.
    """

    payments: list[InstitutionPaymentView]
    deliveries: list[str]
    jobs: list[str]


class PaymentWalkView(Struct, frozen=True, kw_only=True):
    """`steps` are the rooms, in order of entry; none of what has not left its first one."""

    payment: InstitutionPaymentView
    steps: list[StepView]
    related: RelatedView


def payment_view(row: PaymentRow) -> InstitutionPaymentView:
    return InstitutionPaymentView(
        id=row.id,
        kind=row.kind,
        merchant_id=row.merchant_id,
        account_id=row.account_id,
        amount=row.amount,
        status=row.status,
        end_to_end_id=row.end_to_end_id,
        created_at=row.created_at,
        ended_at=row.ended_at,
    )
