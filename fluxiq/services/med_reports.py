"""Fraud reports as the institution's people see and decide them, and as merchants see theirs."""

from collections.abc import Sequence

import msgspec

from fluxiq.domain import med
from fluxiq.domain.identifiers import IdPrefix, build_return_id, parse_end_to_end_id
from fluxiq.domain.med import MedEvent, MedReason, MedReport, MedStage, advance
from fluxiq.domain.records import Receipt
from fluxiq.domain.refund import decide_amount
from fluxiq.errors import Refused
from fluxiq.ports import Fresh, Idempotency, Page
from fluxiq.ports.med import MedExists, MedMoved, MedOpening, MedWanted
from fluxiq.services.block_report import PLATFORM, block_report, event_of, settle_report
from fluxiq.services.messages.envelope import Answer, Data, Listing, encode, listing
from fluxiq.services.messages.med import (
    CloseMedReport,
    MedReportView,
    OpenMedReport,
    med_report_view,
)
from fluxiq.services.replay import replay
from fluxiq.services.tenant import Tenant

TRIES_MAX = 3


async def open_report(
    tenant: Tenant,
    asked_by: str,
    actor: str,
    request: OpenMedReport,
    idempotency: Idempotency | None,
) -> Answer:
    """Accepted means: on paper, and what could be blocked is. Raises Refused: payment_not_found,
    refund_deadline_passed, med_report_exists; Unavailable or Unknown, and then the sweep blocks.
    """
    receipt = await _receipt(tenant, request.end_to_end_id)
    report = msgspec.structs.replace(
        draw_up(tenant, receipt, request.reason, request.details),
        opened_by=actor,
        asked_by=asked_by,
        idempotency_key=None if idempotency is None else idempotency.key,
    )
    opened = await tenant.med.open(MedOpening(report=report, idempotency=idempotency))
    if isinstance(opened, MedExists):
        raise Refused(
            "med_report_exists",
            "the payment has a report that is not closed",
            field="end_to_end_id",
            details={"report_id": opened.report_id},
        )
    if not isinstance(opened, Fresh):
        return replay(opened)

    blocked = await block_report(tenant, report)
    return Answer(body=encode(Data(med_report_view(blocked, with_details=True))))


def draw_up(tenant: Tenant, receipt: Receipt, reason: MedReason, details: str) -> MedReport:
    """A report about what a customer received, not on paper yet. Raises
    Refused("refund_deadline_passed").
    """
    now = tenant.clock.now()
    days_max = tenant.settings.pix.refund_days_max
    decide_amount(receipt, receipt.amount, receipt.amount, now, days_max=days_max)
    assert receipt.merchant_id is not None, "whoever was credited is somebody's"
    assert receipt.account_id is not None, "what was credited is in an account"
    return MedReport(
        id=tenant.ids.new(IdPrefix.MED),
        merchant_id=receipt.merchant_id,
        account_id=receipt.account_id,
        end_to_end_id=receipt.end_to_end_id,
        amount=receipt.amount,
        reason=reason,
        details=details,
        stage=MedStage.CREATED,
        opened_by=PLATFORM,
        asked_by=receipt.merchant_id,
        created_at=now,
        updated_at=now,
    )


async def acknowledge_report(tenant: Tenant, actor: str, report_id: str) -> MedReportView:
    """The analysis begins. Twice is once. Raises Refused: med_report_not_found,
    med_report_not_open.
    """
    acknowledged = await _decide(tenant, actor, report_id, MedEvent.ACKNOWLEDGED)
    return await _whole_view(tenant, acknowledged)


async def close_report(
    tenant: Tenant, actor: str, report_id: str, request: CloseMedReport
) -> MedReportView:
    """Agreed: so much goes back to the payer. The same again is the same. Raises Refused:
    med_report_not_found, med_report_not_open, med_amount_above_blocked; Unavailable or Unknown, and
    then the decision stands and the sweep carries it out.
    """
    agreed = request.result == "agreed"
    event = MedEvent.AGREED if agreed else MedEvent.DISAGREED
    decided = await _decide(tenant, actor, report_id, event, request.amount)
    return await _whole_view(tenant, await settle_report(tenant, decided))


async def cancel_report(tenant: Tenant, actor: str, report_id: str) -> MedReportView:
    """Whoever reported takes it back. Twice is once. Raises as `close_report`."""
    decided = await _decide(tenant, actor, report_id, MedEvent.CANCELLED)
    return await _whole_view(tenant, await settle_report(tenant, decided))


