"""A merchant's accounts, and what is in them."""

from typing import Literal

from fluxiq.api.contract import JSON, Call, PathText, Rate, Reply, Routes, answered
from fluxiq.api.paging import DaysAsked, PageAsked
from fluxiq.domain.records import AccountStatus
from fluxiq.domain.statement import Period
from fluxiq.ports.accounts import AccountFilter
from fluxiq.services import accounts as use
from fluxiq.services import change_account, limits, open_account, show_statement
from fluxiq.services.messages.accounts import (
    AccountView,
    BalanceView,
    BlockAccount,
    ChangeAccount,
    OpenAccount,
)
from fluxiq.services.messages.envelope import Data, Listing
from fluxiq.services.messages.limits import ChooseLimits, LimitsView
from fluxiq.services.messages.statements import StatementView
from fluxiq.services.statement_files import FORMATS

routes = Routes("/api/v1/accounts")

_ONE = ("account_not_found",)
_CHANGE = (*_ONE, "account_not_active", "account_changed")
_KEY = ("idempotency_key_reused", "idempotency_in_progress")


class AccountsAsked(PageAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    status: AccountStatus | None = None
    product_id: str | None = None


class StatementAsked(DaysAsked, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """As a page of JSON, or the whole period as a file."""

    format: Literal["json", "csv", "ofx"] = "json"


@routes.post(
    permission="accounts:write",
    rate=Rate.WRITE,
    reply=Data[AccountView],
    status=201,
    refuses=("product_not_found", "ledger_unavailable", *_KEY),
)
async def create_account(call: Call, body: OpenAccount) -> Reply:
    """Open another account; of a product that is paid by PIX, with a random key."""
    answer = await open_account.open_account(
        call.tenant, call.merchant_id, call.actor, body, call.idempotency(body)
    )
    return answered(answer)


@routes.get(permission="accounts:read", rate=Rate.READ, reply=Listing[AccountView])
async def list_accounts(call: Call, query: AccountsAsked) -> Listing[AccountView]:
    """The merchant's accounts, oldest first."""
    wanted = AccountFilter(
        merchant_id=call.merchant_id, status=query.status, product_id=query.product_id
    )
    return await use.list_accounts(call.tenant, wanted, query.wanted)


@routes.get(
    "/{account_id}",
    permission="accounts:read",
    rate=Rate.READ,
    reply=Data[AccountView],
    refuses=_ONE,
)
async def show_account(call: Call, account_id: PathText) -> Data[AccountView]:
    """One account."""
    return Data(await use.show_account(call.tenant, call.merchant_id, account_id))


@routes.patch(
    "/{account_id}",
    permission="accounts:write",
    rate=Rate.WRITE,
    reply=Data[AccountView],
    refuses=(*_ONE, "account_changed"),
)
async def update_account(
    call: Call, account_id: PathText, body: ChangeAccount
) -> Data[AccountView]:
    """Change the name, or the metadata as a whole."""
    return Data(
        await change_account.change_account(
            call.tenant, call.merchant_id, call.actor, account_id, body
        )
    )


@routes.post(
    "/{account_id}/block",
    permission="accounts:write",
    rate=Rate.WRITE,
    reply=Data[AccountView],
    status=200,
    refuses=_CHANGE,
)
async def block_account(call: Call, account_id: PathText, body: BlockAccount) -> Data[AccountView]:
    """Stop payouts and transfers out; the account still receives. Twice is once."""
    call.idempotency(body)
    return Data(
        await change_account.block_account(
            call.tenant, call.merchant_id, call.actor, account_id, body.reason
        )
    )


@routes.post(
    "/{account_id}/unblock",
    permission="accounts:write",
    rate=Rate.WRITE,
    reply=Data[AccountView],
    status=200,
    refuses=_CHANGE,
)
async def unblock_account(call: Call, account_id: PathText) -> Data[AccountView]:
    """Let money leave again. Twice is once."""
    return Data(
        await change_account.unblock_account(call.tenant, call.merchant_id, call.actor, account_id)
    )


@routes.get(
    "/{account_id}/limits",
    permission="accounts:read",
    rate=Rate.READ,
    reply=Data[LimitsView],
    refuses=_ONE,
)
async def show_limits(call: Call, account_id: PathText) -> Data[LimitsView]:
    """What may be paid by PIX out of an account, and what was used of it today and tonight."""
    return Data(await limits.show_limits(call.tenant, call.merchant_id, account_id))


@routes.put(
    "/{account_id}/limits",
    permission="accounts:write",
    rate=Rate.WRITE,
    reply=Data[LimitsView],
    refuses=(*_ONE, "account_changed"),
)
async def choose_limits(call: Call, account_id: PathText, body: ChooseLimits) -> Data[LimitsView]:
    """Choose all four anew: less holds at once, more a day later."""
    return Data(
        await limits.choose_limits(call.tenant, call.merchant_id, call.actor, account_id, body)
    )


@routes.get(
    "/{account_id}/balance",
    permission="accounts:read",
    rate=Rate.READ,
    reply=Data[BalanceView],
    refuses=(*_ONE, "ledger_unavailable"),
)
async def show_balance(call: Call, account_id: PathText) -> Data[BalanceView]:
    """What an account holds, in centavos."""
    return Data(await use.show_balance(call.tenant, call.merchant_id, account_id))


@routes.get(
    "/{account_id}/statement",
    permission="accounts:read",
    rate=Rate.READ,
    reply=StatementView,
    refuses=(*_ONE, "statement_too_long"),
    media=(JSON, *(writer.media_type for writer in FORMATS.values())),
)
async def show_account_statement(
    call: Call, account_id: PathText, query: StatementAsked
) -> StatementView | Reply:
    """Every movement of these UTC days, in the ledger's order, and the balances around them."""
    tenant, merchant_id = call.tenant, call.merchant_id
    period = Period(since=query.since(), until=query.until())
    if query.format == "json":
        return await show_statement.show_statement(
            tenant, merchant_id, account_id, period, query.wanted
        )

    file = await show_statement.export_statement(
        tenant, merchant_id, account_id, period, query.format
    )
    return Reply(
        body=file.body,
        content_type=file.content_type,
        headers={"Content-Disposition": f'attachment; filename="{file.name}"'},
    )
