"""Fraud reports (MED): what the institution says, and what it and merchants are told."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from fluxiq.domain import med
from fluxiq.domain.infraction import Infraction, InfractionStatus
from fluxiq.domain.med import MedReason, MedReport, MedStage, MedStatus
from fluxiq.services.messages.words import Centavos

EndToEnd = Annotated[str, Meta(min_length=32, max_length=32)]
MedResult = Literal["agreed", "disagreed", "expired"]

_RESULTS: dict[MedStage, MedResult] = {
    MedStage.AGREED: "agreed",
    MedStage.DISAGREED: "disagreed",
    MedStage.EXPIRED: "expired",
}


class OpenMedReport(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`details` are for the institution: merchants do not see them."""

    end_to_end_id: EndToEnd
    reason: MedReason
    details: Annotated[str, Meta(max_length=2000)] = ""


class CloseMedReport(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Without an amount, all that is blocked goes back. Disagreed, nothing does."""

    result: Literal["agreed", "disagreed"]
    amount: Centavos | None = None


class InfractionView(Struct, frozen=True, kw_only=True):
    """The report of another institution that this one answers: the `provider` link that brought it,
    its `number` there, and what the provider has heard of the decision.
    """

    provider: str
    number: str
    told: InfractionStatus


class MedReportView(Struct, frozen=True, kw_only=True):
    """`amount` is of the payment; `blocked_amount` what could be set aside of it, until
    `blocked_until` at the latest; `refund_id` what goes back. `closed_at`: when it was settled.
    `return_failed`: the provider rejected `failed_refund_id`, whose money is blocked again until
    the report is closed anew. `infraction` is shown, as `details` are, to who may decide.
    """

    id: str
    status: MedStatus
    result: MedResult | None
    reason: MedReason
    details: str | None
    end_to_end_id: str
    account_id: str
    amount: int
    blocked_amount: int
    returned_amount: int
    refund_id: str | None
    failed_refund_id: str | None
    currency: str
    blocked_until: datetime | None
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    infraction: InfractionView | None


def med_report_view(
    report: MedReport, *, with_details: bool = False, infraction: Infraction | None = None
) -> MedReportView:
    return MedReportView(
        id=report.id,
        status=med.PUBLIC_STATUS[report.stage],
        result=_RESULTS.get(report.stage),
        reason=report.reason,
        details=report.details if with_details else None,
        end_to_end_id=report.end_to_end_id,
        account_id=report.account_id,
        amount=report.amount,
        blocked_amount=report.blocked_amount,
        returned_amount=report.returned_amount,
        refund_id=report.refund_id,
        failed_refund_id=report.failed_refund_id,
        currency="BRL",
        blocked_until=None if report.stage is MedStage.RETURN_FAILED else report.blocked_until,
        created_at=report.created_at,
        updated_at=report.updated_at,
        closed_at=report.settled_at,
        infraction=None if infraction is None else _infraction_view(infraction),
    )


def _infraction_view(infraction: Infraction) -> InfractionView:
    return InfractionView(
        provider=infraction.provider, number=infraction.number, told=infraction.told
    )
