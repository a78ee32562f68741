"""Batches of payouts: written with their lines, released with the job that opens them, noted line
by line.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from fluxiq.domain.payout_batch import (
    Instruction,
    LineOutcome,
    NumberedInstruction,
    PayoutBatch,
    line_key,
)
from fluxiq.ports import Opening, Page
from fluxiq.ports.origin import Origin, origin
from fluxiq.ports.payout_batches import (
    BatchesWanted,
    BatchLine,
    BatchMoved,
    BatchOpening,
    PayoutBatches,
)
from fluxiq.ports.sealing import Sealer
from fluxiq.stores import idempotency, job_queue, paperwork
from fluxiq.stores.listing import list_page
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import columns, digest_of, record
from fluxiq.stores.sealed import INSTRUCTION, House
from fluxiq.stores.statement import GIVEN, HAPPENED, Part, compose

_MADE: Final = Part(
    "made",
    f"""
    INSERT INTO payout_batches (
        id, merchant_id, account_id, name, status, line_count, amount, created_by, created_at,
        updated_at, expires_at
    )
    SELECT
        id, merchant_id, account_id, name, status, line_count, amount, created_by, created_at,
        updated_at, expires_at
    FROM unnest(
        $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::int[], $7::bigint[],
        $8::text[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[], $12::text[]
    ) AS asked (
        id, merchant_id, account_id, name, status, line_count, amount, created_by, created_at,
        updated_at, expires_at, given
    )
    WHERE {GIVEN}
    """,  # noqa: S608 - a constant
)

_LINED: Final = Part(
    "lined",
    f"""
    INSERT INTO payout_batch_lines (batch_id, number, instruction, created_at)
    SELECT batch_id, number, instruction, created_at
    FROM unnest($1::text[], $2::int[], $3::bytea[], $4::timestamptz[], $5::text[])
        AS asked (batch_id, number, instruction, created_at, given)
    WHERE {GIVEN}
    """,  # noqa: S608 - a constant
)

_OPEN: Final = compose(
    [
        idempotency.CLAIMED,
        Part("happened", "SELECT what FROM claimed"),
        _MADE,
        _LINED,
        paperwork.AUDITED,
    ],
    HAPPENED,
)

_MOVE: Final = compose(
    [
        Part(
            "happened (what)",
            """
            UPDATE payout_batches SET
                status = $3, updated_at = $4, decided_by = $5, decided_at = $6, reason = $7
            WHERE id = $1 AND status = $2
            RETURNING id
            """,
        ),
        *job_queue.ENQUEUED,
        paperwork.AUDITED,
    ],
    HAPPENED,
)

_NOTE: Final = compose(
    [
        Part(
            "noted",
            """
            UPDATE payout_batch_lines AS line SET
                payout_id = said.payout_id, error_code = said.error_code
            FROM unnest($2::int[], $3::text[], $4::text[]) AS said (number, payout_id, error_code)
            WHERE line.batch_id = $1 AND line.number = said.number
                AND line.payout_id IS NULL AND line.error_code IS NULL
            RETURNING line.batch_id
            """,
        ),
        Part("happened (what)", "SELECT DISTINCT batch_id FROM noted"),
        paperwork.AUDITED,
    ],
    HAPPENED,
)

_LINES: Final = """
SELECT line.*, payouts.stage
FROM payout_batch_lines AS line LEFT JOIN payouts ON payouts.id = line.payout_id
WHERE batch_id = $1 ORDER BY number
"""

_UNOPENED: Final = """
SELECT number, instruction FROM payout_batch_lines
WHERE batch_id = $1 AND number > $2 AND payout_id IS NULL AND error_code IS NULL
ORDER BY number LIMIT $3
"""

_OVERDUE: Final = """
SELECT * FROM payout_batches WHERE status = 'awaiting_release' AND expires_at <= $1
ORDER BY expires_at LIMIT $2
"""


class PostgresPayoutBatches(PayoutBatches):
    """The batches of institution `ispb`."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def open(self, opening: BatchOpening) -> Opening:
        return await self._postgres.run(_open, self._house, opening)

    async def move(self, moved: BatchMoved) -> bool:
        return await self._postgres.run(_move, moved)

    async def find(self, batch_id: str) -> PayoutBatch | None:
        return await self._postgres.run(_find, batch_id)

    async def page(self, wanted: BatchesWanted, page: Page) -> tuple[list[PayoutBatch], int]:
        asked = {
            "merchant_id = {}": wanted.merchant_id,
            "status = {}": wanted.status,
            "created_at >= {}": wanted.since,
            "created_at < {}": wanted.until,
        }
        return await self._postgres.run(list_page, _batch_of, "payout_batches", asked, page)

    async def lines(self, batch_id: str) -> Sequence[BatchLine]:
        return await self._postgres.run(_lines, self._house, batch_id)

    async def unopened(
        self, batch_id: str, after: int, limit: int
    ) -> Sequence[NumberedInstruction]:
        return await self._postgres.run(_unopened, self._house, batch_id, after, limit)

    async def note(self, batch: PayoutBatch, outcomes: Sequence[LineOutcome]) -> None:
        await self._postgres.run(_note, batch, outcomes, origin())

    async def overdue(self, now: datetime, limit: int) -> Sequence[PayoutBatch]:
        return await self._postgres.run(_overdue, now, limit)


async def _open(connection: Connection, house: House, opening: BatchOpening) -> Opening:
    batch = opening.batch
    claims = idempotency.Claims(house, [_claim(opening)])
    given = None if opening.idempotency is None else batch.id
    lines = [
        (batch.id, one.number, _sealed(house, batch.id, one), batch.created_at, given)
        for one in opening.lines
    ]
    rows = await connection.fetch(
        _OPEN,
        *claims.columns(),
        *columns([(*_row(batch), given)], 12),
        *columns(lines, 5),
        *paperwork.audited([_line(batch, "created", batch.created_by, opening.origin, given)]),
    )
    [answer] = await claims.answers(connection, {row["what"] for row in rows})
    return answer


async def _move(connection: Connection, moved: BatchMoved) -> bool:
    batch = moved.batch
    line = _line(batch, batch.status, moved.actor, moved.origin, batch.id)
    rows = await connection.fetch(
        _MOVE,
        batch.id,
        moved.before,
        batch.status,
        batch.updated_at,
        batch.decided_by,
        batch.decided_at,
        batch.reason,
        *job_queue.enqueued([] if moved.job is None else [(moved.job, batch.id)]),
        *paperwork.audited([line]),
    )
    return bool(rows)


async def _note(
    connection: Connection, batch: PayoutBatch, outcomes: Sequence[LineOutcome], where: Origin
) -> None:
    line = _line(batch, "lines_opened", "platform", where, batch.id)
    numbers = f"lines {outcomes[0].number} to {outcomes[-1].number}" if outcomes else ""
    await connection.fetch(
        _NOTE,
        batch.id,
        *columns([(one.number, one.payout_id, one.error_code) for one in outcomes], 3),
        *paperwork.audited([replace(line, note=numbers)]),
    )


async def _find(connection: Connection, batch_id: str) -> PayoutBatch | None:
    row = await connection.fetchrow("SELECT * FROM payout_batches WHERE id = $1", batch_id)
    return None if row is None else _batch_of(row)


async def _lines(connection: Connection, house: House, batch_id: str) -> list[BatchLine]:
    rows = await connection.fetch(_LINES, batch_id)
    return [
        record(BatchLine, {**row, "instruction": _opened(house, batch_id, row)}) for row in rows
    ]


async def _unopened(
    connection: Connection, house: House, batch_id: str, after: int, limit: int
) -> list[NumberedInstruction]:
    rows = await connection.fetch(_UNOPENED, batch_id, after, limit)
    return [
        NumberedInstruction(number=row["number"], instruction=_opened(house, batch_id, row))
        for row in rows
    ]


async def _overdue(connection: Connection, now: datetime, limit: int) -> list[PayoutBatch]:
    return [_batch_of(row) for row in await connection.fetch(_OVERDUE, now, limit)]


def _batch_of(row: Any) -> PayoutBatch:
    return record(PayoutBatch, row)


def _claim(opening: BatchOpening) -> idempotency.Claim | None:
    if opening.idempotency is None:
        return None
    return idempotency.Claim(
        merchant_id=opening.batch.merchant_id,
        idempotency=opening.idempotency,
        resource_id=opening.batch.id,
        at=opening.batch.created_at,
        refused=False,
        response=opening.response,
    )


def _row(batch: PayoutBatch) -> tuple[object, ...]:
    return (
        batch.id,
        batch.merchant_id,
        batch.account_id,
        batch.name,
        batch.status,
        batch.line_count,
        batch.amount,
        batch.created_by,
        batch.created_at,
        batch.updated_at,
        batch.expires_at,
    )


def _sealed(house: House, batch_id: str, line: NumberedInstruction) -> bytes:
    return house.seal_json(line.instruction, INSTRUCTION, line_key(batch_id, line.number))


def _opened(house: House, batch_id: str, row: Any) -> Instruction:
    said = house.open_json(row["instruction"], INSTRUCTION, line_key(batch_id, row["number"]))
    return msgspec.convert(said, Instruction)


def _line(
    batch: PayoutBatch, action: str, actor: str, where: Origin, given: str | None
) -> paperwork.AuditLine:
    return paperwork.AuditLine(
        actor,
        f"payout_batch.{action}",
        batch.id,
        digest_of(batch),
        given=given,
        merchant_id=batch.merchant_id,
        origin=where,
    )
