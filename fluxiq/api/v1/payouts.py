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
from fluxiq.services.messages.envelope import Answer, Data, Listing
from fluxiq.services.messages.payout_batches import BatchView, OpenPayoutBatch
from fluxiq.services.messages.payouts import OrderPayout, PayoutView
from fluxiq.services.replay import once
from fluxiq.services.schedule_payout import cancel_payout, schedule_payout

routes = Routes("/api/v1/pix/payouts")

_REFUSALS = (
    "account_not_found",
    "account_not_active",
    "amount_above_limit",
    "invalid_schedule",
    "invalid_pix_key",
    "invalid_pix_key_type",
    "invalid_recipient_account",
    "invalid_document",
    "pix_key_not_found",
    "same_institution",
    "insufficient_funds",
    "idempotency_key_required",
    "idempotency_key_reused",
    "idempotency_in_progress",
    "outcome_unknown",
    "ledger_degraded",
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
async def open_payout(call: Call, body: OrderPayout) -> Reply:
    """Order a payment to a PIX key or into an account: accepted means on paper and held, the end
    comes as an event. If the ledger does not answer, it is on paper, and held once it does. With a
    day, it is on paper only, and everything else happens on that day from 06:00 in São Paulo.
    """
    # The key is not part of what it stands for: the same order under it is the same order,
    # whether the key came in the body or in the header.
    later = msgspec.structs.replace(body, idempotency_key=None)
    order = body.at_once
    is_later = body.scheduled_for is not None
    idempotency = call.money_idempotency(later if is_later else order, body.idempotency_key)
    tenant, merchant_id, at = call.tenant, call.merchant_id, call.arrived_at

    async def work() -> Answer:
        if is_later:
            return await schedule_payout(tenant, merchant_id, later, idempotency, at)
        return await use.open_payout(tenant, merchant_id, order, idempotency, at)

    return answered(await once(tenant, merchant_id, idempotency, work))


@routes.post(
    "/{payout_id}/cancel",
    permission="pix:write",
    rate=Rate.WRITE,
    reply=Data[PayoutView],
    status=200,
    refuses=("payout_not_found", "payout_not_scheduled"),
)
async def cancel_scheduled_payout(call: Call, payout_id: PathText) -> Data[PayoutView]:
    """Call off a payout whose day has not come. Twice is once."""
    return Data(await cancel_payout(call.tenant, call.merchant_id, call.actor, payout_id))


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
