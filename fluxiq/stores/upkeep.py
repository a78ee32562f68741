"""`ports.upkeep.Upkeep` over an institution's own schema."""

from datetime import datetime
from typing import Final

from fluxiq.ports.upkeep import Upkeep
from fluxiq.stores.pool import Connection, Postgres

_PRUNE_KEYS: Final = """
DELETE FROM idempotency_keys WHERE (merchant_id, key) IN (
    SELECT merchant_id, key FROM idempotency_keys WHERE created_at < $1
    ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""


class PostgresUpkeep(Upkeep):
    """The old rows of one institution; `postgres` logs in as its role, which sees one schema."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def prune_idempotency_keys(self, before: datetime, limit: int) -> int:
        return await self._postgres.run(_prune_idempotency_keys, before, limit)


async def _prune_idempotency_keys(connection: Connection, before: datetime, limit: int) -> int:
    return int((await connection.execute(_PRUNE_KEYS, before, limit)).rpartition(" ")[2])
