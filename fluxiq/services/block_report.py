"""The Vault of fraud reports: money set aside, then given back to the customer or to the payer.

A return that the provider rejects is blocked again in the chain that voids it (`settle_refunds`).

Each step is on paper before the ledger hears of it, and its transfers' ids are derived from what is
on paper: whoever finds a report half way does the same again.
"""

from datetime import timedelta
from typing import Final

import msgspec

from fluxiq.domain import med_postings, refund_postings
from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.med import DECIDED, MedEvent, MedReport, MedStage, MedStatus, advance
from fluxiq.domain.postings import customer_ledger_id
from fluxiq.domain.records import Event, PayoutStage, ReceiptReason, Refund, RefundReason
from fluxiq.domain.records import TransferStatus as Status
from fluxiq.domain.transfer_postings import blocked_account
from fluxiq.errors import Unavailable
from fluxiq.ports.med import MedMoved
from fluxiq.services.hold_refund import hold_refund, open_limit
from fluxiq.services.messages.envelope import Data, encode
from fluxiq.services.messages.med import MedReportView, med_report_view
from fluxiq.services.tenant import Tenant

ATTEMPTS_AT_ONCE: Final = 5  # the balance moved each time between looking and blocking
PLATFORM: Final = "platform"

_TOO_LITTLE: Final = {Status.EXCEEDS_CREDITS, Status.ID_ALREADY_FAILED}
_DESCRIPTION: Final = "MED"


async def block_report(tenant: Tenant, report: MedReport) -> MedReport:
    """Set aside what is left of the payment, up to the balance, and open the report for analysis.
    Raises Unavailable or Unknown: then the sweep goes on with it.
    """
    await open_limit(tenant, report.end_to_end_id)
    ispb, ledger = tenant.ispb, tenant.institution.ledger
    await tenant.ledger.create_accounts([blocked_account(ispb, ledger, report.account_id)])

    known = report
    for _ in range(ATTEMPTS_AT_ONCE):
        if known.attempt and (known.blocked_amount == 0 or await _is_blocked(tenant, known)):
            return await _opened(tenant, known)

        asked = msgspec.structs.replace(
            known,
            attempt=known.attempt + 1,
            blocked_amount=await _left(tenant, known),
            updated_at=tenant.clock.now(),
        )
        known = await _move(tenant, known, asked)
        if known.stage is not MedStage.CREATED:
            return known  # somebody else was quicker

    raise Unavailable("ledger", f"the balance of {report.account_id} moves too fast")


async def settle_report(tenant: Tenant, report: MedReport) -> MedReport:
    """Do what was decided about a report. Raises Unavailable or Unknown: then the sweep does."""
    assert report.stage in DECIDED, f"{report.id} is {report.stage}"
    if report.settled_at is not None:
        return report

    if report.refund_id is not None:
        await _return(tenant, report)
    elif report.blocked_amount:
        await _release(tenant, report)

    now = tenant.clock.now()
    settled = msgspec.structs.replace(report, settled_at=now, updated_at=now)
    status = med_report_view(settled).status
    kind = "cancelled" if status is MedStatus.CANCELLED else "closed"
    return await _move(tenant, report, settled, event=f"pix.med.{kind}")


async def note_rejected_return(tenant: Tenant, refund: Refund) -> None:
    """Have the report say that its return failed, and is blocked again: the ledger has it so.

    Twice is once. A report that is not settled yet is left to the sweep, which settles it first.
    """
    if refund.med_report_id is None:
        return

    report = await tenant.med.find(refund.med_report_id)
    if report is None or report.refund_id != refund.id or report.settled_at is None:
        return

    stage = advance(report.stage, MedEvent.RETURN_FAILED)
    assert stage is not None, f"{report.id} is {report.stage} and had a return"
    failed = msgspec.structs.replace(
        report,
        stage=stage,
        failed_refund_id=refund.id,
        refund_id=None,
        return_id=None,
        returned_amount=0,
        blocked_amount=refund.amount,
        settled_at=None,
        updated_at=tenant.clock.now(),
    )
    await _move(tenant, report, failed, event="pix.med.return_failed")


def event_of(tenant: Tenant, report: MedReport, kind: str) -> Event:
    """The event `kind` of a report that has just changed, for the merchant who was paid."""
    return Event(
        id=tenant.ids.new(IdPrefix.EVENT),
        merchant_id=report.merchant_id,
        type=kind,
        created_at=report.updated_at,
        data=med_report_view(report),
    )


