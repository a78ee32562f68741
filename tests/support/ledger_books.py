"""The Postgres side of an institution's ledger, and a TigerBeetle in memory beside it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from fluxiq.asyncio_host import AsyncioHost
from fluxiq.domain.ledger_records import Balance, LedgerAccount, Transfer
from fluxiq.domain.ledger_statuses import TransferStatus
from fluxiq.ledgers.journal import PostgresJournal
from fluxiq.ledgers.ledger_accounts import PostgresAccounts
from fluxiq.ledgers.mirror import PostgresMirror
from fluxiq.ledgers.model import ModelLedger
from fluxiq.ledgers.parts import Mode
from fluxiq.ledgers.postgres_pool import Pool
from fluxiq.ledgers.standin import PostgresStandIn
from fluxiq.ledgers.tigerbeetle.records import pack_transfers, unpack_transfers
from fluxiq.ledgers.tigerbeetle.results import TransferResult, pack_transfer_results
from fluxiq.ledgers.verify import Finding, verify_ledger
from fluxiq.stores.migrate import MIGRATIONS, migrate, read_migrations
from fluxiq.stores.pool import Connection, Postgres, open_postgres
from tests.support.ledger_histories import LEDGER, PLAIN_ACCOUNTS

SCHEMA: Final = "inst_12345678"
STEPS: Final = [
    one
    for one in read_migrations(MIGRATIONS / "institution")
    if one.name in {"ledger", "ledger_chains", "ledger_journal"}
]
# Of PLAIN_ACCOUNTS: without limits; may not spend what it has not; may not get more than it paid.
SETTLEMENT, CUSTOMER, LENDER = 1, 2, 4


class Books:
    """Journal, mirror, stand-in and accounts over one pool. `tigerbeetle` executes what is
    submitted, whether or not anybody hears of it.
    """

    def __init__(self, pg: Postgres, pool: Pool | None = None) -> None:
        used = pg if pool is None else pool
        self.pg = pg
        self.journal = PostgresJournal(used)
        self.mirror = PostgresMirror(used)
        self.standin = PostgresStandIn(used)
        self.accounts = PostgresAccounts(used, LEDGER)
        self.tigerbeetle = ModelLedger(LEDGER)
        self.epoch = 1

    async def open(self, accounts: Sequence[LedgerAccount] = PLAIN_ACCOUNTS) -> None:
        await self.accounts.create(accounts)
        await self.tigerbeetle.create_accounts(accounts)

    async def turn_to(self, mode: Mode) -> None:
        before = await self.journal.authority()
        self.epoch = (await self.journal.change(before, mode, "a test")).epoch

    async def seal(self, *transfers: Transfer) -> int:
        return await self.journal.seal(self.epoch, pack_transfers(transfers))

    def submit(self, *transfers: Transfer) -> bytes:
        """What TigerBeetle answers."""
        return pack_transfer_results(self.tigerbeetle.cluster.create_transfers(transfers))

    async def send(self, *transfers: Transfer) -> int:
        """The whole way through TigerBeetle, up to the answer in the journal."""
        seq = await self.seal(*transfers)
        await self.journal.answer([(seq, self.submit(*transfers))])
        return seq

    async def stand_in(self, *transfers: Transfer) -> list[TransferStatus | None]:
        return await self.standin.apply(self.epoch, transfers, await self.journal.unanswered())

    async def catch_up(self, rows: int = 64) -> None:
        while await self.mirror.catch_up(rows):
            pass

    async def balance(self, account_id: int = CUSTOMER) -> Balance:
        return (await self.accounts.balances([account_id]))[account_id]

    async def findings(self) -> tuple[Finding, ...]:
        return (await verify_ledger(self.pg, LEDGER, deep=True)).findings

    async def assert_mirrored(self, accounts: Sequence[LedgerAccount] = PLAIN_ACCOUNTS) -> None:
        """The mirror has what TigerBeetle has, and the journal proves it."""
        ids = [account.id for account in accounts]
        assert await self.accounts.balances(ids) == await self.tigerbeetle.balances(ids)
        assert await self.findings() == ()

    async def fetch(self, query: str, *args: object) -> list[tuple[Any, ...]]:
        return await self.pg.run(fetch, query, *args)

    async def execute(self, *statements: str) -> None:
        await self.pg.run(execute, *statements)


@asynccontextmanager
async def open_books(host: AsyncioHost, where: str) -> AsyncIterator[Books]:
    async with open_pool(host, where) as pg:
        await migrate(pg, SCHEMA, STEPS)
        yield Books(pg)


def open_pool(host: AsyncioHost, where: str) -> Any:
    return open_postgres(
        host,
        {"dsn": where, "server_settings": {"search_path": SCHEMA}},
        size=4,
        application_name="fluxiq test",
        statement_timeout=10.0,
    )


def packed(*statuses: TransferStatus) -> bytes:
    """Results, in a time of their own."""
    return pack_transfer_results(
        [TransferResult(place, status) for place, status in enumerate(statuses, 1)]
    )


def transfers_of(records: bytes) -> list[Transfer]:
    return unpack_transfers(records)


async def fetch(connection: Connection, query: str, *args: object) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.fetch(query, *args)]


async def execute(connection: Connection, *statements: str) -> None:
    for statement in statements:
        await connection.execute(statement)
