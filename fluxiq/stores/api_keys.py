"""`ports.api_keys.ApiKeys` over the institution's own schema."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import partial
from typing import Final

from msgspec.structs import replace

from fluxiq.domain.records import ApiKey
from fluxiq.errors import Refused
from fluxiq.ports import Fresh, Opening, Page
from fluxiq.ports.api_keys import ApiKeys, KeyOpening, KeyRotation
from fluxiq.ports.sealing import Sealer
from fluxiq.stores import accounts, idempotency, paperwork
from fluxiq.stores.listing import list_page
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import digest_of, record
from fluxiq.stores.sealed import House

# A key that is revoked keeps the moment when it was; the row is locked either way.
_REVOKE: Final = """
UPDATE api_keys AS key SET revoked_at = coalesce(key.revoked_at, $3)
FROM (SELECT id, revoked_at FROM api_keys WHERE id = $1 AND merchant_id = $2 FOR UPDATE) AS old
WHERE key.id = old.id
RETURNING key.*, old.revoked_at IS NULL AS is_new
"""

_FIND: Final = "SELECT * FROM api_keys WHERE id = $1 AND merchant_id = $2"

_REPLACE: Final = """
UPDATE api_keys SET replaced_by = $2, expires_at = $3, revoked_at = $4 WHERE id = $1
"""

_DEAD: Final = """
SELECT id FROM api_keys WHERE id = ANY ($1::text[]) AND (revoked_at IS NOT NULL OR expires_at <= $2)
"""

# Keys that are gone with their merchant are nobody's; sorted, as several processes write.
_NOTE_USES: Final = """
INSERT INTO api_key_uses AS known (key_id, last_used_at)
SELECT key_id, at FROM unnest($1::text[], $2::timestamptz[]) AS used (key_id, at)
JOIN api_keys ON api_keys.id = key_id ORDER BY key_id
ON CONFLICT (key_id) DO UPDATE SET last_used_at = excluded.last_used_at
WHERE known.last_used_at < excluded.last_used_at
"""

_LAST_USES: Final = """
SELECT key_id, last_used_at FROM api_key_uses WHERE key_id = ANY ($1::text[])
"""


class PostgresApiKeys(ApiKeys):
    """The API keys of an institution, through its own role."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def open_key(self, opening: KeyOpening) -> Opening:
        return await self._postgres.transaction(_open_key, self._house, opening)

    async def list_keys(self, merchant_id: str, page: Page) -> tuple[list[ApiKey], int]:
        wanted = {"merchant_id = {}": merchant_id}
        return await self._postgres.run(
            list_page, partial(record, ApiKey), "api_keys", wanted, page
        )

    async def find_key(self, merchant_id: str, key_id: str) -> ApiKey | None:
        return await self._postgres.run(_find_key, merchant_id, key_id)

    async def revoke_key(
        self, merchant_id: str, key_id: str, actor: str, at: datetime
    ) -> ApiKey | None:
        return await self._postgres.transaction(_revoke_key, merchant_id, key_id, actor, at)

    async def rotate_key(self, rotation: KeyRotation) -> Opening:
        return await self._postgres.transaction(_rotate_key, self._house, rotation)

    async def dead_keys(self, key_ids: Sequence[str], at: datetime) -> AbstractSet[str]:
        return await self._postgres.run(_dead_keys, key_ids, at)

    async def note_uses(self, uses: Mapping[str, datetime]) -> None:
        await self._postgres.run(_note_uses, uses)

    async def last_uses(self, key_ids: Sequence[str]) -> Mapping[str, datetime]:
        return await self._postgres.run(_last_uses, key_ids)


async def _open_key(connection: Connection, house: House, opening: KeyOpening) -> Opening:
    answer = await idempotency.claim_alone(connection, house, _claim(opening))
    if isinstance(answer, Fresh):
        await accounts.add_api_key(connection, opening.key, opening.actor)
    return answer


async def _find_key(connection: Connection, merchant_id: str, key_id: str) -> ApiKey | None:
    row = await connection.fetchrow(_FIND, key_id, merchant_id)
    return None if row is None else record(ApiKey, row)


async def _rotate_key(connection: Connection, house: House, rotation: KeyRotation) -> Opening:
    opening = rotation.opening
    new, answer = opening.key, await idempotency.claim_alone(connection, house, _claim(opening))
    if not isinstance(answer, Fresh):
        return answer

    old = await _lock_replaceable(connection, rotation)
    await accounts.add_api_key(connection, new, opening.actor)
    ended = old.replaced(new.id, new.created_at, rotation.until)
    await connection.execute(_REPLACE, old.id, new.id, ended.expires_at, ended.revoked_at)
    line = paperwork.AuditLine(
        opening.actor,
        "api_key.replaced",
        old.id,
        digest_of(ended),
        note=new.id,
        before=digest_of(old),
        merchant_id=old.merchant_id,
    )
    await paperwork.file(connection, audit=[line])
    return answer


async def _lock_replaceable(connection: Connection, rotation: KeyRotation) -> ApiKey:
    """The old key, held until the end of the transaction: of two rotations one comes first."""
    new, old_id = rotation.opening.key, rotation.replaces
    row = await connection.fetchrow(f"{_FIND} FOR UPDATE", old_id, new.merchant_id)
    if row is None:
        raise Refused("api_key_not_found", f"no API key {old_id}", field="key_id")
    old = record(ApiKey, row)
    old.require_replaceable(new.created_at)
    return old


async def _revoke_key(
    connection: Connection, merchant_id: str, key_id: str, actor: str, at: datetime
) -> ApiKey | None:
    row = await connection.fetchrow(_REVOKE, key_id, merchant_id, at)
    if row is None:
        return None

    key = record(ApiKey, row)
    if row["is_new"]:
        line = paperwork.AuditLine(
            actor,
            "api_key.revoked",
            key.id,
            digest_of(key),
            before=digest_of(replace(key, revoked_at=None)),
            merchant_id=merchant_id,
        )
        await paperwork.file(connection, audit=[line])
    return key


async def _dead_keys(
    connection: Connection, key_ids: Sequence[str], at: datetime
) -> AbstractSet[str]:
    return {row["id"] for row in await connection.fetch(_DEAD, list(key_ids), at)}


async def _note_uses(connection: Connection, uses: Mapping[str, datetime]) -> None:
    await connection.execute(_NOTE_USES, list(uses), list(uses.values()))


async def _last_uses(connection: Connection, key_ids: Sequence[str]) -> Mapping[str, datetime]:
    rows = await connection.fetch(_LAST_USES, list(key_ids))
    return {row["key_id"]: row["last_used_at"] for row in rows}


def _claim(opening: KeyOpening) -> idempotency.Claim | None:
    if opening.idempotency is None:
        return None

    return idempotency.Claim(
        merchant_id=opening.key.merchant_id,
        idempotency=opening.idempotency,
        resource_id=opening.key.id,
        at=opening.key.created_at,
        refused=False,
        response=opening.response,
    )
