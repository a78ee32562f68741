"""What is owed to merchants' webhook endpoints: claimed under a lease, finished once."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from fluxiq.domain.records import Delivery, Step
from fluxiq.errors import SealBroken
from fluxiq.ports.webhooks import Claimed, DeliveryAttempt
from fluxiq.stores import paperwork
from fluxiq.stores.endpoints import find_endpoint
from fluxiq.stores.pool import Connection
from fluxiq.stores.rows import columns, record
from fluxiq.stores.sealed import EVENT_BODY, House
from fluxiq.stores.statement import HAPPENED, Part, compose

# Asked in the statement itself: an endpoint may be disabled since it was read.
_ENABLED: Final = "EXISTS (SELECT FROM webhook_endpoints WHERE id = $1 AND disabled_at IS NULL)"

_TAKEN: Final = """
claimed AS (
    UPDATE deliveries
    SET attempts = attempts + 1, next_attempt_at = $3, leased_until = $3
    FROM due WHERE deliveries.id = due.id AND due.next_attempt_at <= $2
    RETURNING deliveries.id, endpoint_id, event_id, attempts, attempts_before
)
SELECT
    claimed.id, endpoint_id, event_id, attempts AS attempt, attempts_before,
    events.type AS event_type, body, reference, events.created_at
FROM claimed JOIN events ON events.id = event_id
ORDER BY events.created_at, events.id
"""

# Those that have waited longest first: neither retries nor news can starve the others.
_CLAIM: Final = f"""
WITH due AS (
    SELECT id, next_attempt_at FROM deliveries
    WHERE endpoint_id = $1 AND next_attempt_at <= $2 AND {_ENABLED}
    ORDER BY next_attempt_at, id LIMIT $4 FOR UPDATE SKIP LOCKED
), {_TAKEN}
"""  # noqa: S608 - constants

# Of an ordered endpoint only the first that has not ended, due or not: later ones wait for it. A
# lease makes it not due, so that it is alone under way.
_CLAIM_FIRST: Final = f"""
WITH due AS (
    SELECT id, next_attempt_at FROM deliveries
    WHERE endpoint_id = $1 AND next_attempt_at IS NOT NULL AND {_ENABLED}
    ORDER BY created_at, event_id LIMIT 1 FOR UPDATE
), {_TAKEN}
"""  # noqa: S608 - constants

# "Delivered" is true whoever says it; anything else only counts from who holds the lease.
_FINISHED: Final = Part(
    "happened (what)",
    """
    UPDATE deliveries SET
        next_attempt_at = CASE WHEN NOT ended.delivered THEN ended.retry_at END,
        delivered_at = CASE WHEN ended.delivered THEN ended.at END,
        given_up_at = CASE WHEN NOT ended.delivered AND ended.retry_at IS NULL THEN ended.at END,
        leased_until = NULL,
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

# Every attempt that was made is told of, also one that came too late to count.
_LOGGED: Final = Part(
    "logged",
    """
    INSERT INTO delivery_attempts
        (delivery_id, attempt, at, delivered, status, error, milliseconds, response)
    SELECT made.* FROM unnest(
        $1::text[], $2::int[], $3::timestamptz[], $4::bool[], $5::int2[], $6::text[], $7::int[],
        $8::text[]
    ) AS made (delivery_id, attempt, at, delivered, status, error, milliseconds, response)
    JOIN deliveries ON deliveries.id = made.delivery_id
    ON CONFLICT (delivery_id, attempt) DO NOTHING
    """,
)

# Written only when it changes: an endpoint that works costs nothing here.
_JUDGED: Final = Part(
    "judged",
    """
    UPDATE webhook_endpoints SET failing_since = CASE WHEN NOT said.delivered THEN said.at END
    FROM (
        SELECT id, bool_or(delivered) AS delivered, min(at) AS at
        FROM unnest($1::text[], $2::bool[], $3::timestamptz[]) AS made (id, delivered, at)
        GROUP BY id
    ) AS said
    WHERE webhook_endpoints.id = said.id
        AND said.delivered = (webhook_endpoints.failing_since IS NOT NULL)
    """,
)

_FINISH: Final = compose([_FINISHED, _LOGGED, _JUDGED, paperwork.WALKED], HAPPENED)

_NEXT: Final = """
SELECT min(next_attempt_at) FROM deliveries
WHERE endpoint_id = $1 AND next_attempt_at IS NOT NULL
"""

_PRUNE: Final = """
WITH old AS (
    SELECT delivery_id, attempt FROM delivery_attempts WHERE at < $1
    ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
)
DELETE FROM delivery_attempts USING old
WHERE delivery_attempts.delivery_id = old.delivery_id AND delivery_attempts.attempt = old.attempt
RETURNING old.attempt
"""


async def claim_deliveries(
    connection: Connection,
    house: House,
    endpoint_id: str,
    now: datetime,
    lease_seconds: float,
    *,
    limit: int,
) -> tuple[Claimed, list[DeliveryAttempt]]:
    """A lease that runs out makes a delivery due again. Beside what was claimed: attempts at those
    whose event does not open, which has set off the alarm. They are over before they began.
    """
    endpoint = await find_endpoint(connection, house, endpoint_id)
    if endpoint is None or endpoint.disabled_at is not None or limit < 1:
        return Claimed(endpoint=endpoint), []

    leased_until = now + timedelta(seconds=lease_seconds)
    if endpoint.ordered:
        rows = await connection.fetch(_CLAIM_FIRST, endpoint_id, now, leased_until)
    else:
        rows = await connection.fetch(_CLAIM, endpoint_id, now, leased_until, limit)

    claimed, broken = [], []
    for row in rows:
        try:
            body = house.open(row["body"], EVENT_BODY, row["event_id"])
        except SealBroken:
            broken.append(_given_up(record(Delivery, {**row, "body": b""}), now))
        else:
            claimed.append(record(Delivery, {**row, "body": body}))
    return Claimed(endpoint=endpoint, deliveries=tuple(claimed)), broken


def _given_up(delivery: Delivery, at: datetime) -> DeliveryAttempt:
    return DeliveryAttempt(
        delivery=delivery,
        at=at,
        delivered=False,
        status=None,
        error="the event on record cannot be read",
    )


async def finish_deliveries(
    connection: Connection, attempts: Sequence[DeliveryAttempt], steps: Sequence[Step]
) -> None:
    ended = [
        (a.delivery.id, a.delivery.attempt, a.at, a.delivered, a.status, a.error, a.retry_at)
        for a in attempts
    ]
    made = [
        (
            a.delivery.id,
            a.delivery.attempt,
            a.at,
            a.delivered,
            a.status,
            a.error,
            a.milliseconds,
            a.response,
        )
        for a in attempts
    ]
    said = [(a.delivery.endpoint_id, a.delivered, a.at) for a in attempts]
    walked = paperwork.walked((step, None) for step in steps)
    await connection.fetch(
        _FINISH, *columns(ended, 7), *columns(made, 8), *columns(said, 3), *walked
    )


async def next_delivery_at(connection: Connection, endpoint_id: str) -> datetime | None:
    """When the next is due, leased ones at the end of their lease; None when nothing is owed."""
    at: datetime | None = await connection.fetchval(_NEXT, endpoint_id)
    return at


async def prune_attempts(connection: Connection, before: datetime, limit: int) -> int:
    return len(await connection.fetch(_PRUNE, before, limit))
