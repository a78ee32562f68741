"""Accounts of all merchants, as the institution's own people see and block them."""

from fluxiq.api.contract import Call, PathText, Rate, Routes
from fluxiq.api.paging import PageAsked
from fluxiq.domain.records import AccountStatus
from fluxiq.ports.accounts import AccountFilter
from fluxiq.services import institution_accounts as use
from fluxiq.services.messages.accounts import BlockAccount, UnblockAccount
from fluxiq.services.messages.customers import InstitutionAccountView
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.limits import LimitsView

routes = Routes("/api/v1/institution/accounts", institution=True)

READ = "institution:read"
WRITE = "institution:write"

_CHANGE = ("account_not_found", "account_not_active", "account_changed", "ledger_unavailable")


class InstitutionAccountsAsked(PageAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    merchant_id: PathText | None = None
    status: AccountStatus | None = None
    product_id: PathText | None = None


@routes.get(
    permission=READ,
    rate=Rate.READ,
    reply=Listing[InstitutionAccountView],
    refuses=("ledger_unavailable",),
)
async def list_institution_accounts(
    call: Call, query: InstitutionAccountsAsked
) -> Listing[InstitutionAccountView]:
    """Accounts of all merchants with their balances, oldest first."""
    wanted = AccountFilter(
        merchant_id=query.merchant_id, status=query.status, product_id=query.product_id
    )
    return await use.list_accounts(call.tenant, wanted, query.wanted)


@routes.get(
    "/{account_id}",
    permission=READ,
    rate=Rate.READ,
    reply=Data[InstitutionAccountView],
    refuses=("account_not_found", "ledger_unavailable"),
)
async def show_institution_account(
    call: Call, account_id: PathText
) -> Data[InstitutionAccountView]:
    """One account with its balance."""
    return Data(await use.show_account(call.tenant, account_id))


@routes.get(
    "/{account_id}/limits",
    permission=READ,
    rate=Rate.READ,
    reply=Data[LimitsView],
    refuses=("account_not_found",),
)
async def show_institution_account_limits(call: Call, account_id: PathText) -> Data[LimitsView]:
    """What may be paid by PIX out of it, as its merchant chose, and what of that is used."""
    return Data(await use.show_limits(call.tenant, account_id))


@routes.post(
    "/{account_id}/block",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[InstitutionAccountView],
    status=200,
    refuses=_CHANGE,
)
async def block_institution_account(
    call: Call, account_id: PathText, body: BlockAccount
) -> Data[InstitutionAccountView]:
    """Stop payouts and transfers out of it; it still receives, and its merchant is told. Twice is
    once.
    """
    call.idempotency(body)
    return Data(await use.block_account(call.tenant, call.actor, account_id, body.reason))


@routes.post(
    "/{account_id}/unblock",
    permission=WRITE,
    rate=Rate.WRITE,
    reply=Data[InstitutionAccountView],
    status=200,
    refuses=_CHANGE,
)
async def unblock_institution_account(
    call: Call, account_id: PathText, body: UnblockAccount
) -> Data[InstitutionAccountView]:
    """Let money leave again. Twice is once."""
    call.idempotency(body)
    return Data(await use.unblock_account(call.tenant, call.actor, account_id, body.reason))
