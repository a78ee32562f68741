"""Fraud reports that a crash left half way, and those whose block has lasted long enough."""

from datetime import timedelta
from typing import Final

from fluxiq.domain.med import MedStage
from fluxiq.services.block_report import block_report, note_rejected_return, settle_report
from fluxiq.services.med_reports import expire_report
from fluxiq.services.tenant import Tenant

SWEEP_MAX: Final = 200
UNFINISHED_SECONDS: Final = 5.0  # a report older than this has lost its caller


async def resume_reports(tenant: Tenant) -> int:
    """Block what is not blocked, settle what is decided, note which returns were rejected."""
    before = tenant.clock.now() - timedelta(seconds=UNFINISHED_SECONDS)
    unfinished = await tenant.med.unfinished(before, SWEEP_MAX)
    for report in unfinished:
        is_new = report.stage is MedStage.CREATED
        await (block_report if is_new else settle_report)(tenant, report)
    rejected = await tenant.med.rejected_returns(before, SWEEP_MAX)
    for refund in rejected:
        await note_rejected_return(tenant, refund)
    return len(unfinished) + len(rejected)


async def expire_reports(tenant: Tenant) -> int:
    """Release what nobody decided about in time."""
    overdue = await tenant.med.overdue(tenant.clock.now(), SWEEP_MAX)
    for report in overdue:
        await expire_report(tenant, report)
    return len(overdue)
