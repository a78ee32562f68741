"""A merchant's accounts and what is in them."""

from fluxiq.domain.records import Account, AccountStatus
from fluxiq.domain.transfer_postings import blocked_ledger_id
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.ports.accounts import AccountFilter
from fluxiq.services.messages.accounts import AccountView, BalanceView, account_view, balance_view
from fluxiq.services.messages.envelope import Listing, listing
from fluxiq.services.tenant import Tenant

_ALL = Page(number=1, size=100)


async def list_accounts(tenant: Tenant, wanted: AccountFilter, page: Page) -> Listing[AccountView]:
    accounts, total = await tenant.accounts.page(wanted, page)
    return listing([account_view(account, keys) for account, keys in accounts], page, total)


async def show_account(tenant: Tenant, merchant_id: str, account_id: str) -> AccountView:
    return await view_of(tenant, await find_account(tenant, merchant_id, account_id))


async def show_balance(tenant: Tenant, merchant_id: str, account_id: str) -> BalanceView:
    """Both ledger accounts at one moment, so that money on its way between them is seen once."""
    account = await remembered_account(tenant, account_id)
    if account is None or account.merchant_id != merchant_id:
        raise account_not_found(account_id)
    blocked_id = blocked_ledger_id(tenant.ispb, account.id)
    balances = await tenant.ledger.balances([account.ledger_id, blocked_id])
    return balance_view(balances[account.ledger_id], balances.get(blocked_id), tenant.clock.now())


async def find_account(
    tenant: Tenant, merchant_id: str, account_id: str, *, field: str = "account_id"
) -> Account:
    """Raises Refused("account_not_found"), also for an account of another merchant."""
    account = await tenant.store.find_account(account_id)
    if account is None or account.merchant_id != merchant_id:
        raise account_not_found(account_id, field=field)
    return account


async def remembered_account(tenant: Tenant, account_id: str) -> Account | None:
    """Whose it is and where its money is, which never changes; its status is a second old."""

    async def find() -> tuple[Account, ...] | None:
        account = await tenant.store.find_account(account_id)
        return None if account is None else (account,)

    found = await tenant.recent_accounts.get(account_id, find)
    return None if found is None else found[0]


async def working_account(
    tenant: Tenant, merchant_id: str, account_id: str | None, *, field: str = "account_id"
) -> Account:
    """The account a payment is for: the named one, else the merchant's first; it must be active."""

    async def find() -> tuple[Account, ...] | None:
        accounts, _ = await tenant.store.list_accounts(merchant_id, _ALL)
        return tuple(accounts) or None

    accounts = await tenant.recent_accounts.get(merchant_id, find) or ()
    if account_id is None:
        account = accounts[0] if accounts else None
    else:
        account = next((a for a in accounts if a.id == account_id), None)
        if account is None:  # opened just now, or beyond the first hundred
            account = await find_account(tenant, merchant_id, account_id, field=field)

    if account is None:
        raise account_not_found("of this merchant", field=field)
    require_active(account, field=field)
    return account


def require_active(account: Account, *, field: str = "account_id") -> None:
    """Raises Refused("account_not_active")."""
    if account.status is not AccountStatus.ACTIVE:
        raise Refused(
            "account_not_active", f"account {account.id} is {account.status}", field=field
        )


def account_not_found(account_id: str, *, field: str = "account_id") -> Refused:
    return Refused("account_not_found", f"no account {account_id}", field=field)


async def view_of(tenant: Tenant, account: Account) -> AccountView:
    keys = await tenant.store.pix_keys_of(account.id)
    return account_view(account, tuple(key.key for key in keys))
