"""The accounts of a merchant: which one is meant, and what is in it."""

from fluxiq.domain.records import Account, AccountStatus
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.services.messages.accounts import AccountView, BalanceView, account_view, balance_view
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.tenant import Tenant

_ALL = Page(number=1, size=100)


async def list_accounts(tenant: Tenant, merchant_id: str, page: Page) -> Listing[AccountView]:
    accounts, total = await tenant.store.list_accounts(merchant_id, page)
    return listing([await _view(tenant, account) for account in accounts], page, total)


async def show_account(tenant: Tenant, merchant_id: str, account_id: str) -> AccountView:
    return await _view(tenant, await find_account(tenant, merchant_id, account_id))


async def show_balance(tenant: Tenant, merchant_id: str, account_id: str) -> BalanceView:
    account = await find_account(tenant, merchant_id, account_id)
    balances = await tenant.ledger.balances([account.ledger_id])
    return balance_view(balances[account.ledger_id], tenant.clock.now())


async def find_account(tenant: Tenant, merchant_id: str, account_id: str) -> Account:
    """Raises Refused("account_not_found"), also for an account of another merchant."""
    account = await tenant.store.find_account(account_id)
    if account is None or account.merchant_id != merchant_id:
        raise _not_found(account_id)
    return account


async def working_account(tenant: Tenant, merchant_id: str, account_id: str | None) -> Account:
    """The account a payment is for: the named one, else the merchant's first; it must be active."""

    async def find() -> tuple[Account, ...] | None:
        accounts, _ = await tenant.store.list_accounts(merchant_id, _ALL)
        return tuple(accounts) or None

    accounts = await tenant.recent_accounts.get(merchant_id, find) or ()
    if account_id is None:
        account = accounts[0] if accounts else None
    else:
        account = next((a for a in accounts if a.id == account_id), None)

    if account is None:
        raise _not_found(account_id or "of this merchant")
    if account.status is not AccountStatus.ACTIVE:
        raise Refused(
            "account_not_active", f"account {account.id} is {account.status}", field="account_id"
        )
    return account


def _not_found(account_id: str) -> Refused:
    return Refused("account_not_found", f"no account {account_id}", field="account_id")


async def _view(tenant: Tenant, account: Account) -> AccountView:
    keys = await tenant.store.pix_keys_of(account.id)
    return account_view(account, tuple(key.key for key in keys))
