"""What is looked for again and again, because a crash may have left it between two rooms."""

from datetime import datetime, timedelta

import msgspec

from fluxiq.domain.records import Charge, ChargeStatus, Event
from fluxiq.errors import LedgerDegraded, Refused
from fluxiq.services.dispatch_payouts import enquire_payouts
from fluxiq.services.hold_refund import hold_refund
from fluxiq.services.messages.charges import charge_view
from fluxiq.services.open_payout import hold_payout
from fluxiq.services.settle_refunds import enquire_refunds
from fluxiq.services.tenant import Tenant

SWEEP_MAX = 200  # of each kind in one round; the next round takes the rest
UNHELD_SECONDS = 5.0  # an intent older than this has lost its caller
EXPIRY_GRACE_SECONDS = 10.0  # a notice that travels slowly does not find its charge expired


async def resume_unheld(tenant: Tenant) -> int:
    """Hold, or refuse, the intents that nobody came back to."""
    before = tenant.clock.now() - timedelta(seconds=UNHELD_SECONDS)
    waiting = await tenant.store.unheld_payouts(before, SWEEP_MAX)
    for payout in waiting:
        account = await tenant.store.find_account(payout.account_id)
        assert account is not None, f"{payout.id} names an account that does not exist"
        try:
            await hold_payout(tenant, payout, account)
        except Refused:
            continue  # it has ended: refused for its funds, and filed so
        except LedgerDegraded:
            continue  # above a cap of the stand-in, which others may be within
    return len(waiting) + await _resume_unheld_refunds(tenant, before)


async def enquire_unanswered(tenant: Tenant) -> int:
    """Ask the provider about orders it never told the end of."""
    return await enquire_payouts(tenant, SWEEP_MAX) + await enquire_refunds(tenant, SWEEP_MAX)


async def expire_charges(tenant: Tenant) -> int:
    """Turn charges past their time to expired and tell their merchants."""
    before = tenant.clock.now() - timedelta(seconds=EXPIRY_GRACE_SECONDS)
    overdue = await tenant.store.overdue_charges(before, SWEEP_MAX)
    if not overdue:
        return 0

    owed = await tenant.store.archive_expiries([(one, _expired(tenant, one)) for one in overdue])
    tenant.relay.ring()
    tenant.couriers.ring(owed.endpoint_ids)
    return len(overdue)


async def _resume_unheld_refunds(tenant: Tenant, before: datetime) -> int:
    waiting = await tenant.refunds.unheld_refunds(before, SWEEP_MAX)
    for refund in waiting:
        try:
            await hold_refund(tenant, refund)
        except Refused:
            continue  # it has ended: refused for its funds or its limit, and filed so
        except LedgerDegraded:
            continue  # above a cap of the stand-in, which others may be within
    return len(waiting)


def _expired(tenant: Tenant, charge: Charge) -> Event:
    ended = msgspec.structs.replace(charge, status=ChargeStatus.EXPIRED)
    return Event(
        id=tenant.ids.new("evt"),
        merchant_id=charge.merchant_id,
        type="pix.charge.expired",
        created_at=tenant.clock.now(),
        data=charge_view(ended),
    )
