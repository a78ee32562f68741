"""The end of an institution's place in the database: its role logs in no more, its records stay.

Payments are kept for as long as the law says, so a schema is only ever dropped where nothing was
written into it: of an institution that could not be added.
"""

from typing import Final

from fluxiq.domain.records import ApiKey
from fluxiq.stores import paperwork
from fluxiq.stores.pool import Connection, Postgres
from fluxiq.stores.provision import role_of
from fluxiq.stores.rows import digest_of, record

# A schema without one of these has no record of anybody. House accounts count: their ids are in the
# ledger then, under the institution's number.
_WRITTEN: Final = """
SELECT EXISTS (SELECT FROM {schema}.ledger_accounts)
    OR EXISTS (SELECT FROM {schema}.merchants)
    OR EXISTS (SELECT FROM {schema}.inbox)
"""


async def revoke_institution(admin: Postgres, ispb: str) -> bool:
    """End its logins: connections that are open, those to come, every API key and every session of
    its people. Returns whether there are records, which stay. Twice is once.
    """
    await admin.transaction(_revoke, role_of(ispb))
    return await admin.transaction(_end_keys, role_of(ispb))


async def erase_institution(admin: Postgres, ispb: str) -> bool:
    """Drop schema and role where nothing was ever written; returns whether it did. Else revokes."""
    await admin.transaction(_revoke, role_of(ispb))
    return await admin.transaction(_erase, role_of(ispb))


async def _revoke(connection: Connection, role: str) -> None:
    if not await _exists(connection, role):
        return
    await connection.execute(f"ALTER ROLE {role} NOLOGIN PASSWORD NULL")
    await connection.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", role
    )


async def _end_keys(connection: Connection, schema: str) -> bool:
    if not await connection.fetchval("SELECT to_regclass($1) IS NOT NULL", f"{schema}.api_keys"):
        return False
    await connection.execute(f"SET LOCAL search_path = {schema}")
    rows = await connection.fetch(
        "UPDATE api_keys SET revoked_at = now() WHERE revoked_at IS NULL RETURNING *"
    )
    keys = [record(ApiKey, row) for row in rows]
    lines = [
        paperwork.AuditLine("operator", "api_key.revoked", key.id, digest_of(key)) for key in keys
    ]
    await paperwork.file(connection, audit=lines)
    await connection.execute(
        "UPDATE sessions SET ended_at = now(), end_reason = 'revoked' WHERE ended_at IS NULL"
    )
    return True


async def _erase(connection: Connection, role: str) -> bool:
    known = "SELECT to_regclass($1 || '.ledger_accounts') IS NOT NULL"
    if await connection.fetchval(known, role) and await connection.fetchval(
        _WRITTEN.format(schema=role)
    ):
        return False
    await connection.execute(f"DROP SCHEMA IF EXISTS {role} CASCADE")
    if await _exists(connection, role):
        # Beside its schema, which is gone, it had one right.
        database = await connection.fetchval("SELECT quote_ident(current_database())")
        await connection.execute(f"REVOKE ALL ON DATABASE {database} FROM {role}; DROP ROLE {role}")
    return True


async def _exists(connection: Connection, role: str) -> bool:
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)", role
    )
    return found
