"""Accounts on request: opened under an idempotency key, changed with their reason, listed."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from fluxiq.domain.records import Account
from fluxiq.ports import Archived, Fresh, Opening, Page
from fluxiq.ports.accounts import AccountChanged, AccountFilter, AccountOpening, Accounts
from fluxiq.ports.sealing import Sealer
from fluxiq.stores import idempotency, paperwork, telling
from fluxiq.stores.accounts import pix_key_row
from fluxiq.stores.pool import Connection, Postgres, uuid_of
from fluxiq.stores.rows import columns, digest_of
from fluxiq.stores.sealed import ACCOUNT_NAME, House
from fluxiq.stores.sealed_records import account_of, pix_key_of
from fluxiq.stores.statement import GIVEN, Part, compose

_OPEN: Final = compose(
    [
        idempotency.CLAIMED,
        Part("happened", "SELECT what FROM claimed"),
        Part(
            "made",
            f"""
            INSERT INTO accounts
                (id, merchant_id, ledger_id, product_id, name, status, created_at, metadata)
            SELECT id, merchant_id, ledger_id, product_id, name, status, created_at, metadata
            FROM unnest(
                $1::text[], $2::text[], $3::uuid[], $4::text[], $5::bytea[], $6::text[],
                $7::timestamptz[], $8::jsonb[], $9::text[]
            ) AS asked (
                id, merchant_id, ledger_id, product_id, name, status, created_at, metadata, given
            )
            WHERE {GIVEN}
            """,  # noqa: S608 - a constant
        ),
        Part(
            "keyed",
            f"""
            INSERT INTO pix_keys (key_index, key, kind, account_id, created_at)
            SELECT key_index, key, kind, account_id, created_at
            FROM unnest(
                $1::bytea[], $2::bytea[], $3::text[], $4::text[], $5::timestamptz[], $6::text[]
            ) AS asked (key_index, key, kind, account_id, created_at, given)
            WHERE {GIVEN}
            """,  # noqa: S608 - a constant
        ),
        *telling.TELLING,
        paperwork.AUDITED,
    ],
    telling.RESULT,
)

# Written over what was read, or not at all.
_CHANGE: Final = compose(
    [
        Part(
            "happened (what)",
            """
            UPDATE accounts SET name = $2, status = $3, block_reason = $4, metadata = $5
            WHERE id = $1 AND name = $6 AND status = $7
                AND block_reason IS NOT DISTINCT FROM $8 AND metadata = $9
            RETURNING id
            """,
        ),
        *telling.TELLING,
        paperwork.AUDITED,
    ],
    telling.RESULT,
)

_WANTED: Final = """
FROM accounts
WHERE merchant_id = $1 AND ($2::text IS NULL OR status = $2)
    AND ($3::text IS NULL OR product_id = $3)
