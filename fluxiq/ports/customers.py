"""The merchants of an institution, as its own people look for them."""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from fluxiq.domain.records import Merchant
from fluxiq.ports import Page


class Customer(Struct, frozen=True, kw_only=True):
    """A merchant, and how much there is of it: accounts, those of them that are blocked, users that
    are not removed, API keys that are not revoked, webhook endpoints that are not deleted.
    """

    merchant: Merchant
    accounts: int
    blocked_accounts: int
    users: int
    api_keys: int
    webhooks: int


class CustomersWanted(Struct, frozen=True, kw_only=True):
    """By a part of the name, whatever its case and accents, or by the whole document, bare."""

    name: str | None = None
    document: str | None = None


class Customers(Protocol):
    """Of one institution. Raises Unavailable."""

    async def page(self, wanted: CustomersWanted, page: Page) -> tuple[Sequence[Customer], int]:
        """Newest first, and how many there are in all."""

    async def find(self, merchant_id: str) -> Customer | None: ...
