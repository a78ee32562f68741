"""Infractions: each of a provider's once, and what it was told of them."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Final

import asyncpg

from fluxiq.domain.infraction import OVER, Infraction, InfractionStatus
from fluxiq.domain.med import ANALYSED, DECIDED, MedStage
from fluxiq.ports.infractions import InfractionMoved, Infractions
from fluxiq.ports.sealing import Sealer
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import digest_of
from fluxiq.stores.sealed import INFRACTION_DETAILS, House
from fluxiq.stores.sealed_records import infraction_of, those_that_open
from fluxiq.stores.statement import HAPPENED, Part, compose

_PROVIDER: Final = "provider"
_PLATFORM: Final = "platform"
_TELLABLE: Final = [one for one in InfractionStatus if one not in OVER]

# A withdrawal may come first: then it is what the report finds.
_HEAR: Final = compose(
    [
        Part(
            "heard",
            """
            INSERT INTO infractions (
                id, provider, number, end_to_end_id, reason, details, stage, told, in_doubt,
                created_at, updated_at, due_at
            )
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
            ON CONFLICT (provider, number) DO UPDATE SET
                stage = excluded.stage, told = excluded.told, in_doubt = false,
                updated_at = excluded.updated_at, due_at = excluded.due_at
            WHERE excluded.stage = 'withdrawn' AND infractions.told = ANY ($13::text[])
            RETURNING id
            """,
        ),
        Part(
            "happened (what)",
            "SELECT 'heard' FROM heard UNION ALL SELECT 'ignored' WHERE NOT EXISTS (TABLE heard)",
        ),
        paperwork.AUDITED,
        paperwork.CLOSED,
        paperwork.DONE,
    ],
    HAPPENED,
)

_FIND: Final = "SELECT * FROM infractions WHERE id = ANY ($1::text[])"
_KNOWN: Final = "SELECT * FROM infractions WHERE provider = $1 AND number = $2"

_MOVE: Final = compose(
    [
        Part(
            "happened (what)",
            """
            UPDATE infractions SET
                stage = $5, told = $6, in_doubt = $7, updated_at = $8, due_at = $9
            WHERE id = $1 AND stage = $2 AND told = $3 AND in_doubt = $4
            RETURNING id
            """,
        ),
        paperwork.AUDITED,
    ],
    HAPPENED,
)

_ADOPT: Final = compose(
    [
        Part(
            "happened (what)",
            """
            UPDATE med_reports SET infraction_id = $1
            WHERE id = $2 AND infraction_id IS NULL
            RETURNING id
            """,
        ),
        paperwork.AUDITED,
    ],
    HAPPENED,
)
_ADOPTED: Final = "SELECT id FROM med_reports WHERE infraction_id = $1"

# What is told is a constant and no argument: so the planner knows that the partial index will do.
_DUE: Final = f"""
SELECT infractions.* FROM infractions
LEFT JOIN med_reports AS report ON report.infraction_id = infractions.id
WHERE infractions.told IN ({", ".join(f"'{one}'" for one in _TELLABLE)})
    AND infractions.due_at <= $1 AND (
        infractions.stage IN ('heard', 'dismissed') OR report.stage = ANY ($2::text[])
        OR (report.stage = 'acknowledged' AND infractions.told = 'open')
    )
UNION ALL
SELECT infractions.* FROM infractions
JOIN med_reports AS report ON report.infraction_id = infractions.id
WHERE infractions.stage = 'withdrawn' AND infractions.due_at <= $1
    AND report.stage = ANY ($3::text[]) AND report.settled_at IS NULL
    AND report.opened_by = infractions.provider
ORDER BY due_at LIMIT $4
"""  # noqa: S608 - a constant


class PostgresInfractions(Infractions):
    """The infractions of institution `ispb`; `postgres` logs in as its role."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def hear(self, infraction: Infraction, inbox_id: str) -> Infraction:
        return await self._postgres.run(_hear, self._house, infraction, inbox_id)

    async def move(self, moved: InfractionMoved) -> bool:
        return await self._postgres.run(_move, moved)

    async def adopt(self, infraction: Infraction, report_id: str) -> bool:
        return await self._postgres.run(_adopt, infraction, report_id)

    async def find(self, ids: Sequence[str]) -> dict[str, Infraction]:
        return await self._postgres.run(_find, self._house, ids)

    async def due(self, now: datetime, limit: int) -> Sequence[Infraction]:
        return await self._postgres.run(_due, self._house, now, limit)


async def _hear(
    connection: Connection, house: House, infraction: Infraction, inbox_id: str
) -> Infraction:
    closed: list[tuple[str, str | None]] = [(inbox_id, None)]
    digest = digest_of(infraction)
    said = infraction.stage
    lines = [
        paperwork.AuditLine(_PROVIDER, f"infraction.{said}", infraction.id, digest, given="heard"),
        paperwork.AuditLine(
            _PROVIDER, "infraction.ignored", inbox_id, digest, f"{said} again", given="ignored"
        ),
    ]
    await connection.fetch(
        _HEAR,
        infraction.id,
        infraction.provider,
        infraction.number,
        infraction.end_to_end_id,
        infraction.reason,
        house.seal_text(infraction.details, INFRACTION_DETAILS, infraction.id),
        infraction.stage,
        infraction.told,
        infraction.in_doubt,
        infraction.created_at,
        infraction.updated_at,
        infraction.due_at,
        _TELLABLE,
        *paperwork.audited(lines),
        *paperwork.ended(closed),
        *paperwork.ended(closed),
    )
    row = await connection.fetchrow(_KNOWN, infraction.provider, infraction.number)
    return infraction_of(house, row)


async def _move(connection: Connection, moved: InfractionMoved) -> bool:
    after, before = moved.infraction, moved.before
    line = paperwork.AuditLine(
        _PLATFORM,
        _action(after, before),
        after.id,
        digest_of(after),
        moved.note,
        given=after.id,
    )
    rows = await connection.fetch(
        _MOVE,
        after.id,
        before.stage,
        before.told,
        before.in_doubt,
        after.stage,
        after.told,
        after.in_doubt,
        after.updated_at,
        after.due_at,
        *paperwork.audited([line]),
    )
    return bool(rows)


def _action(after: Infraction, before: Infraction) -> str:
    if after.told is not before.told:
        return f"infraction.told_{after.told}"
    if after.stage is not before.stage:
        return f"infraction.{after.stage}"
    return "infraction.in_doubt" if after.in_doubt else "infraction.awaited"


async def _adopt(connection: Connection, infraction: Infraction, report_id: str) -> bool:
    line = paperwork.AuditLine(
        _PLATFORM,
        "med.adopted",
        report_id,
        digest_of(infraction),
        infraction.id,
        given=report_id,
    )
    if await connection.fetch(_ADOPT, infraction.id, report_id, *paperwork.audited([line])):
        return True
    rows: list[asyncpg.Record] = await connection.fetch(_ADOPTED, infraction.id)
    return [row["id"] for row in rows] == [report_id]


async def _find(connection: Connection, house: House, ids: Sequence[str]) -> dict[str, Infraction]:
    rows = await connection.fetch(_FIND, ids)
    return {row["id"]: infraction_of(house, row) for row in rows}


async def _due(connection: Connection, house: House, now: datetime, limit: int) -> list[Infraction]:
    told = [*DECIDED, MedStage.RETURN_FAILED]
    goes_on = [MedStage.CREATED, *ANALYSED]
    rows = await connection.fetch(_DUE, now, told, goes_on, limit)
    return those_that_open(partial(infraction_of, house), rows)
