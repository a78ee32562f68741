"""`ports.payers.Payers` over an institution's own schema.

A payer is the blind index of a document (`payer_index` below). Counting reads one index, of one
merchant, and opens nothing; names are sealed to their receipts, so of each payer on the page the
last receipt is opened.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import msgspec

from fluxiq.domain.records import Person
from fluxiq.ports import Page
from fluxiq.ports.payers import Payer, Payers
from fluxiq.ports.sealing import Sealer
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import columns
from fluxiq.stores.sealed import RECEIPT_PAYER, House
from fluxiq.stores.sealed_records import opened_payer, those_that_open

# Ids begin with their time, so the greatest is of the last one.
_PAGE: Final = """
WITH payers AS (
    SELECT
        payer_index, count(*) AS payments, sum(amount)::bigint AS amount,
        max(received_at) AS last_at, max(id) AS last_payment_id
    FROM receipts WHERE merchant_id = $1 AND payer_index IS NOT NULL GROUP BY payer_index
), listed AS (
    SELECT * FROM payers ORDER BY last_at DESC, last_payment_id DESC LIMIT $2 OFFSET $3
)
SELECT listed.*, receipts.payer FROM listed JOIN receipts ON receipts.id = last_payment_id
ORDER BY last_at DESC, last_payment_id DESC
"""
_COUNT: Final = """
SELECT count(DISTINCT payer_index) FROM receipts
WHERE merchant_id = $1 AND payer_index IS NOT NULL
"""

_UNINDEXED: Final = """
SELECT id, payer FROM receipts
WHERE payer IS NOT NULL AND payer_index IS NULL AND id > $1 ORDER BY id LIMIT $2
"""
_INDEX: Final = """
UPDATE receipts SET payer_index = found.payer_index
FROM unnest($1::text[], $2::bytea[]) AS found (id, payer_index) WHERE receipts.id = found.id
"""


class PostgresPayers(Payers):
    """The payers of institution `ispb`; `postgres` logs in as its role."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def page(self, merchant_id: str, page: Page) -> tuple[list[Payer], int]:
        return await self._postgres.run(_page, self._house, merchant_id, page)

    async def index(self, after: str, limit: int) -> str | None:
        return await self._postgres.transaction(_index, self._house, after, limit)


def payer_index(house: House, payer: Person | None) -> bytes | None:
    """By which a payer is found; None of nobody, and of somebody without a document."""
    if payer is None or not payer.document:
        return None
    return house.sealer.index(payer.document, "payer")


async def _page(
    connection: Connection, house: House, merchant_id: str, page: Page
) -> tuple[list[Payer], int]:
    before = (page.number - 1) * page.size
    rows = await connection.fetch(_PAGE, merchant_id, page.size, before)
    if 0 < len(rows) < page.size:
        total = before + len(rows)
    else:
        total = await connection.fetchval(_COUNT, merchant_id)
    return [_payer_of(house, row) for row in rows], total


async def _index(connection: Connection, house: House, after: str, limit: int) -> str | None:
    rows = await connection.fetch(_UNINDEXED, after, limit)
    indexed = [
        (receipt_id, index)
        for receipt_id, payer in those_that_open(partial(_opened, house), rows)
        if (index := payer_index(house, payer)) is not None
    ]
    await connection.execute(_INDEX, *columns(indexed, 2))
    return rows[-1]["id"] if len(rows) == limit else None


def _payer_of(house: House, row: Mapping[str, Any]) -> Payer:
    _, person = _opened(house, {"id": row["last_payment_id"], "payer": row["payer"]})
    return Payer(
        name=person.name,
        document=person.document,
        payments=row["payments"],
        amount=row["amount"],
        last_at=row["last_at"],
        last_payment_id=row["last_payment_id"],
    )


def _opened(house: House, row: Mapping[str, Any]) -> tuple[str, Person]:
    payer = opened_payer(house, row["payer"], RECEIPT_PAYER, row["id"])
    return row["id"], msgspec.convert(payer, Person)
