"""What is owed to merchants' webhook endpoints: claimed under a lease, finished once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from fluxiq.domain.records import Delivery, Step
from fluxiq.ports import DeliveryAttempt
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns, record
from fluxiq.stores.statement import HAPPENED, Part, compose

_CLAIM: Final = """
WITH due AS (
    SELECT id FROM deliveries WHERE endpoint_id = $1 AND next_attempt_at <= $2
    ORDER BY next_attempt_at, id LIMIT $4 FOR UPDATE SKIP LOCKED
), claimed AS (
    UPDATE deliveries SET attempts = attempts + 1, next_attempt_at = $3
    FROM due WHERE deliveries.id = due.id
    RETURNING deliveries.id, endpoint_id, event_id, attempts
)
SELECT
    claimed.id, endpoint_id, event_id, attempts AS attempt, events.type AS event_type, body,
    reference
FROM claimed JOIN events ON events.id = event_id
ORDER BY events.created_at, events.id
"""

# "Delivered" is true whoever says it; anything else only counts from who holds the lease.
_FINISHED: Final = Part(
    "happened (what)",
    """
    UPDATE deliveries SET
        next_attempt_at = CASE WHEN NOT ended.delivered THEN ended.retry_at END,
        delivered_at = CASE WHEN ended.delivered THEN ended.at END,
        given_up_at = CASE WHEN NOT ended.delivered AND ended.retry_at IS NULL THEN ended.at END,
        last_status = ended.status,
        last_error = ended.error
    FROM unnest(
        $1::text[], $2::int[], $3::timestamptz[], $4::bool[], $5::int2[], $6::text[],
        $7::timestamptz[]
    ) AS ended (id, attempt, at, delivered, status, error, retry_at)
    WHERE deliveries.id = ended.id AND deliveries.delivered_at IS NULL AND (
        ended.delivered OR (deliveries.attempts = ended.attempt AND deliveries.given_up_at IS NULL)
    )
    RETURNING deliveries.id
    """,
)
_FINISH: Final = compose([_FINISHED, paperwork.WALKED], HAPPENED)

_NEXT: Final = """
SELECT min(next_attempt_at) FROM deliveries
WHERE endpoint_id = $1 AND next_attempt_at IS NOT NULL
"""


async def claim_deliveries(
    connection: Connection, endpoint_id: str, now: datetime, lease_seconds: float, limit: int
) -> list[Delivery]:
    """Oldest event first. A lease that runs out makes the delivery due again."""
    leased_until = now + timedelta(seconds=lease_seconds)
    rows = await connection.fetch(_CLAIM, endpoint_id, now, leased_until, limit)
    return [record(Delivery, row) for row in rows]


async def finish_deliveries(
    connection: Connection, attempts: Sequence[DeliveryAttempt], steps: Sequence[Step]
) -> None:
    rows = [
        (a.delivery.id, a.delivery.attempt, a.at, a.delivered, a.status, a.error, a.retry_at)
        for a in attempts
    ]
    walked = paperwork.walked((step, None) for step in steps)
    await connection.fetch(_FINISH, *columns(rows, 7), *walked)


async def next_delivery_at(connection: Connection, endpoint_id: str) -> datetime | None:
    """When the next is due, leased ones at the end of their lease; None when nothing is owed."""
    at: datetime | None = await connection.fetchval(_NEXT, endpoint_id)
    return at
