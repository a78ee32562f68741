"""A merchant's accounts and what is in them."""

from typing import Annotated

from msgspec import Meta, Struct

from fluxiq.api.contract import Call, PathText, Rate, Routes
from fluxiq.ports import Page
from fluxiq.services import accounts as use
from fluxiq.services.messages import AccountView, BalanceView, Data, Listing

routes = Routes("/api/v1/accounts")


class PageAsked(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which page of a list, and how long a page is."""

    page: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    per_page: Annotated[int, Meta(ge=1, le=100)] = 20


@routes.get(permission="accounts:read", rate=Rate.READ, reply=Listing[AccountView])
async def list_accounts(call: Call, query: PageAsked) -> Listing[AccountView]:
    """The merchant's accounts, oldest first."""
    page = Page(number=query.page, size=query.per_page)
    return await use.list_accounts(call.tenant, call.merchant_id, page)


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
