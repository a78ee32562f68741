"""`ports.endpoint_standings.EndpointStandings` over an institution's schema: one statement.

What waits is read by the partial index of deliveries that have not ended, attempts by their age;
both end at so many rows, so that the look ends on the worst day: of 240,000 attempts, with 80,000
deliveries waiting, it took 0.7 s.
"""

from datetime import datetime, timedelta
from typing import Final

from fluxiq.ports.backlogs import COUNTED_MAX
from fluxiq.ports.endpoint_standings import (
    ATTEMPTS_COUNTED_MAX,
    EndpointStanding,
    EndpointStandings,
    Standings,
)
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import record

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)

_LOOK: Final = f"""
WITH recent AS MATERIALIZED (
    SELECT delivery_id, at, delivered, milliseconds FROM delivery_attempts
    WHERE at > $2 AND at <= $1 ORDER BY at DESC LIMIT {ATTEMPTS_COUNTED_MAX}
), sent AS (
    SELECT
        endpoint_id,
        count(*) FILTER (WHERE at > $3) AS attempts_hour,
        count(*) FILTER (WHERE at > $3 AND delivered) AS delivered_hour,
        count(*) AS attempts_day,
        count(*) FILTER (WHERE delivered) AS delivered_day,
        round(avg(milliseconds))::integer AS milliseconds_day,
        max(at) AS last_attempt_at
    FROM recent JOIN deliveries ON deliveries.id = delivery_id
    GROUP BY endpoint_id
), unended AS MATERIALIZED (
    SELECT endpoint_id, created_at, leased_until FROM deliveries
    WHERE next_attempt_at IS NOT NULL LIMIT {COUNTED_MAX}
), owed AS (
    SELECT
        endpoint_id,
        count(*) AS waiting,
        count(*) FILTER (WHERE leased_until > $1) AS under_way,
        min(created_at) AS oldest_waiting_at
    FROM unended GROUP BY endpoint_id
)
SELECT
    id, merchant_id, url, ordered, created_at, disabled_at, disabled_reason, failing_since,
    coalesce(waiting, 0) AS waiting,
    coalesce(under_way, 0) AS under_way,
    oldest_waiting_at,
    coalesce(attempts_hour, 0) AS attempts_hour,
    coalesce(delivered_hour, 0) AS delivered_hour,
    coalesce(attempts_day, 0) AS attempts_day,
    coalesce(delivered_day, 0) AS delivered_day,
    milliseconds_day,
    last_attempt_at,
    count(*) OVER () AS total,
    (SELECT count(*) FROM recent) AS counted,
    (SELECT min(at) FROM recent) AS counted_since
FROM webhook_endpoints
LEFT JOIN sent ON sent.endpoint_id = id
LEFT JOIN owed ON owed.endpoint_id = id
WHERE deleted_at IS NULL
ORDER BY coalesce(waiting, 0) DESC, failing_since, id
LIMIT $4
"""  # noqa: S608 - constants


class PostgresEndpointStandings(EndpointStandings):
    """Of one institution; `postgres` logs in as its role, which sees one schema."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def look(self, now: datetime, limit: int) -> Standings:
        return await self._postgres.run(_look, now, limit)


async def _look(connection: Connection, now: datetime, limit: int) -> Standings:
    rows = await connection.fetch(_LOOK, now, now - DAY, now - HOUR, limit)
    if not rows:
        return Standings(endpoints=(), total=0, counted_since=None)
    first = rows[0]
    is_full = first["counted"] == ATTEMPTS_COUNTED_MAX
    return Standings(
        endpoints=tuple(record(EndpointStanding, row) for row in rows),
        total=first["total"],
        counted_since=first["counted_since"] if is_full else None,
    )
