"""PIX in, given back: a merchant refunds what was paid, in whole or in part."""

import msgspec

from fluxiq.api.contract import Call, PathText, Rate, Reply, Routes, answered
from fluxiq.api.paging import DaysAsked
from fluxiq.domain.refund import RefundStatus, stages_of
from fluxiq.ports.refunds import RefundsWanted
from fluxiq.services import open_refund as use
from fluxiq.services import show_refunds as look
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.refunds import OpenRefund, RefundView
from fluxiq.services.replay import once

routes = Routes("/api/v1/pix/refunds")


class RefundsAsked(DaysAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which of the merchant's refunds."""

    charge_id: str | None = None
    end_to_end_id: str | None = None
    status: RefundStatus | None = None


@routes.post(
    permission="pix:write",
    rate=Rate.WRITE,
    reply=Data[RefundView],
    status=202,
    refuses=(
        "charge_not_found",
        "charge_not_paid",
        "payment_not_found",
        "invalid_end_to_end_id",
        "invalid_return_id",
        "account_not_active",
        "refund_deadline_passed",
        "refund_above_original",
        "refund_of_refund",
        "insufficient_funds",
        "idempotency_key_required",
        "idempotency_key_reused",
        "idempotency_in_progress",
        "outcome_unknown",
        "ledger_degraded",
    ),
)
async def open_refund(call: Call, body: OpenRefund) -> Reply:
    """Give back a payment: accepted means on paper and held, the end comes as an event."""
    # As with payouts, the key is not part of what it stands for.
    order = msgspec.structs.replace(body, idempotency_key=None)
    idempotency = call.money_idempotency(order, body.idempotency_key)
    tenant, merchant_id = call.tenant, call.merchant_id
    answer = await once(
        tenant,
        merchant_id,
        idempotency,
        lambda: use.open_refund(tenant, merchant_id, order, idempotency, call.arrived_at),
    )
    return answered(answer)


@routes.get(permission="pix:read", rate=Rate.READ, reply=Listing[RefundView])
async def list_refunds(call: Call, query: RefundsAsked) -> Listing[RefundView]:
    """The merchant's refunds, newest first."""
    wanted = RefundsWanted(
        merchant_id=call.merchant_id,
        charge_id=query.charge_id,
        end_to_end_id=query.end_to_end_id,
        stages=None if query.status is None else stages_of(query.status),
        since=query.since(),
        until=query.until(),
    )
    return await look.list_refunds(call.tenant, wanted, query.wanted)


@routes.get(
    "/{refund_id}",
    permission="pix:read",
    rate=Rate.READ,
    reply=Data[RefundView],
    refuses=("refund_not_found",),
)
async def show_refund(call: Call, refund_id: PathText) -> Data[RefundView]:
    """One refund."""
    return Data(await look.show_refund(call.tenant, call.merchant_id, refund_id))
