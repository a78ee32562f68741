"""PIX in: a merchant asks to be paid."""

from fluxiq.api.contract import Call, PathText, Rate, Reply, Routes, answered
from fluxiq.api.paging import DaysAsked
from fluxiq.domain.records import ChargeStatus
from fluxiq.ports.payments import ChargesWanted
from fluxiq.services import cancel_charge as cancel
from fluxiq.services import list_charges as lists
from fluxiq.services import open_charge as use
from fluxiq.services.messages.charges import CancelCharge, ChargeView, OpenCharge
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.replay import once

routes = Routes("/api/v1/pix/charges")

_KEY = ("idempotency_key_reused", "idempotency_in_progress")


class ChargesAsked(DaysAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A page of charges, newest first. Without any of the filters: of all."""

    status: ChargeStatus | None = None
    account_id: PathText | None = None
    txid: PathText | None = None


@routes.post(
    permission="pix:write",
    rate=Rate.WRITE,
    reply=Data[ChargeView],
    status=201,
    refuses=(
        "account_not_found",
        "account_not_active",
        "no_pix_key",
        "invalid_amount",
        "invalid_document",
        *_KEY,
    ),
)
async def open_charge(call: Call, body: OpenCharge) -> Reply:
    """Open a charge: BR Code as text and as a picture."""
    idempotency = call.idempotency(body)
    tenant, merchant_id = call.tenant, call.merchant_id
    answer = await once(
        tenant,
        merchant_id,
        idempotency,
        lambda: use.open_charge(tenant, merchant_id, body, idempotency),
    )
    return answered(answer)


@routes.get(permission="pix:read", rate=Rate.READ, reply=Listing[ChargeView])
async def list_charges(call: Call, query: ChargesAsked) -> Listing[ChargeView]:
    """The merchant's charges, newest first, without their pictures."""
    wanted = ChargesWanted(
        status=query.status,
        account_id=query.account_id,
        txid=query.txid,
        since=query.since(),
        until=query.until(),
    )
    return await lists.list_charges(call.tenant, call.merchant_id, wanted, query.wanted)


@routes.get(
    "/{charge_id}",
    permission="pix:read",
    rate=Rate.READ,
    reply=Data[ChargeView],
    refuses=("charge_not_found",),
)
async def show_charge(call: Call, charge_id: PathText) -> Data[ChargeView]:
    """One charge."""
    return Data(await use.show_charge(call.tenant, call.merchant_id, charge_id))


@routes.post(
    "/{charge_id}/cancel",
    permission="pix:write",
    rate=Rate.WRITE,
    reply=Data[ChargeView],
    status=200,
    refuses=("charge_not_found", "charge_not_pending", *_KEY),
)
async def cancel_charge(call: Call, charge_id: PathText) -> Reply:
    """Cancel a pending charge. Money that comes for it all the same is credited."""
    idempotency = call.idempotency(CancelCharge(charge_id=charge_id))
    return answered(
        await cancel.cancel_charge(call.tenant, call.merchant_id, charge_id, idempotency)
    )
