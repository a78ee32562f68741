"""A payment's walk through the rooms, for people: where it was, how long, what it left."""

from fluxiq.errors import Refused
from fluxiq.services.messages.walks import StepView, step_view
from fluxiq.services.tenant import Tenant


async def walk(tenant: Tenant, merchant_id: str, end_to_end_id: str) -> list[StepView]:
    """Raises Refused("payment_not_found"), also for a payment of another merchant."""
    owner = await tenant.store.payment_owner(end_to_end_id)
    if owner != merchant_id:
        raise Refused("payment_not_found", f"no payment {end_to_end_id}", field="end_to_end_id")
    return [step_view(step) for step in await tenant.store.walk(end_to_end_id)]
