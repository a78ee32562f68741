"""What accounts need on paper beyond `ports.Store`: opening on request, changes, statements."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.records import Account, AccountStatus, Event, PixKey
from fluxiq.domain.statement import Movement, Period, StatementHead
from fluxiq.ports import Archived, Idempotency, Opening, Page


class AccountOpening(Struct, frozen=True, kw_only=True):
    account: Account
    keys: tuple[PixKey, ...]
    event: Event
    response: bytes  # what a replay of the idempotency key answers
    idempotency: Idempotency | None
    actor: str


class AccountChanged(Struct, frozen=True, kw_only=True):
    """An account as it is after `action` (`account.blocked`, …), and as it was read `before`."""

    account: Account
    before: Account
    action: str
    event: Event
    actor: str
    note: str = ""  # the reason, for the audit trail


class AccountFilter(Struct, frozen=True, kw_only=True):
    """Which accounts, of a merchant unless None; None filters nothing."""

    merchant_id: str | None
    status: AccountStatus | None = None
    product_id: str | None = None


class Accounts(Protocol):
    """Accounts on request. Every method is one transaction; twice is once."""

    async def open(self, opening: AccountOpening) -> Opening: ...

    async def change(self, changed: AccountChanged) -> Archived | None:
        """Write name, status, reason and metadata. None, and nothing is written, when the account
        is not as it was read: somebody changed it meanwhile.
        """

    async def page(
        self, wanted: AccountFilter, page: Page
    ) -> tuple[list[tuple[Account, tuple[str, ...]]], int]:
        """A page of accounts with their PIX keys, oldest first, and how many there are in all."""


class Statements(Protocol):
    """The movements of customers' accounts, by their ledger ids: read from the ledger's copy in
    Postgres, which follows TigerBeetle within moments. Raises Unavailable.
    """

    async def head(self, ledger_id: int, period: Period) -> StatementHead | None:
        """The balances around `period`; None when the ledger has no such account."""

    async def movements(
        self, ledger_id: int, head: StatementHead, *, limit: int, offset: int = 0, after: int = 0
    ) -> Sequence[Movement]:
        """Of the movements under `head` with timestamps above `after`, in ledger order, `limit`
        from the one at `offset`. Running sums begin after `after`.
        """
