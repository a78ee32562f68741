"""`ports.holds.Holds` over an institution's own schema.

The ledger's history has no index of its holds, which would cost every payment. The journal is read
instead, once, in its order and a while behind: holds that have not ended by then are few, and are
watched by name.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from fluxiq.domain.dead_letter import LetterState
from fluxiq.domain.hold import OpenHold, Workflow
from fluxiq.domain.identifiers import tb_id_text
from fluxiq.domain.postings import TransferCode
from fluxiq.ports import OutboxDraft
from fluxiq.ports.holds import Holds
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection, Postgres, int_of, uuid_of

ROWS_MAX: Final = 1000  # of the journal in one round
TRANSFERS_MAX: Final = 20_000  # and in them, unless one row has more: 4 microseconds each

# How far one may read on: without a gap, because what is not mirrored yet comes later.
_READABLE: Final = """
SELECT max(seq) FROM (
    SELECT
        seq,
        bool_and(mirrored AND sealed_at < $1) OVER so_far AS is_old,
        sum(count) OVER so_far - count AS before_it
    FROM ledger_journal
    WHERE seq > (SELECT seq FROM hold_watch_place)
    WINDOW so_far AS (ORDER BY seq)
    ORDER BY seq LIMIT $2
) AS following
WHERE is_old AND before_it < $3
"""

# Of a refund's two holds the one of the money speaks for both: they live and end together.
_WATCH: Final = """
WITH record AS MATERIALIZED (
    SELECT id FROM ledger_journal_records
    WHERE seq > (SELECT seq FROM hold_watch_place) AND seq <= $1 AND flags & 2 <> 0
)
INSERT INTO hold_watch (id, code, amount, reference, held_at)
SELECT hold.id, hold.code, hold.amount, hold.user_data_128, to_timestamp(hold.timestamp / 1e9)
FROM record JOIN ledger_transfers AS hold USING (id)
WHERE hold.flags & 2 <> 0 AND hold.code <> $2
    AND NOT EXISTS (SELECT FROM ledger_transfers AS ending WHERE ending.pending_id = hold.id)
ON CONFLICT (id) DO NOTHING
"""

_FORGET_ENDED: Final = """
DELETE FROM hold_watch USING ledger_transfers AS ending WHERE ending.pending_id = hold_watch.id
"""

_LOOK: Final = """
UPDATE hold_watch SET looked_at = $1 WHERE id IN (
    SELECT id FROM hold_watch ORDER BY looked_at NULLS FIRST, held_at LIMIT $2
    FOR UPDATE SKIP LOCKED
)
RETURNING id, code, amount, reference, held_at, finding, found_at
"""

_WORKFLOWS: Final = """
SELECT
    asked.work,
    EXISTS (SELECT FROM outbox WHERE outbox.work = asked.work) AS is_announced,
    letter.state AS letter,
    letter.decided_at
FROM unnest($1::text[]) AS asked (work)
LEFT JOIN LATERAL (
    SELECT state, decided_at FROM dead_letters WHERE dead_letters.work = asked.work
    ORDER BY id DESC LIMIT 1
) AS letter ON true
"""

# The record is locked: nobody sends it meanwhile, and nobody who has is overlooked.
_ANNOUNCE: Final = """
WITH held AS (
    SELECT id FROM {table} WHERE id = $1 AND stage = 'held' FOR UPDATE
)
INSERT INTO outbox (subject, reference, body, work, next_attempt_at)
SELECT $2, $3, $4, id, $5 FROM held
ON CONFLICT (work) DO NOTHING
RETURNING work
"""
_TABLES: Final = ("payouts", "refunds")

_FIND: Final = """
UPDATE hold_watch SET
    finding = $2, found_at = CASE WHEN $2 = '' THEN NULL ELSE coalesce(found_at, $3) END
