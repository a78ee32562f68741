"""Accounts in Postgres: first here, then in TigerBeetle."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fluxiq.domain.ledger_records import AccountFlags, Balance, LedgerAccount
from fluxiq.ledgers.limits import assert_same_account, check_account
from fluxiq.ledgers.postgres_pool import Connection, Pool, outages, uuid_of, uuids_of
from fluxiq.ledgers.reading import read_balances

# What one batch can touch, and a little more.
BALANCES_MAX: Final = 16_384


class PostgresAccounts:
    """`parts.Accounts` of the institution whose accounts carry the code `ledger`."""

    def __init__(self, pool: Pool, ledger: int) -> None:
        assert 0 < ledger < 2**32, "a ledger number is 32 bits, and not zero"
        self._pool = pool
        self._ledger = ledger

    async def create(self, accounts: Sequence[LedgerAccount]) -> None:
        """Create, or do nothing where the same account exists. A different one is an assertion that
        shows both, and nothing of the batch is created. Raises Unavailable.
        """
        for account in accounts:
            check_account(account, self._ledger)

        # A lost answer is Unavailable too: creating an account again changes nothing.
        with outages():
            await self._pool.transaction(_create, accounts)

    async def not_in_tigerbeetle(self, limit: int) -> list[LedgerAccount]:
        """Up to `limit` accounts that TigerBeetle is not known to have. Raises Unavailable."""
        with outages():
            return await self._pool.run(_not_in_tigerbeetle, limit)

    async def in_tigerbeetle(self, account_ids: Sequence[int]) -> None:
        """TigerBeetle has these now, for ever. Raises Unavailable."""
        with outages():
            await self._pool.run(_in_tigerbeetle, account_ids)

    async def page(self, after: int, limit: int) -> list[int]:
        """The ids of up to `limit` accounts, those above `after`, in order. Raises Unavailable."""
        with outages():
            return await self._pool.run(_page, after, limit)

    async def balances(self, account_ids: Sequence[int]) -> dict[int, Balance]:
        """The counters of those of `account_ids` that exist, at one moment. Raises Unavailable."""
        if len(account_ids) > BALANCES_MAX:
            raise ValueError(f"{len(account_ids)} balances at once, {BALANCES_MAX} are possible")

        with outages():
            return await self._pool.run(read_balances, account_ids)


async def _create(connection: Connection, accounts: Sequence[LedgerAccount]) -> None:
    # In one order everywhere, so that two who create the same accounts cannot block each other.
    ordered = sorted(accounts, key=_id_of)
    await connection.execute(
        """
        INSERT INTO ledger_accounts (id, ledger, code, flags)
        SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::integer[])
        ON CONFLICT (id) DO NOTHING
        """,
        [uuid_of(account.id) for account in ordered],
        [account.ledger for account in ordered],
        [account.code for account in ordered],
        [int(account.flags) for account in ordered],
    )
    rows = await connection.fetch(
        "SELECT id, ledger, code, flags FROM ledger_accounts WHERE id = ANY ($1::uuid[])",
        [uuid_of(account.id) for account in ordered],
    )
    existing = {row["id"].int: _account_of(row) for row in rows}

    for account in accounts:
        assert_same_account(existing[account.id], account)


async def _not_in_tigerbeetle(connection: Connection, limit: int) -> list[LedgerAccount]:
    rows = await connection.fetch(
        """
        SELECT id, ledger, code, flags FROM ledger_accounts
        WHERE NOT in_tigerbeetle ORDER BY id LIMIT $1
        """,
        limit,
    )
    return [_account_of(row) for row in rows]


async def _page(connection: Connection, after: int, limit: int) -> list[int]:
    rows = await connection.fetch(
        "SELECT id FROM ledger_accounts WHERE id > $1 ORDER BY id LIMIT $2", uuid_of(after), limit
    )
    return [row["id"].int for row in rows]


async def _in_tigerbeetle(connection: Connection, account_ids: Sequence[int]) -> None:
    await connection.execute(
        """
        UPDATE ledger_accounts SET in_tigerbeetle = true
        WHERE id = ANY ($1::uuid[]) AND NOT in_tigerbeetle
        """,
        uuids_of(account_ids),
    )


def _account_of(row: Mapping[str, Any]) -> LedgerAccount:
    return LedgerAccount(
        id=row["id"].int,
        ledger=row["ledger"],
        code=row["code"],
        flags=AccountFlags(row["flags"]),
    )


def _id_of(account: LedgerAccount) -> int:
    return account.id
