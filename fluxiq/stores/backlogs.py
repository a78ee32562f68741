"""`ports.backlogs.Backlogs` over an institution's schema: counts that stay cheap when it is bad.

Each count ends at COUNTED_MAX rows, and reads by the partial indexes of what has not ended.
"""

from datetime import datetime
from typing import Final

from fluxiq.domain.records import DisabledReason
from fluxiq.ports.backlogs import COUNTED_MAX, Backlog, Backlogs, Waits
from fluxiq.stores.pool import Connection, Postgres

_LOOK: Final = f"""
WITH waiting AS (
    SELECT endpoint_id, next_attempt_at, leased_until FROM deliveries
    WHERE next_attempt_at IS NOT NULL LIMIT {COUNTED_MAX}
), owed AS (
    SELECT
        CASE
            WHEN leased_until > $1 THEN 'under_way'
            WHEN endpoint.disabled_at IS NOT NULL THEN 'held'
            WHEN next_attempt_at <= $1 THEN 'due'
            ELSE 'later'
        END AS name,
        next_attempt_at
    FROM waiting JOIN webhook_endpoints AS endpoint ON endpoint.id = endpoint_id
), known AS (
    SELECT disabled_reason FROM webhook_endpoints
    WHERE deleted_at IS NULL ORDER BY id LIMIT {COUNTED_MAX}
), announced AS (
    SELECT FROM outbox WHERE next_attempt_at <= $1 LIMIT {COUNTED_MAX}
)
SELECT 'delivery' AS kind, name, count(*) AS count, min(next_attempt_at) AS oldest
FROM owed GROUP BY name
UNION ALL
SELECT 'endpoint', coalesce(disabled_reason, 'enabled'), count(*), NULL
FROM known GROUP BY disabled_reason
UNION ALL
SELECT 'outbox', 'due', count(*), NULL FROM announced
"""  # noqa: S608 - constants


class PostgresBacklogs(Backlogs):
    """Of one institution; `postgres` logs in as its role, which sees one schema."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def look(self, now: datetime) -> Backlog:
        return await self._postgres.run(_look, now)


async def _look(connection: Connection, now: datetime) -> Backlog:
    deliveries = dict.fromkeys(Waits, 0)
    endpoints = dict.fromkeys(("enabled", *(one.value for one in DisabledReason)), 0)
    oldest_due_at: datetime | None = None
    outbox_due = 0
    for row in await connection.fetch(_LOOK, now):
        name, count = row["name"], row["count"]
        match row["kind"]:
            case "delivery":
                deliveries[Waits(name)] = count
                oldest_due_at = row["oldest"] if name == Waits.DUE else oldest_due_at
            case "endpoint":
                endpoints[name] = count
            case _:
                outbox_due = count
    return Backlog(
        deliveries=deliveries,
        oldest_due_at=oldest_due_at,
        endpoints=endpoints,
        outbox_due=outbox_due,
    )
