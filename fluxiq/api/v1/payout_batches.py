"""Payouts that one person writes down together, and another one releases."""

from fluxiq.api.contract import Call, PathText, Rate, Reply, Routes, answered
from fluxiq.api.paging import DaysAsked
from fluxiq.domain.payout_batch import BatchStatus
from fluxiq.ports.payout_batches import BatchesWanted
from fluxiq.services import decide_payout_batch as decide
from fluxiq.services import payout_batches as use
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.released_batches import (
    PayoutBatchView,
    PayoutBatchWithLinesView,
    RejectPayoutBatch,
    WritePayoutBatch,
    WrittenPayoutBatchView,
)
from fluxiq.services.replay import once
from fluxiq.services.write_payout_batch import write_payout_batch

routes = Routes("/api/v1/pix/payout-batches")


class PayoutBatchesAsked(DaysAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A page of batches, newest first."""

    status: BatchStatus | None = None


@routes.post(
    permission="pix:write",
    rate=Rate.WRITE,
    reply=Data[WrittenPayoutBatchView],
    status=201,
    refuses=(
        "batch_invalid",
        "account_not_found",
        "account_not_active",
        "idempotency_key_reused",
        "idempotency_in_progress",
    ),
)
async def write_payout_batch_down(call: Call, body: WritePayoutBatch) -> Reply:
    """Write payouts down for somebody else to release. Nothing is held, and nobody is looked up in
    DICT; each line is checked for what it says. `batch_invalid` lists what is wrong, line by line,
    in `details.lines`.
    """
    idempotency = call.idempotency(body)
    tenant, merchant_id, actor = call.tenant, call.merchant_id, call.actor
    answer = await once(
        tenant,
        merchant_id,
        idempotency,
        lambda: write_payout_batch(tenant, merchant_id, actor, body, idempotency),
    )
    return answered(answer)


@routes.get(permission="pix:read", rate=Rate.READ, reply=Listing[PayoutBatchView])
async def list_payout_batches(call: Call, query: PayoutBatchesAsked) -> Listing[PayoutBatchView]:
    """The merchant's batches, newest first."""
    wanted = BatchesWanted(
        merchant_id=call.merchant_id,
        status=query.status,
        since=query.since(),
        until=query.until(),
    )
    return await use.list_batches(call.tenant, wanted, query.wanted)


@routes.get(
    "/{payout_batch_id}",
    permission="pix:read",
    rate=Rate.READ,
    reply=Data[PayoutBatchWithLinesView],
    refuses=("payout_batch_not_found",),
)
async def show_payout_batch(
    call: Call, payout_batch_id: PathText
) -> Data[PayoutBatchWithLinesView]:
    """One batch, with its lines as their payouts stand now."""
    return Data(await use.show_batch(call.tenant, call.merchant_id, payout_batch_id))


@routes.post(
    "/{payout_batch_id}/release",
    permission=decide.RELEASE,
    rate=Rate.WRITE,
    reply=Data[PayoutBatchView],
    status=202,
    refuses=("payout_batch_not_found", "maker_is_checker", "payout_batch_not_awaiting"),
)
async def release_payout_batch(call: Call, payout_batch_id: PathText) -> Data[PayoutBatchView]:
    """Let the payouts of a batch go, by somebody else than its maker: decided for good, and opened
    one by one from now on. A line that is refused stops no other. Twice is once.
    """
    return Data(
        await decide.release_batch(call.tenant, call.merchant_id, call.actor, payout_batch_id)
    )


@routes.post(
    "/{payout_batch_id}/reject",
    permission="pix:write",
    rate=Rate.WRITE,
    reply=Data[PayoutBatchView],
    status=200,
    refuses=("payout_batch_not_found", "payout_batch_not_awaiting"),
)
async def reject_payout_batch(
    call: Call, body: RejectPayoutBatch, payout_batch_id: PathText
) -> Data[PayoutBatchView]:
    """Call a batch off: its maker their own, whoever may release batches (`payout_batches:release`)
    any. Twice is once.
    """
    return Data(await decide.reject_batch(call.known_caller, payout_batch_id, body.reason))
