"""Scheduled payouts: written with the job that will make them, started or called off once."""

from collections.abc import Sequence
from datetime import date
from functools import partial
from typing import Final

from fluxiq.domain.records import Payout
from fluxiq.ports import Archived, Fresh, Limited, Opening
from fluxiq.ports.origin import origin
from fluxiq.ports.scheduled import (
    PayoutCalledOff,
    PayoutDue,
    PayoutScheduling,
    ScheduledPayouts,
)
from fluxiq.ports.sealing import Sealer
from fluxiq.stores import idempotency, job_queue, limits, paperwork, telling
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import columns, digest_of
from fluxiq.stores.sealed import RECIPIENT, House
from fluxiq.stores.sealed_records import payout_of, those_that_open
from fluxiq.stores.statement import GIVEN, HAPPENED, Part, compose

_SCHEDULE: Final = compose(
    [
        idempotency.CLAIMED,
        Part("happened", "SELECT what FROM claimed"),
        Part(
            "made",
            f"""
            INSERT INTO payouts (
                id, merchant_id, account_id, end_to_end_id, idempotency_key, amount, description,
                recipient, stage, created_at, updated_at, metadata, scheduled_for
            )
            SELECT
                id, merchant_id, account_id, end_to_end_id, idempotency_key, amount, description,
                recipient, stage, created_at, updated_at, metadata, scheduled_for
            FROM unnest(
                $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[],
                $7::text[], $8::bytea[], $9::text[], $10::timestamptz[], $11::timestamptz[],
                $12::jsonb[], $13::date[], $14::text[]
            ) AS asked (
                id, merchant_id, account_id, end_to_end_id, idempotency_key, amount, description,
                recipient, stage, created_at, updated_at, metadata, scheduled_for, given
            )
            WHERE {GIVEN}
            """,  # noqa: S608 - a constant
        ),
        *job_queue.ENQUEUED,
        *telling.TELLING,
        paperwork.WALKED,
        paperwork.AUDITED,
    ],
    telling.RESULT,
)

_START: Final = compose(
    [
        *limits.COUNTING,
        Part(
            "happened (what)",
            """
            UPDATE payouts SET
                stage = $2, updated_at = $3, recipient = $4, counted_day = locked.day,
                counted_night = CASE WHEN bounded.night IS NULL THEN NULL ELSE locked.night END
            FROM locked JOIN bounded USING (account_id) JOIN fits USING (account_id)
            WHERE payouts.id = $1 AND payouts.stage = 'scheduled'
                AND payouts.account_id = locked.account_id
            RETURNING id
            """,
        ),
        limits.COUNTED,
        paperwork.WALKED,
        paperwork.AUDITED,
    ],
    f"{HAPPENED} UNION ALL {limits.FITTING}",
)

_CALL_OFF: Final = compose(
    [
        Part(
            "happened (what)",
            """
            UPDATE payouts SET stage = $2, updated_at = $3, failure_code = $4
            WHERE id = $1 AND stage = 'scheduled'
            RETURNING id
            """,
        ),
        *telling.TELLING,
        paperwork.AUDITED,
    ],
    telling.RESULT,
)

_OVERDUE: Final = """
SELECT * FROM payouts WHERE stage = 'scheduled' AND scheduled_for < $1
ORDER BY scheduled_for, id LIMIT $2
"""


class PostgresScheduled(ScheduledPayouts):
    """The scheduled payouts of institution `ispb`."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def schedule(self, scheduling: PayoutScheduling) -> Opening:
        return await self._postgres.run(_schedule, self._house, scheduling)

    async def start(self, due: PayoutDue) -> bool | Limited:
        return await self._postgres.run(_start, self._house, due)

    async def call_off(self, called_off: PayoutCalledOff) -> Archived | None:
        return await self._postgres.run(_call_off, self._house, called_off)

    async def overdue(self, today: date, limit: int) -> Sequence[Payout]:
        return await self._postgres.run(_overdue, self._house, today, limit)


async def _schedule(connection: Connection, house: House, scheduling: PayoutScheduling) -> Opening:
    payout = scheduling.payout
    claims = idempotency.Claims(
        house,
        [
            idempotency.Claim(
                merchant_id=payout.merchant_id,
                idempotency=scheduling.idempotency,
                resource_id=payout.id,
                at=payout.created_at,
                refused=False,
                response=scheduling.response,
            )
        ],
    )
    rows = await connection.fetch(
        _SCHEDULE,
        *claims.columns(),
        *columns([_row(house, scheduling)], 14),
        *job_queue.enqueued([(scheduling.job, payout.id)]),
        *telling.told(house, [_telling(scheduling)]),
        *paperwork.walked((step, payout.id) for step in scheduling.steps),
        *paperwork.audited([_line(payout, paperwork.asker(origin(), payout.merchant_id))]),
    )
    told = telling.Told.of_rows(rows)
    [answer] = await claims.answers(connection, told.happened)
    return Fresh(told.of(scheduling.event)) if isinstance(answer, Fresh) else answer


async def _start(connection: Connection, house: House, due: PayoutDue) -> bool | Limited:
    payout = due.payout
    count = limits.Count(payout.id, payout.account_id, payout.amount, due.bounds)
    rows = await connection.fetch(
        _START,
        *limits.counting([count]),
        payout.id,
        payout.stage,
        payout.updated_at,
        house.seal_json(payout.recipient, RECIPIENT, payout.id),
        *paperwork.walked((step, payout.id) for step in due.steps),
        *paperwork.audited([_line(payout, "platform")]),
    )
    happened = {row["what"] for row in rows}
    if f"fits {payout.account_id}" not in happened:
        return Limited()
    return payout.id in happened


async def _call_off(
    connection: Connection, house: House, called_off: PayoutCalledOff
) -> Archived | None:
    payout = called_off.payout
    rows = await connection.fetch(
        _CALL_OFF,
        payout.id,
        payout.stage,
        payout.updated_at,
        payout.failure_code,
        *telling.told(house, [telling.Telling(called_off.event, payout.end_to_end_id, payout.id)]),
        *paperwork.audited([_line(payout, called_off.actor)]),
    )
    told = telling.Told.of_rows(rows)
    return Archived(endpoint_ids=told.endpoint_ids) if payout.id in told.happened else None


async def _overdue(connection: Connection, house: House, today: date, limit: int) -> list[Payout]:
    rows = await connection.fetch(_OVERDUE, today, limit)
    return those_that_open(partial(payout_of, house), rows)


def _row(house: House, scheduling: PayoutScheduling) -> tuple[object, ...]:
    payout = scheduling.payout
    return (
        payout.id,
        payout.merchant_id,
        payout.account_id,
        payout.end_to_end_id,
        scheduling.idempotency.key,
        payout.amount,
        payout.description,
        house.seal_json(payout.recipient, RECIPIENT, payout.id),
        payout.stage,
        payout.created_at,
        payout.updated_at,
        payout.metadata,
        payout.scheduled_for,
        payout.id,  # given that its key was claimed
    )


def _telling(scheduling: PayoutScheduling) -> telling.Telling:
    payout = scheduling.payout
    return telling.Telling(scheduling.event, payout.end_to_end_id, payout.id)


def _line(payout: Payout, actor: str) -> paperwork.AuditLine:
    return paperwork.AuditLine(
        actor,
        f"payout.{payout.stage}",
        payout.id,
        digest_of(payout),
        given=payout.id,
        merchant_id=payout.merchant_id,
    )
