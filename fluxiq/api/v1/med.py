"""MED: reports of fraud, decided by the institution and seen by the merchants they concern."""

from fluxiq.api.contract import Call, PathText, Rate, Reply, Routes, answered
from fluxiq.api.paging import PageAsked
from fluxiq.domain.med import MedStatus, stages_of
from fluxiq.ports.med import MedWanted
from fluxiq.services import med_reports as use
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.med import CloseMedReport, MedReportView, OpenMedReport

routes = Routes("/api/v1/pix/med/reports")

READ = "pix:read"
WRITE = "med:write"  # about money of all merchants: `*` does not include it

_DECISION = ("med_report_not_open", "outcome_unknown")


class ReportsAsked(PageAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    status: MedStatus | None = None
    end_to_end_id: PathText | None = None


@routes.post(
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[MedReportView],
    status=201,
    refuses=(
        "payment_not_found",
        "invalid_end_to_end_id",
        "refund_deadline_passed",
        "med_report_exists",
        "outcome_unknown",
    ),
)
async def open_med_report(call: Call, body: OpenMedReport) -> Reply:
    """Report a payment received as fraud: what is left of it is blocked, up to the balance."""
    idempotency = call.idempotency(body)
    return answered(
        await use.open_report(call.tenant, call.merchant_id, call.actor, body, idempotency)
    )


@routes.get(permission=READ, rate=Rate.READ, reply=Listing[MedReportView], institution=True)
async def list_med_reports(call: Call, query: ReportsAsked) -> Listing[MedReportView]:
    """Reports, newest first: the merchant's own, or all for whoever may decide them."""
    wanted = MedWanted(
        merchant_id=_whose(call),
        end_to_end_id=query.end_to_end_id,
        stages=None if query.status is None else stages_of(query.status),
    )
    return await use.list_reports(call.tenant, wanted, query.wanted)


@routes.get(
    "/{med_report_id}",
    permission=READ,
    rate=Rate.READ,
    reply=Data[MedReportView],
    institution=True,
)
async def show_med_report(call: Call, med_report_id: PathText) -> Data[MedReportView]:
    """One report."""
    return Data(await use.show_report(call.tenant, _whose(call), med_report_id))


@routes.post(
    "/{med_report_id}/acknowledge",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[MedReportView],
    status=200,
    refuses=_DECISION,
    institution=True,
)
async def acknowledge_med_report(call: Call, med_report_id: PathText) -> Data[MedReportView]:
    """Begin the analysis. Twice is once."""
    return Data(await use.acknowledge_report(call.tenant, call.actor, med_report_id))


@routes.post(
    "/{med_report_id}/close",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[MedReportView],
    status=200,
    refuses=(*_DECISION, "med_amount_above_blocked"),
    institution=True,
)
async def close_med_report(
    call: Call, med_report_id: PathText, body: CloseMedReport
) -> Data[MedReportView]:
    """Agree, and so much goes back to the payer; or disagree, and all of it is released."""
    call.idempotency(body)  # the report is decided once: its own id is the key
    return Data(await use.close_report(call.tenant, call.actor, med_report_id, body))


@routes.post(
    "/{med_report_id}/cancel",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[MedReportView],
    status=200,
    refuses=_DECISION,
    institution=True,
)
async def cancel_med_report(call: Call, med_report_id: PathText) -> Data[MedReportView]:
    """The reporting institution takes it back: all is released. Twice is once."""
    return Data(await use.cancel_report(call.tenant, call.actor, med_report_id))


def _whose(call: Call) -> str | None:
    return None if call.known_caller.may(WRITE) else call.merchant_id
