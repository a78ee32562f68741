"""A merchant looks at its fees: what is agreed, what it came to, and for which payments."""

from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from fluxiq.domain.schedule import SAO_PAULO
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.ports.fees import FeeBucket, FeesWanted
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.messages.fees import FeesView, FeeTotalsView, fee_view, totals_view
from fluxiq.services.messages.receipts import ReceiptView, receipt_view
from fluxiq.services.tenant import Tenant

HISTORY_MAX: Final = 100

_ZONE: Final = ZoneInfo(SAO_PAULO)
# How far a question may reach, and how far it does unless it says so.
_DAYS_MAX: Final = {FeeBucket.DAY: 92, FeeBucket.MONTH: 1_098}
_DAYS_USUAL: Final = {FeeBucket.DAY: 30, FeeBucket.MONTH: 334}


async def show_fees(tenant: Tenant, merchant_id: str) -> FeesView:
    history = [fee_view(one) for one in await tenant.fees.agreed(merchant_id, HISTORY_MAX)]
    return FeesView(current=history[0] if history else None, history=history)


async def show_totals(
    tenant: Tenant, merchant_id: str, bucket: FeeBucket, since: date | None, until: date | None
) -> FeeTotalsView:
    """Up to today, unless it says otherwise. Raises Refused("validation_failed")."""
    last = until or tenant.clock.now().astimezone(_ZONE).date()
    first = since or last - timedelta(days=_DAYS_USUAL[bucket])
    if first > last:
        raise Refused("validation_failed", "is after end_date", field="start_date")
    if bucket is FeeBucket.MONTH:
        first = first.replace(day=1)
    if (last - first).days >= _DAYS_MAX[bucket]:
        raise Refused(
            "validation_failed",
            f"more than {_DAYS_MAX[bucket]} days before end_date",
            field="start_date",
        )
    wanted = FeesWanted(merchant_id=merchant_id, bucket=bucket, since=first, until=last)
    return totals_view(wanted, await tenant.fees.totals(wanted))


async def list_charged(tenant: Tenant, merchant_id: str, page: Page) -> Listing[ReceiptView]:
    """Payments of which something was kept, the last first."""
    found, total = await tenant.fees.charged(merchant_id, page)
    return listing([receipt_view(one) for one in found], page, total)
