"""PIX in: a merchant asks to be paid."""

from fluxiq.api.contract import Call, PathText, Rate, Reply, Routes, answered
from fluxiq.services import open_charge as use
from fluxiq.services.messages.charges import ChargeView, OpenCharge
from fluxiq.services.messages.envelope import Data

routes = Routes("/api/v1/pix/charges")


@routes.post(permission="pix:write", rate=Rate.WRITE, reply=Data[ChargeView], status=201)
async def open_charge(call: Call, body: OpenCharge) -> Reply:
    """Open a charge: BR Code as text and as a picture."""
    idempotency = call.idempotency(body)
    return answered(await use.open_charge(call.tenant, call.merchant_id, body, idempotency))


@routes.get("/{charge_id}", permission="pix:read", rate=Rate.READ, reply=Data[ChargeView])
async def show_charge(call: Call, charge_id: PathText) -> Data[ChargeView]:
    """One charge."""
    return Data(await use.show_charge(call.tenant, call.merchant_id, charge_id))
