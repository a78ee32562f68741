"""What an infraction leads to here: a fraud report of ours, or none; the end of one withdrawn.

Each step is on paper before the next, and may be taken again by whoever finds it undone.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec

from fluxiq.domain.infraction import Infraction, InfractionEvent, InfractionStage, advance
from fluxiq.domain.med import ANALYSED, MedReport, MedStage
from fluxiq.domain.records import Receipt
from fluxiq.errors import Refused, Unavailable
from fluxiq.ports.infractions import InfractionMoved
from fluxiq.ports.med import MedExists, MedOpening
from fluxiq.services.block_report import PLATFORM, block_report
from fluxiq.services.med_reports import cancel_report, draw_up
from fluxiq.services.settle_orders import CONTRADICTION
from fluxiq.services.tenant import Tenant

# A notice of the payment may be behind the one of the infraction: by seconds, after an outage of
# the provider's by more.
AWAITED_SECONDS_MAX: Final = 3600.0
AGAIN_SECONDS: Final = 5.0


async def pursue_infraction(tenant: Tenant, infraction: Infraction) -> Infraction:
    """The infraction after all that can be done about it here and now; what its provider is to be
    told is said by the sweep. Raises Unavailable or Unknown: then the sweep goes on with it.
    """
    if infraction.stage is InfractionStage.WITHDRAWN:
        await _drop(tenant, infraction)
    elif infraction.stage is InfractionStage.HEARD:
        return await _report(tenant, infraction)
    return infraction


async def write_down(
    tenant: Tenant, before: Infraction, after: Infraction, note: str = ""
) -> Infraction:
    """`after`, on paper; `before` where somebody else was quicker: it is seen as it is later."""
    moved = InfractionMoved(infraction=after, before=before, note=note)
    return after if await tenant.infractions.move(moved) else before


def again_at(tenant: Tenant, infraction: Infraction) -> datetime:
    """When to look again at what is waited for: soon, then as much later as it has waited."""
    now = tenant.clock.now()
    age = (now - infraction.created_at).total_seconds()
    return now + timedelta(seconds=min(max(age, AGAIN_SECONDS), AWAITED_SECONDS_MAX))


async def _report(tenant: Tenant, infraction: Infraction) -> Infraction:
    report = await tenant.med.find_of_infraction(infraction.id)
    if report is None:
        receipt = await tenant.refunds.find_receipt(infraction.end_to_end_id)
        if receipt is None or receipt.account_id is None:
            return await _await_payment(tenant, infraction)
        try:
            report = await _open(tenant, infraction, receipt)
        except Refused as refused:
            return await _dismiss(tenant, infraction, refused.code)

    reported = await _advance(tenant, infraction, InfractionEvent.REPORTED)
    if report.stage is MedStage.CREATED:
        await block_report(tenant, report)
    return reported


async def _open(tenant: Tenant, infraction: Infraction, receipt: Receipt) -> MedReport:
    """The report that answers the infraction: a new one, or the one that a person opened before.
    Raises Refused: refund_deadline_passed, med_report_exists; Unavailable.
    """
    report = msgspec.structs.replace(
        draw_up(tenant, receipt, infraction.reason, infraction.details),
        opened_by=infraction.provider,
        infraction_id=infraction.id,
    )
    opened = await tenant.med.open(MedOpening(report=report, idempotency=None))
    if not isinstance(opened, MedExists):
        return report

    if not opened.report_id:
        raise Unavailable("records", f"the report in the way of {infraction.id} has just ended")
    if not await tenant.infractions.adopt(infraction, opened.report_id):
        raise Refused("med_report_exists", f"{opened.report_id} answers another infraction")
    adopted = await tenant.med.find(opened.report_id)
    assert adopted is not None, f"{opened.report_id} was on paper"
    return adopted


async def _await_payment(tenant: Tenant, infraction: Infraction) -> Infraction:
    now = tenant.clock.now()
    if now >= infraction.created_at + timedelta(seconds=AWAITED_SECONDS_MAX):
        return await _dismiss(tenant, infraction, "payment_not_found")

    due_at = again_at(tenant, infraction)
    waiting = msgspec.structs.replace(infraction, updated_at=now, due_at=due_at)
    return await write_down(tenant, infraction, waiting)


async def _dismiss(tenant: Tenant, infraction: Infraction, why: str) -> Infraction:
    """The provider is told that we disagree; why is for a person to read."""
    note = f"{CONTRADICTION}{why}"
    return await _advance(tenant, infraction, InfractionEvent.DISMISSED, note)


async def _drop(tenant: Tenant, infraction: Infraction) -> None:
    """What was withdrawn is analysed no longer, and its money is released. A report that a person
    here opened before stays theirs: they had reasons of their own.
    """
    report = await tenant.med.find_of_infraction(infraction.id)
    if report is not None and report.opened_by != infraction.provider:
        return
    if report is not None and report.stage is MedStage.CREATED:
        report = await block_report(tenant, report)  # only what is open can be cancelled
    if report is None or report.stage not in ANALYSED:
        return

    try:
        await cancel_report(tenant, PLATFORM, report.id)
    except Refused:
        return  # a person has decided in this moment


async def _advance(
    tenant: Tenant, infraction: Infraction, event: InfractionEvent, note: str = ""
) -> Infraction:
    stage = advance(infraction.stage, event)
    assert stage is not None, f"{infraction.id} is {infraction.stage} and was to be {event}"
    now = tenant.clock.now()
    after = msgspec.structs.replace(infraction, stage=stage, updated_at=now, due_at=now)
    return await write_down(tenant, infraction, after, note)