WHERE id = $1 AND finding <> $2 RETURNING id
"""

_FINDINGS: Final = """
SELECT id, code, amount, reference, held_at, finding, found_at FROM hold_watch
WHERE finding <> '' ORDER BY held_at LIMIT $1
"""


class PostgresHolds(Holds):
    """The long holds of one institution; `postgres` logs in as its role."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def follow(self, before: datetime) -> bool:
        return await self._postgres.transaction(_follow, before)

    async def look(self, now: datetime, limit: int) -> list[OpenHold]:
        return await self._postgres.transaction(_look, now, limit)

    async def workflows(self, works: Sequence[str]) -> dict[str, Workflow]:
        return await self._postgres.run(_workflows, works)

    async def announce_again(self, work: str, draft: OutboxDraft, now: datetime) -> bool:
        return await self._postgres.transaction(_announce_again, work, draft, now)

    async def find(self, hold_id: int, finding: str, now: datetime) -> bool:
        return await self._postgres.transaction(_find, hold_id, finding, now)

    async def conclude(self, hold_id: int, action: str, subject: str, note: str) -> None:
        await self._postgres.transaction(_conclude, hold_id, action, subject, note)

    async def findings(self, limit: int) -> list[OpenHold]:
        return await self._postgres.run(_findings, limit)


async def _follow(connection: Connection, before: datetime) -> bool:
    # Two processes take turns.
    await connection.execute("SELECT seq FROM hold_watch_place FOR UPDATE")
    upto = await connection.fetchval(_READABLE, before, ROWS_MAX, TRANSFERS_MAX)
    if upto is None:
        return False

    await connection.execute(_WATCH, upto, TransferCode.REFUND_LIMIT)
    await connection.execute("UPDATE hold_watch_place SET seq = $1", upto)
    return True


async def _look(connection: Connection, now: datetime, limit: int) -> list[OpenHold]:
    await connection.execute(_FORGET_ENDED)
    return [_hold(row) for row in await connection.fetch(_LOOK, now, limit)]


async def _workflows(connection: Connection, works: Sequence[str]) -> dict[str, Workflow]:
    return {
        row["work"]: Workflow(
            is_announced=row["is_announced"],
            letter=None if row["letter"] is None else LetterState(row["letter"]),
            decided_at=row["decided_at"],
        )
        for row in await connection.fetch(_WORKFLOWS, works)
    }


async def _announce_again(
    connection: Connection, work: str, draft: OutboxDraft, now: datetime
) -> bool:
    for table in _TABLES:
        query = _ANNOUNCE.format(table=table)
        done = await connection.fetchval(
            query, work, draft.subject, draft.reference, draft.body, now
        )
        if done is not None:
            line = paperwork.AuditLine("platform", "order.announced_again", work, b"")
            await paperwork.file(connection, audit=[line])
            return True
    return False


async def _find(connection: Connection, hold_id: int, finding: str, now: datetime) -> bool:
    if await connection.fetchval(_FIND, uuid_of(hold_id), finding, now) is None:
        return False

    line = paperwork.AuditLine("platform", "hold.found", tb_id_text(hold_id), b"", note=finding)
    await paperwork.file(connection, audit=[line])
    return True


async def _conclude(
    connection: Connection, hold_id: int, action: str, subject: str, note: str
) -> None:
    await connection.execute("DELETE FROM hold_watch WHERE id = $1", uuid_of(hold_id))
    line = paperwork.AuditLine("platform", action, subject, b"", note=note)
    await paperwork.file(connection, audit=[line])


async def _findings(connection: Connection, limit: int) -> list[OpenHold]:
    return [_hold(row) for row in await connection.fetch(_FINDINGS, limit)]


def _hold(row: Mapping[str, Any]) -> OpenHold:
    reference = row["reference"]
    return OpenHold(
        id=int_of(row["id"]),
        code=row["code"],
        amount=row["amount"],
        reference=0 if reference is None else int_of(reference),
        held_at=row["held_at"],
        finding=row["finding"],
        found_at=row["found_at"],
    )
