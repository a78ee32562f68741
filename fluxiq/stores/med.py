"""Fraud reports: opened once per payment, moved on over exactly what was read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import asyncpg

from fluxiq.domain.med import ANALYSED, DECIDED, MedReport, MedStage
from fluxiq.domain.records import Refund
from fluxiq.ports import Archived, Opening, Page
from fluxiq.ports.med import MedExists, MedMoved, MedOpening, MedReports, MedWanted
from fluxiq.stores import idempotency, paperwork, telling
from fluxiq.stores.listing import list_page
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import columns, digest_of, record
from fluxiq.stores.statement import GIVEN, HAPPENED, Part, compose

_OPEN: Final = compose(
    [
        idempotency.CLAIMED,
        Part("happened", "SELECT what FROM claimed"),
        Part(
            "made",
            f"""
            INSERT INTO med_reports (
                id, merchant_id, account_id, end_to_end_id, amount, reason, details, stage,
                opened_by, asked_by, idempotency_key, attempt, blocked_amount, returned_amount,
                created_at, updated_at
            )
            SELECT
                id, merchant_id, account_id, end_to_end_id, amount, reason, details, stage,
                opened_by, asked_by, idempotency_key, 0, 0, 0, created_at, updated_at
            FROM unnest(
                $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
                $7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::timestamptz[],
                $13::timestamptz[], $14::text[]
            ) AS asked (
                id, merchant_id, account_id, end_to_end_id, amount, reason, details, stage,
                opened_by, asked_by, idempotency_key, created_at, updated_at, given
            )
            WHERE {GIVEN}
            """,  # noqa: S608 - a constant
        ),
        paperwork.AUDITED,
    ],
    HAPPENED,
)

_EXISTS: Final = "SELECT id FROM med_reports WHERE end_to_end_id = $1 AND settled_at IS NULL"

_MOVE: Final = compose(
    [
        Part(
            "moved",
            """
            UPDATE med_reports SET
                stage = $5, attempt = $6, blocked_amount = $7, blocked_until = $8, refund_id = $9,
                return_id = $10, returned_amount = $11, updated_at = $12, settled_at = $13
            WHERE id = $1 AND stage = $2 AND attempt = $3
                AND settled_at IS NOT DISTINCT FROM $4::timestamptz
            RETURNING id, asked_by, idempotency_key
            """,
        ),
        Part("happened (what)", "SELECT id FROM moved"),
        Part(
            "answered",
            """
            UPDATE idempotency_keys AS key SET refused = false, response = $1::bytea
            FROM moved
            WHERE $1::bytea IS NOT NULL AND key.merchant_id = moved.asked_by
                AND key.key = moved.idempotency_key AND key.resource_id = moved.id
                AND key.response IS NULL
            """,
        ),
        *telling.TELLING,
        paperwork.AUDITED,
    ],
    telling.RESULT,
)

# Whoever settles the report again finds it there.
_OPEN_REFUND: Final = compose(
    [
        Part(
            "happened (what)",
            """
            INSERT INTO refunds (
                id, merchant_id, account_id, end_to_end_id, return_id, charge_id, idempotency_key,
                amount, reason, description, stage, created_at, updated_at, metadata
            )
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
            ON CONFLICT (id) DO NOTHING
            RETURNING id
            """,
        ),
        paperwork.AUDITED,
    ],
    HAPPENED,
)

_UNFINISHED: Final = """
SELECT * FROM med_reports
WHERE settled_at IS NULL AND stage <> ALL ($1::text[]) AND updated_at < $2
ORDER BY updated_at LIMIT $3
"""

_OVERDUE: Final = """
SELECT * FROM med_reports
WHERE settled_at IS NULL AND stage = ANY ($1::text[]) AND blocked_until <= $2
ORDER BY blocked_until LIMIT $3
"""


class PostgresMed(MedReports):
    """The fraud reports of institution `ispb`."""

    def __init__(self, postgres: Postgres, ispb: str) -> None:
        self._postgres = postgres
        self._ispb = ispb

    async def open(self, opening: MedOpening) -> Opening | MedExists:
        try:
            return await self._postgres.run(_open, opening)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "med_reports_open":
                raise
        rows = await self._postgres.run(_rows, _EXISTS, opening.report.end_to_end_id)
        return MedExists(rows[0]["id"] if rows else "")

    async def move(self, moved: MedMoved) -> Archived | None:
        return await self._postgres.run(_move, self._ispb, moved)

    async def open_refund(self, report: MedReport, refund: Refund) -> None:
        await self._postgres.run(_open_refund, report, refund)

    async def find(self, report_id: str) -> MedReport | None:
        rows = await self._postgres.run(_rows, "SELECT * FROM med_reports WHERE id = $1", report_id)
        return record(MedReport, rows[0]) if rows else None

    async def page(self, wanted: MedWanted, page: Page) -> tuple[list[MedReport], int]:
        asked = {
            "merchant_id = {}": wanted.merchant_id,
            "end_to_end_id = {}": wanted.end_to_end_id,
            "stage = ANY ({}::text[])": list(wanted.stages or MedStage),
        }
        return await self._postgres.run(list_page, MedReport, "med_reports", asked, page)

    async def unfinished(self, before: datetime, limit: int) -> Sequence[MedReport]:
        rows = await self._postgres.run(_rows, _UNFINISHED, list(ANALYSED), before, limit)
        return [record(MedReport, row) for row in rows]

    async def overdue(self, now: datetime, limit: int) -> Sequence[MedReport]:
        rows = await self._postgres.run(_rows, _OVERDUE, list(ANALYSED), now, limit)
        return [record(MedReport, row) for row in rows]


async def _open(connection: Connection, opening: MedOpening) -> Opening:
    report = opening.report
    claims = idempotency.Claims([_claim(opening)])
    given = None if opening.idempotency is None else report.id
    rows = await connection.fetch(
        _OPEN,
        *claims.columns(),
        *columns([(*_row(report), given)], 14),
        *paperwork.audited([_line(report, report.opened_by, given=given)]),
    )
    [answer] = await claims.answers(connection, {row["what"] for row in rows})
    return answer


async def _move(connection: Connection, ispb: str, moved: MedMoved) -> Archived | None:
    report, before = moved.report, moved.before
    rows = await connection.fetch(
        _MOVE,
        report.id,
        before.stage,
        before.attempt,
        before.settled_at,
        report.stage,
        report.attempt,
        report.blocked_amount,
        report.blocked_until,
        report.refund_id,
        report.return_id,
        report.returned_amount,
        report.updated_at,
        report.settled_at,
        moved.response,
        *telling.told(
            ispb,
            []
            if moved.event is None
            else [telling.Telling(moved.event, report.end_to_end_id, report.id)],
        ),
        *paperwork.audited([_line(report, moved.actor, given=report.id)]),
    )
    told = telling.Told.of_rows(rows)
    return Archived(endpoint_ids=told.endpoint_ids) if report.id in told.happened else None


async def _open_refund(connection: Connection, report: MedReport, refund: Refund) -> None:
    line = paperwork.AuditLine(
        "platform",
        "refund.created",
        refund.id,
        digest_of(refund),
        note=report.id,
        given=refund.id,
    )
    await connection.fetch(
        _OPEN_REFUND,
        refund.id,
        refund.merchant_id,
        refund.account_id,
        refund.end_to_end_id,
        refund.return_id,
        refund.charge_id,
        report.id,
        refund.amount,
        refund.reason,
        refund.description,
        refund.stage,
        refund.created_at,
        refund.updated_at,
        refund.metadata,
        *paperwork.audited([line]),
    )


async def _rows(connection: Connection, query: str, *arguments: object) -> list[asyncpg.Record]:
    return list(await connection.fetch(query, *arguments))


def _claim(opening: MedOpening) -> idempotency.Claim | None:
    if opening.idempotency is None:
        return None

    return idempotency.Claim(
        merchant_id=opening.report.asked_by,
        idempotency=opening.idempotency,
        resource_id=opening.report.id,
        at=opening.report.created_at,
    )


def _row(report: MedReport) -> tuple[object, ...]:
    return (
        report.id,
        report.merchant_id,
        report.account_id,
        report.end_to_end_id,
        report.amount,
        report.reason,
        report.details,
        report.stage,
        report.opened_by,
        report.asked_by,
        report.idempotency_key,
        report.created_at,
        report.updated_at,
    )


def _line(report: MedReport, actor: str, *, given: str | None) -> paperwork.AuditLine:
    """A decided report leaves two lines: the decision, and that its money has moved."""
    is_settled = report.stage in DECIDED and report.settled_at is not None
    action = "settled" if is_settled else report.stage
    return paperwork.AuditLine(actor, f"med.{action}", report.id, digest_of(report), given=given)
