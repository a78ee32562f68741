"""The institution's own people set what a merchant pays for receiving. Its merchant is told."""

from collections.abc import Sequence

from fluxiq.domain.fee import NO_FEE, AgreedFee
from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.records import Event
from fluxiq.errors import Refused
from fluxiq.services.institution_merchants import show_merchant
from fluxiq.services.messages.fees import (
    InstitutionFeesView,
    SetFee,
    fee_view,
    institution_fee_view,
)
from fluxiq.services.show_fees import HISTORY_MAX
from fluxiq.services.tenant import Tenant


async def show_agreed(tenant: Tenant, merchant_id: str) -> InstitutionFeesView:
    """Raises Refused("merchant_not_found")."""
    await show_merchant(tenant, merchant_id)
    return _view(await tenant.fees.agreed(merchant_id, HISTORY_MAX))


async def set_fee(
    tenant: Tenant, actor: str, merchant_id: str, request: SetFee
) -> InstitutionFeesView:
    """From now on: the next receipt that is studied pays it. The plan that is in force already is
    not written again, so that twice is once.

    Raises Refused: merchant_not_found, validation_failed, or fee_changed where somebody else sets
    it at this moment.
    """
    if request.maximum is not None and request.maximum < request.minimum:
        raise Refused("validation_failed", "is less than the minimum", field="maximum")
    await show_merchant(tenant, merchant_id)
    history = await tenant.fees.agreed(merchant_id, HISTORY_MAX)
    before = history[0] if history else None
    if request.plan == (NO_FEE if before is None else before.plan):
        return _view(history)

    fee = AgreedFee(
        merchant_id=merchant_id,
        version=1 if before is None else before.version + 1,
        plan=request.plan,
        valid_from=tenant.clock.now(),
        set_by=actor,
        reason=request.reason,
    )
    archived = await tenant.fees.agree(fee, before, _event(tenant, fee))
    if archived is None:
        raise Refused("fee_changed", "somebody else sets it at this moment: look at it again")
    tenant.relay.ring()
    tenant.couriers.ring(archived.endpoint_ids)
    return _view([fee, *history[: HISTORY_MAX - 1]])


def _event(tenant: Tenant, fee: AgreedFee) -> Event:
    return Event(
        id=tenant.ids.new(IdPrefix.EVENT),
        merchant_id=fee.merchant_id,
        type="merchant.fee_changed",
        created_at=fee.valid_from,
        data=fee_view(fee),
    )


def _view(history: Sequence[AgreedFee]) -> InstitutionFeesView:
    shown = [institution_fee_view(one) for one in history]
    return InstitutionFeesView(current=shown[0] if shown else None, history=shown)
