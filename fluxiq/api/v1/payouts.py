"""PIX out: a merchant pays somebody."""

import msgspec

from fluxiq.api.contract import IDEMPOTENCY_KEY, Call, PathText, Rate, Reply, Routes, answered
from fluxiq.errors import Refused
from fluxiq.services import open_payout as use
from fluxiq.services.messages.envelope import Data
from fluxiq.services.messages.payouts import OpenPayout, PayoutView

routes = Routes("/api/v1/pix/payouts")


@routes.post(permission="pix:write", rate=Rate.WRITE, reply=Data[PayoutView], status=202)
async def open_payout(call: Call, body: OpenPayout) -> Reply:
    """Order a payment: accepted means on paper and held, the end comes as an event."""
    # The key is not part of what it stands for: the same order under it is the same order,
    # whether the key came in the body or in the header.
    order = msgspec.structs.replace(body, idempotency_key=None)
    idempotency = call.idempotency(order, body.idempotency_key)
    if idempotency is None:
        raise Refused(
            "idempotency_key_required",
            f"money leaves once: send idempotency_key, or the header {IDEMPOTENCY_KEY}",
            field="idempotency_key",
        )
    answer = await use.open_payout(
        call.tenant, call.merchant_id, order, idempotency, call.arrived_at
    )
    return answered(answer)


@routes.get("/{payout_id}", permission="pix:read", rate=Rate.READ, reply=Data[PayoutView])
async def show_payout(call: Call, payout_id: PathText) -> Data[PayoutView]:
    """One payout."""
    return Data(await use.show_payout(call.tenant, call.merchant_id, payout_id))
