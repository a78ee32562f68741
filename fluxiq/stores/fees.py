"""`ports.fees.Fees` over an institution's own schema: what was kept is on the receipts."""

from collections.abc import Sequence
from typing import Final

from fluxiq.domain.fee import AgreedFee
from fluxiq.domain.records import Event, Receipt
from fluxiq.domain.schedule import SAO_PAULO
from fluxiq.ports import Archived, Page
from fluxiq.ports.fees import Booked, Fees, FeesWanted, FeeTotal
from fluxiq.ports.sealing import Sealer
from fluxiq.stores import agreed_fees
from fluxiq.stores.pool import Connection, Postgres, int_of, uuid_of
from fluxiq.stores.rows import record
from fluxiq.stores.sealed import House
from fluxiq.stores.sealed_records import receipt_of

# From the index alone (migration 0026_fees), whose condition is repeated here.
_TOTALS: Final = f"""
SELECT
    date_trunc($2, received_at AT TIME ZONE '{SAO_PAULO}')::date AS since,
    count(*) AS payments, sum(amount)::bigint AS amount, sum(fee)::bigint AS fees
FROM receipts
WHERE merchant_id = $1 AND fee > 0
    AND received_at >= $3::date::timestamp AT TIME ZONE '{SAO_PAULO}'
    AND received_at < ($4::date + 1)::timestamp AT TIME ZONE '{SAO_PAULO}'
GROUP BY 1 ORDER BY 1
"""  # noqa: S608 - constants

# Receipts of one batch have the same time: the id keeps pages apart, whatever index is taken.
_CHARGED: Final = """
SELECT * FROM receipts WHERE merchant_id = $1 AND fee > 0
ORDER BY received_at DESC, id DESC LIMIT $2 OFFSET $3
"""
_CHARGED_COUNT: Final = "SELECT count(*) FROM receipts WHERE merchant_id = $1 AND fee > 0"

_BOOKED: Final = "SELECT id, code, amount FROM ledger_transfers WHERE id = ANY ($1::uuid[])"


class PostgresFees(Fees):
    """Of institution `ispb`; `postgres` logs in as its role."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def agreed(self, merchant_id: str, limit: int) -> list[AgreedFee]:
        return await self._postgres.run(agreed_fees.agreed, merchant_id, limit)

    async def agree(
        self, fee: AgreedFee, before: AgreedFee | None, event: Event
    ) -> Archived | None:
        return await self._postgres.run(agreed_fees.agree, self._house, fee, before, event)

    async def totals(self, wanted: FeesWanted) -> list[FeeTotal]:
        return await self._postgres.run(_totals, wanted)

    async def charged(self, merchant_id: str, page: Page) -> tuple[list[Receipt], int]:
        return await self._postgres.run(_charged, self._house, merchant_id, page)

    async def booked(self, transfer_ids: Sequence[int]) -> dict[int, Booked]:
        return await self._postgres.run(_booked, transfer_ids)


async def _totals(connection: Connection, wanted: FeesWanted) -> list[FeeTotal]:
    rows = await connection.fetch(
        _TOTALS, wanted.merchant_id, wanted.bucket, wanted.since, wanted.until
    )
    return [record(FeeTotal, row) for row in rows]


async def _charged(
    connection: Connection, house: House, merchant_id: str, page: Page
) -> tuple[list[Receipt], int]:
    before = (page.number - 1) * page.size
    rows = await connection.fetch(_CHARGED, merchant_id, page.size, before)
    total = await connection.fetchval(_CHARGED_COUNT, merchant_id)
    return [receipt_of(house, row) for row in rows], total


async def _booked(connection: Connection, transfer_ids: Sequence[int]) -> dict[int, Booked]:
    rows = await connection.fetch(_BOOKED, [uuid_of(one) for one in transfer_ids])
    return {int_of(row["id"]): Booked(row["code"], row["amount"]) for row in rows}
