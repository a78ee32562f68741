"""`ports.customers.Customers` over an institution's own schema.

Names and documents are sealed, and of a part of a name there is no blind index: a search opens them
all, a page at a time (10 us a value: 10,000 merchants in 0.2 s). Merchants are few beside payments;
a list without a search opens only what it shows.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import trio

from fluxiq.domain.identifiers import IdPrefix
from fluxiq.domain.records import Merchant
from fluxiq.domain.words import folded
from fluxiq.ports import Page
from fluxiq.ports.customers import Customer, Customers, CustomersWanted
from fluxiq.ports.sealing import Sealer
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.sealed import House
from fluxiq.stores.sealed_records import merchant_of

BITE: Final = 64  # merchants opened in one go: a millisecond

_NEWEST: Final = "SELECT * FROM merchants ORDER BY id DESC LIMIT $1 OFFSET $2"
_COUNT: Final = "SELECT count(*) FROM merchants"
_BEFORE: Final = "SELECT * FROM merchants WHERE id < $1 ORDER BY id DESC LIMIT $2"
_BEHIND_ALL: Final = f"{IdPrefix.MERCHANT}_8"  # a ULID begins with 7 at most
_SOME: Final = "SELECT * FROM merchants WHERE id = ANY ($1::text[])"

_COUNTS: Final = """
SELECT
    id,
    (SELECT count(*) FROM accounts WHERE merchant_id = asked.id) AS accounts,
    (
        SELECT count(*) FROM accounts WHERE merchant_id = asked.id AND status = 'blocked'
    ) AS blocked_accounts,
    (SELECT count(*) FROM users WHERE merchant_id = asked.id AND status <> 'removed') AS users,
    (
        SELECT count(*) FROM api_keys WHERE merchant_id = asked.id AND revoked_at IS NULL
    ) AS api_keys,
    (
        SELECT count(*) FROM webhook_endpoints
        WHERE merchant_id = asked.id AND deleted_at IS NULL
    ) AS webhooks
FROM unnest($1::text[]) AS asked (id)
"""


class PostgresCustomers(Customers):
    """The merchants of institution `ispb`; `postgres` logs in as its role."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def page(self, wanted: CustomersWanted, page: Page) -> tuple[list[Customer], int]:
        first = (page.number - 1) * page.size
        if wanted.name is None and wanted.document is None:
            rows = await self._postgres.run(_fetch, _NEWEST, page.size, first)
            total = await self._postgres.run(_total)
            return await self._counted([merchant_of(self._house, row) for row in rows]), total

        found = await self._search(wanted)
        return await self._counted(found[first : first + page.size]), len(found)

    async def find(self, merchant_id: str) -> Customer | None:
        rows = await self._postgres.run(_fetch, _SOME, [merchant_id])
        counted = await self._counted([merchant_of(self._house, row) for row in rows])
        return counted[0] if counted else None

    async def _search(self, wanted: CustomersWanted) -> list[Merchant]:
        """All that fit, a bite at a time, so that payments have their turn between bites."""
        found: list[Merchant] = []
        before = _BEHIND_ALL
        while True:
            rows = await self._postgres.run(_fetch, _BEFORE, before, BITE)
            opened = [merchant_of(self._house, row) for row in rows]
            found += [one for one in opened if fits(one, wanted)]
            if len(rows) < BITE:
                return found
            before = rows[-1]["id"]
            await trio.lowlevel.checkpoint()

    async def _counted(self, merchants: Sequence[Merchant]) -> list[Customer]:
        rows = await self._postgres.run(_fetch, _COUNTS, [one.id for one in merchants])
        counts = {row.pop("id"): row for row in rows}
        return [Customer(merchant=one, **counts[one.id]) for one in merchants]


def fits(merchant: Merchant, wanted: CustomersWanted) -> bool:
    """Whether it is one of those that are looked for."""
    if wanted.document is not None and merchant.document != wanted.document:
        return False
    return wanted.name is None or folded(wanted.name) in folded(merchant.name)


async def _fetch(connection: Connection, query: str, *arguments: Any) -> list[dict[str, Any]]:
    rows: Sequence[Mapping[str, Any]] = await connection.fetch(query, *arguments)
    return [dict(row) for row in rows]


async def _total(connection: Connection) -> int:
    total: int = await connection.fetchval(_COUNT)
    return total