async def expire_report(tenant: Tenant, report: MedReport) -> None:
    """The block has lasted as long as it may; nothing where somebody decided meanwhile."""
    try:
        expired = await _decide(tenant, PLATFORM, report.id, MedEvent.EXPIRED)
    except Refused:
        return  # acknowledged, closed or cancelled in this moment
    await settle_report(tenant, expired)


async def show_report(tenant: Tenant, merchant_id: str | None, report_id: str) -> MedReportView:
    """Of `merchant_id` only, unless None. Raises Refused("med_report_not_found")."""
    report = await _find(tenant, report_id)
    if merchant_id not in {None, report.merchant_id}:
        raise _not_found(report_id)
    return med_report_view(report) if merchant_id else await _whole_view(tenant, report)


async def list_reports(tenant: Tenant, wanted: MedWanted, page: Page) -> Listing[MedReportView]:
    """Newest first."""
    reports, total = await tenant.med.page(wanted, page)
    if wanted.merchant_id is None:
        views = await _whole_views(tenant, reports)
    else:
        views = [med_report_view(one) for one in reports]
    return listing(views, page, total)


async def _whole_view(tenant: Tenant, report: MedReport) -> MedReportView:
    [view] = await _whole_views(tenant, [report])
    return view


async def _whole_views(tenant: Tenant, reports: Sequence[MedReport]) -> list[MedReportView]:
    """With all that the institution's own people may see."""
    ids = [one.infraction_id for one in reports if one.infraction_id is not None]
    infractions = await tenant.infractions.find(ids) if ids else {}
    return [
        med_report_view(one, with_details=True, infraction=infractions.get(one.infraction_id or ""))
        for one in reports
    ]


async def _receipt(tenant: Tenant, end_to_end_id: str) -> Receipt:
    parse_end_to_end_id(end_to_end_id)
    receipt = await tenant.refunds.find_receipt(end_to_end_id)
    if receipt is None or receipt.account_id is None:
        raise Refused(
            "payment_not_found", f"no customer received {end_to_end_id}", field="end_to_end_id"
        )
    return receipt


async def _decide(
    tenant: Tenant, actor: str, report_id: str, event: MedEvent, amount: int | None = None
) -> MedReport:
    """The report after `event`, on paper; as it is when that was said before."""
    for _ in range(TRIES_MAX):
        before = await _find(tenant, report_id)
        after = _after(tenant, before, event, amount)
        if after is before:
            return before

        told = "pix.med.acknowledged" if event is MedEvent.ACKNOWLEDGED else None
        archived = await tenant.med.move(
            MedMoved(
                report=after,
                before=before,
                actor=actor,
                event=None if told is None else event_of(tenant, after, told),
            )
        )
        if archived is not None:
            tenant.relay.ring()
            tenant.couriers.ring(archived.endpoint_ids)
            return after

    raise Refused("med_report_not_open", f"others decide about {report_id} at this moment")


def _after(tenant: Tenant, before: MedReport, event: MedEvent, amount: int | None) -> MedReport:
    target = MedStage(event.value)
    if before.stage is target and amount in {None, before.returned_amount}:
        return before

    stage = advance(before.stage, event)
    if stage is None:
        status = med.PUBLIC_STATUS[before.stage]
        raise Refused(
            "med_report_not_open",
            f"a report that is {status} cannot be {target}",
            details={"status": status},
        )

    now = tenant.clock.now()
    after = msgspec.structs.replace(before, stage=stage, updated_at=now)
    if event is not MedEvent.AGREED:
        return after

    returned = before.blocked_amount if amount is None else amount
    if returned > before.blocked_amount:
        raise Refused(
            "med_amount_above_blocked",
            f"{before.blocked_amount} centavos are blocked",
            field="amount",
        )
    if returned == 0:
        return after
    return msgspec.structs.replace(
        after,
        returned_amount=returned,
        refund_id=tenant.ids.new(IdPrefix.REFUND),
        return_id=build_return_id(tenant.ispb, now, tenant.ids.letters(11)),
    )


async def _find(tenant: Tenant, report_id: str) -> MedReport:
    report = await tenant.med.find(report_id)
    if report is None:
        raise _not_found(report_id)
    return report


def _not_found(report_id: str) -> Refused:
    return Refused("med_report_not_found", f"no report {report_id}", field="med_report_id")
