"""PIX out: a merchant pays somebody."""

import msgspec
from msgspec import Raw

from fluxiq.api.contract import Call, PathText, Rate, Reply, Routes, answered
from fluxiq.api.paging import DaysAsked
from fluxiq.domain.payout import PayoutStatus, stages_of
from fluxiq.ports.payments import PayoutsWanted
from fluxiq.services import list_payouts as lists
from fluxiq.services import open_payout as use
from fluxiq.services import open_payout_batch as batches
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.payout_batches import BatchView, OpenPayoutBatch
from fluxiq.services.messages.payouts import OpenPayout, PayoutView

routes = Routes("/api/v1/pix/payouts")

_REFUSALS = (
    "account_not_found",
    "account_not_active",
    "amount_above_limit",
    "invalid_pix_key",
    "invalid_pix_key_type",
    "pix_key_not_found",
    "same_institution",
    "insufficient_funds",
    "idempotency_key_required",
    "idempotency_key_reused",
    "idempotency_in_progress",
    "outcome_unknown",
)


class PayoutsAsked(DaysAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A page of payouts, newest first. Without any of the filters: of all."""

    status: PayoutStatus | None = None
    account_id: PathText | None = None
    end_to_end_id: PathText | None = None


@routes.post(
    permission="pix:write",
    rate=Rate.WRITE,
    reply=Data[PayoutView],
    status=202,
    refuses=_REFUSALS,
)
async def open_payout(call: Call, body: OpenPayout) -> Reply:
    """Order a payment: accepted means on paper and held, the end comes as an event."""
    # The key is not part of what it stands for: the same order under it is the same order,
    # whether the key came in the body or in the header.
    order = msgspec.structs.replace(body, idempotency_key=None)
    idempotency = call.money_idempotency(order, body.idempotency_key)
    answer = await use.open_payout(
        call.tenant, call.merchant_id, order, idempotency, call.arrived_at
    )
    return answered(answer)


@routes.post(
    "/batch",
    permission="pix:write",
    rate=Rate.WRITE,
    reply=BatchView[PayoutView],
    status=200,
    refuses=("batch_too_large",),
)
async def open_payout_batch(call: Call, body: OpenPayoutBatch) -> BatchView[Raw]:
    """Order many payments at once; each line has its own result, in order. The lines' own keys make
    it safe to send a batch again: the header Idempotency-Key may be sent too, and adds nothing.
    """
    call.idempotency(body)  # refuses a header that is not a key
    return await batches.open_payout_batch(call.tenant, call.merchant_id, body, call.arrived_at)


@routes.get(permission="pix:read", rate=Rate.READ, reply=Listing[PayoutView])
async def list_payouts(call: Call, query: PayoutsAsked) -> Listing[PayoutView]:
    """The merchant's payouts, newest first."""
    wanted = PayoutsWanted(
        stages=None if query.status is None else stages_of(query.status),
        account_id=query.account_id,
        end_to_end_id=query.end_to_end_id,
        since=query.since(),
        until=query.until(),
    )
    return await lists.list_payouts(call.tenant, call.merchant_id, wanted, query.wanted)


@routes.get(
    "/{payout_id}",
    permission="pix:read",
    rate=Rate.READ,
    reply=Data[PayoutView],
    refuses=("payout_not_found",),
)
async def show_payout(call: Call, payout_id: PathText) -> Data[PayoutView]:
    """One payout."""
    return Data(await use.show_payout(call.tenant, call.merchant_id, payout_id))
