"""Settlements: sums of ordinary transfers, and the schedules by which they are made."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from fluxiq.domain.product import PIX_MERCHANT, PIX_SETTLEMENT
from fluxiq.domain.schedule import SAO_PAULO
from fluxiq.domain.settlement import SettlementDay, SettlementSchedule
from fluxiq.ports import Page
from fluxiq.ports.settlements import DaysWanted, Settlements
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import digest_of, record
from fluxiq.stores.statement import HAPPENED, Part, compose

# A merchant has few transfers beside its payments: those of its own accounts are summed as asked.
_SETTLED: Final = f"""
SELECT
    (completed_at AT TIME ZONE '{SAO_PAULO}')::date AS day, sum(amount)::bigint AS amount,
    count(*) AS transfer_count, max(completed_at) AS last_at
FROM transfers
JOIN accounts AS source ON source.id = source_account_id
JOIN accounts AS destination ON destination.id = destination_account_id
WHERE transfers.merchant_id = $1 AND stage = 'completed'
    AND source.product_id = '{PIX_MERCHANT.id}'
    AND destination.product_id = '{PIX_SETTLEMENT.id}' AND destination.merchant_id = $1
    AND ($2::date IS NULL OR (completed_at AT TIME ZONE '{SAO_PAULO}')::date >= $2)
    AND ($3::date IS NULL OR (completed_at AT TIME ZONE '{SAO_PAULO}')::date <= $3)
GROUP BY 1
"""  # noqa: S608 - constants
_PAGE: Final = f"{_SETTLED} ORDER BY 1 DESC LIMIT $4 OFFSET $5"
_COUNT: Final = f"SELECT count(*) FROM ({_SETTLED}) AS days"  # noqa: S608 - constants

_PUT: Final = compose(
    [
        Part(
            "happened (what)",
            """
            INSERT INTO settlement_schedules (
                merchant_id, time, source_account_id, destination_account_id, minimum, keep,
                set_by, updated_at, next_at
            )
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (merchant_id) DO UPDATE SET
                time = excluded.time, source_account_id = excluded.source_account_id,
                destination_account_id = excluded.destination_account_id,
                minimum = excluded.minimum, keep = excluded.keep, set_by = excluded.set_by,
                updated_at = excluded.updated_at, next_at = excluded.next_at
            RETURNING merchant_id
            """,
        ),
        paperwork.AUDITED,
    ],
    HAPPENED,
)

_NOTE: Final = compose(
    [
        Part(
            "happened (what)",
            """
            UPDATE settlement_schedules SET
                next_at = $4, last_at = $5, last_outcome = $6, last_transfer_id = $7
            WHERE merchant_id = $1 AND next_at = $2 AND updated_at = $3
            RETURNING merchant_id
            """,
        ),
        paperwork.AUDITED,
    ],
    HAPPENED,
)

_FIND: Final = "SELECT * FROM settlement_schedules WHERE merchant_id = $1"
_DUE: Final = """
SELECT * FROM settlement_schedules WHERE next_at <= $1 ORDER BY next_at LIMIT $2
"""


class PostgresSettlements(Settlements):
    """Of one institution."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def days(self, wanted: DaysWanted, page: Page) -> tuple[list[SettlementDay], int]:
        return await self._postgres.run(_days, wanted, page)

    async def find_schedule(self, merchant_id: str) -> SettlementSchedule | None:
        return await self._postgres.run(_find, merchant_id)

    async def put_schedule(self, schedule: SettlementSchedule) -> None:
        await self._postgres.run(_put, schedule)

    async def due(self, now: datetime, limit: int) -> Sequence[SettlementSchedule]:
        return await self._postgres.run(_due, now, limit)

    async def note_run(self, before: SettlementSchedule, after: SettlementSchedule) -> bool:
        return await self._postgres.run(_note_run, before, after)


async def _days(
    connection: Connection, wanted: DaysWanted, page: Page
) -> tuple[list[SettlementDay], int]:
    asked = (wanted.merchant_id, wanted.since, wanted.until)
    rows = await connection.fetch(_PAGE, *asked, page.size, (page.number - 1) * page.size)
    total = await connection.fetchval(_COUNT, *asked)
    return [record(SettlementDay, row) for row in rows], total


async def _find(connection: Connection, merchant_id: str) -> SettlementSchedule | None:
    row = await connection.fetchrow(_FIND, merchant_id)
    return None if row is None else record(SettlementSchedule, row)


async def _put(connection: Connection, schedule: SettlementSchedule) -> None:
    await connection.fetch(
        _PUT,
        schedule.merchant_id,
        schedule.time,
        schedule.source_account_id,
        schedule.destination_account_id,
        schedule.minimum,
        schedule.keep,
        schedule.set_by,
        schedule.updated_at,
        schedule.next_at,
        *paperwork.audited([_line(schedule, "scheduled", schedule.set_by)]),
    )


async def _due(connection: Connection, now: datetime, limit: int) -> list[SettlementSchedule]:
    return [record(SettlementSchedule, row) for row in await connection.fetch(_DUE, now, limit)]


async def _note_run(
    connection: Connection, before: SettlementSchedule, after: SettlementSchedule
) -> bool:
    rows = await connection.fetch(
        _NOTE,
        before.merchant_id,
        before.next_at,
        before.updated_at,
        after.next_at,
        after.last_at,
        after.last_outcome,
        after.last_transfer_id,
        *paperwork.audited([_line(after, "ran", "platform", after.last_outcome or "")]),
    )
    return bool(rows)


def _line(
    schedule: SettlementSchedule, action: str, actor: str, note: str = ""
) -> paperwork.AuditLine:
    return paperwork.AuditLine(
        actor,
        f"settlement.{action}",
        schedule.merchant_id,
        digest_of(schedule),
        note=note,
        given=schedule.merchant_id,
        merchant_id=schedule.merchant_id,
    )
