"""A merchant's accounts and what is in them."""

from fluxiq.api.contract import Call, PathText, Rate, Routes
from fluxiq.api.paging import PageAsked
from fluxiq.services import accounts as use
from fluxiq.services.messages.accounts import AccountView, BalanceView
from fluxiq.services.messages.envelope import Data, Listing

routes = Routes("/api/v1/accounts")


@routes.get(permission="accounts:read", rate=Rate.READ, reply=Listing[AccountView])
async def list_accounts(call: Call, query: PageAsked) -> Listing[AccountView]:
    """The merchant's accounts, oldest first."""
    return await use.list_accounts(call.tenant, call.merchant_id, query.wanted)


@routes.get("/{account_id}", permission="accounts:read", rate=Rate.READ, reply=Data[AccountView])
async def show_account(call: Call, account_id: PathText) -> Data[AccountView]:
    """One account."""
    return Data(await use.show_account(call.tenant, call.merchant_id, account_id))


@routes.get(
    "/{account_id}/balance",
    permission="accounts:read",
    rate=Rate.READ,
    reply=Data[BalanceView],
)
async def show_balance(call: Call, account_id: PathText) -> Data[BalanceView]:
    """What an account holds, in centavos."""
    return Data(await use.show_balance(call.tenant, call.merchant_id, account_id))
