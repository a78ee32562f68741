"""A merchant no longer wants to be paid: a pending charge is cancelled.

The code may still be on somebody's screen. Money that comes by it later is credited, and the charge
stays cancelled (`domain.receipt`).
"""

import msgspec

from fluxiq.domain.charge import ChargeEvent, Ignored, advance
from fluxiq.domain.records import Charge, ChargeStatus, Event
from fluxiq.errors import Refused
from fluxiq.ports import Fresh, Idempotency
from fluxiq.ports.jobs import NewJob
from fluxiq.ports.payments import ChargeCancelling, NotPending
from fluxiq.services.close_location import CLOSE_LOCATION, CloseLocation
from fluxiq.services.messages.charges import charge_view
from fluxiq.services.messages.envelope import Answer, Data, encode
from fluxiq.services.open_charge import find_charge
from fluxiq.services.replay import replay, replay_if_known
from fluxiq.services.run_jobs import new_job
from fluxiq.services.tenant import Tenant


async def cancel_charge(
    tenant: Tenant, merchant_id: str, charge_id: str, idempotency: Idempotency | None
) -> Answer:
    """Raises Refused: charge_not_found, or charge_not_pending with the status it has."""
    charge = await find_charge(tenant, merchant_id, charge_id)
    change = advance(charge.status, ChargeEvent.CANCELLED)
    if isinstance(change, Ignored):
        return await _not_pending(tenant, charge, charge.status, idempotency)

    now = tenant.clock.now()
    cancelled = msgspec.structs.replace(charge, status=change.status)
    view = charge_view(cancelled)
    body = encode(Data(view))
    event = Event(
        id=tenant.ids.new("evt"),
        merchant_id=merchant_id,
        type="pix.charge.cancelled",
        created_at=now,
        data=view,
    )
    opening = await tenant.payments.cancel_charge(
        ChargeCancelling(
            charge=cancelled,
            at=now,
            event=event,
            response=body,
            idempotency=idempotency,
            jobs=_jobs(tenant, charge),
        )
    )
    if isinstance(opening, NotPending):
        return await _not_pending(tenant, charge, opening.status, idempotency)
    if not isinstance(opening, Fresh):
        return replay(opening)

    tenant.relay.ring()
    tenant.couriers.ring(opening.endpoint_ids)
    tenant.workers.ring()
    return Answer(body=body)


def _jobs(tenant: Tenant, charge: Charge) -> tuple[NewJob, ...]:
    if not charge.has_location:
        return ()
    return (new_job(tenant, CLOSE_LOCATION, CloseLocation(charge.txid), unique_key=charge.id),)


async def _not_pending(
    tenant: Tenant, charge: Charge, status: ChargeStatus, idempotency: Idempotency | None
) -> Answer:
    """The answer of the request that cancelled it, when this is the same one. Raises Refused."""
    answer = await replay_if_known(tenant, charge.merchant_id, idempotency)
    if answer is None:
        raise Refused(
            "charge_not_pending",
            f"only a pending charge can be cancelled: this one is {status}",
            details={"status": status},
        )
    return answer
