"""Somebody else than the maker approves a transfer, or rejects it; or its time is over.

The decision is on paper, once and for ever, before the ledger posts or voids the hold. What a crash
leaves between the two is found by `resume_transfers`, which calls the same `finish`.
"""

import structlog

from fluxiq.domain import transfer_postings as postings
from fluxiq.domain.transfer import BookTransfer, FailureCode, TransferEvent, TransferStage
from fluxiq.errors import Refused, Unavailable
from fluxiq.services.accounts import find_account, remembered_account, require_active
from fluxiq.services.four_eyes import require_somebody_else
from fluxiq.services.make_transfer import PLATFORM, advanced, file_move, require_stands
from fluxiq.services.messages.transfers import TransferView, transfer_view
from fluxiq.services.tenant import Tenant
from fluxiq.services.transfers import find_transfer

_log = structlog.get_logger("fluxiq.transfers")
_AFTER = {
    TransferEvent.APPROVED: {TransferStage.APPROVED, TransferStage.COMPLETED},
    TransferEvent.DECLINED: {TransferStage.DECLINED, TransferStage.FAILED},
}


async def approve_transfer(
    tenant: Tenant, merchant_id: str, actor: str, transfer_id: str
) -> TransferView:
    """The transfer, pending still where the ledger is slow to answer: then the sweep ends it.

    Raises Refused: transfer_not_found, maker_is_checker, transfer_not_pending, or
    account_not_active when the source was blocked meanwhile. Unknown: the sweep finds out.
    """
    return await _decide(tenant, merchant_id, actor, transfer_id, TransferEvent.APPROVED)


async def reject_transfer(
    tenant: Tenant, merchant_id: str, actor: str, transfer_id: str
) -> TransferView:
    """Raises Refused: transfer_not_found, maker_is_checker, transfer_not_pending; or Unknown."""
    return await _decide(tenant, merchant_id, actor, transfer_id, TransferEvent.DECLINED)


async def expire_transfer(tenant: Tenant, transfer: BookTransfer) -> None:
    """Decline a transfer whose time for approval is over, unless somebody was quicker."""
    declined = advanced(
        transfer,
        TransferEvent.DECLINED,
        updated_at=tenant.clock.now(),
        failure_code=FailureCode.APPROVAL_EXPIRED,
    )
    moved = await file_move(tenant, transfer, declined, PLATFORM)
    if moved.happened:
        await finish(tenant, declined, PLATFORM)


async def finish(tenant: Tenant, transfer: BookTransfer, actor: str) -> BookTransfer:
    """Post or void the hold as was decided, and put the end on paper. Returns the transfer's end,
    whoever wrote it: there is only one that a decision leads to.
    """
    is_approved = transfer.stage is TransferStage.APPROVED
    payee_id = await _payee(tenant, transfer) if is_approved else None
    make = postings.transfer_post if is_approved else postings.transfer_void
    asked = make(tenant.ispb, tenant.institution.ledger, transfer.id, transfer.amount)
    [status] = await tenant.ledger.create_transfers([asked])
    require_stands(status, transfer)

    now = tenant.clock.now()
    if is_approved:
        ended = advanced(transfer, TransferEvent.EXECUTED, updated_at=now, completed_at=now)
    else:
        ended = advanced(transfer, TransferEvent.RELEASED, updated_at=now)

    moved = await file_move(tenant, transfer, ended, actor, payee_id=payee_id)
    if moved.happened:
        return ended

    found = await tenant.transfers.find(transfer.id)
    assert found is not None, f"{transfer.id} was there a moment ago"
    return found


async def _payee(tenant: Tenant, transfer: BookTransfer) -> str:
    """The merchant that the money goes to. Asked before it moves: the end is told once."""
    account = await remembered_account(tenant, transfer.destination_account_id)
    assert account is not None, f"{transfer.id} names an account that does not exist"
    return account.merchant_id


async def _decide(
    tenant: Tenant, merchant_id: str, actor: str, transfer_id: str, event: TransferEvent
) -> TransferView:
    transfer = await find_transfer(tenant, merchant_id, transfer_id)
    if transfer.stage is TransferStage.PENDING:
        transfer = await _put_on_paper(tenant, transfer, actor, event)

    # Decided so by this very actor, just now or before: doing it twice is doing it once.
    if transfer.decided_by != actor or transfer.stage not in _AFTER[event]:
        raise _not_pending(tenant, transfer)
    if transfer.completed_at is None and transfer.stage is not TransferStage.FAILED:
        try:
            transfer = await finish(tenant, transfer, actor)
        except Unavailable as error:
            # The decision is on paper, so it stands: the sweep posts or voids.
            _log.warning("decision_left_to_the_sweep", id=transfer.id, error=str(error))
    return transfer_view(tenant.ispb, transfer)


async def _put_on_paper(
    tenant: Tenant, transfer: BookTransfer, actor: str, event: TransferEvent
) -> BookTransfer:
    """The transfer as it was decided: by this actor, or by who was quicker."""
    await require_somebody_else(
        tenant, transfer.merchant_id, transfer.created_by, actor, what="a transfer"
    )
    now = tenant.clock.now()
    failure_code = None
    if event is TransferEvent.APPROVED:
        assert transfer.expires_at is not None, "only what needs approval is pending"
        if transfer.expires_at <= now:
            raise _not_pending(tenant, transfer, "its time for approval is over")
        source = await find_account(tenant, transfer.merchant_id, transfer.source_account_id)
        require_active(source, field="source_account_id")
    else:
        failure_code = FailureCode.APPROVAL_REJECTED

    decided = advanced(transfer, event, updated_at=now, decided_by=actor, failure_code=failure_code)
    moved = await file_move(tenant, transfer, decided, actor)
    if moved.happened:
        return decided

    return await find_transfer(tenant, transfer.merchant_id, transfer.id)


def _not_pending(tenant: Tenant, transfer: BookTransfer, why: str = "") -> Refused:
    status = transfer_view(tenant.ispb, transfer).status
    return Refused(
        "transfer_not_pending",
        why or f"transfer {transfer.id} does not await a decision",
        details={"transfer_id": transfer.id, "status": status},
    )
