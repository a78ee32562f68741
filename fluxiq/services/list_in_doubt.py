"""Payouts that a person may have to end: ordered, and neither confirmed nor failed in time."""

from datetime import datetime, timedelta

from fluxiq.ports import Page
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.messages.operations.payments import InDoubtView, in_doubt_view
from fluxiq.services.tenant import Tenant
from fluxiq.settings import SETTLEMENT_SECONDS_MAX


async def list_in_doubt(tenant: Tenant, page: Page) -> Listing[InDoubtView]:
    """Of all merchants, the oldest first. One that a provider has accepted is in doubt once it is
    older than PIX lets a payment take (SPI, 40 s limit).
    """
    before = doubted_before(tenant.clock.now())
    found, total = await tenant.payments.payouts_in_doubt(before, page)
    return listing([in_doubt_view(one) for one in found], page, total)


def doubted_before(now: datetime) -> datetime:
    """What was accepted earlier than this should have ended."""
    return now - timedelta(seconds=SETTLEMENT_SECONDS_MAX)
