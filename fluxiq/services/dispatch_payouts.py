"""Held payouts leave for the provider, and those that nobody heard of are asked about."""

from collections.abc import Sequence

from fluxiq.services.dispatch_orders import FRESH_SECONDS, dispatch_orders, enquire_orders
from fluxiq.services.settle_outcomes import PAYOUTS
from fluxiq.services.tenant import Tenant

__all__ = ["FRESH_SECONDS", "dispatch_payouts", "enquire_payouts"]


async def dispatch_payouts(
    tenant: Tenant, end_to_end_ids: Sequence[str], *, redelivered: bool
) -> int:
    """See `dispatch_orders`."""
    return await dispatch_orders(tenant, PAYOUTS, end_to_end_ids, redelivered=redelivered)


async def enquire_payouts(tenant: Tenant, limit: int) -> int:
    """See `enquire_orders`."""
    return await enquire_orders(tenant, PAYOUTS, limit)
