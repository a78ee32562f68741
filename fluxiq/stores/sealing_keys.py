"""`ports.sealing_keys.SealingKeys` over an institution's own schema."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from fluxiq.ports.sealing_keys import SealingKeys, SealingState, WrappedKey
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import columns, record

_ADD: Final = """
INSERT INTO sealing_keys (id, purpose, wrapped, wrapped_by, messages, created_at)
SELECT * FROM unnest(
    $1::bigint[], $2::text[], $3::bytea[], $4::text[], $5::bigint[], $6::timestamptz[]
) AS made (id, purpose, wrapped, wrapped_by, messages, created_at)
ORDER BY id
ON CONFLICT (id) DO NOTHING RETURNING id
"""

_GRANT: Final = """
UPDATE sealing_keys SET messages = messages + $2
WHERE id = $1 AND purpose = 'data' AND messages + $2 <= $3
RETURNING id
"""


_RETIRE: Final = """
UPDATE sealing_keys SET retired_at = $2
WHERE purpose = 'data' AND id < $1 AND retired_at IS NULL
RETURNING id
"""

_REFUSE_PLAIN: Final = """
UPDATE sealing_state SET plain_allowed = false WHERE plain_allowed RETURNING plain_allowed
"""

_INSTITUTIONS: Final = "SELECT schema_name FROM platform.institutions"


async def sealed_institutions(admin: Postgres) -> list[str]:
    """The schemas that have wrapped keys, whatever process made them."""
    return await admin.run(_sealed_institutions)


class PostgresSealingKeys(SealingKeys):
    """The wrapped keys of one institution; `postgres` logs in as its role."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def state(self) -> SealingState:
        return await self._postgres.transaction(_state)

    async def add(self, keys: Sequence[WrappedKey]) -> bool:
        return await self._postgres.transaction(_add, keys)

    async def grant(self, key_id: int, messages: int, messages_max: int) -> bool:
        return await self._postgres.run(_grant, key_id, messages, messages_max)

    async def rewrap(self, key_id: int, wrapped: bytes, wrapped_by: str) -> None:
        await self._postgres.transaction(_rewrap, key_id, wrapped, wrapped_by)

    async def retire(self, before: int, now: datetime) -> list[int]:
        return await self._postgres.transaction(_retire, before, now)

    async def refuse_plain(self) -> None:
        await self._postgres.transaction(_refuse_plain)


async def _state(connection: Connection) -> SealingState:
    # One statement after the other may see more, never less: a flag read first is not yet lowered.
    plain_allowed = await connection.fetchval("SELECT plain_allowed FROM sealing_state")
    rows = await connection.fetch("SELECT * FROM sealing_keys ORDER BY id")
    return SealingState(keys=[record(WrappedKey, row) for row in rows], plain_allowed=plain_allowed)


async def _retire(connection: Connection, before: int, now: datetime) -> list[int]:
    retired = [row["id"] for row in await connection.fetch(_RETIRE, before, now)]
    await _write_down(connection, "retired", retired)
    return retired


async def _refuse_plain(connection: Connection) -> None:
    if await connection.fetchval(_REFUSE_PLAIN) is not None:
        line = paperwork.AuditLine("platform", "key.plain_refused", "sealing", b"")
        await paperwork.file(connection, audit=[line])


async def _sealed_institutions(connection: Connection) -> list[str]:
    found = []
    for row in await connection.fetch(_INSTITUTIONS):
        schema = row["schema_name"]
        if await connection.fetchval(
            f"SELECT EXISTS (SELECT FROM {schema}.sealing_keys)"  # noqa: S608 - a name of ours
        ):
            found.append(schema)
    return found


async def _add(connection: Connection, keys: Sequence[WrappedKey]) -> bool:
    """The order of ids has a rival wait at the first, and then find all of them taken."""
    rows = [(k.id, k.purpose, k.wrapped, k.wrapped_by, k.messages, k.created_at) for k in keys]
    added = [row["id"] for row in await connection.fetch(_ADD, *columns(rows, 6))]
    await _write_down(connection, "created", added)
    return len(added) == len(keys)


async def _grant(connection: Connection, key_id: int, messages: int, messages_max: int) -> bool:
    return await connection.fetchval(_GRANT, key_id, messages, messages_max) is not None


async def _rewrap(connection: Connection, key_id: int, wrapped: bytes, wrapped_by: str) -> None:
    await connection.execute(
        "UPDATE sealing_keys SET wrapped = $2, wrapped_by = $3 WHERE id = $1",
        key_id,
        wrapped,
        wrapped_by,
    )
    await _write_down(connection, "rewrapped", [key_id])


async def _write_down(connection: Connection, action: str, key_ids: Sequence[int]) -> None:
    """Which keys; nothing of what they are."""
    lines = [
        paperwork.AuditLine("platform", f"key.{action}", f"sealing_key:{one}", b"")
        for one in key_ids
    ]
    await paperwork.file(connection, audit=lines)
