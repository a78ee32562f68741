"""Fraud reports: opened once per payment, moved on over exactly what was read."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import asyncpg
from msgspec.structs import replace

from fluxiq.domain.med import ANALYSED, DECIDED, MedReport, MedStage
from fluxiq.domain.records import Refund
from fluxiq.ports import Archived, Opening, Page
from fluxiq.ports.med import MedExists, MedMoved, MedOpening, MedReports, MedWanted
from fluxiq.ports.sealing import Sealer
from fluxiq.stores import idempotency, paperwork, telling
from fluxiq.stores.listing import list_page
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import columns, digest_of, record
from fluxiq.stores.sealed import MED_DETAILS, House
from fluxiq.stores.sealed_records import report_of, those_that_open
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
                created_at, updated_at, infraction_id
            )
            SELECT
                id, merchant_id, account_id, end_to_end_id, amount, reason, details, stage,
                opened_by, asked_by, idempotency_key, 0, 0, 0, created_at, updated_at,
                infraction_id
            FROM unnest(
                $1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[],
                $7::bytea[], $8::text[], $9::text[], $10::text[], $11::text[], $12::timestamptz[],
                $13::timestamptz[], $14::text[], $15::text[]
            ) AS asked (
                id, merchant_id, account_id, end_to_end_id, amount, reason, details, stage,
                opened_by, asked_by, idempotency_key, created_at, updated_at, infraction_id, given
            )
            WHERE {GIVEN}
            """,  # noqa: S608 - a constant
        ),
        paperwork.AUDITED,
    ],
    HAPPENED,
)

_EXISTS: Final = """
SELECT id FROM med_reports
WHERE infraction_id = $2 OR (
    end_to_end_id = $1 AND settled_at IS NULL AND failed_refund_id IS NULL
)
"""

# The payment has another report; another process was quicker with this infraction.
_TAKEN: Final = frozenset({"med_reports_open", "med_reports_infraction_id_key"})

_MOVE: Final = compose(
    [
        Part(
            "moved",
            """
            UPDATE med_reports SET
                stage = $5, attempt = $6, blocked_amount = $7, blocked_until = $8, refund_id = $9,
                return_id = $10, returned_amount = $11, updated_at = $12, settled_at = $13,
                failed_refund_id = $14
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
                amount, reason, description, stage, created_at, updated_at, metadata, med_report_id
            )
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $7)
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

# One that is settled later than its refund failed is found in the next round.
_REJECTED_RETURNS: Final = """
SELECT refunds.* FROM refunds JOIN med_reports AS report ON report.id = refunds.med_report_id
WHERE refunds.stage = 'failed' AND refunds.med_report_id IS NOT NULL AND refunds.updated_at < $1
    AND report.stage = 'agreed' AND report.settled_at IS NOT NULL
    AND report.refund_id = refunds.id
ORDER BY refunds.updated_at LIMIT $2
"""

_OVERDUE: Final = """
SELECT * FROM med_reports
WHERE settled_at IS NULL AND stage = ANY ($1::text[]) AND blocked_until <= $2
ORDER BY blocked_until LIMIT $3
"""


class PostgresMed(MedReports):
    """The fraud reports of institution `ispb`."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def open(self, opening: MedOpening) -> Opening | MedExists:
        try:
            return await self._postgres.run(_open, self._house, opening)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name not in _TAKEN:
                raise
        report = opening.report
        rows = await self._postgres.run(_rows, _EXISTS, report.end_to_end_id, report.infraction_id)
        return MedExists(rows[0]["id"] if rows else "")

    async def move(self, moved: MedMoved) -> Archived | None:
        return await self._postgres.run(_move, self._house, moved)

    async def open_refund(self, report: MedReport, refund: Refund) -> None:
        await self._postgres.run(_open_refund, report, refund)

    async def find(self, report_id: str) -> MedReport | None:
        rows = await self._postgres.run(_rows, "SELECT * FROM med_reports WHERE id = $1", report_id)
        return report_of(self._house, rows[0]) if rows else None

    async def find_of_infraction(self, infraction_id: str) -> MedReport | None:
        rows = await self._postgres.run(
            _rows, "SELECT * FROM med_reports WHERE infraction_id = $1", infraction_id
        )
        return report_of(self._house, rows[0]) if rows else None

    async def page(self, wanted: MedWanted, page: Page) -> tuple[list[MedReport], int]:
        asked = {
            "merchant_id = {}": wanted.merchant_id,
            "end_to_end_id = {}": wanted.end_to_end_id,
            "stage = ANY ({}::text[])": list(wanted.stages or MedStage),
        }
        return await self._postgres.run(
            list_page, partial(report_of, self._house), "med_reports", asked, page
        )

    async def unfinished(self, before: datetime, limit: int) -> Sequence[MedReport]:
        waiting = [*ANALYSED, MedStage.RETURN_FAILED]
        rows = await self._postgres.run(_rows, _UNFINISHED, waiting, before, limit)
        return those_that_open(partial(report_of, self._house), rows)

    async def rejected_returns(self, before: datetime, limit: int) -> Sequence[Refund]:
        rows = await self._postgres.run(_rows, _REJECTED_RETURNS, before, limit)
        return [record(Refund, row) for row in rows]

    async def overdue(self, now: datetime, limit: int) -> Sequence[MedReport]:
        rows = await self._postgres.run(_rows, _OVERDUE, list(ANALYSED), now, limit)
        return those_that_open(partial(report_of, self._house), rows)


async def _open(connection: Connection, house: House, opening: MedOpening) -> Opening:
    report = opening.report
    claims = idempotency.Claims(house, [_claim(opening)])
    given = None if opening.idempotency is None else report.id
    rows = await connection.fetch(
        _OPEN,
        *claims.columns(),
        *columns([(*_row(house, report), given)], 15),
        *paperwork.audited([_line(report, report.opened_by, given=given)]),
    )
    [answer] = await claims.answers(connection, {row["what"] for row in rows})
    return answer


async def _move(connection: Connection, house: House, moved: MedMoved) -> Archived | None:
    report, before = moved.report, moved.before
    response = None
    if report.idempotency_key is not None:
        response = idempotency.sealed_response(
            house, report.asked_by, report.idempotency_key, moved.response
        )
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
        report.failed_refund_id,
        response,
        *telling.told(
            house,
            []
            if moved.event is None
            else [telling.Telling(moved.event, report.end_to_end_id, report.id)],
        ),
        *paperwork.audited(
            [replace(_line(report, moved.actor, given=report.id), before=digest_of(before))]
        ),
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
        merchant_id=refund.merchant_id,
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


def _row(house: House, report: MedReport) -> tuple[object, ...]:
    return (
        report.id,
        report.merchant_id,
        report.account_id,
        report.end_to_end_id,
        report.amount,
        report.reason,
        house.seal_text(report.details, MED_DETAILS, report.id),
        report.stage,
        report.opened_by,
        report.asked_by,
        report.idempotency_key,
        report.created_at,
        report.updated_at,
        report.infraction_id,
    )


def _line(report: MedReport, actor: str, *, given: str | None) -> paperwork.AuditLine:
    """A decided report leaves two lines: the decision, and that its money has moved."""
    is_settled = report.stage in DECIDED and report.settled_at is not None
    action = "settled" if is_settled else report.stage
    return paperwork.AuditLine(
        actor,
        f"med.{action}",
        report.id,
        digest_of(report),
        given=given,
        merchant_id=report.merchant_id,
    )
