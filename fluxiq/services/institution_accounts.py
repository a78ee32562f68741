"""The institution's own people look into accounts of all merchants, and block them."""

from collections.abc import Sequence
from typing import Any

import msgspec

from fluxiq.domain.records import Account
from fluxiq.domain.transfer_postings import blocked_ledger_id
from fluxiq.ports import Page
from fluxiq.ports.accounts import AccountFilter
from fluxiq.services import change_account, limits
from fluxiq.services.accounts import account_not_found, view_of
from fluxiq.services.messages.accounts import AccountView, account_view, balance_view
from fluxiq.services.messages.customers import InstitutionAccountView
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.messages.limits import LimitsView
from fluxiq.services.tenant import Tenant


async def list_accounts(
    tenant: Tenant, wanted: AccountFilter, page: Page
) -> Listing[InstitutionAccountView]:
    """Oldest first. All balances are of one moment. Raises Unavailable without the ledger."""
    found, total = await tenant.accounts.page(wanted, page)
    views = [account_view(account, keys) for account, keys in found]
    return listing(await _with_balances(tenant, [one for one, _ in found], views), page, total)


async def show_account(tenant: Tenant, account_id: str) -> InstitutionAccountView:
    """Raises Refused("account_not_found")."""
    account = await _find(tenant, account_id)
    [view] = await _with_balances(tenant, [account], [await view_of(tenant, account)])
    return view


async def show_limits(tenant: Tenant, account_id: str) -> LimitsView:
    """Raises Refused("account_not_found")."""
    account = await _find(tenant, account_id)
    return await limits.show_limits(tenant, account.merchant_id, account_id)


async def block_account(
    tenant: Tenant, actor: str, account_id: str, reason: str
) -> InstitutionAccountView:
    """As its merchant would, who is told. Raises Refused: account_not_found, account_not_active,
    account_changed.
    """
    account = await _find(tenant, account_id)
    await change_account.block_account(tenant, account.merchant_id, actor, account_id, reason)
    return await show_account(tenant, account_id)


async def unblock_account(
    tenant: Tenant, actor: str, account_id: str, reason: str
) -> InstitutionAccountView:
    """Raises as `block_account`."""
    account = await _find(tenant, account_id)
    await change_account.unblock_account(tenant, account.merchant_id, actor, account_id, reason)
    return await show_account(tenant, account_id)


async def _find(tenant: Tenant, account_id: str) -> Account:
    account = await tenant.store.find_account(account_id)
    if account is None:
        raise account_not_found(account_id)
    return account


async def _with_balances(
    tenant: Tenant, accounts: Sequence[Account], views: Sequence[AccountView]
) -> list[InstitutionAccountView]:
    """One question to the ledger, of what can be spent and of what is blocked by the law."""
    blocked = {one.id: blocked_ledger_id(tenant.ispb, one.id) for one in accounts}
    asked = [one.ledger_id for one in accounts]
    balances = await tenant.ledger.balances([*asked, *blocked.values()]) if asked else {}
    now = tenant.clock.now()
    shown = []
    for account, view in zip(accounts, views, strict=True):
        said: dict[str, Any] = msgspec.structs.asdict(view)
        set_aside = balances.get(blocked[account.id])
        balance = balance_view(balances[account.ledger_id], set_aside, now)
        shown.append(InstitutionAccountView(**said, balance=balance))
    return shown
