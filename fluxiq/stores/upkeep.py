"""`ports.upkeep.Upkeep` over an institution's own schema: the oldest first, found by an index."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from fluxiq.ports.upkeep import RecordClass, Upkeep
from fluxiq.stores.pool import Connection, Postgres

# Which rows are older than $1, $2 of them: by what names them. `{lock}` keeps off who is at work.
_OLD_ATTEMPTS: Final = """
SELECT delivery_id, attempt FROM delivery_attempts WHERE at < $1 ORDER BY at LIMIT $2 {lock}
"""

# By the log of each endpoint: an index of all deliveries by their age would cost each event time.
_OLD_DELIVERIES: Final = """
SELECT old.id FROM webhook_endpoints AS endpoint CROSS JOIN LATERAL (
    SELECT id FROM deliveries
    WHERE endpoint_id = endpoint.id AND created_at < $1 AND next_attempt_at IS NULL
        AND NOT EXISTS (SELECT FROM delivery_attempts WHERE delivery_id = deliveries.id)
    ORDER BY created_at, id LIMIT $2 {lock}
) AS old LIMIT $2
"""

# A merchant's first numbers, up to the first that is not old, so that no gap arises.
_OLD_NUMBERS: Final = """
SELECT old.merchant_id, old.sequence FROM merchants AS merchant CROSS JOIN LATERAL (
    SELECT
        told.merchant_id, sequence,
        bool_and(events.created_at < $1) OVER (ORDER BY sequence) AS is_old
    FROM (
        SELECT merchant_id, sequence, event_id FROM event_sequence
        WHERE merchant_id = merchant.id AND sequence < (
            SELECT max(sequence) FROM event_sequence AS told WHERE told.merchant_id = merchant.id
        )
        ORDER BY sequence LIMIT 500
    ) AS told JOIN events ON events.id = told.event_id
) AS old
WHERE is_old AND (
    SELECT events.created_at FROM event_sequence AS told JOIN events ON events.id = told.event_id
    WHERE told.merchant_id = merchant.id ORDER BY sequence LIMIT 1
) < $1
LIMIT $2
"""

_OLD_KEYS: Final = """
SELECT merchant_id, key FROM idempotency_keys WHERE created_at < $1
ORDER BY created_at LIMIT $2 {lock}
"""

# Counted, and not joined: a join would compare each line with each difference.
_OLD_LINES: Final = """
SELECT flow, id FROM statement_lines
WHERE settled_at < $1 AND (
    SELECT count(*) FROM reconciliation_differences AS found
    WHERE found.flow = statement_lines.flow AND found.record_id = statement_lines.id
        AND found.state IN ('open', 'healing')
) = 0
ORDER BY settled_at LIMIT $2 {lock}
"""

_SELECTED: Final[Mapping[RecordClass, str]] = {
    RecordClass.DELIVERY_ATTEMPTS: _OLD_ATTEMPTS,
    RecordClass.DELIVERIES: _OLD_DELIVERIES,
    RecordClass.LIVE_EVENTS: _OLD_NUMBERS,
    RecordClass.IDEMPOTENCY_KEYS: _OLD_KEYS,
    RecordClass.STATEMENT_LINES: _OLD_LINES,
}


def _deleting(old: str, table: str, *names: str) -> str:
    """Delete what `old` selects: as a statement of its own for each class, its plan is kept."""
    selected = old.format(lock="FOR UPDATE SKIP LOCKED")
    same = " AND ".join(f"{table}.{name} = old.{name}" for name in names)
    return f"WITH old AS ({selected}) DELETE FROM {table} USING old WHERE {same} RETURNING 1"  # noqa: S608 - constants


_PRUNE_DELIVERIES: Final = _deleting(_OLD_DELIVERIES, "deliveries", "id")
_PRUNE_NUMBERS: Final = _deleting(_OLD_NUMBERS, "event_sequence", "merchant_id", "sequence")
_PRUNE_KEYS: Final = _deleting(_OLD_KEYS, "idempotency_keys", "merchant_id", "key")
_PRUNE_LINES: Final = _deleting(_OLD_LINES, "statement_lines", "flow", "id")

_PRUNE: Final[Mapping[RecordClass, str]] = {
    RecordClass.DELIVERIES: _PRUNE_DELIVERIES,
    RecordClass.LIVE_EVENTS: _PRUNE_NUMBERS,
    RecordClass.IDEMPOTENCY_KEYS: _PRUNE_KEYS,
    RecordClass.STATEMENT_LINES: _PRUNE_LINES,
}


class PostgresUpkeep(Upkeep):
    """The old rows of one institution; `postgres` logs in as its role, which sees one schema."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def prune(self, what: RecordClass, before: datetime, limit: int) -> int:
        return await self._postgres.run(_prune, _PRUNE[what], before, limit)

    async def count(self, what: RecordClass, before: datetime, limit: int) -> int:
        selected = _SELECTED[what].format(lock="")
        query = f"SELECT count(*) FROM ({selected}) AS old"  # noqa: S608 - constants
        return await self._postgres.run(_count, query, before, limit)


async def _prune(connection: Connection, query: str, before: datetime, limit: int) -> int:
    return len(await connection.fetch(query, before, limit))


async def _count(connection: Connection, query: str, before: datetime, limit: int) -> int:
    found: int = await connection.fetchval(query, before, limit)
    return found
