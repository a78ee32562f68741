"""Merchants, their API keys, their accounts and PIX keys."""

from collections.abc import Sequence

import asyncpg

from fluxiq.domain.records import Account, ApiKey, Event, Merchant, PixKey
from fluxiq.errors import Refused
from fluxiq.ports import Enrollment, Fresh, Opening, Page
from fluxiq.stores import agreed_fees, idempotency, paperwork, telling
from fluxiq.stores.pool import Connection, uuid_of
from fluxiq.stores.rows import columns, digest_of, record
from fluxiq.stores.sealed import (
    ACCOUNT_NAME,
    MERCHANT_DOCUMENT,
    MERCHANT_NAME,
    PIX_KEY,
    House,
    key_index,
)
from fluxiq.stores.sealed_records import account_of, merchant_of, pix_key_of


async def enroll(connection: Connection, house: House, enrollment: Enrollment) -> Opening:
    """All of it, or nothing. Raises Refused `pix_key_taken`."""
    answer = await idempotency.claim_alone(connection, house, _claim(house, enrollment))
    if not isinstance(answer, Fresh):
        return answer

    await add_merchant(connection, house, enrollment.merchant)
    await add_account(connection, house, enrollment.account, enrollment.keys, enrollment.event)
    await add_api_key(connection, enrollment.api_key)
    if enrollment.fee is not None:
        await agreed_fees.agree(connection, house, enrollment.fee, None, None)
    return answer


def _claim(house: House, enrollment: Enrollment) -> idempotency.Claim | None:
    if enrollment.idempotency is None:
        return None

    return idempotency.Claim(
        merchant_id=house.ispb,
        idempotency=enrollment.idempotency,
        resource_id=enrollment.merchant.id,
        at=enrollment.merchant.created_at,
        refused=True,
        response=enrollment.refusal,
    )


async def add_merchant(connection: Connection, house: House, merchant: Merchant) -> None:
    added = await connection.fetchval(
        """
        INSERT INTO merchants (id, name, document, city, created_at) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (id) DO NOTHING RETURNING id
        """,
        merchant.id,
        house.seal_text(merchant.name, MERCHANT_NAME, merchant.id),
        house.seal_text(merchant.document, MERCHANT_DOCUMENT, merchant.id),
        merchant.city,
        merchant.created_at,
    )

    if added is not None:
        line = paperwork.AuditLine(
            "platform",
            "merchant.created",
            merchant.id,
            digest_of(merchant),
            merchant_id=merchant.id,
        )
        await paperwork.file(connection, audit=[line])


async def find_merchant(connection: Connection, house: House, merchant_id: str) -> Merchant | None:
    row = await connection.fetchrow("SELECT * FROM merchants WHERE id = $1", merchant_id)
    return None if row is None else merchant_of(house, row)


async def add_api_key(connection: Connection, key: ApiKey, actor: str | None = None) -> None:
    """`actor` is who asked for it; the platform where it is a merchant's first."""
    added = await connection.fetchval(
        """
        INSERT INTO api_keys (
            id, merchant_id, name, key_hash, permissions, created_at, revoked_at, expires_at,
            last_characters, is_test, networks, owner_id
        )
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
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
        key.is_test,
        key.networks,
        key.owner_id,
    )

    if added is not None:
        line = paperwork.AuditLine(
            actor or "platform",
            "api_key.created",
            key.id,
            digest_of(key),
            merchant_id=key.merchant_id,
        )
        await paperwork.file(connection, audit=[line])


async def find_api_key(connection: Connection, key_hash: bytes) -> ApiKey | None:
    """The key with this hash, also when it is revoked: `revoked_at` says so."""
    row = await connection.fetchrow("SELECT * FROM api_keys WHERE key_hash = $1", key_hash)
    return None if row is None else record(ApiKey, row)


async def add_account(
    connection: Connection,
    house: House,
    account: Account,
    keys: Sequence[PixKey],
    event: Event,
) -> None:
    """Raises Refused `account_exists` for another account under this id, and `pix_key_taken`."""
    if not await _insert_account(connection, house, account):
        there = await find_account(connection, house, account.id)
        if there != account:
            raise Refused("account_exists", "another account has this id", field="id")

        return

    await _insert_pix_keys(connection, house, keys)
    line = paperwork.AuditLine(
        "platform",
        "account.created",
        account.id,
        digest_of(account),
        merchant_id=account.merchant_id,
    )
    await paperwork.file(connection, audit=[line])
    await telling.tell(connection, house, [telling.Telling(event)])


async def find_account(connection: Connection, house: House, account_id: str) -> Account | None:
    row = await connection.fetchrow("SELECT * FROM accounts WHERE id = $1", account_id)
    return None if row is None else account_of(house, row)


async def list_accounts(
    connection: Connection, house: House, merchant_id: str, page: Page
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
    return [account_of(house, row) for row in rows], total


async def pix_keys_of(connection: Connection, house: House, account_id: str) -> list[PixKey]:
    """In the order of their times, then of the keys."""
    rows = await connection.fetch("SELECT * FROM pix_keys WHERE account_id = $1", account_id)
    keys = [pix_key_of(house, row) for row in rows]
    return sorted(keys, key=lambda one: (one.created_at, one.key))


async def find_pix_key(connection: Connection, house: House, key: str) -> PixKey | None:
    row = await connection.fetchrow(
        "SELECT * FROM pix_keys WHERE key_index = $1", key_index(house, key)
    )
    return None if row is None else pix_key_of(house, row)


def pix_key_row(house: House, key: PixKey) -> tuple[object, ...]:
    """`key_index, key, kind, account_id, created_at`."""
    index = key_index(house, key.key)
    sealed = house.seal_text(key.key, PIX_KEY, index.hex())
    return index, sealed, key.kind, key.account_id, key.created_at


async def _insert_account(connection: Connection, house: House, account: Account) -> bool:
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
        house.seal_text(account.name, ACCOUNT_NAME, account.id),
        account.status,
        account.created_at,
        account.metadata,
    )
    return added is not None


async def _insert_pix_keys(connection: Connection, house: House, keys: Sequence[PixKey]) -> None:
    rows = [pix_key_row(house, key) for key in keys]
    try:
        await connection.execute(
            """
            INSERT INTO pix_keys (key_index, key, kind, account_id, created_at)
            SELECT * FROM unnest(
                $1::bytea[], $2::bytea[], $3::text[], $4::text[], $5::timestamptz[]
            )
            """,
            *columns(rows, 5),
        )
    except asyncpg.UniqueViolationError:
        raise Refused(
            "pix_key_taken", "this PIX key belongs to an account already", field="pix_key"
        ) from None