"""
# Over all merchants the primary key is the order of time.
_WANTED_OF_ALL: Final = _WANTED.replace("merchant_id = $1", "$1::text IS NULL")
_KEYS: Final = "SELECT * FROM pix_keys WHERE account_id = ANY ($1::text[])"


class PostgresAccounts(Accounts):
    """The accounts of institution `ispb`."""

    def __init__(self, postgres: Postgres, ispb: str, sealer: Sealer) -> None:
        self._postgres = postgres
        self._house = House(ispb, sealer)

    async def open(self, opening: AccountOpening) -> Opening:
        return await self._postgres.run(_open, self._house, opening)

    async def change(self, changed: AccountChanged) -> Archived | None:
        return await self._postgres.run(_change, self._house, changed)

    async def page(
        self, wanted: AccountFilter, page: Page
    ) -> tuple[list[tuple[Account, tuple[str, ...]]], int]:
        return await self._postgres.run(_page, self._house, wanted, page)


async def _open(connection: Connection, house: House, opening: AccountOpening) -> Opening:
    account = opening.account
    claims = idempotency.Claims(house, [_claim(opening)])
    given = None if opening.idempotency is None else account.id
    rows = await connection.fetch(
        _OPEN,
        *claims.columns(),
        *columns([(*_row(house, account), given)], 9),
        *columns([(*pix_key_row(house, key), given) for key in opening.keys], 6),
        *telling.told(house, [telling.Telling(opening.event, given=given)]),
        *paperwork.audited([_line("account.created", account, opening.actor, given=given)]),
    )
    told = telling.Told.of_rows(rows)
    [answer] = await claims.answers(connection, told.happened)
    return Fresh(told.of(opening.event)) if isinstance(answer, Fresh) else answer


async def _change(connection: Connection, house: House, changed: AccountChanged) -> Archived | None:
    after, before = changed.account, changed.before
    # A name is compared once it is open; then the row is written over what was read, byte by byte.
    found = await connection.fetchrow("SELECT * FROM accounts WHERE id = $1", after.id)
    if found is None or account_of(house, found).name != before.name:
        return None

    rows = await connection.fetch(
        _CHANGE,
        after.id,
        house.seal_text(after.name, ACCOUNT_NAME, after.id),
        after.status,
        after.block_reason,
        after.metadata,
        found["name"],
        before.status,
        before.block_reason,
        before.metadata,
        *telling.told(house, [telling.Telling(changed.event, given=after.id)]),
        *paperwork.audited(
            [
                replace(
                    _line(changed.action, after, changed.actor, changed.note, given=after.id),
                    before=digest_of(before),
                )
            ]
        ),
    )
    told = telling.Told.of_rows(rows)
    return Archived(endpoint_ids=told.endpoint_ids) if after.id in told.happened else None


async def _page(
    connection: Connection, house: House, wanted: AccountFilter, page: Page
) -> tuple[list[tuple[Account, tuple[str, ...]]], int]:
    arguments = (wanted.merchant_id, wanted.status, wanted.product_id)
    found, order = (
        (_WANTED_OF_ALL, "id") if wanted.merchant_id is None else (_WANTED, "created_at, id")
    )
    rows = await connection.fetch(
        f"SELECT * {found} ORDER BY {order} LIMIT $4 OFFSET $5",
        *arguments,
        page.size,
        (page.number - 1) * page.size,
    )
    total = await connection.fetchval(f"SELECT count(*) {found}", *arguments)
    keys = await _keys_by_account(connection, house, [row["id"] for row in rows])
    return [(account_of(house, row), tuple(keys[row["id"]])) for row in rows], total


async def _keys_by_account(
    connection: Connection, house: House, account_ids: Sequence[str]
) -> defaultdict[str, list[str]]:
    """Their PIX keys, in the order of their times, then of the keys."""
    rows = await connection.fetch(_KEYS, account_ids)
    found = defaultdict(list)
    keys = [pix_key_of(house, row) for row in rows]
    for key in sorted(keys, key=lambda one: (one.created_at, one.key)):
        found[key.account_id].append(key.key)
    return found


def _claim(opening: AccountOpening) -> idempotency.Claim | None:
    if opening.idempotency is None:
        return None

    return idempotency.Claim(
        merchant_id=opening.account.merchant_id,
        idempotency=opening.idempotency,
        resource_id=opening.account.id,
        at=opening.account.created_at,
        refused=False,
        response=opening.response,
    )


def _row(house: House, account: Account) -> tuple[object, ...]:
    return (
        account.id,
        account.merchant_id,
        uuid_of(account.ledger_id),
        account.product_id,
        house.seal_text(account.name, ACCOUNT_NAME, account.id),
        account.status,
        account.created_at,
        account.metadata,
    )


def _line(
    action: str, account: Account, actor: str, note: str = "", *, given: str | None
) -> paperwork.AuditLine:
    return paperwork.AuditLine(
        actor,
        action,
        account.id,
        digest_of(account),
        note,
        given,
        merchant_id=account.merchant_id,
    )
