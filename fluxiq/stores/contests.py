"""Contests: at most one in the way per payout, moved on over exactly what was read."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import asyncpg

from fluxiq.domain.contest import Contest, ContestStatus
from fluxiq.ports import Archived, Opening, Page
from fluxiq.ports.contests import (
    ContestExists,
    ContestMoved,
    ContestOpening,
    Contests,
    ContestsWanted,
)
from fluxiq.ports.sealing import Sealer
from fluxiq.stores import idempotency, paperwork, telling
from fluxiq.stores.listing import list_page
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import columns, digest_of
from fluxiq.stores.sealed import CONTEST_DETAILS, House
from fluxiq.stores.sealed_records import contest_of, those_that_open
from fluxiq.stores.statement import GIVEN, HAPPENED, Part, compose

_OPEN: Final = compose(
    [
        idempotency.CLAIMED,
        Part("happened", "SELECT what FROM claimed"),
        Part(
            "made",
            f"""
            INSERT INTO contests (
                id, payout_id, merchant_id, account_id, end_to_end_id, amount, reason, details,
                status, provider, opened_by, created_at, updated_at, due_at, owed, in_doubt
            )
            SELECT
                id, payout_id, merchant_id, account_id, end_to_end_id, amount, reason, details,
                status, provider, opened_by, created_at, updated_at, due_at, owed, false
            FROM unnest(
                $1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::bigint[],
                $7::text[], $8::bytea[], $9::text[], $10::text[], $11::text[], $12::timestamptz[],
                $13::timestamptz[], $14::timestamptz[], $15::text[], $16::text[]
            ) AS asked (
                id, payout_id, merchant_id, account_id, end_to_end_id, amount, reason, details,
                status, provider, opened_by, created_at, updated_at, due_at, owed, given
            )
            WHERE {GIVEN}
            """,  # noqa: S608 - a constant
        ),
        paperwork.AUDITED,
    ],
    HAPPENED,
)

_IN_THE_WAY: Final = """
SELECT * FROM contests
WHERE payout_id = $1
    AND (status NOT IN ('rejected', 'cancelled', 'refused') OR owed IS NOT NULL)
"""

_MOVE: Final = compose(
    [
        Part(
            "happened (what)",
            """
            UPDATE contests SET
                status = $6, owed = $7, in_doubt = $8, status_reason = $9, reported_at = $10,
                decided_at = $11, updated_at = $12, due_at = $13
            WHERE id = $1 AND status = $2 AND owed IS NOT DISTINCT FROM $3::text
                AND in_doubt = $4 AND due_at = $5
            RETURNING id
            """,
        ),
        *telling.TELLING,
        paperwork.AUDITED,
    ],
    telling.RESULT,
)

_NEWEST: Final = """
SELECT * FROM contests WHERE payout_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1
"""
_DUE: Final = """
SELECT * FROM contests WHERE owed IS NOT NULL AND due_at <= $1 ORDER BY due_at LIMIT $2
"""


class PostgresContests(Contests):
    """The contests of institution `ispb`; `postgres` logs in as its role."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def open(self, opening: ContestOpening) -> Opening | ContestExists:
        try:
            return await self._postgres.run(_open, self._house, opening)
        except asyncpg.UniqueViolationError as error:
            if error.constraint_name != "contests_in_the_way":
                raise
        rows = await self._postgres.run(_rows, _IN_THE_WAY, opening.contest.payout_id)
        return ContestExists(contest_of(self._house, rows[0]) if rows else None)

    async def move(self, moved: ContestMoved) -> Archived | None:
        return await self._postgres.run(_move, self._house, moved)

    async def find_of_payout(self, payout_id: str) -> Contest | None:
        rows = await self._postgres.run(_rows, _NEWEST, payout_id)
        return contest_of(self._house, rows[0]) if rows else None

    async def page(self, wanted: ContestsWanted, page: Page) -> tuple[list[Contest], int]:
        asked = {
            "merchant_id = {}": wanted.merchant_id,
            "end_to_end_id = {}": wanted.end_to_end_id,
            "status = ANY ({}::text[])": [wanted.status] if wanted.status else list(ContestStatus),
        }
        return await self._postgres.run(
            list_page, partial(contest_of, self._house), "contests", asked, page
        )

    async def due(self, now: datetime, limit: int) -> Sequence[Contest]:
        rows = await self._postgres.run(_rows, _DUE, now, limit)
        return those_that_open(partial(contest_of, self._house), rows)


async def _open(connection: Connection, house: House, opening: ContestOpening) -> Opening:
    contest = opening.contest
    claims = idempotency.Claims(house, [_claim(opening)])
    given = None if opening.idempotency is None else contest.id
    line = _line(contest, contest.opened_by, "contest.opened", given=given)
    rows = await connection.fetch(
        _OPEN,
        *claims.columns(),
        *columns([(*_row(house, contest), given)], 16),
        *paperwork.audited([line]),
    )
    [answer] = await claims.answers(connection, {row["what"] for row in rows})
    return answer


async def _move(connection: Connection, house: House, moved: ContestMoved) -> Archived | None:
    after, before = moved.contest, moved.before
    tellings = []
    if moved.event is not None:
        tellings.append(telling.Telling(moved.event, after.end_to_end_id, after.id))
    line = _line(after, moved.actor, _action(after, before), given=after.id, note=moved.note)
    rows = await connection.fetch(
        _MOVE,
        after.id,
        before.status,
        before.owed,
        before.in_doubt,
        before.due_at,
        after.status,
        after.owed,
        after.in_doubt,
        after.status_reason,
        after.reported_at,
        after.decided_at,
        after.updated_at,
        after.due_at,
        *telling.told(house, tellings),
        *paperwork.audited([line]),
    )
    told = telling.Told.of_rows(rows)
    return Archived(endpoint_ids=told.endpoint_ids) if after.id in told.happened else None


async def _rows(connection: Connection, query: str, *arguments: object) -> list[asyncpg.Record]:
    return list(await connection.fetch(query, *arguments))


def _claim(opening: ContestOpening) -> idempotency.Claim | None:
    if opening.idempotency is None:
        return None

    return idempotency.Claim(
        merchant_id=opening.contest.merchant_id,
        idempotency=opening.idempotency,
        resource_id=opening.contest.id,
        at=opening.contest.created_at,
        refused=False,
        response=opening.response,
    )


def _row(house: House, contest: Contest) -> tuple[object, ...]:
    return (
        contest.id,
        contest.payout_id,
        contest.merchant_id,
        contest.account_id,
        contest.end_to_end_id,
        contest.amount,
        contest.reason,
        house.seal_text(contest.details, CONTEST_DETAILS, contest.id),
        contest.status,
        contest.provider,
        contest.opened_by,
        contest.created_at,
        contest.updated_at,
        contest.due_at,
        contest.owed,
    )


def _action(after: Contest, before: Contest) -> str:
    if after.status is not before.status:
        return f"contest.{after.status}"
    if after.owed is None:
        return "contest.told"  # the provider has heard that it is taken back
    return "contest.in_doubt" if after.in_doubt else "contest.awaited"


def _line(
    contest: Contest, actor: str, action: str, *, given: str | None, note: str = ""
) -> paperwork.AuditLine:
    return paperwork.AuditLine(
        actor,
        action,
        contest.id,
        digest_of(contest),
        note,
        given=given,
        merchant_id=contest.merchant_id,
    )
