"""What is owed to the bus: read by the relay, gone when published or when its work is done."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from fluxiq.domain.records import OutboxEntry
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import record

FIRST_RETURN_SECONDS: Final = 10
RETURN_SECONDS_MAX: Final = 300

_PUBLISHED: Final = """
WITH announced AS (
    SELECT id, work, attempts FROM outbox WHERE id = ANY ($1::bigint[]) ORDER BY id FOR UPDATE
), told AS (
    DELETE FROM outbox USING announced WHERE outbox.id = announced.id AND announced.work IS NULL
)
UPDATE outbox SET
    attempts = announced.attempts + 1,
    next_attempt_at = $2::timestamptz
        + least($3::int * 2 ^ least(announced.attempts, 20), $4::int) * interval '1 second'
FROM announced
WHERE outbox.id = announced.id AND announced.work IS NOT NULL
"""


async def due_outbox(connection: Connection, now: datetime, limit: int) -> list[OutboxEntry]:
    """Oldest first. `attempt` counts how often an entry was published before."""
    rows = await connection.fetch(
        """
        SELECT id, subject, reference, body, attempts AS attempt, next_attempt_at AS due_at
        FROM outbox
        WHERE next_attempt_at <= $1 ORDER BY next_attempt_at, id LIMIT $2
        """,
        now,
        limit,
    )
    return [record(OutboxEntry, row) for row in rows]


async def outbox_published(
    connection: Connection, entries: Sequence[OutboxEntry], now: datetime
) -> None:
    await connection.execute(
        _PUBLISHED,
        [entry.id for entry in entries],
        now,
        FIRST_RETURN_SECONDS,
        RETURN_SECONDS_MAX,
    )