async def _left(tenant: Tenant, report: MedReport) -> int:
    """What may be blocked, in centavos: what was not refunded, as far as it is available."""
    limit_id = refund_postings.limit_account_id(tenant.ispb, report.end_to_end_id)
    customer_id = customer_ledger_id(tenant.ispb, report.account_id)
    balances = await tenant.ledger.balances([limit_id, customer_id])
    return min(balances[limit_id].available, balances[customer_id].available)


async def _is_blocked(tenant: Tenant, report: MedReport) -> bool:
    """Whether this attempt stands; if the balance was too low for it, it never will."""
    limit, money = med_postings.med_block(tenant.ispb, tenant.institution.ledger, report)
    limited, moved = await tenant.ledger.create_transfers([limit, money])
    if limited.stands:
        return True

    in_the_way = moved if limited is Status.LINKED_EVENT_FAILED else limited
    assert in_the_way in _TOO_LITTLE, f"the ledger answered {limited}, {moved} to {report.id}"
    return False


async def _opened(tenant: Tenant, report: MedReport) -> MedReport:
    stage = advance(report.stage, MedEvent.BLOCKED)
    assert stage is not None, f"{report.id} is {report.stage} and was to be blocked"
    now = tenant.clock.now()
    hours = timedelta(seconds=tenant.settings.pix.med_block_seconds)
    opened = msgspec.structs.replace(report, stage=stage, blocked_until=now + hours, updated_at=now)
    return await _move(tenant, report, opened, event="pix.med.opened")


async def _release(tenant: Tenant, report: MedReport) -> None:
    ispb, ledger = tenant.ispb, tenant.institution.ledger
    statuses = await tenant.ledger.create_transfers(med_postings.med_release(ispb, ledger, report))
    assert statuses[0].stands, f"the ledger answered {statuses} to the release of {report.id}"


async def _return(tenant: Tenant, report: MedReport) -> None:
    """Hold the refund out of what is blocked, then let it go as every refund does."""
    refund = await _refund(tenant, report)
    ispb, ledger = tenant.ispb, tenant.institution.ledger
    statuses = await tenant.ledger.create_transfers(
        med_postings.med_return(ispb, ledger, report, refund)
    )
    assert statuses[0].stands, f"the ledger answered {statuses} to the return of {report.id}"

    await tenant.med.open_refund(report, refund)
    await hold_refund(tenant, refund)  # which is held: it is written down, and sent


async def _refund(tenant: Tenant, report: MedReport) -> Refund:
    """The same one, whoever draws it up."""
    receipt = await tenant.refunds.find_receipt(report.end_to_end_id)
    assert receipt is not None, f"{report.id} is about a payment that was never received"
    assert report.refund_id is not None, f"{report.id} returns nothing"
    assert report.return_id is not None, f"{report.id} has a refund without its name in SPI"
    paid = receipt.reason is ReceiptReason.PAYS_CHARGE
    return Refund(
        id=report.refund_id,
        merchant_id=report.merchant_id,
        account_id=report.account_id,
        end_to_end_id=report.end_to_end_id,
        return_id=report.return_id,
        charge_id=receipt.charge_id if paid else None,
        amount=report.returned_amount,
        reason=RefundReason.FRAUD,
        description=_DESCRIPTION,
        stage=PayoutStage.CREATED,
        created_at=report.updated_at,
        updated_at=report.updated_at,
        med_report_id=report.id,
    )


async def _move(
    tenant: Tenant, before: MedReport, after: MedReport, *, event: str | None = None
) -> MedReport:
    """The report as it is now: `after`, unless somebody else moved it first."""
    opens = before.stage is MedStage.CREATED and after.stage is MedStage.OPEN
    moved = MedMoved(
        report=after,
        before=before,
        actor=PLATFORM,
        event=None if event is None else event_of(tenant, after, event),
        response=encode(Data[MedReportView](med_report_view(after, with_details=True)))
        if opens
        else None,
    )
    archived = await tenant.med.move(moved)
    if archived is not None:
        tenant.relay.ring()
        tenant.couriers.ring(archived.endpoint_ids)
        return after

    now = await tenant.med.find(before.id)
    assert now is not None, f"{before.id} was on paper"
    return now
