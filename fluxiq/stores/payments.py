"""`ports.payments.Payments` over the institution's own schema: lists, cancelling, and batches."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

from fluxiq.domain.records import Charge, Payout
from fluxiq.ports import (
    Archived,
    Differs,
    HoldSettled,
    Idempotency,
    Limited,
    Opening,
    Page,
    PayoutOpening,
    Replay,
    Running,
    Store,
)
from fluxiq.ports.payments import (
    ChargeCancelling,
    ChargesWanted,
    InDoubt,
    NotPending,
    Payments,
    PayoutsWanted,
)
from fluxiq.ports.sealing import Sealer
from fluxiq.stores import charges, idempotency, in_doubt, payouts
from fluxiq.stores.listing import list_page
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.sealed import House
from fluxiq.stores.sealed_records import charge_of, payout_of


class PostgresPayments(Payments):
    """Charges and payouts of institution `ispb`. One payout at a time goes through `store`, where
    it shares its commit with those of other callers.
    """

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer, store: Store) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)
        self._store = store

    async def list_charges(
        self, merchant_id: str, wanted: ChargesWanted, page: Page
    ) -> tuple[list[Charge], int]:
        conditions = {
            "merchant_id = {}": merchant_id,
            "status = {}": wanted.status,
            "account_id = {}": wanted.account_id,
            "txid = {}": wanted.txid,
            "created_at >= {}": wanted.since,
            "created_at < {}": wanted.until,
        }
        return await self._postgres.run(
            list_page, partial(charge_of, self._house), "charges", conditions, page
        )

    async def cancel_charge(self, cancelling: ChargeCancelling) -> Opening | NotPending:
        return await self._postgres.transaction(charges.cancel_charge, self._house, cancelling)

    async def list_payouts(
        self, merchant_id: str, wanted: PayoutsWanted, page: Page
    ) -> tuple[list[Payout], int]:
        conditions = {
            "merchant_id = {}": merchant_id,
            "stage = ANY ({}::text[])": wanted.stages,
            "account_id = {}": wanted.account_id,
            "end_to_end_id = {}": wanted.end_to_end_id,
            "created_at >= {}": wanted.since,
            "created_at < {}": wanted.until,
        }
        return await self._postgres.run(
            list_page, partial(payout_of, self._house), "payouts", conditions, page
        )

    async def payouts_in_doubt(self, before: datetime, page: Page) -> tuple[list[InDoubt], int]:
        return await self._postgres.run(in_doubt.page_of, before, page)

    async def find_openings(
        self, merchant_id: str, asked: Sequence[Idempotency], now: datetime
    ) -> list[Replay | Running | Differs | None]:
        return await self._postgres.run(idempotency.find_many, self._house, merchant_id, asked, now)

    async def open_payouts(self, openings: Sequence[PayoutOpening]) -> list[Opening | Limited]:
        if len(openings) == 1:
            return [await self._store.open_payout(openings[0])]
        return await self._postgres.transaction(_open_many, self._house, openings)

    async def settle_holds(self, batch: Sequence[HoldSettled]) -> list[Archived]:
        if len(batch) == 1:
            return [await self._store.settle_hold(batch[0])]
        return await self._postgres.transaction(_settle_many, self._house, batch)


# Postgres keeps one plan for every size of batch once a statement has run five times. Made while an
# institution was young it scans whole tables, for each line: 60 ms for a thousand lines, and 960
# after the tenth thousand, until the next ANALYZE. Planning anew costs 0.7 ms.
_PLAN_ANEW: Final = "SET LOCAL plan_cache_mode = force_custom_plan"


async def _open_many(
    connection: Connection, house: House, openings: Sequence[PayoutOpening]
) -> list[Opening | Limited]:
    await connection.execute(_PLAN_ANEW)
    return await payouts.open_payouts(connection, house, openings)


async def _settle_many(
    connection: Connection, house: House, batch: Sequence[HoldSettled]
) -> list[Archived]:
    await connection.execute(_PLAN_ANEW)
    return await payouts.settle_holds(connection, house, batch)
