"""Somebody else than the maker releases a batch; anybody who may rejects it; or its time is over.

A release is on paper together with the job that opens the payouts: from then on nothing stops it.
"""

import msgspec

from fluxiq.domain.payout_batch import BatchEvent, BatchStatus, PayoutBatch, advance
from fluxiq.errors import Refused
from fluxiq.ports.payout_batches import BatchMoved
from fluxiq.services.authenticate import Caller
from fluxiq.services.four_eyes import require_somebody_else
from fluxiq.services.messages.released_batches import PayoutBatchView, batch_view
from fluxiq.services.open_batch_lines import OPEN_LINES, PLATFORM, OpenLines
from fluxiq.services.payout_batches import find_batch
from fluxiq.services.run_jobs import new_job
from fluxiq.services.tenant import Tenant

RELEASE = "payout_batches:release"
OVERDUE_MAX = 200  # in one round of the sweep

_RELEASED = frozenset({BatchStatus.RELEASING, BatchStatus.RELEASED})


async def release_batch(
    tenant: Tenant, merchant_id: str, actor: str, batch_id: str
) -> PayoutBatchView:
    """Twice is once. Raises Refused: payout_batch_not_found, maker_is_checker,
    payout_batch_not_awaiting.
    """
    batch = await find_batch(tenant, merchant_id, batch_id)
    if batch.status is BatchStatus.AWAITING_RELEASE:
        await require_somebody_else(
            tenant, merchant_id, batch.created_by, actor, what="a batch of payouts"
        )
        if batch.is_over(tenant.clock.now()):
            raise _not_awaiting(batch, "its time for a release is over")
        batch = await _decide(tenant, batch, actor, BatchEvent.RELEASED)

    if batch.decided_by != actor or batch.status not in _RELEASED:
        raise _not_awaiting(batch)
    return batch_view(batch)


async def reject_batch(caller: Caller, batch_id: str, reason: str) -> PayoutBatchView:
    """By its maker, who withdraws it, or by whoever may release batches. Twice is once. Raises
    Refused: payout_batch_not_found, forbidden, payout_batch_not_awaiting.
    """
    tenant, actor = caller.tenant, caller.actor
    batch = await find_batch(tenant, caller.merchant_id, batch_id)
    if actor != batch.created_by and not caller.may(RELEASE):
        raise Refused(
            "forbidden",
            "a batch of somebody else is rejected by who may release it",
            details={"permission": RELEASE},
        )
    if batch.status is BatchStatus.AWAITING_RELEASE:
        batch = await _decide(tenant, batch, actor, BatchEvent.REJECTED, reason)

    if batch.decided_by != actor or batch.status is not BatchStatus.REJECTED:
        raise _not_awaiting(batch)
    return batch_view(batch)


async def expire_batches(tenant: Tenant) -> int:
    """End those that nobody released in time; returns how many were looked at."""
    overdue = await tenant.payout_batches.overdue(tenant.clock.now(), OVERDUE_MAX)
    for batch in overdue:
        expired = _advanced(batch, BatchEvent.TIMED_OUT)
        moved = msgspec.structs.replace(expired, updated_at=tenant.clock.now())
        await tenant.payout_batches.move(
            BatchMoved(batch=moved, before=batch.status, actor=PLATFORM)
        )
    return len(overdue)


async def _decide(
    tenant: Tenant, batch: PayoutBatch, actor: str, event: BatchEvent, reason: str = ""
) -> PayoutBatch:
    """The batch as it was decided: by this actor, or by who was quicker."""
    now = tenant.clock.now()
    decided = msgspec.structs.replace(
        _advanced(batch, event), updated_at=now, decided_by=actor, decided_at=now, reason=reason
    )
    job = None
    if event is BatchEvent.RELEASED:
        job = new_job(tenant, OPEN_LINES, OpenLines(batch.id), unique_key=batch.id)
    moved = BatchMoved(batch=decided, before=batch.status, actor=actor, job=job)
    if not await tenant.payout_batches.move(moved):
        return await find_batch(tenant, batch.merchant_id, batch.id)

    tenant.workers.ring()
    return decided


def _advanced(batch: PayoutBatch, event: BatchEvent) -> PayoutBatch:
    status = advance(batch.status, event)
    assert status is not None, f"{event} does not concern a batch that is {batch.status}"
    return msgspec.structs.replace(batch, status=status)


def _not_awaiting(batch: PayoutBatch, why: str = "") -> Refused:
    return Refused(
        "payout_batch_not_awaiting",
        why or f"batch {batch.id} does not await a decision",
        details={"payout_batch_id": batch.id, "status": batch.status},
    )
