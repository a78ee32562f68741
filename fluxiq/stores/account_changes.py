"""Accounts on request: opened under an idempotency key, changed with their reason, listed."""

from typing import Final

from fluxiq.domain.records import Account
from fluxiq.ports import Archived, Fresh, Opening, Page
from fluxiq.ports.accounts import AccountChanged, AccountFilter, AccountOpening, Accounts
from fluxiq.stores import idempotency, paperwork, telling
from fluxiq.stores.pool import Connection, Postgres, uuid_of
from fluxiq.stores.rows import account_of, columns, digest_of
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
                $1::text[], $2::text[], $3::uuid[], $4::text[], $5::text[], $6::text[],
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
            INSERT INTO pix_keys (key, kind, account_id, created_at)
            SELECT key, kind, account_id, created_at
            FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::text[])
                AS asked (key, kind, account_id, created_at, given)
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
_PAGE: Final = f"""
SELECT *, ARRAY(
    SELECT key FROM pix_keys WHERE account_id = accounts.id ORDER BY created_at, key
) AS keys
{_WANTED} ORDER BY created_at, id LIMIT $4 OFFSET $5
"""  # noqa: S608 - constants
_COUNT: Final = f"SELECT count(*) {_WANTED}"


class PostgresAccounts(Accounts):
    """The accounts of institution `ispb`."""

    def __init__(self, postgres: Postgres, ispb: str) -> None:
        self._postgres = postgres
        self._ispb = ispb

    async def open(self, opening: AccountOpening) -> Opening:
        return await self._postgres.run(_open, self._ispb, opening)

    async def change(self, changed: AccountChanged) -> Archived | None:
        return await self._postgres.run(_change, self._ispb, changed)

    async def page(
        self, wanted: AccountFilter, page: Page
    ) -> tuple[list[tuple[Account, tuple[str, ...]]], int]:
        return await self._postgres.run(_page, wanted, page)


async def _open(connection: Connection, ispb: str, opening: AccountOpening) -> Opening:
    account = opening.account
    claims = idempotency.Claims([_claim(opening)])
    given = None if opening.idempotency is None else account.id
    rows = await connection.fetch(
        _OPEN,
        *claims.columns(),
        *columns([(*_row(account), given)], 9),
        *columns([(k.key, k.kind, k.account_id, k.created_at, given) for k in opening.keys], 5),
        *telling.told(ispb, [telling.Telling(opening.event, given=given)]),
        *paperwork.audited([_line("account.created", account, opening.actor, given=given)]),
    )
    told = telling.Told.of_rows(rows)
    [answer] = await claims.answers(connection, told.happened)
    return Fresh(told.of(opening.event)) if isinstance(answer, Fresh) else answer


async def _change(connection: Connection, ispb: str, changed: AccountChanged) -> Archived | None:
    after, before = changed.account, changed.before
    rows = await connection.fetch(
        _CHANGE,
        after.id,
        after.name,
        after.status,
        after.block_reason,
        after.metadata,
        before.name,
        before.status,
        before.block_reason,
        before.metadata,
        *telling.told(ispb, [telling.Telling(changed.event, given=after.id)]),
        *paperwork.audited(
            [_line(changed.action, after, changed.actor, changed.note, given=after.id)]
        ),
    )
    told = telling.Told.of_rows(rows)
    return Archived(endpoint_ids=told.endpoint_ids) if after.id in told.happened else None


async def _page(
    connection: Connection, wanted: AccountFilter, page: Page
) -> tuple[list[tuple[Account, tuple[str, ...]]], int]:
    arguments = (wanted.merchant_id, wanted.status, wanted.product_id)
    rows = await connection.fetch(_PAGE, *arguments, page.size, (page.number - 1) * page.size)
    total = await connection.fetchval(_COUNT, *arguments)
    return [(account_of(row), tuple(row["keys"])) for row in rows], total


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


def _row(account: Account) -> tuple[object, ...]:
    return (
        account.id,
        account.merchant_id,
        uuid_of(account.ledger_id),
        account.product_id,
        account.name,
        account.status,
        account.created_at,
        account.metadata,
    )


def _line(
    action: str, account: Account, actor: str, note: str = "", *, given: str | None
) -> paperwork.AuditLine:
    return paperwork.AuditLine(actor, action, account.id, digest_of(account), note, given)
