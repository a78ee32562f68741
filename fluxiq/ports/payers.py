"""Who paid a merchant, by document."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from msgspec import Struct

from fluxiq.ports import Page


class Payer(Struct, frozen=True, kw_only=True):
    """Somebody who paid: name and document as the last payment said them; `amount` is the sum of
    what was received, whatever was refunded of it.
    """

    name: str
    document: str
    payments: int
    amount: int
    last_at: datetime
    last_payment_id: str


class Payers(Protocol):
    """Of one institution. Every method is one transaction, and raises Unavailable."""

    async def page(self, merchant_id: str, page: Page) -> tuple[Sequence[Payer], int]:
        """A page of a merchant's payers, the last to pay first, and how many there are in all.
        Whoever was never named with a document is none of them.
        """

    async def index(self, after: str, limit: int) -> str | None:
        """Make it possible to find payers of before there was an index: of up to `limit` receipts,
        by their ids from the one behind `after`. The last one's id; None when there are no more.
        """
