"""Accounts: what is in them, and what went in and out."""

from datetime import date, datetime
from typing import Literal

from msgspec import Struct

from fluxiq.sdk.calls import C, Call, List, Resource
from fluxiq.sdk.request import (
    PER_PAGE,
    Json,
    Page,
    PageMeta,
    Request,
    data,
    get,
    page_of,
    patch,
    path,
    post,
    raw,
    said,
    whole,
)


class Account(Struct, frozen=True, kw_only=True):
    """`status`: active, inactive or blocked."""

    id: str
    merchant_id: str
    product_id: str
    name: str
    status: str
    block_reason: str | None
    pix_keys: tuple[str, ...]
    created_at: datetime
    metadata: Json


class Balance(Struct, frozen=True, kw_only=True):
    """In centavos; `total` is the sum of the others, of which only `available` can be spent."""

    available: int
    pending: int
    blocked: int
    total: int
    currency: str
    updated_at: datetime


class StatementLine(Struct, frozen=True, kw_only=True):
    """One movement: `amount` is negative where money left; `reference` names its payment."""

    id: str
    at: datetime
    kind: str
    amount: int
    balance_after: int
    description: str
    reference: str | None


class StatementMeta(PageMeta, frozen=True, kw_only=True):
    """The balances are of the whole period: opening plus all of its lines is closing."""

    opening_balance: int
    closing_balance: int
    currency: str


class StatementPage(Struct, frozen=True, kw_only=True):
    data: tuple[StatementLine, ...]
    meta: StatementMeta


class Accounts(Resource[C]):
    @Call
    def create(
        self,
        *,
        name: str,
        product_id: str | None = None,
        metadata: Json | None = None,
        idempotency_key: str | None = None,
    ) -> Request[Account]:
        """Of a product that is paid by PIX, with a random key."""
        body = said(name=name, product_id=product_id, metadata=metadata)
        return post("/accounts", data(Account), body, idempotency_key)

    @Call
    def get(self, account_id: str) -> Request[Account]:
        return get(path("/accounts/{}", account_id), data(Account))

    @List
    def list(
        self, *, status: str | None = None, product_id: str | None = None
    ) -> Request[Page[Account]]:
        """Oldest first."""
        return page_of("/accounts", Account, status=status, product_id=product_id)

    @Call
    def update(
        self, account_id: str, *, name: str | None = None, metadata: Json | None = None
    ) -> Request[Account]:
        """What is not given stays; metadata is replaced whole."""
        body = said(name=name, metadata=metadata)
        return patch(path("/accounts/{}", account_id), data(Account), body)

    @Call
    def block(self, account_id: str, *, reason: str) -> Request[Account]:
        """Stop payouts and transfers out; the account still receives. Twice is once."""
        return post(path("/accounts/{}/block", account_id), data(Account), said(reason=reason))

    @Call
    def unblock(self, account_id: str) -> Request[Account]:
        """Let money leave again. Twice is once."""
        return post(path("/accounts/{}/unblock", account_id), data(Account))

    @Call
    def balance(self, account_id: str) -> Request[Balance]:
        return get(path("/accounts/{}/balance", account_id), data(Balance))

    @Call
    def statement(
        self,
        account_id: str,
        *,
        start_date: date | None = None,
        end_date: date | None = None,
        page: int = 1,
        per_page: int = PER_PAGE,
    ) -> Request[StatementPage]:
        """A page of these UTC days, both included, and the balances before and after them."""
        return get(
            path("/accounts/{}/statement", account_id),
            whole(StatementPage),
            start_date=start_date,
            end_date=end_date,
            page=page,
            per_page=per_page,
        )

    @List
    def movements(
        self, account_id: str, *, start_date: date | None = None, end_date: date | None = None
    ) -> Request[Page[StatementLine]]:
        """Every line of a statement, in the ledger's order."""
        return page_of(
            path("/accounts/{}/statement", account_id),
            StatementLine,
            start_date=start_date,
            end_date=end_date,
        )

    @Call
    def export(
        self,
        account_id: str,
        *,
        format: Literal["csv", "ofx"],  # noqa: A002 - the API's word
        start_date: date | None = None,
        end_date: date | None = None,
    ) -> Request[bytes]:
        """The statement of the whole period as a file."""
        return get(
            path("/accounts/{}/statement", account_id),
            raw,
            format=format,
            start_date=start_date,
            end_date=end_date,
        )
