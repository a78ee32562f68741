"""Merchants, their API keys, their accounts and PIX keys."""

from collections.abc import Sequence

import asyncpg

from fluxiq.domain.records import Account, ApiKey, Event, Merchant, PixKey
from fluxiq.errors import Refused
from fluxiq.ports import Page
from fluxiq.stores import paperwork, telling
from fluxiq.stores.pool import Connection, uuid_of
from fluxiq.stores.rows import account_of, columns, digest_of, record


async def add_merchant(connection: Connection, merchant: Merchant) -> None:
    added = await connection.fetchval(
        """
        INSERT INTO merchants (id, name, document, city, created_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO NOTHING RETURNING id
        """,
        merchant.id,
        merchant.name,
        merchant.document,
        merchant.city,
        merchant.created_at,
    )

    if added is not None:
        line = paperwork.AuditLine("platform", "merchant.created", merchant.id, digest_of(merchant))
        await paperwork.file(connection, audit=[line])


async def find_merchant(connection: Connection, merchant_id: str) -> Merchant | None:
    row = await connection.fetchrow("SELECT * FROM merchants WHERE id = $1", merchant_id)
    return None if row is None else record(Merchant, row)


async def add_api_key(connection: Connection, key: ApiKey, actor: str | None = None) -> None:
    """`actor` is who asked for it, the merchant unless told."""
    added = await connection.fetchval(
        """
        INSERT INTO api_keys (
            id, merchant_id, name, key_hash, permissions, created_at, revoked_at, expires_at,
            last_characters
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        ON CONFLICT (id) DO NOTHING RETURNING id
        """,
        key.id,
        key.merchant_id,
        key.name,
        key.key_hash,
        key.permissions,
        key.created_at,
        key.revoked_at,
        key.expires_at,
        key.last_characters,
    )

    if added is not None:
        who = actor or key.merchant_id
        line = paperwork.AuditLine(who, "api_key.created", key.id, digest_of(key))
        await paperwork.file(connection, audit=[line])


async def find_api_key(connection: Connection, key_hash: bytes) -> ApiKey | None:
    """The key with this hash, also when it is revoked: `revoked_at` says so."""
    row = await connection.fetchrow("SELECT * FROM api_keys WHERE key_hash = $1", key_hash)
    return None if row is None else record(ApiKey, row)


async def add_account(
    connection: Connection, ispb: str, account: Account, keys: Sequence[PixKey], event: Event
) -> None:
    """Raises Refused `account_exists` for another account under this id, and `pix_key_taken`."""
    if not await _insert_account(connection, account):
        there = await find_account(connection, account.id)
        if there != account:
            raise Refused("account_exists", "another account has this id", field="id")

        return

    await _insert_pix_keys(connection, keys)
    line = paperwork.AuditLine(
        account.merchant_id, "account.created", account.id, digest_of(account)
    )
    await paperwork.file(connection, audit=[line])
    await telling.tell(connection, ispb, [telling.Telling(event)])


async def find_account(connection: Connection, account_id: str) -> Account | None:
    row = await connection.fetchrow("SELECT * FROM accounts WHERE id = $1", account_id)
    return None if row is None else account_of(row)


async def list_accounts(
    connection: Connection, merchant_id: str, page: Page
) -> tuple[list[Account], int]:
    rows = await connection.fetch(
        """
        SELECT * FROM accounts WHERE merchant_id = $1 ORDER BY created_at, id
        LIMIT $2 OFFSET $3
        """,
        merchant_id,
        page.size,
        (page.number - 1) * page.size,
    )
    total = await connection.fetchval(
        "SELECT count(*) FROM accounts WHERE merchant_id = $1", merchant_id
    )
    return [account_of(row) for row in rows], total


async def pix_keys_of(connection: Connection, account_id: str) -> list[PixKey]:
    rows = await connection.fetch(
        "SELECT * FROM pix_keys WHERE account_id = $1 ORDER BY created_at, key", account_id
    )
    return [record(PixKey, row) for row in rows]


async def find_pix_key(connection: Connection, key: str) -> PixKey | None:
    row = await connection.fetchrow("SELECT * FROM pix_keys WHERE key = $1", key)
    return None if row is None else record(PixKey, row)


async def _insert_account(connection: Connection, account: Account) -> bool:
    added = await connection.fetchval(
        """
        INSERT INTO accounts
            (id, merchant_id, ledger_id, product_id, name, status, created_at, metadata)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (id) DO NOTHING RETURNING id
        """,
        account.id,
        account.merchant_id,
        uuid_of(account.ledger_id),
        account.product_id,
        account.name,
        account.status,
        account.created_at,
        account.metadata,
    )
    return added is not None


async def _insert_pix_keys(connection: Connection, keys: Sequence[PixKey]) -> None:
    rows = [(key.key, key.kind, key.account_id, key.created_at) for key in keys]
    try:
        await connection.execute(
            """
            INSERT INTO pix_keys (key, kind, account_id, created_at)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[])
            """,
            *columns(rows, 4),
        )
    except asyncpg.UniqueViolationError:
        raise Refused(
            "pix_key_taken", "this PIX key belongs to an account already", field="pix_key"
        ) from None
