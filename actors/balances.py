"""Balances that are pushed: of accounts that moved and whose merchant listens, four times a second.

Read from the ledger when it is their turn, so the last one pushed is the balance as it is.
"""

import trio

from actors.branch import Branch
from actors.weather import Weather
from fluxiq.api.hub import Hub, Topic
from fluxiq.api.live_client import Refetch
from fluxiq.domain.records import Account
from fluxiq.domain.transfer_postings import blocked_ledger_id
from fluxiq.errors import Unavailable, Unknown
from fluxiq.services.messages.accounts import balance_view
from fluxiq.services.messages.live import AccountBalance, BalanceTold
from fluxiq.services.tenant import Tenant
from fluxiq.stores.moved_accounts import moved_accounts

TELL_SECONDS = 0.25  # between two balances of one account
LOOK_SECONDS = 5.0


async def tell_balances(branch: Branch, weather: Weather) -> None:
    hub = branch.platform.hub
    while True:
        await branch.moved.wait(LOOK_SECONDS)
        moved = branch.moved.take()
        listening = hub.merchants(branch.ispb, Topic.BALANCES)
        try:
            if not listening:
                pass  # nobody will ever ask for what has moved so far
            elif moved is None:
                _send_to_look(hub, branch.ispb, listening)
            elif moved.accounts or moved.holds:
                accounts = await branch.links.get().postgres.run(
                    moved_accounts, branch.house, listening, moved.accounts, moved.holds
                )
                await _tell(hub, branch.tenant.get(), accounts)
            weather.cleared()
        except (Unavailable, Unknown) as error:
            _send_to_look(hub, branch.ispb, listening)
            await weather.ride_out(error)
        await trio.sleep(TELL_SECONDS)


def _send_to_look(hub: Hub, ispb: str, merchants: list[str]) -> None:
    for merchant_id in merchants:
        hub.tell(ispb, merchant_id, Topic.BALANCES, Refetch(topics=[Topic.BALANCES]))


async def _tell(hub: Hub, tenant: Tenant, accounts: list[Account]) -> None:
    if not accounts:
        return

    blocked = {one.id: blocked_ledger_id(tenant.ispb, one.id) for one in accounts}
    balances = await tenant.ledger.balances([*(a.ledger_id for a in accounts), *blocked.values()])
    now = tenant.clock.now()
    for account in accounts:
        own = balance_view(balances[account.ledger_id], balances.get(blocked[account.id]), now)
        told = AccountBalance(
            account_id=account.id,
            available=own.available,
            pending=own.pending,
            blocked=own.blocked,
            total=own.total,
            currency=own.currency,
            updated_at=own.updated_at,
        )
        hub.tell(tenant.ispb, account.merchant_id, Topic.BALANCES, BalanceTold(balance=told))
