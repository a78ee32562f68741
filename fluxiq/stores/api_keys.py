"""`ports.api_keys.ApiKeys` over the institution's own schema."""

from datetime import datetime
from typing import Final

from fluxiq.domain.records import ApiKey
from fluxiq.ports import Fresh, Opening, Page
from fluxiq.ports.api_keys import ApiKeys, KeyOpening
from fluxiq.stores import accounts, idempotency, paperwork
from fluxiq.stores.listing import list_page
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.rows import digest_of, record

# A key that is revoked keeps the moment when it was; the row is locked either way.
_REVOKE: Final = """
UPDATE api_keys AS key SET revoked_at = coalesce(key.revoked_at, $3)
FROM (SELECT id, revoked_at FROM api_keys WHERE id = $1 AND merchant_id = $2 FOR UPDATE) AS old
WHERE key.id = old.id
RETURNING key.*, old.revoked_at IS NULL AS is_new
"""


class PostgresApiKeys(ApiKeys):
    """The API keys of an institution, through its own role."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def open_key(self, opening: KeyOpening) -> Opening:
        return await self._postgres.transaction(_open_key, opening)

    async def list_keys(self, merchant_id: str, page: Page) -> tuple[list[ApiKey], int]:
        wanted = {"merchant_id = {}": merchant_id}
        return await self._postgres.run(list_page, ApiKey, "api_keys", wanted, page)

    async def revoke_key(self, merchant_id: str, key_id: str, actor: str, at: datetime) -> bool:
        return await self._postgres.transaction(_revoke_key, merchant_id, key_id, actor, at)


async def _open_key(connection: Connection, opening: KeyOpening) -> Opening:
    answer = await idempotency.claim_alone(connection, _claim(opening))
    if isinstance(answer, Fresh):
        await accounts.add_api_key(connection, opening.key, opening.actor)
    return answer


async def _revoke_key(
    connection: Connection, merchant_id: str, key_id: str, actor: str, at: datetime
) -> bool:
    row = await connection.fetchrow(_REVOKE, key_id, merchant_id, at)
    if row is not None and row["is_new"]:
        key = record(ApiKey, row)
        line = paperwork.AuditLine(actor, "api_key.revoked", key.id, digest_of(key))
        await paperwork.file(connection, audit=[line])
    return row is not None


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
